"""What one case of the HTTP/2 corpus is, and the frames that cases are made of, well-formed or not.

Frames are packed by hand here: what builds only frames that are right cannot say what a hostile server says.
"""

from __future__ import annotations

import struct
from typing import NamedTuple, Optional, Tuple

__all__ = [
    "OK",
    "PROTOCOL",
    "REPLY",
    "H2Case",
    "case",
    "continuation",
    "data",
    "failed",
    "frame",
    "goaway",
    "greeting",
    "headers",
    "integer",
    "literal",
    "ping",
    "priority",
    "reset",
    "settings",
    "string",
    "update",
]

PROTOCOL = "RemoteProtocolError"

ACK = END_STREAM = 0x1
END_HEADERS = 0x4
PADDED = 0x8

OK = b"\x88"  # :status 200, from the static table (RFC 7541 appendix A)


class H2Case(NamedTuple):
    """What a server sends on its connection once stream 1 has been opened; a `method` request without a body is there.

    `greets`: whether the server's own settings stand in front. `endless` comes over and over again behind `sent`;
    `end`: whether the stream ends behind it; where it does not, the server falls silent. `status` and `body`: what is
    delivered; `error`: the exception's name, in place of a response or, with a `status`, within its body. `answer`:
    what the client tells the server, "GOAWAY CODE", "RST_STREAM CODE", "GOAWAY" where any code will do, "" for nothing.
    `again`: whether the request is to be sent once more, by itself. `reusable`: whether another request goes on the
    same connection. `content`: of the request; `waits`: the last of `sent` comes when all of that has arrived.
    """

    name: str
    source: str
    sent: Tuple[bytes, ...]
    method: bytes = b"GET"
    status: Optional[int] = None
    body: bytes = b""
    error: Optional[str] = None
    answer: str = ""
    again: bool = False
    reusable: bool = False
    endless: bytes = b""
    end: bool = False
    greets: bool = True
    content: bytes = b""
    waits: bool = False


def frame(kind: int, flags: int, stream_id: int, payload: bytes = b"", *, length: Optional[int] = None) -> bytes:
    """Return a frame; `length` is what its head says where that is not the truth."""
    size = len(payload) if length is None else length
    return struct.pack(">HBBBL", size >> 8, size & 0xFF, kind, flags, stream_id) + payload


def data(stream_id: int, content: bytes = b"", *, end: bool = False, flags: int = 0) -> bytes:
    return frame(0, flags | (END_STREAM if end else 0), stream_id, content)


def headers(stream_id: int, block: bytes = OK, *, end: bool = False, flags: int = END_HEADERS) -> bytes:
    return frame(1, flags | (END_STREAM if end else 0), stream_id, block)


def priority(stream_id: int, payload: bytes = b"\0\0\0\0\x10") -> bytes:
    return frame(2, 0, stream_id, payload)


def reset(stream_id: int, code: int) -> bytes:
    return frame(3, 0, stream_id, struct.pack(">L", code))


def settings(*pairs: Tuple[int, int], flags: int = 0, stream_id: int = 0) -> bytes:
    return frame(4, flags, stream_id, b"".join(struct.pack(">HL", *pair) for pair in pairs))


def ping(payload: bytes = b"01234567", *, flags: int = 0, stream_id: int = 0) -> bytes:
    return frame(6, flags, stream_id, payload)


def goaway(last: int, code: int = 0, debug: bytes = b"", *, stream_id: int = 0) -> bytes:
    return frame(7, 0, stream_id, struct.pack(">LL", last, code) + debug)


def update(stream_id: int, increment: int) -> bytes:
    return frame(8, 0, stream_id, struct.pack(">L", increment))


def continuation(stream_id: int, block: bytes = b"", *, flags: int = END_HEADERS) -> bytes:
    return frame(9, flags, stream_id, block)


def greeting() -> bytes:
    """What a server sends first: its settings, and that it has taken ours."""
    return settings((3, 100)) + settings(flags=ACK)


def integer(value: int, bits: int, pattern: int = 0) -> bytes:
    """Return an integer with a prefix of `bits` (RFC 7541 § 5.1)."""
    limit = (1 << bits) - 1
    if value < limit:
        return bytes((pattern | value,))
    octets = bytearray((pattern | limit,))
    value -= limit
    while value >= 128:
        octets.append(value & 127 | 128)
        value >>= 7
    octets.append(value)
    return bytes(octets)


def string(value: bytes) -> bytes:
    """Return a string, not Huffman-coded (RFC 7541 § 5.2)."""
    return integer(len(value), 7) + value


def literal(name: bytes, value: bytes, pattern: int = 0) -> bytes:
    """Return a field with a new name; `pattern` 0x40 puts it in the table, 0x10 forbids that (RFC 7541 § 6.2)."""
    return bytes((pattern,)) + string(name) + string(value)


REPLY = headers(1) + data(1, b"hello", end=True)


def case(
    name: str,
    source: str,
    *sent: bytes,
    status: int = 200,
    body: bytes = b"hello",
    method: bytes = b"GET",
    reusable: bool = True,
    answer: str = "",
    end: bool = False,
    greets: bool = True,
    content: bytes = b"",
) -> H2Case:
    """A response that arrives whole."""
    return H2Case(
        name,
        source,
        sent,
        method,
        status,
        body,
        answer=answer,
        reusable=reusable,
        end=end,
        greets=greets,
        content=content,
    )


def failed(
    name: str,
    source: str,
    *sent: bytes,
    answer: str = "GOAWAY PROTOCOL_ERROR",
    within: Optional[int] = None,
    method: bytes = b"GET",
    end: bool = False,
    greets: bool = True,
    endless: bytes = b"",
    reusable: Optional[bool] = None,
) -> H2Case:
    """A response that is an error; the connection survives where only its stream is reset."""
    return H2Case(
        name,
        source,
        sent,
        method,
        within,
        error=PROTOCOL,
        answer=answer,
        reusable=answer.startswith("RST_STREAM") if reusable is None else reusable,
        endless=endless,
        end=end,
        greets=greets,
    )
