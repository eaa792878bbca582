"""The CONNECT connector: a raw path to an origin that an HTTP proxy opens (RFC 9110 § 9.3.6).

CONNECT is an ordinary request on a connection to the proxy, which `connection_factory` makes; of its response only the
raw stream goes on, so nothing that the proxy says can pass for the origin's answer.

Rules that hold here:

* One deadline, the connect timeout, covers the way to the proxy, TLS to it, and every byte of every CONNECT.
* Whatever ends that early, cancellation included, closes connection and stream at once.
* A challenge is answered on the connection that it came on; where the proxy has closed that, on a new one.
* The proxy's headers go to this proxy and to nobody else.
"""

from __future__ import annotations

import ssl
from typing import Any, Awaitable, Callable, Iterable, List, Mapping, Optional, Tuple

from core_backends import (
    AsyncConnectionInterface,
    AsyncDirectConnector,
    AsyncNetworkStream,
    ConnectError,
    NetworkError,
    Origin,
    ProtocolError,
    RemoteProtocolError,
    Request,
    Response,
    TimeoutException,
    UnsupportedProtocol,
)
from core_backends.lowlevel import (
    Deadline,
    HeaderTypes,
    TLSResumption,
    TLSSessions,
    abandon,
    is_secure,
    phase_timeout,
    shared_ssl_context,
)

from .._connect import (
    MAX_REFUSAL_BYTES,
    MAX_ROUNDS,
    REFUSAL_SECONDS,
    challenge_answer,
    connect_request,
    handshake_extensions,
    merged_headers,
    refusal,
    refused_response,
)
from .._errors import handshake_errors, hung_up
from .._guards import checked_headers, checked_host, show
from .handshake import AsyncHandshakeStream
from .hop import AsyncConnector, async_connect_to_proxy, resumption_with

__all__ = ["AsyncTunnelConnector"]


class AsyncTunnelConnector:
    """Connects to origins through an `http` or `https` proxy's CONNECT.

    `proxy_origin` is where the proxy is. `connection_factory(origin, stream)` makes the HTTP/1.1 connection that
    CONNECT is sent on. `headers` go to the proxy with it, `Proxy-Authorization` among them. `connector` finds the way
    to the proxy: None is a direct TCP connection, another proxy's connector makes a chain. `proxy_ssl_context` is for
    an `https` proxy; None is the default context. `on_challenge(request, response)` is called with the CONNECT and
    with the proxy's answer when that is a 407, and returns the headers to ask again with (in place of those of the
    same name), or None to give up. `tls_sessions` has what TLS to the proxy can resume, and takes what it leaves (None:
    no TLS session is resumed).

    Raises `UnsupportedProtocol` for another scheme, `RuntimeError` for an SSL context with an `http` proxy, and
    `LocalProtocolError` for headers that are none.
    """

    def __init__(
        self,
        proxy_origin: Origin,
        connection_factory: Callable[[Origin, AsyncNetworkStream], AsyncConnectionInterface],
        *,
        connector: Optional[AsyncConnector] = None,
        headers: Iterable[Tuple[bytes, bytes]] = (),
        proxy_ssl_context: Optional[ssl.SSLContext] = None,
        on_challenge: Optional[Callable[[Request, Response], Awaitable[HeaderTypes]]] = None,
        tls_sessions: Optional[TLSSessions] = None,
    ) -> None:
        scheme = proxy_origin.scheme
        if scheme not in (b"http", b"https"):
            raise UnsupportedProtocol(f"An HTTP proxy's URL starts with http or https, not with {scheme!r}.")
        checked_host(proxy_origin)
        self._ssl_context = proxy_ssl_context
        if is_secure(scheme):
            if proxy_ssl_context is None:
                self._ssl_context = shared_ssl_context(("http/1.1",))
        elif proxy_ssl_context is not None:
            raise RuntimeError("The `proxy_ssl_context` argument is not allowed for the http scheme")
        self._headers: List[Tuple[bytes, bytes]] = list(headers)
        checked_headers(self._headers)
        self._proxy = proxy_origin
        self._connection_factory = connection_factory
        self._connector: AsyncConnector = AsyncDirectConnector() if connector is None else connector
        self._on_challenge = on_challenge
        self._tls_sessions = tls_sessions

    def __repr__(self) -> str:
        return f"<{type(self).__name__} [{self._proxy.scheme.decode('ascii')}://{show(self._proxy)}]>"

    async def connect(self, origin: Origin, extensions: Mapping[str, Any]) -> AsyncNetworkStream:
        """Return a stream to `origin`, through the proxy, within the connect timeout.

        Raises `ProxyError`, with the proxy's answer as `response`, when the proxy refuses, `ConnectTimeout` when it
        is too slow, and `ConnectError` when it cannot be reached or hangs up.
        """
        deadline = Deadline(phase_timeout(extensions, "connect"))
        headers = self._headers
        request = connect_request(self._proxy, origin, headers, handshake_extensions(extensions, deadline.remaining()))
        rounds = 1
        line: Optional[_AsyncProxyLine] = None
        try:
            while True:
                kept = line is not None and line.is_usable()
                if line is None or not kept:
                    if line is not None:
                        line.abandon()
                    line = await self._dial(extensions, deadline)
                try:
                    response = await line.ask(request)
                except ConnectError:
                    # Hanging up after a challenge without having said so is what old proxies do.
                    if not kept or rounds >= MAX_ROUNDS:
                        raise
                    rounds += 1
                    continue
                if 200 <= response.status < 300:
                    return line.tunnel(response)
                refused = await line.refused(response)
                if refused.status != 407 or self._on_challenge is None or rounds >= MAX_ROUNDS:
                    raise refusal(refused)
                answer = challenge_answer(await self._on_challenge(request, refused))
                if answer is None:
                    raise refusal(refused)
                rounds += 1
                headers = merged_headers(headers, answer)
                inner = handshake_extensions(extensions, deadline.remaining())
                request = connect_request(self._proxy, origin, headers, inner)
        except BaseException:
            if line is not None:
                line.abandon()
            raise

    async def _dial(self, extensions: Mapping[str, Any], deadline: Deadline) -> _AsyncProxyLine:
        offer = ("http/1.1",)
        resumption = resumption_with(self._tls_sessions, self._proxy, self._ssl_context, offer)
        raw = await async_connect_to_proxy(
            self._connector, self._proxy, self._ssl_context, offer, extensions, deadline, resumption
        )
        try:
            stream = AsyncHandshakeStream(raw, deadline)
            return _AsyncProxyLine(self._proxy, stream, self._connection_factory(self._proxy, stream), resumption)
        except BaseException:
            abandon(raw)
            raise


