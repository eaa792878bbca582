"""The pool of HTTP connections: the pool's books, the connections, and the route to take."""

from __future__ import annotations

import ssl
from typing import TYPE_CHECKING, Any, Dict, Iterable, Optional

import core_pool
from core_backends import (
    SOCKET_OPTION,
    AsyncConnectionInterface,
    AsyncDirectConnector,
    AsyncNetworkBackend,
    AutoBackend,
    Origin,
    Proxy,
)
from core_backends.lowlevel import TLSSessions

from .._protocols import check_protocols
from .connection import AsyncHTTPConnection

if TYPE_CHECKING:
    from .routes import AsyncRoute

__all__ = ["AsyncConnectionPool"]


class AsyncConnectionPool(core_pool.AsyncConnectionPool):
    """Sends requests on connections that it keeps for reuse.

    `ssl_context` secures connections to origins (None: the system's and certifi's roots, verification on). `proxy` is
    the proxy to go through. `max_connections` bounds all connections, `max_keepalive_connections` the idle ones
    (None: no bound of its own, for either). `keepalive_expiry` seconds of idleness close a connection, None for
    never. `http1` and `http2` are the protocols allowed. `retries` is how often establishing a connection is tried
    again. `local_address`, `uds` (path of a unix socket), `network_backend` and `socket_options` say how to connect.
    With `replay`, an idempotent request with its body in memory is sent once more, on a new connection, where a reused
    one turns out to have been closed before a response came. With `tls_session_resumption`, new connections to a server
    that this pool was connected to within the last hour begin with what an earlier one has left: a shorter handshake,
    which shows and verifies no certificate again, so that what is changed about `ssl_context` in the meantime may not
    count for them.
    Raises `RuntimeError` where something is asked for whose extra is not installed, and `ValueError` for a proxy
    whose scheme is none.
    """

    def __init__(
        self,
        ssl_context: Optional[ssl.SSLContext] = None,
        proxy: Optional[Proxy] = None,
        max_connections: Optional[int] = 10,
        max_keepalive_connections: Optional[int] = None,
        keepalive_expiry: Optional[float] = None,
        http1: bool = True,
        http2: bool = False,
        retries: int = 0,
        local_address: Optional[str] = None,
        uds: Optional[str] = None,
        network_backend: Optional[AsyncNetworkBackend] = None,
        socket_options: Optional[Iterable[SOCKET_OPTION]] = None,
        *,
        replay: bool = True,
        tls_session_resumption: bool = False,
    ) -> None:
        check_protocols(http1, http2)
        super().__init__(
            max_connections=max_connections,
            max_keepalive_connections=max_keepalive_connections,
            keepalive_expiry=keepalive_expiry,
            replay=replay,
        )
        self._ssl_context = ssl_context
        self._proxy = proxy
        self._http1 = http1
        self._http2 = http2
        self._retries = retries
        self._local_address = local_address
        self._uds = uds
        # Settable later on, and read for each new connection: guards against requests to forbidden addresses rely on
        # it.
        self._network_backend: AsyncNetworkBackend = AutoBackend() if network_backend is None else network_backend
        self._socket_options = None if socket_options is None else list(socket_options)
        self._tls_sessions = TLSSessions() if tls_session_resumption else None
        self._route: Optional[AsyncRoute] = None
        if proxy is not None:
            # Programs without a proxy do not pay for loading all that. One that cannot be used is told now, not by the
            # first request.
            from .routes import async_route_through

            self._route = async_route_through(proxy)

    async def aclose(self) -> None:
        """Close every connection; requests that are queued or connecting fail with `ConnectError`.

        The pool can be used again: a later request starts afresh, with a full TLS handshake.
        """
        if self._tls_sessions is not None:
            self._tls_sessions.clear()
        await super().aclose()

    def create_connection(self, origin: Origin) -> AsyncConnectionInterface:
        """Return a new connection for `origin`, not yet connected."""
        if self._route is not None:
            connector = AsyncDirectConnector(
                self._network_backend,
                local_address=self._local_address,
                uds=self._uds,
                socket_options=self._socket_options,
                logger=self._route.logger,
            )
            return self._route.create_connection(origin, connector, self._options(), self._network_backend)
        return AsyncHTTPConnection(
            origin=origin,
            local_address=self._local_address,
            uds=self._uds,
            socket_options=self._socket_options,
            network_backend=self._network_backend,
            **self._options(),
        )

    def _options(self) -> Any:
        options: Dict[str, Any] = {
            "ssl_context": self._ssl_context,
            "keepalive_expiry": self._keepalive_expiry,
            "http1": self._http1,
            "http2": self._http2,
            "retries": self._retries,
        }
        # Where others have put a class of their own in a connection's place, it may know 1.0.9's arguments only.
        if self._tls_sessions is not None:
            options["tls_sessions"] = self._tls_sessions
        return options
