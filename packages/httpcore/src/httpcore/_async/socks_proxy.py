"""The pool that goes through a SOCKS proxy, with the signature of httpcore 1.0.9: a `Proxy` and a pool in one."""

from __future__ import annotations

import ssl
from typing import Optional, Tuple, Union

from core_backends import URL, AsyncNetworkBackend

from .._proxy_arguments import proxy_of
from .connection import AsyncSocks5Connection
from .connection_pool import AsyncConnectionPool

__all__ = ["AsyncSOCKSProxy", "AsyncSocks5Connection"]


class AsyncSOCKSProxy(AsyncConnectionPool):
    """A pool whose requests go through the SOCKS proxy at `proxy_url`.

    `proxy_auth` is a user name and a password of at most 255 bytes each; the rest is as for `AsyncConnectionPool`,
    which takes all options, and TLS to the proxy, with `proxy=Proxy(…)`.
    """

    def __init__(
        self,
        proxy_url: Union[URL, bytes, str],
        proxy_auth: Optional[Tuple[Union[bytes, str], Union[bytes, str]]] = None,
        ssl_context: Optional[ssl.SSLContext] = None,
        max_connections: Optional[int] = 10,
        max_keepalive_connections: Optional[int] = None,
        keepalive_expiry: Optional[float] = None,
        http1: bool = True,
        http2: bool = False,
        retries: int = 0,
        network_backend: Optional[AsyncNetworkBackend] = None,
        *,
        replay: bool = True,
        tls_session_resumption: bool = False,
    ) -> None:
        proxy = proxy_of(proxy_url, proxy_auth)
        scheme = proxy.url.scheme
        if not scheme.startswith(b"socks"):
            raise ValueError(
                f"A SOCKS proxy's URL must start with socks5, socks5h, socks4 or socks4a, not with {scheme!r}."
            )
        super().__init__(
            ssl_context=ssl_context,
            proxy=proxy,
            max_connections=max_connections,
            max_keepalive_connections=max_keepalive_connections,
            keepalive_expiry=keepalive_expiry,
            http1=http1,
            http2=http2,
            retries=retries,
            network_backend=network_backend,
            replay=replay,
            tls_session_resumption=tls_session_resumption,
        )
        self._proxy_url = proxy.url
        self._proxy_auth = proxy.auth
