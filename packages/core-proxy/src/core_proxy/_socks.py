"""SOCKS without I/O: what to send, how many bytes to read next, and what the proxy's answers mean.

An exchange is driven by two calls. `start()` returns the first bytes to send; `receive(data)` takes what was read and
returns what to send next, or b"". `needed` bytes are missing before there is anything to decide; it is 0 when the proxy
has connected, and what came beyond its last reply is in `trailing`.

Rules that hold here:

* socksio writes and reads messages, whole ones only: this module finds where a reply ends by its length fields, so
  replies may come byte by byte, or together with what the origin sends first (RFC 1928 § 6).
* A refusal is decided by the bytes that say so, without the rest of the reply: proxies that refuse often close at once.
* Whatever the proxy says that is not consent is a `ProxyError`. No text repeats a credential.
* SOCKS5 offers one method, the one that was configured: credentials are sent to a proxy that asks for them, and a proxy
  that lets anybody in is noticed where credentials were expected.
"""

from __future__ import annotations

import socket
from types import ModuleType
from typing import Dict, Optional, Tuple, Union

from core_backends import ProxyError, UnsupportedProtocol

__all__ = ["Exchange", "Socks4Exchange", "Socks5Exchange", "is_ip_address", "require_socksio"]

Credentials = Optional[Tuple[bytes, bytes]]

_METHODS: Dict[bytes, str] = {
    b"\x00": "NO AUTHENTICATION REQUIRED",
    b"\x01": "GSSAPI",
    b"\x02": "USERNAME/PASSWORD",
    b"\xff": "NO ACCEPTABLE METHODS",
}

# RFC 1928 § 6.
_SOCKS5_REPLIES: Dict[int, str] = {
    1: "General SOCKS server failure",
    2: "Connection not allowed by ruleset",
    3: "Network unreachable",
    4: "Host unreachable",
    5: "Connection refused",
    6: "TTL expired",
    7: "Command not supported",
    8: "Address type not supported",
}

_SOCKS4_REPLIES: Dict[int, str] = {
    0x5B: "Request rejected or failed",
    0x5C: "The client's identd cannot be reached",
    0x5D: "The client's identd reports another user",
}

# Bytes of BND.ADDR by address type; a name is preceded by its length.
_ADDRESS_LENGTHS = {1: 4, 4: 16}
_NAME = 3


def require_socksio() -> ModuleType:
    """Return socksio; raises a `RuntimeError` that names the extra where it is not installed."""
    try:
        import socksio
    except ImportError as exc:
        raise RuntimeError(
            "SOCKS proxies need the 'socksio' package. Install it with: pip install 'core-proxy[socks]' "
            "(for httpcore: pip install 'httpcore[socks]')."
        ) from exc
    return socksio


def is_ip_address(host: bytes, family: Optional[int] = None) -> bool:
    """Whether `host` is an IP address, of `family` (AF_INET or AF_INET6) if one is given."""
    text = host.decode("ascii", "replace")
    for candidate in (socket.AF_INET, socket.AF_INET6):
        if family is None or family == candidate:
            try:
                socket.inet_pton(candidate, text)
            except (OSError, ValueError):
                continue
            return True
    return False


def _checked_name(host: bytes) -> None:
    if len(host) > 255:
        raise UnsupportedProtocol("A host name longer than 255 bytes cannot be sent to a SOCKS proxy.")
    if b":" in host and not is_ip_address(host):
        raise UnsupportedProtocol(f"A SOCKS proxy cannot be asked for the host {host!r}.")


class _Buffered:
    """The part that all exchanges share: collects bytes until a decision can be made."""

    def __init__(self) -> None:
        self._buffer = b""
        # The length at which the buffer has to be looked at; 0 when the exchange is over.
        self._wanted = 0

    @property
    def needed(self) -> int:
        """How many bytes must come before anything can be decided; 0 when the proxy has connected."""
        return max(0, self._wanted - len(self._buffer))

    @property
    def trailing(self) -> bytes:
        """What came after the proxy's last reply: it is from the origin."""
        return b"" if self._wanted else self._buffer

    def receive(self, data: bytes) -> bytes:
        """Take what was read and return what to send next; raises `ProxyError` where the proxy refuses."""
        self._buffer += data
        to_send = b""
        while self._wanted and len(self._buffer) >= self._wanted:
            to_send += self._advance()
        return to_send

    def _advance(self) -> bytes:
        raise NotImplementedError()

    def _take(self, count: int) -> bytes:
        taken, self._buffer = self._buffer[:count], self._buffer[count:]
        return taken


