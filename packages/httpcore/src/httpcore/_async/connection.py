"""The connection to an origin, with the protocols that this distribution brings, and its variants on other routes."""

from __future__ import annotations

import logging
import ssl
from typing import Any, Iterable, Mapping, Optional

import core_pool
from core_backends import SOCKET_OPTION, AsyncNetworkBackend, Origin
from core_backends.lowlevel import TLSSessions

from .._protocols import async_known_protocols, check_protocols

__all__ = ["AsyncHTTPConnection", "AsyncSocks5Connection", "AsyncTunnelHTTPConnection"]


class AsyncHTTPConnection(core_pool.AsyncHTTPConnection):
    """A connection to `origin` that is established by its first request.

    `ssl_context` secures `https` and `wss` (None: the shared default context). `http1` and `http2` are the protocols
    allowed; with `http2` alone it is spoken by prior knowledge. `retries` is how often establishing is tried again,
    on `ConnectError` and `ConnectTimeout` only. `local_address`, `uds` (path of a unix socket), `network_backend` and
    `socket_options` say how to connect; `connector`, when given, replaces all four. `keepalive_expiry` is in seconds,
    None for never. `protocols` replaces the table of protocols. `tls_sessions` has what TLS can resume, and takes what
    this connection leaves (None: no TLS session is resumed). Raises `RuntimeError` for `http2` where that is not
    installed.
    """

    def __init__(
        self,
        origin: Origin,
        ssl_context: Optional[ssl.SSLContext] = None,
        keepalive_expiry: Optional[float] = None,
        http1: bool = True,
        http2: bool = False,
        retries: int = 0,
        local_address: Optional[str] = None,
        uds: Optional[str] = None,
        network_backend: Optional[AsyncNetworkBackend] = None,
        socket_options: Optional[Iterable[SOCKET_OPTION]] = None,
        *,
        connector: Any = None,
        protocols: Optional[Mapping[str, Any]] = None,
        tls_sessions: Optional[TLSSessions] = None,
    ) -> None:
        check_protocols(http1, http2)
        if protocols is None:
            protocols = async_known_protocols()
        super().__init__(
            origin,
            ssl_context,
            keepalive_expiry,
            http1,
            http2,
            retries,
            local_address,
            uds,
            network_backend,
            socket_options,
            connector=connector,
            protocols=protocols,
            tls_sessions=tls_sessions,
        )


class AsyncTunnelHTTPConnection(AsyncHTTPConnection):
    """A connection to an origin through a tunnel that an HTTP proxy has opened."""

    tls_logger = logging.getLogger("httpcore.proxy")


class AsyncSocks5Connection(AsyncHTTPConnection):
    """A connection to an origin through a SOCKS proxy."""

    tls_logger = logging.getLogger("httpcore.socks")
