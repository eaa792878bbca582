"""The routes through a proxy: which connection serves an origin, and with what connector.

Rules that hold here:

* A route puts a connector around the direct one, so every option of the pool holds on it.
* An option of `Proxy` that means nothing on the route is an error and is not passed over.
* What an HTTP proxy forwards is `http` only; everything else, and `http` too if the proxy is said to `tunnel`, gets a
  tunnel.
"""

from __future__ import annotations

import logging
from typing import Any, Dict, Optional, Protocol

from core_backends import AsyncConnectionInterface, AsyncNetworkBackend, Origin, Proxy
from core_backends.lowlevel import TLSSessions
from core_h1 import AsyncHTTP11Connection
from core_proxy import AsyncForwardHTTPConnection, AsyncSocksConnector, AsyncTunnelConnector

from .connection import AsyncHTTPConnection, AsyncSocks5Connection, AsyncTunnelHTTPConnection

__all__ = ["AsyncRoute", "async_route_through"]


class AsyncRoute(Protocol):
    """How connections to origins are made."""

    logger: logging.Logger

    def create_connection(
        self, origin: Origin, connector: Any, options: Dict[str, Any], network_backend: AsyncNetworkBackend
    ) -> AsyncConnectionInterface:
        """Return a connection for `origin` whose first step is `connector`."""
        ...


def async_route_through(proxy: Proxy) -> AsyncRoute:
    """Return the route through `proxy`; raises `ValueError` for a scheme that is no proxy's, and `RuntimeError` for
    options that such a proxy has no use for.
    """
    scheme = proxy.url.scheme
    if scheme in (b"http", b"https"):
        return _AsyncHTTPProxyRoute(proxy)
    if scheme in (b"socks5", b"socks5h", b"socks4", b"socks4a"):
        return _AsyncSocksRoute(proxy)
    raise ValueError(
        f"The proxy's URL must start with http, https, socks5, socks5h, socks4 or socks4a, not with {scheme!r}."
    )


class _AsyncHTTPProxyRoute:
    logger = logging.getLogger("httpcore.connection")

    def __init__(self, proxy: Proxy) -> None:
        if proxy.resolve_locally:
            raise RuntimeError("'resolve_locally' is for SOCKS proxies: an HTTP proxy resolves names itself.")
        self._proxy = proxy
        self._origin = proxy.url.origin
        # Made once to have its arguments checked.
        self._tunnel(None, None)

    def _tunnel(self, connector: Any, tls_sessions: Optional[TLSSessions]) -> AsyncTunnelConnector:
        return AsyncTunnelConnector(
            self._origin,
            AsyncHTTP11Connection,
            connector=connector,
            headers=self._proxy.headers,
            proxy_ssl_context=self._proxy.ssl_context,
            on_challenge=self._proxy.on_challenge,
            tls_sessions=tls_sessions,
        )

    def create_connection(
        self, origin: Origin, connector: Any, options: Dict[str, Any], network_backend: AsyncNetworkBackend
    ) -> AsyncConnectionInterface:
        if origin.scheme == b"http" and not self._proxy.tunnel:
            return AsyncForwardHTTPConnection(
                AsyncHTTPConnection(
                    self._origin,
                    ssl_context=self._proxy.ssl_context,
                    keepalive_expiry=options["keepalive_expiry"],
                    retries=options["retries"],
                    network_backend=network_backend,
                    connector=connector,
                    tls_sessions=options.get("tls_sessions"),
                ),
                self._origin,
                origin,
                self._proxy.headers,
            )
        return AsyncTunnelHTTPConnection(
            origin,
            network_backend=network_backend,
            connector=self._tunnel(connector, options.get("tls_sessions")),
            **options,
        )


class _AsyncSocksRoute:
    logger = logging.getLogger("httpcore.socks")

    def __init__(self, proxy: Proxy) -> None:
        if proxy.on_challenge is not None:
            raise RuntimeError("'on_challenge' is for HTTP proxies: SOCKS has no challenges.")
        self._proxy = proxy
        self._origin = proxy.url.origin
        # Made once to have its arguments, and the extra's presence, checked.
        self._connector(None, None)

    def _connector(self, connector: Any, tls_sessions: Optional[TLSSessions]) -> AsyncSocksConnector:
        return AsyncSocksConnector(
            self._origin,
            self._proxy.auth,
            connector=connector,
            resolve_locally=self._proxy.resolve_locally,
            proxy_ssl_context=self._proxy.ssl_context,
            tls_sessions=tls_sessions,
        )

    def create_connection(
        self, origin: Origin, connector: Any, options: Dict[str, Any], network_backend: AsyncNetworkBackend
    ) -> AsyncConnectionInterface:
        return AsyncSocks5Connection(
            origin,
            network_backend=network_backend,
            connector=self._connector(connector, options.get("tls_sessions")),
            **options,
        )
