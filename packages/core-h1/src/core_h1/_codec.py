"""The seam between a connection and the HTTP/1.1 grammar: bytes in, heads and body pieces out, and the reverse.

A codec belongs to one connection and does no I/O. h11 is the authority for what is legal; any other implementation must
give the same results, the same errors and the same leftover bytes for the same input, however that is split.

One exchange, in the order of the calls:

* `encode_request`, and where the body was not given with it `encode_data` for each piece and `encode_end`.
* `receive` with what was read, then `next_head` until it is not None; 1xx heads come like any other (RFC 9110 § 15.2).
* `receive` and `next_body` until that is empty; `body_ended` says so without consuming data.
* `next_cycle`, which is True where the connection may carry another exchange (RFC 9112 § 9.3).

Rules that hold here:

* Nothing is returned for writing before the whole head is known to be legal.
* What the caller got wrong is a `LocalProtocolError`, what the peer got wrong a `RemoteProtocolError`; no other
  exception leaves a codec, except `TypeError` for a body piece that is not bytes-like.
* Values of headers that carry credentials stand in no error text.
"""

from __future__ import annotations

import re
from typing import Any, List, Optional, Protocol, Sequence, Tuple, Union

from core_backends import LocalProtocolError, RemoteProtocolError

__all__ = [
    "JOINED_BYTES",
    "LONGEST_RUN",
    "Buffer",
    "Codec",
    "Head",
    "Headers",
    "buffer_of",
    "local_error",
    "long_run",
    "remote_error",
]

Buffer = Union[bytes, memoryview]
Headers = List[Tuple[bytes, bytes]]

# Version as in b"HTTP/1.1", status code, reason phrase, headers in the server's order and case.
Head = Tuple[bytes, int, bytes, Headers]

# A body up to this size is copied behind its head to be sent in one write; a larger one is handed on as it is.
JOINED_BYTES = 64 * 1024

# So many spaces in a row are no head that anyone meant, and more than h11's expressions can take.
LONGEST_RUN = 2048

long_run = re.compile(rb"[ \t]{%d}" % LONGEST_RUN).search

_SECRETS = (b"authorization", b"proxy-authorization", b"cookie", b"set-cookie")


class Codec(Protocol):
    """The grammar of one connection."""

    @property
    def heard(self) -> bool:
        """Whether a byte of the present response has been received."""

    @property
    def trailers(self) -> Headers:
        """The trailer fields of the response whose body ended last (RFC 9112 § 7.1.2)."""

    def encode_request(
        self, method: bytes, target: bytes, headers: Sequence[Tuple[bytes, bytes]], body: Optional[Any]
    ) -> List[Buffer]:
        """Return what to write for a head and its whole body; `body` None means that the body comes later."""

    def encode_data(self, data: Any) -> List[Buffer]:
        """Return what to write for the next piece of the body, any bytes-like object."""

    def encode_end(self) -> List[Buffer]:
        """Return what to write after the last piece of the body."""

    def receive(self, data: bytes) -> None:
        """Take what was read; b"" is the end of the stream."""

    def next_head(self) -> Optional[Head]:
        """Return the next head of the response, or None where more data is needed."""

    def next_body(self) -> Optional[bytes]:
        """Return the next piece of the body, b"" at its end, or None where more data is needed."""

    def body_ended(self) -> bool:
        """Whether what was received shows that no more of the body follows what `next_body` has returned."""

    def leftover(self) -> bytes:
        """Return what was received beyond the response: after a switch of protocols, the first bytes of the new one."""

    def next_cycle(self) -> bool:
        """Make ready for another exchange; False where the connection must not carry one."""


def buffer_of(data: Any) -> Buffer:
    """Return `data` as bytes or as a view whose length is its number of bytes."""
    if type(data) is bytes:
        return data
    try:
        view = memoryview(data)
    except TypeError:
        raise TypeError(f"A request body must consist of bytes-like objects, but got {type(data).__name__}.") from None
    if not view.c_contiguous:
        return view.tobytes()
    return view.cast("B")


def local_error(text: str, headers: Any = ()) -> LocalProtocolError:
    """Return the error for a request that h11 refused with `text`, without repeating a credential."""
    try:
        for name, value in headers:
            raw_name = name.encode("ascii", "replace") if isinstance(name, str) else bytes(name)
            if not raw_name.strip().lower().startswith(_SECRETS):
                continue
            if text == f"Illegal header value {value!r}" or (
                isinstance(value, str) and text == f"Illegal header value {value.encode('ascii', 'replace')!r}"
            ):
                return LocalProtocolError(f"Illegal header value for {raw_name!r}; it is not shown here")
            if text == f"Illegal header name {raw_name!r}":
                return LocalProtocolError("Illegal header name; it looks like a credential and is not shown here")
    except (TypeError, ValueError):
        # What is no pair of bytes has no value that h11 could have repeated.
        pass
    return LocalProtocolError(text)


def remote_error(text: str) -> RemoteProtocolError:
    """Return the error for a response that h11 refused with `text`, without repeating a credential."""
    if text == "illegal request line":
        # h11 says so of a first byte that can begin neither; what is read here is a response.
        text = "illegal status line"
    if text.startswith("illegal header line") and any(name.decode() in text.lower() for name in _SECRETS):
        return RemoteProtocolError("illegal header line: it looks like a credential and is not shown here")
    return RemoteProtocolError(text)
