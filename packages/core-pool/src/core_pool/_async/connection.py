"""The slot of an HTTP connection: it connects on first use, secures, negotiates, and then delegates.

Rules that hold here:

* One attempt at a time: requests that arrive meanwhile wait for it, each within its own connect timeout, and share its
  result, success or failure. If the one that runs it is cancelled, the next one who waits begins another.
* What is shared is what the network said. What the hook or the backend of one request's own raised is not the others',
  nor is the end of its patience: whoever has time left begins another attempt, within what is left.
* An attempt has one budget, the connect timeout, for every byte of every handshake, whatever the route.
* Whatever ends an attempt early closes what it had opened.
* `_lock` is held to decide who runs the attempt, without I/O. Closing takes no lock, for finalisers close: it raises a
  mark and then looks for what there is to close; whoever runs an attempt puts it in place and then looks at the mark.
"""

from __future__ import annotations

import copy
import logging
import ssl
import threading
import time
from types import TracebackType
from typing import Any, Callable, Dict, Iterable, List, Mapping, Optional, Type, TypeVar

from core_backends import (
    SOCKET_OPTION,
    AsyncConnectionInterface,
    AsyncDirectConnector,
    AsyncNetworkBackend,
    AsyncNetworkStream,
    AutoBackend,
    ConnectError,
    ConnectionNotAvailable,
    ConnectTimeout,
    NetworkError,
    Origin,
    ProtocolError,
    ProxyError,
    Request,
    Response,
    TimeoutException,
    UnsupportedProtocol,
)
from core_backends.lowlevel import (
    AsyncEvent,
    AsyncInterrupt,
    Deadline,
    Interrupted,
    TLSResumption,
    TLSSessions,
    abandon,
    async_start_tls,
    async_tracer,
    is_secure,
    phase_timeout,
    shared_ssl_context,
)

from .._establish import alpn_offer, may_multiplex, pauses, protocol_of, server_name

__all__ = ["AsyncHTTPConnection"]

# Streams that are assumed to fit on a connection whose protocol is not known yet (RFC 9113 § 6.5.2 recommends no
# fewer).
ASSUMED_STREAMS = 100

Self = TypeVar("Self", bound="AsyncHTTPConnection")

logger = logging.getLogger("httpcore.connection")

# What an attempt may fail with that holds for everybody who waits for it.
SHARED_FAILURES = (NetworkError, ProtocolError, ProxyError, TimeoutException, UnsupportedProtocol)

ProtocolFactory = Callable[..., AsyncConnectionInterface]


class _Attempt:
    """One attempt at establishing the connection, and those who wait for it."""

    __slots__ = ("done", "error", "interrupt", "waiting")

    def __init__(self) -> None:
        self.done = AsyncEvent()
        self.interrupt = AsyncInterrupt()
        self.error: Optional[Exception] = None
        self.waiting = 0


