"""Starting TLS with an ALPN offer and a session to resume, on our streams and on a user's own.

The contract's `start_tls` has no place for either. Our streams take each as an extra keyword and say so by an
attribute, `accepts_alpn_protocols` and `accepts_tls_session`. For any other stream the offer has to stand in the
context that it is given, and no session is resumed. What a stream with `accepts_tls_session` makes of itself gives its
own session as `get_extra_info("tls_session")`.

The dot that ends an absolute name, and the zone that ends an IPv6 literal, are for the resolver alone: no certificate
has them, and they are not sent (RFC 6066 § 3, RFC 6874 § 4).
"""

from __future__ import annotations

import ssl
from typing import Any, Dict, Optional, Sequence

from ._abandon import abandon
from ._backend import AsyncNetworkStream, NetworkStream
from ._exceptions import ConnectError
from ._sessions import TLSResumption

__all__ = ["async_start_tls", "start_tls"]


def start_tls(
    stream: NetworkStream,
    ssl_context: ssl.SSLContext,
    server_hostname: Optional[str],
    timeout: Optional[float],
    alpn_protocols: Optional[Sequence[str]],
    resumption: Optional[TLSResumption] = None,
) -> NetworkStream:
    """Return `stream` with TLS on it, offering `alpn_protocols` (None: what the context offers).

    `ssl_context`, `server_hostname` and `timeout` (seconds, None: no limit) are those of `NetworkStream.start_tls`,
    and so are the exceptions. `resumption` has the session to resume, and is told of the stream whose session it may
    keep; None: neither.
    """
    resumption = _understood(stream, resumption)
    arguments = _arguments(stream, ssl_context, server_hostname, timeout, alpn_protocols, resumption)
    try:
        secured = stream.start_tls(**arguments)
        if resumption is not None:
            resumption.secured(secured)
        return secured
    except ConnectError:
        if resumption is not None:
            resumption.failed()
        raise
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
    resumption: Optional[TLSResumption] = None,
) -> AsyncNetworkStream:
    """Return `stream` with TLS on it, offering `alpn_protocols` (None: what the context offers).

    `ssl_context`, `server_hostname` and `timeout` (seconds, None: no limit) are those of
    `AsyncNetworkStream.start_tls`, and so are the exceptions. `resumption` has the session to resume, and is told of
    the stream whose session it may keep; None: neither.
    """
    resumption = _understood(stream, resumption)
    arguments = _arguments(stream, ssl_context, server_hostname, timeout, alpn_protocols, resumption)
    try:
        secured = await stream.start_tls(**arguments)
        if resumption is not None:
            resumption.secured(secured)
        return secured
    except ConnectError:
        if resumption is not None:
            resumption.failed()
        raise
    except OSError as exc:
        abandon(stream)
        raise ConnectError(f"TLS handshake with {server_hostname!r} failed: {exc!r}") from exc


def _understood(stream: Any, resumption: Optional[TLSResumption]) -> Optional[TLSResumption]:
    return resumption if getattr(stream, "accepts_tls_session", False) else None


def _arguments(
    stream: Any,
    ssl_context: ssl.SSLContext,
    server_hostname: Optional[str],
    timeout: Optional[float],
    alpn_protocols: Optional[Sequence[str]],
    resumption: Optional[TLSResumption],
) -> Any:
    if server_hostname is not None:
        if server_hostname.endswith("."):
            server_hostname = server_hostname[:-1]
        elif ":" in server_hostname:
            server_hostname = server_hostname.partition("%")[0]
    arguments: Dict[str, Any] = {"ssl_context": ssl_context, "server_hostname": server_hostname, "timeout": timeout}
    if alpn_protocols is not None:
        if getattr(stream, "accepts_alpn_protocols", False):
            arguments["alpn_protocols"] = list(alpn_protocols)
        else:
            ssl_context.set_alpn_protocols(list(alpn_protocols))
    session = None if resumption is None else resumption.offer()
    if session is not None:
        arguments["session"] = session
    return arguments
