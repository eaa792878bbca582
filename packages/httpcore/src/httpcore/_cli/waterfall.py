"""The timeline as text: a line for each phase, its bar below and after those that came before.

Rules that hold here:

* Bars are to scale, and none is so short that it cannot be seen.
* What the console's encoding does not have is drawn with what every encoding has.
"""

from __future__ import annotations

from typing import Iterator, Optional

from .timeline import Span, Timeline

__all__ = ["milliseconds", "waterfall"]

_BARS = 32


def waterfall(timeline: Timeline, title: str, encoding: Optional[str]) -> str:
    """Return the lines, each with its end; `encoding` is that of the console they are for."""
    full = "\u2588" if _can_write("\u2588", encoding) else "#"
    return "".join(f"{line}\n" for line in _lines(timeline, title, full))


def _lines(timeline: Timeline, title: str, full: str) -> Iterator[str]:
    yield f"{title}, {milliseconds(timeline.duration)}"
    yield f"{'start':>12} {'took':>12}  |{' ' * _BARS}|"
    for span in timeline.spans:
        end = timeline.duration if span.end is None else span.end
        bar = _bar(span, end, timeline.duration, full)
        yield f"{milliseconds(span.start):>12} {milliseconds(end - span.start):>12}  |{bar}| {span.label}"


def _bar(span: Span, end: float, duration: float, full: str) -> str:
    scale = _BARS / duration if duration > 0 else 0.0
    first = min(int(span.start * scale), _BARS - 1)
    length = min(max(1, round((end - span.start) * scale)), _BARS - first)
    mark = "x" if span.error is not None else full if span.end is not None else "."
    return (" " * first + mark * length).ljust(_BARS)


def milliseconds(seconds: float) -> str:
    """Return a time as it is shown."""
    return f"{seconds * 1000:.1f} ms"


def _can_write(text: str, encoding: Optional[str]) -> bool:
    try:
        text.encode(encoding or "ascii")
    except (LookupError, UnicodeEncodeError):
        return False
    return True