class AsyncHTTPConnection(AsyncConnectionInterface):
    """A connection to `origin` that is established by its first request.

    `ssl_context` secures `https` and `wss` (None: the shared default context). `http1` and `http2` are the protocols
    allowed; with `http2` alone it is spoken by prior knowledge. `retries` is how often establishing is tried again,
    on `ConnectError` and `ConnectTimeout` only. `local_address`, `uds` (path of a unix socket), `network_backend` and
    `socket_options` say how to connect; `connector`, when given, replaces all four. `protocols` maps an ALPN id to
    the protocol's factory, called with `(origin, stream, keepalive_expiry)`; `keepalive_expiry` is in seconds, None
    for never. `tls_sessions` has what TLS can resume, and takes what this connection leaves (None: no TLS session is
    resumed).
    """

    # The logger, and so the prefix, of the events of TLS to the origin.
    tls_logger = logger

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
        protocols: Optional[Mapping[str, ProtocolFactory]] = None,
        tls_sessions: Optional[TLSSessions] = None,
    ) -> None:
        self._origin = origin
        self._ssl_context = ssl_context
        self._keepalive_expiry = keepalive_expiry
        self._http1 = http1
        self._http2 = http2
        self._retries = retries
        self._network_backend: AsyncNetworkBackend = AutoBackend() if network_backend is None else network_backend
        self._connector = connector or AsyncDirectConnector(
            self._network_backend, local_address=local_address, uds=uds, socket_options=socket_options
        )
        self._protocols: Dict[str, ProtocolFactory] = dict(protocols or {})
        self._secure = is_secure(origin.scheme)
        self._tls_sessions = tls_sessions
        self._resumption: Optional[TLSResumption] = None
        self._may_multiplex = may_multiplex(self._secure, http1, http2)
        self._lock = threading.Lock()
        self._connection: Optional[AsyncConnectionInterface] = None
        self._attempt: Optional[_Attempt] = None
        self._connect_failed = False
        self._closed = False

    async def handle_async_request(self, request: Request) -> Response:
        """Send `request`, establishing the connection first if need be, and return the response, its body unread.

        Raises `RuntimeError` for another origin, `ConnectionNotAvailable` when busy or closed, `ConnectError` and
        `ConnectTimeout` from establishing, `UnsupportedProtocol` where a protocol was agreed on that `protocols` does
        not have, and whatever the protocol raises.
        """
        if not self._origin.covers(request.url):
            raise RuntimeError(f"Attempted to send request to {request.url.origin} on connection to {self._origin}")
        connection = self._connection
        if connection is None:
            connection = await self._established(request)
            response = await connection.handle_async_request(request)
            # With the first response has come what the next connection can resume.
            if self._resumption is not None:
                self._resumption.keep()
            return response
        return await connection.handle_async_request(request)

    async def _established(self, request: Request) -> AsyncConnectionInterface:
        """Return the connection, establishing it or waiting for the one who does."""
        patience = Deadline(phase_timeout(request.extensions, "connect"))
        extensions: Mapping[str, Any] = request.extensions
        while True:
            with self._lock:
                if self._connection is not None:
                    return self._connection
                if self._closed or self._connect_failed:
                    raise ConnectionNotAvailable(f"The connection to {self._origin} is closed.")
                attempt, mine = self._attempt, False
                if attempt is None:
                    attempt, mine = _Attempt(), True
                    self._attempt = attempt
                else:
                    attempt.waiting += 1
            if mine:
                return await self._run(attempt, extensions)
            try:
                done = await attempt.done.wait(patience.remaining())
            finally:
                with self._lock:
                    attempt.waiting -= 1
            if attempt.error is not None:
                raise _another(attempt.error) from attempt.error
            if self._connection is None and (not done or patience.expired()):
                raise ConnectTimeout(f"Connecting to {self._origin} took too long.")
            extensions = _within(patience, request.extensions)

    async def _run(self, attempt: _Attempt, extensions: Mapping[str, Any]) -> AsyncConnectionInterface:
        try:
            if self._closed:
                attempt.interrupt.fire()
            connection = await attempt.interrupt.run(self._establish_with_retries, extensions)
            self._connection = connection
            if self._closed:
                abandon(connection)
                raise Interrupted
            return connection
        except Interrupted as exc:
            text = f"The connection to {self._origin} was closed while it was being established."
            self._failed(attempt, ConnectError(text))
            raise ConnectError(text) from exc
        except SHARED_FAILURES as exc:
            self._failed(attempt, exc, own_patience=_own_patience(exc, extensions))
            raise
        finally:
            with self._lock:
                if self._attempt is attempt:
                    self._attempt = None
            attempt.done.set()

    def _failed(self, attempt: _Attempt, failure: Exception, *, own_patience: bool = False) -> None:
        with self._lock:
            self._attempt = None
            if own_patience and attempt.waiting:
                return  # One who waits has time left, perhaps, and begins another attempt.
            self._connect_failed = True
            # An attempt that holds what ended it is held by that in turn, and the request with it: not for nobody.
            if attempt.waiting:
                attempt.error = failure

    async def _establish_with_retries(self, extensions: Mapping[str, Any]) -> AsyncConnectionInterface:
        waits = pauses(self._retries)
        while True:
            try:
                return await self._establish(extensions)
            except (ConnectError, ConnectTimeout):
                pause = next(waits, None)
                if pause is None or self._closed or _passes(extensions, pause):
                    raise
                trace = async_tracer(logger, extensions)
                if trace is None:
                    await self._network_backend.sleep(pause)
                else:
                    await trace.call("retry", {}, self._network_backend.sleep, pause)

    async def _establish(self, extensions: Mapping[str, Any]) -> AsyncConnectionInterface:
        if self._secure and self._ssl_context is None:
            # Made once, of all the system's roots: that takes a while, of which the peer knows nothing.
            shared_ssl_context(alpn_offer(self._http1, self._http2))
        budget = Deadline(phase_timeout(extensions, "connect"))
        stream: AsyncNetworkStream = await self._connector.connect(self._origin, extensions)
        try:
            ssl_object = None
            if self._secure:
                stream = await self._start_tls(stream, extensions, budget)
                ssl_object = stream.get_extra_info("ssl_object")
            protocol = protocol_of(ssl_object, self._http1, self._http2)
            factory = self._protocols.get(protocol)
            if factory is None:
                # Not a failure to connect: it would be the same at the next try.
                raise UnsupportedProtocol(
                    f"{self._origin} speaks {protocol!r}, for which this connection has no protocol."
                )
            return factory(origin=self._origin, stream=stream, keepalive_expiry=self._keepalive_expiry)
        except BaseException:
            abandon(stream)
            raise

    async def _start_tls(
        self, stream: AsyncNetworkStream, extensions: Mapping[str, Any], budget: Deadline
    ) -> AsyncNetworkStream:
        offer = alpn_offer(self._http1, self._http2)
        context = shared_ssl_context(offer) if self._ssl_context is None else self._ssl_context
        name = server_name(self._origin, extensions)
        timeout = budget.remaining()
        resumption: Optional[TLSResumption] = None
        if self._tls_sessions is not None:
            resumption = self._tls_sessions.resumption(self._origin, context, name, offer)
        self._resumption = resumption
        trace = async_tracer(self.tls_logger, extensions)
        if trace is None:
            return await async_start_tls(stream, context, name, timeout, offer, resumption)
        info = {"ssl_context": context, "server_hostname": name, "timeout": timeout}
        secured: List[AsyncNetworkStream] = []

        async def secure() -> AsyncNetworkStream:
            secured.append(await async_start_tls(stream, context, name, timeout, offer, resumption))
            return secured[0]

        try:
            return await trace.call("start_tls", info, secure)
        except BaseException:
            # A hook that fails after the handshake leaves nobody to close what that has made.
            for layer in secured:
                abandon(layer)
            raise

    async def aclose(self) -> None:
        """Close the connection; requests that wait for it to be established fail with `ConnectError`."""
        connection = self._close()
        if connection is None:
            return
        trace = async_tracer(logger, {})
        if trace is None:
            await connection.aclose()
        else:
            await trace.call("close", {}, connection.aclose)

    def abort(self) -> None:
        """Close the connection at once, without waiting for anyone."""
        connection = self._close()
        if connection is not None:
            abandon(connection)

    def _close(self) -> Optional[AsyncConnectionInterface]:
        self._closed = True
        attempt = self._attempt
        if attempt is not None:
            attempt.interrupt.fire()
        return self._connection

    async def __aenter__(self: Self) -> Self:
        return self

    async def __aexit__(
        self,
        exc_type: Optional[Type[BaseException]] = None,
        exc_value: Optional[BaseException] = None,
        traceback: Optional[TracebackType] = None,
    ) -> None:
        await self.aclose()

    # What the pool asks.

    def can_handle_request(self, origin: Origin) -> bool:
        """Whether `origin` is this connection's."""
        return origin == self._origin

    def is_available(self) -> bool:
        """Whether a request can be sent now, or can wait for this connection because it may turn out to multiplex."""
        connection = self._connection
        if connection is not None:
            return connection.is_available()
        return self._may_multiplex and not self._connect_failed and not self._closed

    def has_expired(self) -> bool:
        """Whether the connection must not be used again: idle for too long, closed by the server, or never
        established.
        """
        connection = self._connection
        return self._connect_failed if connection is None else connection.has_expired()

    def is_idle(self) -> bool:
        """Whether the connection is open and serves no request; one that failed to be established counts as idle
        too.
        """
        connection = self._connection
        return self._connect_failed if connection is None else connection.is_idle()

    def is_closed(self) -> bool:
        """Whether the connection is closed, or could not be established."""
        connection = self._connection
        return self._closed or self._connect_failed if connection is None else connection.is_closed()

    @property
    def max_concurrent_requests(self) -> Optional[int]:
        """How many requests fit on the connection; before it is established, how many may wait for it."""
        connection = self._connection
        if connection is None:
            return ASSUMED_STREAMS if self._may_multiplex else 1
        return getattr(connection, "max_concurrent_requests", None)

    @property
    def closed_before_response(self) -> bool:
        """Whether the last request failed because the connection ended before one byte of a response came."""
        return bool(getattr(self._connection, "closed_before_response", False))

    def info(self) -> str:
        """Return one line about the connection's state, for people."""
        connection = self._connection
        if connection is None:
            return "CONNECTION FAILED" if self._connect_failed else "CONNECTING"
        return connection.info()

    def __repr__(self) -> str:
        return f"<{type(self).__name__} [{self.info()}]>"


def _another(error: Exception) -> Exception:
    """Return an exception like `error` to raise elsewhere: a traceback belongs to one."""
    try:
        return copy.copy(error)
    except TypeError:  # A user's own class, whose constructor takes other arguments.
        return ConnectError(str(error))


def _own_patience(error: Exception, extensions: Mapping[str, Any]) -> bool:
    """Whether `error` may say no more than that the time of the request with these `extensions` was short."""
    return isinstance(error, ConnectTimeout) and phase_timeout(extensions, "connect") is not None


def _within(patience: Deadline, extensions: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return `extensions` with a deadline no later than `patience` ends."""
    remaining = patience.remaining()
    return extensions if remaining is None else {**extensions, "deadline": time.monotonic() + remaining}


def _passes(extensions: Mapping[str, Any], pause: float) -> bool:
    """Whether the request's deadline passes within the next `pause` seconds."""
    deadline = extensions.get("deadline")
    return deadline is not None and time.monotonic() + pause >= float(deadline)
