"""The way to a proxy: the inner connector's stream, with TLS on it where the proxy speaks TLS.

Rules that hold here:

* A connector of this package goes around another one, so the inner one is asked for the proxy as if that were the
  origin.
* TLS to a proxy is verified against the proxy's host. The request's `sni_hostname` is the origin's.
* The proxy is spoken to in HTTP/1.1 or SOCKS, so HTTP/2 is never offered to it.
"""

from __future__ import annotations

import logging
import ssl
from typing import Any, List, Mapping, Optional, Protocol, Sequence

from core_backends import AsyncNetworkStream, Origin
from core_backends.lowlevel import (
    Deadline,
    TLSResumption,
    TLSSessions,
    abandon,
    async_start_tls,
    async_tracer,
    host_text,
)

from .._connect import handshake_extensions

__all__ = ["AsyncConnector", "async_connect_to_proxy", "resumption_with"]

logger = logging.getLogger("httpcore.connection")


class AsyncConnector(Protocol):
    """Whatever finds a raw path to an origin."""

    async def connect(self, origin: Origin, extensions: Mapping[str, Any]) -> AsyncNetworkStream:
        """Return a stream to `origin` without TLS to it; raises `ConnectTimeout`, `ConnectError` or `ProxyError`."""
        ...


def resumption_with(
    sessions: Optional[TLSSessions],
    proxy: Origin,
    ssl_context: Optional[ssl.SSLContext],
    alpn_protocols: Optional[Sequence[str]],
) -> Optional[TLSResumption]:
    """Return what the next connection to `proxy` takes part in `sessions` with; None without those, or without TLS."""
    if sessions is None or ssl_context is None:
        return None
    return sessions.resumption(proxy, ssl_context, host_text(proxy.host), alpn_protocols)


async def async_connect_to_proxy(
    connector: AsyncConnector,
    proxy: Origin,
    ssl_context: Optional[ssl.SSLContext],
    alpn_protocols: Optional[Sequence[str]],
    extensions: Mapping[str, Any],
    deadline: Deadline,
    resumption: Optional[TLSResumption],
) -> AsyncNetworkStream:
    """Return a stream to `proxy`, with TLS where there is an `ssl_context`, before `deadline`."""
    stream = await connector.connect(proxy, handshake_extensions(extensions, deadline.remaining()))
    if ssl_context is None:
        return stream
    secured: List[AsyncNetworkStream] = []
    try:
        trace = async_tracer(logger, extensions)
        name, timeout = host_text(proxy.host), deadline.remaining()
        if trace is None:
            return await async_start_tls(stream, ssl_context, name, timeout, alpn_protocols, resumption)

        async def secure() -> AsyncNetworkStream:
            secured.append(await async_start_tls(stream, ssl_context, name, timeout, alpn_protocols, resumption))
            return secured[0]

        info = {"ssl_context": ssl_context, "server_hostname": name, "timeout": timeout}
        return await trace.call("start_tls", info, secure)
    except BaseException:
        # A hook that fails after the handshake leaves nobody to close what that has made.
        for layer in secured:
            abandon(layer)
        abandon(stream)
        raise
