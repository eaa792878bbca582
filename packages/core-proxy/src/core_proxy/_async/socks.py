"""The SOCKS connector: a raw path to an origin that a SOCKS proxy opens.

Rules that hold here:

* One deadline, the connect timeout, covers resolution, the way to the proxy, TLS to it and every byte of the handshake.
* Whatever ends the handshake early, cancellation included, closes the stream at once.
* Names go to the proxy unless local resolution was asked for.
"""

from __future__ import annotations

import logging
import socket
import ssl
from typing import Any, Mapping, Optional, Tuple, Union

from core_backends import AsyncDirectConnector, AsyncNetworkStream, Origin, UnsupportedProtocol
from core_backends.lowlevel import AsyncLeadingStream, Deadline, TLSSessions, abandon, async_tracer, phase_timeout

from .._errors import handshake_errors, hung_up
from .._guards import checked_credentials, checked_host, checked_port, show
from .._resolve import async_resolve
from .._socks import Exchange, Socks4Exchange, Socks5Exchange, is_ip_address, require_socksio
from .handshake import AsyncHandshakeStream
from .hop import AsyncConnector, async_connect_to_proxy, resumption_with

__all__ = ["AsyncSocksConnector"]

logger = logging.getLogger("httpcore.socks")

BytesOrText = Union[bytes, str]


class AsyncSocksConnector:
    """Connects to origins through a SOCKS proxy.

    `proxy_origin` is where the proxy is; its scheme is the protocol: `socks5` or `socks5h` (the same: names are
    resolved by the proxy), `socks4a` (likewise), `socks4` (names are resolved here). `auth` is a user name and a
    password of at most 255 bytes each (SOCKS4: a user id and an empty password). `connector` finds the way to the
    proxy: None is a direct TCP connection, another proxy's connector makes a chain. `resolve_locally` resolves names
    here, for `socks5` and `socks4a`. `proxy_ssl_context` puts TLS on the connection to the proxy, and `tls_sessions`
    has what that can resume, and takes what it leaves (None: no TLS session is resumed).

    Raises `RuntimeError` where the `socks` extra is not installed, `UnsupportedProtocol` for another scheme, and
    `LocalProtocolError` for credentials that cannot be sent.
    """

    def __init__(
        self,
        proxy_origin: Origin,
        auth: Optional[Tuple[BytesOrText, BytesOrText]] = None,
        *,
        connector: Optional[AsyncConnector] = None,
        resolve_locally: bool = False,
        proxy_ssl_context: Optional[ssl.SSLContext] = None,
        tls_sessions: Optional[TLSSessions] = None,
    ) -> None:
        scheme = proxy_origin.scheme
        if scheme not in (b"socks5", b"socks5h", b"socks4", b"socks4a"):
            raise UnsupportedProtocol(
                f"A SOCKS proxy's URL starts with socks5, socks5h, socks4 or socks4a, not with {scheme!r}."
            )
        require_socksio()
        checked_host(proxy_origin)
        self._auth = checked_credentials(auth)
        self._is_socks4 = scheme in (b"socks4", b"socks4a")
        if self._is_socks4 and self._auth is not None and self._auth[1]:
            raise UnsupportedProtocol("SOCKS4 has no passwords: use a SOCKS5 proxy, or an empty password.")
        if resolve_locally and scheme == b"socks5h":
            raise RuntimeError("socks5h means that the proxy resolves names: use socks5 with 'resolve_locally'.")
        self._resolve_locally = resolve_locally or scheme == b"socks4"
        self._proxy = proxy_origin
        self._proxy_ssl_context = proxy_ssl_context
        self._tls_sessions = tls_sessions
        self._connector: AsyncConnector = AsyncDirectConnector(logger=logger) if connector is None else connector

    def __repr__(self) -> str:
        return f"<{type(self).__name__} [{self._proxy.scheme.decode('ascii')}://{show(self._proxy)}]>"

    async def connect(self, origin: Origin, extensions: Mapping[str, Any]) -> AsyncNetworkStream:
        """Return a stream to `origin`, through the proxy, within the connect timeout.

        Raises `ProxyError` when the proxy refuses, `ConnectTimeout` when it is too slow, `ConnectError` when it
        cannot be reached or hangs up, and `UnsupportedProtocol` for an origin that SOCKS cannot name.
        """
        deadline = Deadline(phase_timeout(extensions, "connect"))
        exchange = await self._exchange_for(origin, deadline)
        resumption = resumption_with(self._tls_sessions, self._proxy, self._proxy_ssl_context, None)
        stream = await async_connect_to_proxy(
            self._connector, self._proxy, self._proxy_ssl_context, None, extensions, deadline, resumption
        )
        try:
            trace = async_tracer(logger, extensions)
            if trace is None:
                await self._shake_hands(exchange, AsyncHandshakeStream(stream, deadline))
            else:
                await trace.call(
                    "setup_socks4_connection" if self._is_socks4 else "setup_socks5_connection",
                    {"stream": stream, "host": origin.host.decode("ascii"), "port": origin.port},
                    self._shake_hands,
                    exchange,
                    AsyncHandshakeStream(stream, deadline),
                )
        except BaseException:
            abandon(stream)
            raise
        if resumption is not None:
            resumption.keep()
        return AsyncLeadingStream(stream, exchange.trailing) if exchange.trailing else stream

    async def _exchange_for(self, origin: Origin, deadline: Deadline) -> Exchange:
        host, port = checked_host(origin), checked_port(origin)
        if self._resolve_locally and not is_ip_address(host):
            family = socket.AF_INET if self._is_socks4 else socket.AF_UNSPEC
            host = await async_resolve(host, port, family, deadline.remaining())
        if self._is_socks4:
            return Socks4Exchange(host, port, self._auth)
        return Socks5Exchange(host, port, self._auth)

    async def _shake_hands(self, exchange: Exchange, stream: AsyncHandshakeStream) -> None:
        with handshake_errors("SOCKS", self._proxy):
            to_send = exchange.start()
            while True:
                if to_send:
                    await stream.write(to_send)
                if not exchange.needed:
                    return
                data = await stream.read(exchange.needed)
                if not data:
                    raise hung_up("SOCKS", self._proxy)
                to_send = exchange.receive(data)
