"""Pools that go through a proxy, with the signatures of httpcore 1.0.9: a `Proxy` and a pool in one."""

from __future__ import annotations

import ssl
from typing import Any, Iterable, Optional, Tuple, Union

from core_backends import SOCKET_OPTION, URL, AsyncNetworkBackend
from core_backends.lowlevel import HeaderTypes
from core_proxy import AsyncForwardHTTPConnection

from .._proxy_arguments import proxy_of
from .connection import AsyncTunnelHTTPConnection
from .connection_pool import AsyncConnectionPool

__all__ = ["AsyncForwardHTTPConnection", "AsyncHTTPProxy", "AsyncTunnelHTTPConnection"]


class AsyncHTTPProxy(AsyncConnectionPool):
    """A pool whose requests go through the HTTP or HTTPS proxy at `proxy_url`.

    `proxy_auth` is a user name and a password, `proxy_headers` go to the proxy, `proxy_ssl_context` secures the
    connection to an `https` proxy; the rest is as for `AsyncConnectionPool`.
    """

    def __init__(
        self,
        proxy_url: Union[URL, bytes, str],
        proxy_auth: Optional[Tuple[Union[bytes, str], Union[bytes, str]]] = None,
        proxy_headers: HeaderTypes = None,
        ssl_context: Optional[ssl.SSLContext] = None,
        proxy_ssl_context: Optional[ssl.SSLContext] = None,
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
        proxy = proxy_of(proxy_url, proxy_auth, proxy_headers, proxy_ssl_context)
        if proxy.url.scheme not in (b"http", b"https"):
            raise ValueError(f"An HTTP proxy's URL must start with http or https, not with {proxy.url.scheme!r}.")
        super().__init__(
            ssl_context=ssl_context,
            proxy=proxy,
            max_connections=max_connections,
            max_keepalive_connections=max_keepalive_connections,
            keepalive_expiry=keepalive_expiry,
            http1=http1,
            http2=http2,
            retries=retries,
            local_address=local_address,
            uds=uds,
            network_backend=network_backend,
            socket_options=socket_options,
            replay=replay,
            tls_session_resumption=tls_session_resumption,
        )
        self._proxy_url = proxy.url
        self._proxy_headers: Any = proxy.headers
        self._proxy_ssl_context = proxy_ssl_context
