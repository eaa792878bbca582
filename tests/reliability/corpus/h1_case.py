"""What one case of the HTTP/1.1 corpus is: what a server sends, and what has to become of it.

The outcomes were written down from the RFCs before anything was run. Where an RFC leaves a choice, it is the one that a
careful user expects: what cannot be misread is delivered, what could be read in two ways is refused, and a connection
on which the two ends could disagree about where a response ends carries no other request.
"""

from __future__ import annotations

from typing import List, NamedTuple, Optional, Tuple

__all__ = [
    "CHUNKED",
    "HELLO_CHUNKS",
    "NEXT",
    "PROTOCOL",
    "STATUS_LINE",
    "WITH_LENGTH",
    "H1Case",
    "delivered",
    "head",
    "refused",
]

PROTOCOL = "RemoteProtocolError"


class H1Case(NamedTuple):
    """`sent` and then the end of the stream; or `endless` over and over again, until the client has had enough.

    `source`: where the rule is written, or "care" with the reason. `status` and `body`: what is delivered; `error`: the
    name of the exception, either in place of a response or, where `status` is given, in the middle of its body.
    `reusable`: whether the connection may carry another request. `request_headers`: beyond `Host`. `switched`: what the
    stream of the new protocol begins with, None where protocols are not switched.
    """

    name: str
    source: str
    sent: bytes
    method: bytes = b"GET"
    status: Optional[int] = None
    body: bytes = b""
    error: Optional[str] = None
    reusable: bool = False
    endless: bytes = b""
    request_headers: Tuple[Tuple[bytes, bytes], ...] = ()
    switched: Optional[bytes] = None


STATUS_LINE = b"HTTP/1.1 200 OK\r\n"
WITH_LENGTH = STATUS_LINE + b"Content-Length: 5\r\n\r\n"
CHUNKED = STATUS_LINE + b"Transfer-Encoding: chunked\r\n\r\n"
HELLO_CHUNKS = b"5\r\nhello\r\n0\r\n\r\n"
# What must never be taken for the answer to the next request.
NEXT = STATUS_LINE + b"Content-Length: 4\r\n\r\nevil"


def head(*fields: bytes, line: bytes = b"HTTP/1.1 200 OK") -> bytes:
    """Return a response's head of these field lines."""
    lines: List[bytes] = [line, *fields, b"", b""]
    return b"\r\n".join(lines)


def delivered(
    name: str,
    source: str,
    sent: bytes,
    body: bytes = b"hello",
    *,
    status: int = 200,
    reusable: bool = True,
    method: bytes = b"GET",
    request_headers: Tuple[Tuple[bytes, bytes], ...] = (),
    switched: Optional[bytes] = None,
) -> H1Case:
    """A response that arrives whole."""
    return H1Case(name, source, sent, method, status, body, None, reusable, b"", request_headers, switched)


def refused(
    name: str,
    source: str,
    sent: bytes,
    *,
    within: Optional[int] = None,
    method: bytes = b"GET",
    endless: bytes = b"",
    request_headers: Tuple[Tuple[bytes, bytes], ...] = (),
) -> H1Case:
    """A response that is an error; `within` is its status where the head is delivered before that."""
    return H1Case(name, source, sent, method, within, b"", PROTOCOL, False, endless, request_headers)
