"""What may be written into a handshake with a proxy, checked before any of it is sent.

Rules that hold here:

* No control character goes out in a host, a credential or a header: it could end the line or the field that it stands
  in and begin another one (RFC 9110 § 5.5, RFC 1929 § 2).
* A refusal names the field and never repeats its value: it may be a secret.
"""

from __future__ import annotations

import re
from typing import Iterable, Optional, Tuple, Union

from core_backends import LocalProtocolError, Origin, UnsupportedProtocol
from core_backends.lowlevel import authority, enforce_bytes, host_text

__all__ = ["checked_credentials", "checked_headers", "checked_host", "checked_port", "show"]

BytesOrText = Union[bytes, str]

_control = re.compile(rb"[\x00-\x1f\x7f]").search
_control_in_value = re.compile(rb"[\x00-\x08\x0a-\x1f\x7f]").search
_token = re.compile(rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]+").fullmatch


def checked_host(origin: Origin) -> bytes:
    """Return the origin's host; raises `UnsupportedProtocol` where it is missing or could be no host."""
    host_text(origin.host)
    return origin.host


def checked_port(origin: Origin) -> int:
    """Return the origin's port; raises `UnsupportedProtocol` where no TCP connection could go to it."""
    if not 0 < origin.port < 65536:
        raise UnsupportedProtocol(f"Request URL has an illegal port {origin.port}.")
    return origin.port


def checked_credentials(auth: Optional[Tuple[BytesOrText, BytesOrText]]) -> Optional[Tuple[bytes, bytes]]:
    """Return user name and password as bytes; raises `LocalProtocolError` where SOCKS cannot carry them."""
    if auth is None:
        return None
    username, password = (enforce_bytes(part, name="proxy_auth") for part in auth)
    for what, value in (("user name", username), ("password", password)):
        if len(value) > 255:
            raise LocalProtocolError(f"The proxy's {what} is longer than 255 bytes (RFC 1929 section 2).")
        if _control(value):
            raise LocalProtocolError(f"The proxy's {what} contains a control character.")
    return username, password


def checked_headers(headers: Iterable[Tuple[bytes, bytes]]) -> None:
    """Raise `LocalProtocolError` where a header for the proxy is not one (RFC 9110 § 5)."""
    for name, value in headers:
        if not _token(name):
            raise LocalProtocolError("Illegal name of a proxy header.")
        if _control_in_value(value) or value != value.strip(b" \t"):
            raise LocalProtocolError(f"Illegal value of the proxy header {name.decode('ascii')!r}.")


def show(origin: Origin) -> str:
    """Return `host:port` for error texts and reprs."""
    return authority(origin.host, origin.port).decode("ascii", "backslashreplace")
