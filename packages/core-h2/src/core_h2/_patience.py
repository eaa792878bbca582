"""How much a server may have us do for nothing (RFC 9113 § 10.5).

A connection lives with PING, SETTINGS, empty frames and the like, and a server may send them by the thousand. Each is
paid for out of a budget that time and useful frames refill; when it is used up, the connection ends.
"""

from __future__ import annotations

from typing import Callable

from ._errors import ConnectionFault, ErrorCodes

__all__ = ["BUDGET", "Patience"]

BUDGET = 2_000  # Frames of no use that are put up with at once.
_REFILL = 200  # What a second adds to what is left of it: servers that mean well need a few.
_MERIT = 4  # What a useful frame from the server adds, and what these bytes add that we have sent:
_MERITORIOUS = 2_048  # servers give windows back in pieces as small as they read them, twice, whatever our frames are.


class Patience:
    """The budget of one connection; `clock` gives seconds."""

    __slots__ = ("_clock", "_refilled_at", "budget")

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self.budget = float(BUDGET)
        self._refilled_at = clock()

    def earn(self) -> None:
        """Count a frame that was of use."""
        self.budget = min(self.budget + _MERIT, BUDGET)

    def earn_by_sending(self, size: int) -> None:
        """Count `size` bytes of content that go to the server."""
        self.budget = min(self.budget + _MERIT * (1 + size // _MERITORIOUS), BUDGET)

    def spend(self) -> None:
        """Count a frame that was of none. Raises `ConnectionFault` when there have been too many."""
        self.budget -= 1
        if self.budget >= 0:
            return
        now = self._clock()
        self.budget = min(float(BUDGET), self.budget + (now - self._refilled_at) * _REFILL)
        self._refilled_at = now
        if self.budget < 0:
            raise ConnectionFault(ErrorCodes.ENHANCE_YOUR_CALM, "The server sent too many frames of no use")
