"""Starting TLS with an ALPN offer, on our streams and on a user's own.

The contract's `start_tls` has no place for the offer. Our streams take it as an extra keyword and say so by an
attribute; for any other stream the offer has to stand in the context that it is given.
"""

from __future__ import annotations

import ssl
from typing import Any, Dict, Optional, Sequence

from ._abandon import abandon
from ._backend import AsyncNetworkStream, NetworkStream
from ._exceptions import ConnectError

__all__ = ["async_start_tls", "start_tls"]


def start_tls(
    stream: NetworkStream,
    ssl_context: ssl.SSLContext,
    server_hostname: Optional[str],
    timeout: Optional[float],
    alpn_protocols: Optional[Sequence[str]],
) -> NetworkStream:
    """Return `stream` with TLS on it, offering `alpn_protocols` (None: what the context offers).

    `ssl_context`, `server_hostname` and `timeout` (seconds, None: no limit) are those of `NetworkStream.start_tls`,
    and so are the exceptions.
    """
    arguments = _arguments(stream, ssl_context, server_hostname, timeout, alpn_protocols)
    try:
        return stream.start_tls(**arguments)
    except OSError as exc:
        # A user's own stream may raise what the system, or `ssl`, gave it.
        abandon(stream)
        raise ConnectError(f"TLS handshake with {server_hostname!r} failed: {exc!r}") from exc


async def async_start_tls(
    stream: AsyncNetworkStream,
    ssl_context: ssl.SSLContext,
    server_hostname: Optional[str],
    timeout: Optional[float],
    alpn_protocols: Optional[Sequence[str]],
) -> AsyncNetworkStream:
    """Return `stream` with TLS on it, offering `alpn_protocols` (None: what the context offers).

    `ssl_context`, `server_hostname` and `timeout` (seconds, None: no limit) are those of
    `AsyncNetworkStream.start_tls`, and so are the exceptions.
    """
    arguments = _arguments(stream, ssl_context, server_hostname, timeout, alpn_protocols)
    try:
        return await stream.start_tls(**arguments)
    except OSError as exc:
        abandon(stream)
        raise ConnectError(f"TLS handshake with {server_hostname!r} failed: {exc!r}") from exc


def _arguments(
    stream: Any,
    ssl_context: ssl.SSLContext,
    server_hostname: Optional[str],
    timeout: Optional[float],
    alpn_protocols: Optional[Sequence[str]],
) -> Any:
    arguments: Dict[str, Any] = {"ssl_context": ssl_context, "server_hostname": server_hostname, "timeout": timeout}
    if alpn_protocols is not None:
        if getattr(stream, "accepts_alpn_protocols", False):
            arguments["alpn_protocols"] = list(alpn_protocols)
        else:
            ssl_context.set_alpn_protocols(list(alpn_protocols))
    return arguments
