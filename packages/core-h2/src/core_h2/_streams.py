"""One exchange: what has been sent and received on a stream (RFC 9113 § 5.1).

Rules that hold here:

* A stream is in the engine's table while either side is open. Its inbox outlives that: what arrived is delivered, and
  only then its failure is told. The last piece in it may be taken out for a moment, to grow, while the remote side is
  open: an inbox is at its end where it is empty after that side was seen closed.
* What stands at the end belongs to whoever drives the connection; the engine never looks at it.
"""

from __future__ import annotations

from collections import deque
from typing import Any, Deque, List, Optional, Union

from ._compression import Field
from ._errors import Failure
from ._fields import ResponseHead
from ._flow import ReceiveWindow

__all__ = ["HEAD", "INBOX", "WINDOW", "Stream"]

# What somebody may wait for.
HEAD = 1
INBOX = 2
WINDOW = 4

Buffer = Union[bytes, memoryview]


class Stream:
    """The state of one stream."""

    __slots__ = (
        "declared",
        "expected",
        "failure",
        "given_back",
        "head",
        "heading_end",
        "id",
        "inbox",
        "informational",
        "local_open",
        "no_content",
        "received",
        "relying",
        "remote_open",
        "request_end",
        "reused",
        "send_window",
        "sent",
        "sent_at",
        "trailers",
        "waiter",
        "wants",
        "window",
    )

    def __init__(self, stream_id: int, send_window: int, receive_window: int) -> None:
        self.id = stream_id
        self.send_window = send_window
        self.window = ReceiveWindow(receive_window)
        self.local_open = True
        self.remote_open = True
        self.head: Optional[ResponseHead] = None
        self.informational = 0  # How many 1xx have come.
        self.inbox: Deque[Union[bytes, bytearray]] = deque()
        self.trailers: List[Field] = []
        self.failure: Optional[Failure] = None
        self.no_content = False  # True for HEAD, 204 and 304: content-length describes what is not sent.
        self.expected: Optional[int] = None  # The content-length of the response.
        self.received = 0
        self.declared: Optional[int] = None  # The content-length of the request.
        self.sent = 0
        self.heading_end = 0  # Position in the outbound bytes behind this stream's HEADERS.
        self.reused = False  # Whether the connection had served a response when this stream was opened.
        self.given_back = False  # Whether its exchange has ended: that happens once.
        self.waiter: Any = None
        self.wants = 0
        self.relying = False  # Whether the request is in line, for somebody else to write; up to `request_end`.
        self.request_end = 0
        self.sent_at: Optional[float] = None  # When that had been done.
