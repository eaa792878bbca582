"""Fields between HTTP and HTTP/2 (RFC 9113 § 8): what a request's headers become, and what a response's must be.

Rules that hold here:

* A request is refused before anything of it is sent, as on HTTP/1.1 and in the same words; the value of a header that
  carries credentials stands in no text.
* Pseudo-header fields come first (§ 8.3), names are in lower case (§ 8.2.1), and what belongs to an HTTP/1.1 connection
  stays behind (§ 8.2.2).
* A malformed response is the server's fault on that stream alone (§ 8.1.1).
"""

from __future__ import annotations

import re
from typing import List, Optional, Sequence

from core_backends import LocalProtocolError

from ._compression import Field
from ._errors import ErrorCodes, StreamFault, excerpt

__all__ = [
    "RequestFields",
    "ResponseHead",
    "check_length",
    "check_target",
    "request_fields",
    "response_head",
    "trailer_fields",
    "unchecked_head",
]

# RFC 9110 §§ 5.1, 5.5 and RFC 9112 § 3, as h11 reads them: this is what HTTP/1.1 lets through.
_token = re.compile(rb"[-!#$%&'*+.^_`|~0-9a-zA-Z]+").fullmatch
_value = re.compile(rb"(?:[^\x00\s]+(?:[ \t]+[^\x00\s]+)*)?").fullmatch
_target = re.compile(rb"[\x21-\x7e]+").fullmatch
_digits = re.compile(rb"[0-9]{1,18}").fullmatch
# RFC 9113 § 8.2.1, for what comes in.
_malformed_name = re.compile(rb"[\x00-\x20A-Z\x7f-\xff:]").search
_malformed_value = re.compile(rb"[\x00\r\n]|^[ \t]|[ \t]$").search

_connection_specific = frozenset((b"connection", b"keep-alive", b"proxy-connection", b"transfer-encoding", b"upgrade"))
_credentials = frozenset((b"authorization", b"cookie", b"proxy-authorization"))


class RequestFields:
    """The header section of a request without its path.

    `before` and `after` stand on either side of `:path`; `content_length` is what the caller declared, or None.
    """

    __slots__ = ("after", "before", "content_length")

    def __init__(self, before: List[Field], after: List[Field], content_length: Optional[int]) -> None:
        self.before = before
        self.after = after
        self.content_length = content_length


def check_target(target: bytes) -> None:
    """Raise `LocalProtocolError` for a path that cannot stand in a request."""
    if not _target(target):
        raise LocalProtocolError("Illegal target characters")


def check_length(declared: int, sent: int, complete: bool) -> None:
    """Raise `LocalProtocolError` where a body of `sent` bytes is not, or no longer, what Content-Length says."""
    if sent > declared:
        raise LocalProtocolError("Too much data for declared Content-Length")
    if complete and sent < declared:
        raise LocalProtocolError("Too little data for declared Content-Length")


def request_fields(method: bytes, scheme: bytes, authority: bytes, headers: Sequence[Field]) -> RequestFields:
    """Return the fields of a request to `authority`, which its `Host` header replaces (§ 8.3.1).

    For CONNECT there is no scheme and no path (§ 8.5). Raises `LocalProtocolError` for what may not be sent.
    """
    if not _token(method):
        raise LocalProtocolError("Illegal method characters")
    after: List[Field] = []
    host: Optional[bytes] = None
    content_length: Optional[int] = None
    dropped = _connection_specific
    for name, value in headers:
        lowered = name.lower()
        if not _token(lowered):
            raise LocalProtocolError(f"Illegal header name {name!r}")
        if not _value(value):
            shown = "for a header with credentials" if lowered in _credentials else repr(value)
            raise LocalProtocolError(f"Illegal header value {shown}")
        if lowered == b"connection":
            dropped = dropped.union(option.strip().lower() for option in value.split(b","))
        after.append((lowered, value))
    fields: List[Field] = []
    for field in after:
        lowered, value = field
        if lowered == b"host":
            if host is not None and host != value:
                raise LocalProtocolError("Found multiple Host: headers")
            host = value
        elif lowered == b"te":
            # The one thing that TE may say here (§ 8.2.2).
            if any(option.strip().lower() == b"trailers" for option in value.split(b",")):
                fields.append((lowered, b"trailers"))
        elif lowered in dropped:
            continue
        elif lowered == b"content-length":
            if not _digits(value):
                raise LocalProtocolError("bad Content-Length")
            if content_length is not None and content_length != int(value):
                raise LocalProtocolError("conflicting Content-Length headers")
            if content_length is None:
                content_length = int(value)
                fields.append(field)
        elif lowered == b"cookie" and b"; " in value:
            fields += [(lowered, crumb) for crumb in value.split(b"; ") if crumb]
        else:
            fields.append(field)
    before: List[Field] = [(b":method", method), (b":authority", authority if host is None else host)]
    if method != b"CONNECT":
        before.insert(1, (b":scheme", scheme))
    return RequestFields(before, fields, content_length)


class ResponseHead:
    """The header section of a response. `content_length` is what the server declared, or None."""

    __slots__ = ("content_length", "headers", "status")

    def __init__(self, status: int, headers: List[Field], content_length: Optional[int]) -> None:
        self.status = status
        self.headers = headers
        self.content_length = content_length

    @property
    def informational(self) -> bool:
        """Whether another header section follows (RFC 9110 § 15.2)."""
        return self.status < 200


def response_head(fields: List[Field]) -> ResponseHead:
    """Return what a response's header section says. Raises `StreamFault` where it is malformed (§§ 8.1.1, 8.3.2)."""
    if not fields or fields[0][0] != b":status":
        raise _malformed("no :status in front")
    status = fields[0][1]
    if len(status) != 3 or not status.isdigit() or status[0] < 0x31:
        raise _malformed(f":status is {excerpt(status)}")
    if status == b"101":
        raise _malformed("101 does not exist in HTTP/2")
    headers = fields[1:]
    content_length: Optional[int] = None
    for name, value in headers:
        _check_field(name, value)
        if name == b"content-length":
            if not _digits(value) or (content_length is not None and content_length != int(value)):
                raise _malformed(f"content-length is {excerpt(value)}")
            content_length = int(value)
    return ResponseHead(int(status), headers, content_length)


def trailer_fields(fields: List[Field]) -> List[Field]:
    """Return a trailer section. Raises `StreamFault` where it is malformed (§ 8.1)."""
    for name, value in fields:
        _check_field(name, value)
    return fields


def unchecked_head(fields: List[Field]) -> ResponseHead:
    """Return what a header section says, for a caller who has switched validation off."""
    named = dict(reversed(fields))
    status, length = named.get(b":status", b""), named.get(b"content-length", b"")
    if not _digits(status):
        raise _malformed("no :status")
    headers = [field for field in fields if not field[0].startswith(b":")]
    return ResponseHead(int(status), headers, int(length) if _digits(length) else None)


def _check_field(name: bytes, value: bytes) -> None:
    if not name or _malformed_name(name):
        raise _malformed(f"field name {excerpt(name)}")
    if _malformed_value(value):
        raise _malformed(f"value of field {excerpt(name)}")
    if name in _connection_specific:
        raise _malformed(f"field {excerpt(name)} belongs to HTTP/1.1")


def _malformed(what: str) -> StreamFault:
    return StreamFault(ErrorCodes.PROTOCOL_ERROR, f"malformed response, {what}")
