"""The meter for long bodies: one line on a terminal, drawn over and wiped in the end.

Rules that hold here:

* Only a terminal gets it, and only where the body does not go to that same terminal.
* What is over within half a second never shows it; ten times a second is as often as it is drawn.
"""

from __future__ import annotations

import sys
import time
from typing import Callable, Iterable, Iterator, Optional, TextIO

__all__ = ["Meter", "meter_wanted", "metered"]

_PATIENCE = 0.5
_INTERVAL = 0.1


class Meter:
    """Says on `stream` how much of `total` bytes (None: nobody knows) has gone; `verb` says which way."""

    def __init__(
        self, stream: TextIO, verb: str, total: Optional[int], clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._stream = stream
        self._verb = verb
        self._total = total
        self._clock = clock
        self._began = clock()
        self._next = self._began + _PATIENCE
        self._done = 0
        self._width = 0

    def add(self, count: int) -> None:
        """Count more bytes, and draw if it is time."""
        self._done += count
        now = self._clock()
        if now >= self._next:
            self._next = now + _INTERVAL
            self._draw(self._line(now - self._began))

    def _line(self, seconds: float) -> str:
        text = f"{self._verb} {size(self._done)}"
        if self._total:
            text += f" of {size(self._total)} ({100 * self._done // self._total} %)"
        return f"{text}, {size(self._done / seconds)}/s"

    def _draw(self, line: str) -> None:
        # The old line may have been longer.
        self._stream.write("\r" + line.ljust(self._width))
        self._stream.flush()
        self._width = len(line)

    def close(self) -> None:
        """Wipe the line."""
        if self._width:
            self._stream.write("\r" + " " * self._width + "\r")
            self._stream.flush()
            self._width = 0


def meter_wanted(output: Optional[str], silent: bool) -> bool:
    """Whether there is a terminal for the meter that nothing else is written to."""
    if silent or sys.stderr is None or not sys.stderr.isatty():
        return False
    return output is not None or (sys.stdout is not None and not sys.stdout.isatty())


def metered(pieces: Iterable[bytes], meter: Optional[Meter]) -> Iterator[bytes]:
    """Pass `pieces` on and count them."""
    try:
        for piece in pieces:
            if meter is not None:
                meter.add(len(piece))
            yield piece
    finally:
        if meter is not None:
            meter.close()


def size(count: float) -> str:
    """Return a number of bytes for people, with 1 kB being 1000 bytes."""
    for unit in ("B", "kB", "MB"):
        if count < 1000:
            return f"{count:.0f} {unit}" if unit == "B" else f"{count:.1f} {unit}"
        count /= 1000
    return f"{count:.1f} GB"
