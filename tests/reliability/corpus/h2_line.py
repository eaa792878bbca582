"""A server that plays one case of the HTTP/2 corpus, and behaves from then on.

The first connection sends the case once its first stream is open; any later stream on it, and every stream of later
connections, is answered with `GOOD_BODY`. Where there is nothing to be read and the stream has not ended, time is up at
once. Nothing here waits, and both sides share it.
"""

from __future__ import annotations

import struct
from typing import List, NamedTuple, Optional, Sequence

import httpcore

from .h2_case import H2Case, data, greeting, headers
from .line import Line

__all__ = ["GOOD_BODY", "FrameLine", "heard"]

GOOD_BODY = b"the answer to another request"
PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
CODES = {
    0: "NO_ERROR",
    1: "PROTOCOL_ERROR",
    2: "INTERNAL_ERROR",
    3: "FLOW_CONTROL_ERROR",
    5: "STREAM_CLOSED",
    6: "FRAME_SIZE_ERROR",
    7: "REFUSED_STREAM",
    8: "CANCEL",
    9: "COMPRESSION_ERROR",
    11: "ENHANCE_YOUR_CALM",
}


class Heard(NamedTuple):
    """What a client has sent: the streams that it opened, what it said of errors, and the first request's content."""

    opened: List[int]
    said: List[str]
    content: bytes
    whole: bool


def heard(written: bytes) -> Heard:
    """Read all of what a client has sent."""
    opened: List[int] = []
    said: List[str] = []
    content: List[bytes] = []
    whole = False
    at = len(PREFACE)
    while at + 9 <= len(written):
        high, low, kind, flags, stream_id = struct.unpack_from(">HBBBL", written, at)
        payload = written[at + 9 : at + 9 + (high << 8 | low)]
        at += 9 + (high << 8 | low)
        if kind == 0 and stream_id == 1:
            content.append(payload)
            whole = bool(flags & 1)
        elif kind == 1:
            opened.append(stream_id)
        elif kind == 3:
            said.append(f"RST_STREAM {CODES[int.from_bytes(payload, 'big')]}")
        elif kind == 7:
            said.append(f"GOAWAY {CODES[int.from_bytes(payload[4:8], 'big')]}")
    return Heard(opened, said, b"".join(content), whole)


class FrameLine(Line):
    """What one connection's server has on its way: `case`, or None for one that behaves."""

    def __init__(self, case: Optional[H2Case] = None, pieces: Sequence[bytes] = ()) -> None:
        super().__init__()
        self._case = case
        self._first = list(pieces)
        self._last = self._first.pop() if case is not None and case.waits else None
        self._ended = False
        self._answered = 0
        self.written = bytearray()

    def write(self, buffer: bytes) -> None:
        if self.closed:
            raise httpcore.WriteError("closed")
        self.written += buffer
        now = heard(bytes(self.written))
        if now.whole and self._last is not None:
            self._waiting.append(self._last)
            self._last = None
        for stream_id in now.opened[self._answered :]:
            self._answered += 1
            if self._case is not None and self._answered == 1:
                self._waiting += self._first
                self._endless = self._case.endless
                self._ended = self._case.end
            else:
                if self._case is None and self._answered == 1:
                    self._waiting.append(greeting())
                self._waiting.append(headers(stream_id) + data(stream_id, GOOD_BODY, end=True))

    def _nothing_left(self) -> bytes:
        if self._ended:
            return b""
        raise httpcore.ReadTimeout("The server has fallen silent.")

    def _is_readable(self) -> bool:
        return super()._is_readable() or self._ended
