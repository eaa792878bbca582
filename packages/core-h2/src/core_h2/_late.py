"""What may still come on streams that are over (RFC 9113 § 5.1).

Rules that hold here:

* What was under way when we reset a stream is let pass, up to the window that the server had; anything else on a
  closed stream, or on one that was never opened, ends the connection.
* So many resets are remembered, and no more; what comes on a stream whose reset was forgotten is let pass, too.
"""

from __future__ import annotations

from typing import Dict

from ._errors import ConnectionFault, ErrorCodes

__all__ = ["LateFrames"]

_REMEMBERED_RESETS = 1_000


class LateFrames:
    """The streams of one connection that we have reset. `newest` is the last one that was opened."""

    def __init__(self) -> None:
        self.newest = 0
        self._windows: Dict[int, int] = {}  # What content may still come on each.
        self._forgotten = 0

    def expect(self, stream_id: int, window: int) -> None:
        """Let pass what is under way on a stream, up to `window` bytes of content."""
        windows = self._windows
        windows[stream_id] = window
        if len(windows) > _REMEMBERED_RESETS:
            oldest = next(iter(windows))
            del windows[oldest]
            self._forgotten = max(self._forgotten, oldest)

    def check_opened(self, stream_id: int, kind: int) -> None:
        """Raise `ConnectionFault` for a frame on a stream that nobody has opened."""
        if stream_id > self.newest or not stream_id % 2:
            raise ConnectionFault(
                ErrorCodes.PROTOCOL_ERROR,
                f"The server sent a frame of type {kind} on stream {stream_id}, which is idle",
            )

    def check_closed(self, stream_id: int, kind: int) -> None:
        """Raise `ConnectionFault` for a frame on a stream that is over, but for one that we have reset."""
        self.check_opened(stream_id, kind)
        if stream_id not in self._windows and stream_id > self._forgotten:
            raise ConnectionFault(
                ErrorCodes.STREAM_CLOSED, f"The server sent a frame of type {kind} on stream {stream_id} after its end"
            )

    def take_content(self, stream_id: int, length: int) -> None:
        """Count content that nobody wants. Raises `ConnectionFault` where it is more than was under way."""
        left = self._windows.get(stream_id)
        if left is None:
            return
        if left < length:
            raise ConnectionFault(
                ErrorCodes.FLOW_CONTROL_ERROR, f"The server kept on sending on stream {stream_id} after it was reset"
            )
        self._windows[stream_id] = left - length
