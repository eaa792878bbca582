"""Flow control (RFC 9113 §§ 5.2, 6.9): how much each side may send.

Rules that hold here:

* A send window is a signed integer: a server that lowers its initial window mid-way makes it negative (§ 6.9.2), and
  nothing is sent until it is positive again.
* A receive window is given back in batches of half its size, so that one WINDOW_UPDATE stands for hundreds of frames.
* A stream's window is given back as its body is consumed: that is the back-pressure on one slow reader. The
  connection's is given back as bytes arrive, whoever they were for, so that no reader, and no abandoned stream, stalls
  the others.
"""

from __future__ import annotations

from ._errors import ConnectionFault, ErrorCodes
from ._frames import MAX_WINDOW

__all__ = ["ReceiveWindow", "raised"]


def raised(window: int, increment: int) -> int:
    """Return a send window after an increment. Raises `ConnectionFault` beyond 2^31-1 (§ 6.9.1)."""
    window += increment
    if window > MAX_WINDOW:
        raise ConnectionFault(ErrorCodes.FLOW_CONTROL_ERROR, "The server raised a flow-control window beyond 2^31-1")
    return window


class ReceiveWindow:
    """What the server may still send, out of `size` bytes."""

    __slots__ = ("batch", "left", "owed", "size")

    def __init__(self, size: int) -> None:
        self.size = size
        self.left = size
        self.owed = 0  # Consumed, and not yet given back.
        self.batch = max(1, size // 2)  # What is owed is given back when it has come to this.

    def take(self, length: int) -> bool:
        """Count the bytes of a frame; False when there are more than were allowed."""
        self.left -= length
        return self.left >= 0

    def consume(self, length: int) -> int:
        """Count bytes as consumed, and return the increment that is due by now, or 0."""
        self.owed += length
        return self.settle() if self.owed >= self.batch else 0

    def settle(self) -> int:
        """Return all that is owed, which is then given back."""
        increment = self.owed
        self.owed = 0
        self.left += increment
        return increment