class Socks5Exchange(_Buffered):
    """SOCKS5 CONNECT (RFC 1928) to `host:port`, with user name and password (RFC 1929) when `auth` is given."""

    def __init__(self, host: bytes, port: int, auth: Credentials = None) -> None:
        super().__init__()
        _checked_name(host)
        self._socksio = require_socksio()
        self._connection = self._socksio.SOCKS5Connection()
        self._host = host
        self._port = port
        self._auth = auth
        self._step = self._method_chosen

    def start(self) -> bytes:
        """Return the greeting."""
        methods = self._socksio.SOCKS5AuthMethod
        method = methods.NO_AUTH_REQUIRED if self._auth is None else methods.USERNAME_PASSWORD
        return self._send(self._socksio.SOCKS5AuthMethodsRequest([method]), wanted=2)

    def _advance(self) -> bytes:
        return self._step()

    def _send(self, message: object, wanted: int) -> bytes:
        self._wanted = wanted
        self._connection.send(message)
        data: bytes = self._connection.data_to_send()
        return data

    def _method_chosen(self) -> bytes:
        reply = self._take(2)
        _expect_version(reply, 5)
        offered, chosen = b"\x00" if self._auth is None else b"\x02", reply[1:]
        if chosen != offered:
            got = _METHODS.get(chosen, f"METHOD 0x{chosen.hex().upper()}")
            raise ProxyError(f"Requested {_METHODS[offered]} from proxy server, but got {got}.")
        self._connection.receive_data(reply)
        if self._auth is None:
            return self._request()
        self._step = self._authenticated
        username, password = self._auth
        return self._send(self._socksio.socks5.SOCKS5UsernamePasswordRequest(username, password), wanted=2)

    def _authenticated(self) -> bytes:
        reply = self._take(2)
        # RFC 1929 gives the sub-negotiation version 1; there are proxies that repeat the protocol's 5.
        if reply not in (b"\x01\x00", b"\x05\x00"):
            raise ProxyError("Invalid username/password")
        self._connection.receive_data(b"\x01\x00")
        return self._request()

    def _request(self) -> bytes:
        self._step = self._refused_or_not
        command = self._socksio.SOCKS5Command.CONNECT
        return self._send(
            self._socksio.SOCKS5CommandRequest.from_address(command, (self._host, self._port)),
            wanted=2,
        )

    def _refused_or_not(self) -> bytes:
        _expect_version(self._buffer, 5)
        code = self._buffer[1]
        if code:
            raise ProxyError(f"Proxy Server could not connect: {_SOCKS5_REPLIES.get(code, f'Reply 0x{code:02X}')}.")
        # Up to the first byte of the address, which is a name's length.
        self._wanted = 5
        self._step = self._address_begun
        return b""

    def _address_begun(self) -> bytes:
        kind = self._buffer[3]
        length = 1 + self._buffer[4] if kind == _NAME else _ADDRESS_LENGTHS.get(kind)
        if length is None:
            raise ProxyError(f"Malformed reply from proxy server: unknown address type 0x{kind:02X}.")
        self._wanted = 4 + length + 2
        self._step = self._connected
        return b""

    def _connected(self) -> bytes:
        # The address that the proxy bound is of no use here, so a name in it is not decoded.
        self._take(self._wanted)
        self._wanted = 0
        return b""


class Socks4Exchange(_Buffered):
    """SOCKS4 CONNECT to an IPv4 address, or SOCKS4A to a name; a user name is sent as the user id."""

    def __init__(self, host: bytes, port: int, auth: Credentials = None) -> None:
        super().__init__()
        _checked_name(host)
        if is_ip_address(host, socket.AF_INET6):
            raise UnsupportedProtocol("SOCKS4 has no IPv6 addresses: use a SOCKS5 proxy.")
        self._socksio = require_socksio()
        self._host = host
        self._port = port
        self._user_id = b"" if auth is None else auth[0]

    def start(self) -> bytes:
        """Return the request."""
        connection = self._socksio.SOCKS4Connection(user_id=self._user_id)
        by_address = is_ip_address(self._host, socket.AF_INET)
        request = self._socksio.SOCKS4Request if by_address else self._socksio.SOCKS4ARequest
        command = self._socksio.SOCKS4Command.CONNECT
        connection.send(request.from_address(command, (self._host, self._port), user_id=self._user_id))
        self._wanted = 2
        data: bytes = connection.data_to_send()
        return data

    def _advance(self) -> bytes:
        _expect_version(self._buffer, 0)
        code = self._buffer[1]
        if code != 0x5A:
            raise ProxyError(f"Proxy Server could not connect: {_SOCKS4_REPLIES.get(code, f'Reply 0x{code:02X}')}.")
        if self._wanted == 2:
            self._wanted = 8
        else:
            self._take(8)
            self._wanted = 0
        return b""


Exchange = Union[Socks4Exchange, Socks5Exchange]


def _expect_version(reply: bytes, version: int) -> None:
    if reply[0] != version:
        raise ProxyError(f"Malformed reply from proxy server: version {reply[0]} where {version} belongs.")