class _AsyncProxyLine:
    """A connection to the proxy, and the stream below it."""

    def __init__(
        self,
        proxy: Origin,
        stream: AsyncHandshakeStream,
        connection: AsyncConnectionInterface,
        resumption: Optional[TLSResumption],
    ) -> None:
        self._proxy = proxy
        self._stream = stream
        self._connection = connection
        self._resumption = resumption

    def is_usable(self) -> bool:
        return self._connection.is_available() and not self._connection.has_expired()

    def abandon(self) -> None:
        abandon(self._connection)
        abandon(self._stream)

    async def ask(self, request: Request) -> Response:
        with handshake_errors("CONNECT", self._proxy):
            try:
                response = await self._connection.handle_async_request(request)
            except RemoteProtocolError as exc:
                if self._stream.ended:
                    raise hung_up("CONNECT", self._proxy) from exc
                raise
        if self._resumption is not None:
            self._resumption.keep()
        return response

    def tunnel(self, response: Response) -> AsyncNetworkStream:
        stream: Optional[AsyncNetworkStream] = response.extensions.get("network_stream")
        if stream is None:
            raise RuntimeError("The connection of `connection_factory` gave no network stream for a 2xx to CONNECT.")
        # From here on the caller's timeouts hold, and where nothing came early the stream below will do.
        self._stream.deadline = Deadline(None)
        return self._stream.stream if stream is self._stream else stream

    async def refused(self, response: Response) -> Response:
        """Return the refusal with what came of its body; the connection is usable if all of it came."""
        overall = self._stream.deadline
        remaining = overall.remaining()
        self._stream.deadline = Deadline(REFUSAL_SECONDS if remaining is None else min(remaining, REFUSAL_SECONDS))
        body = bytearray()
        try:
            async for part in response.aiter_stream():
                body += part
                if len(body) > MAX_REFUSAL_BYTES:
                    break
            await response.aclose()
        except (TimeoutException, NetworkError, ProtocolError):
            # The refusal stands without its explanation, and the connection is of no more use.
            abandon(self._connection)
        self._stream.deadline = overall
        return refused_response(response, bytes(body[:MAX_REFUSAL_BYTES]))
