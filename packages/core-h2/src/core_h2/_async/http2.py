"""An HTTP/2 connection to one origin: requests in, responses out (RFC 9113).

Rules that hold here:

* A request is refused before anything of it is sent, or it gets a stream; from then on every way out ends that stream,
  by a change of state that nothing can interrupt. Telling the server comes after.
* What the server has not processed is `ConnectionNotAvailable`, provided that the body can be sent again from its
  beginning; what it failed at is the caller's to know. So is what got lost on the way. Where nothing of a response has
  come on a connection that had served before, the exception's `closed_before_response` says so: this is what a server's
  closing it at the same moment looks like, and what may be repeated can be sent again elsewhere (RFC 9110 § 9.2.2).
* An idle connection is read before it is used again: a server's PING, SETTINGS, GOAWAY or end are taken first.
* The connection closes itself when it can take no more requests and the last response has been given back.
"""

from __future__ import annotations

import logging
import time
from collections import deque
from types import TracebackType
from typing import Any, Deque, Optional, Tuple, Type

from h2.config import H2Configuration

from core_backends import (
    AsyncConnectionInterface,
    AsyncNetworkStream,
    ConnectionNotAvailable,
    NetworkError,
    Origin,
    ReadTimeout,
    RemoteProtocolError,
    Request,
    Response,
    WriteError,
    WriteTimeout,
)
from core_backends.lowlevel import (
    AsyncTracer,
    async_tracer,
    host_header,
    in_memory_body,
    make_response,
    phase_timeout,
    time_left,
)

from .._engine import CONNECTION_WINDOW_SIZE, INITIAL_WINDOW_SIZE, MAX_HEADER_LIST_SIZE, Engine
from .._fields import ResponseHead
from .._streams import HEAD, WINDOW, Stream
from .body import AsyncResponseBody, AsyncUpload, end_code
from .multiplexer import AsyncMultiplexer

__all__ = ["AsyncHTTP2Connection"]

logger = logging.getLogger("httpcore.http2")

# What the scheme of a WebSocket's URL is over HTTP (RFC 8441 § 5).
_schemes = {b"ws": b"http", b"wss": b"https"}
# For telling a server that a stream is given up, where nobody else is there to do it.
_FAREWELL = 0.1


class AsyncHTTP2Connection(AsyncConnectionInterface):
    """A connection that serves many requests at a time, on a stream that is connected already.

    `origin`: where the stream leads to. `stream`: any `AsyncNetworkStream`. `keepalive_expiry`: seconds after which an
    idle connection has expired, None for never.

    `initial_window_size`: bytes that the server may send on one stream ahead of its reader.
    `connection_window_size`: bytes that it may have on the way altogether. `max_concurrent_streams`: a cap on requests
    at a time, None for what the server allows. `max_header_list_size`: bytes that a response's headers may have.
    `ping_interval`: seconds of silence after which the server is asked whether it is still there, on reuse and while
    somebody waits, None for never; `ping_timeout`: seconds that it has to answer.
    """

    READ_NUM_BYTES = 64 * 1024
    CONFIG = H2Configuration(client_side=True, header_encoding=None)

    def __init__(
        self,
        origin: Origin,
        stream: AsyncNetworkStream,
        keepalive_expiry: Optional[float] = None,
        *,
        initial_window_size: int = INITIAL_WINDOW_SIZE,
        connection_window_size: int = CONNECTION_WINDOW_SIZE,
        max_concurrent_streams: Optional[int] = None,
        max_header_list_size: int = MAX_HEADER_LIST_SIZE,
        ping_interval: Optional[float] = None,
        ping_timeout: float = 20.0,
    ) -> None:
        self._origin = origin
        self._scheme = _schemes.get(origin.scheme, origin.scheme)
        self._authority = host_header(origin.scheme, origin.host, origin.port)
        self._network_stream = stream
        self._keepalive_expiry = keepalive_expiry
        self._h2_state = Engine(
            self.CONFIG,
            initial_window_size=initial_window_size,
            connection_window_size=connection_window_size,
            max_concurrent_streams=max_concurrent_streams,
            max_header_list_size=max_header_list_size,
        )
        self._multiplexer = AsyncMultiplexer(
            stream,
            self._h2_state,
            read_size=self.READ_NUM_BYTES,
            ping_interval=ping_interval,
            ping_timeout=ping_timeout,
        )
        self._ping_interval = ping_interval
        self._exchanges = 0  # Requests whose response has not been given back.
        self._request_count = 0
        self._idle_since = time.monotonic()
        self._notes: Deque[Stream] = deque()

    # Requests.

    async def handle_async_request(self, request: Request) -> Response:
        """Send `request` as it is, and return the response when its headers have come.

        Raises `ConnectionNotAvailable` when there is no slot, or when the server did not process the request and it can
        be sent again elsewhere; otherwise the exceptions of the contract.
        """
        if not self._origin.covers(request.url):
            raise RuntimeError(f"Attempted to send request to {request.url.origin} on connection to {self._origin}")
        if self._request_count and not self._exchanges:
            await self._look_before_reuse()
        trace = async_tracer(logger, request.extensions)
        first = not self._h2_state.started
        stream, upload = self._open(request, trace)
        try:
            write_error = await self._send(request, stream, upload, first, trace)
            if trace is None:
                await self._receive_head(request, stream, upload, write_error, trace)
            else:
                info = {"request": request, "stream_id": stream.id}
                await trace.call(
                    "receive_response_headers", info, self._receive_head, request, stream, upload, write_error, trace
                )
        except Exception:
            if trace is None:
                await self._end_exchange(stream)
            else:
                await self._end_traced(stream, trace)
            raise
        except BaseException:
            self._abandon_exchange(stream)
            raise
        head = stream.head
        assert head is not None
        if not stream.local_open or head.status >= 300:
            # There is nothing more to send, or the server does not want it.
            upload = None
        extensions = {
            "http_version": b"HTTP/2",
            "network_stream": self._network_stream,
            "stream_id": stream.id,
        }
        body = AsyncResponseBody(self, request, stream, upload, trace, extensions)
        return make_response(head.status, list(head.headers), body, extensions)

    def _open(self, request: Request, trace: Optional[AsyncTracer]) -> Tuple[Stream, Optional[AsyncUpload]]:
        """Get a slot and put the request in line, its body included where it is at hand and small enough."""
        content = in_memory_body(request.stream)
        upload = None if content is not None and not len(content) else AsyncUpload(request.stream, content)
        size = 0 if upload is None else len(upload.rest) if upload.exhausted else None
        engine, multiplexer = self._h2_state, self._multiplexer
        if self._notes:
            self._heed_notes()
        with multiplexer.lock:
            if not engine.has_slot or not multiplexer.writable:
                raise ConnectionNotAvailable()
            if not engine.started:
                engine.start()
            stream = engine.open_stream(
                request.method,
                self._scheme,
                self._authority,
                request.url.target,
                request.headers,
                body_size=size,
            )
            self._exchanges += 1
            self._request_count += 1
            if upload is not None and upload.exhausted:
                upload.rest = upload.rest[engine.send_data(stream, upload.rest, True) :]
            if trace is None and not stream.local_open:
                multiplexer.rely(stream)
        return stream, upload

    async def _send(
        self,
        request: Request,
        stream: Stream,
        upload: Optional[AsyncUpload],
        first: bool,
        trace: Optional[AsyncTracer],
    ) -> Optional[Exception]:
        """Send the request until it ends, or until the server has answered. Returns why that failed, if it did.

        A server that does not want the rest may have said so: its answer is still to be read.
        """
        timeout = phase_timeout(request.extensions, "write")
        # What is complete in line is not answered before it has left.
        asking = None if upload is None else stream
        try:
            if trace is None:
                if stream.relying:
                    return None
                await self._multiplexer.flush_together(timeout, asking, HEAD)
                if upload is not None:
                    await self._send_body(request, stream, upload, trace)
                return None
            if first:
                await trace.call("send_connection_init", {"request": request}, self._multiplexer.flush, timeout)
            info = {"request": request, "stream_id": stream.id}
            await trace.call("send_request_headers", info, self._multiplexer.flush, timeout, asking, HEAD)
            await trace.call("send_request_body", info, self._send_body, request, stream, upload, trace)
        except (WriteError, WriteTimeout) as exc:
            return exc
        return None

    async def _send_body(
        self, request: Request, stream: Stream, upload: Optional[AsyncUpload], trace: Optional[AsyncTracer]
    ) -> None:
        while upload is not None and stream.local_open and stream.head is None:
            if not await self._send_some(stream, upload, request, HEAD):
                timeout = phase_timeout(request.extensions, "write")
                await self._multiplexer.wait(stream, HEAD | WINDOW, timeout, WriteTimeout, trace)

    async def _send_some(self, stream: Stream, upload: AsyncUpload, request: Request, wants: int) -> bool:
        """Send one batch of the body, unless what is wanted of `stream` comes; False when the window has no room."""
        multiplexer = self._multiplexer
        time_left(request.extensions, "write")
        if multiplexer.behind:
            # What is in line does not grow while the server takes nothing.
            await multiplexer.flush(phase_timeout(request.extensions, "write"), stream, wants)
            return True
        await upload.advance()
        if not len(upload.rest) and not upload.exhausted:
            # A caller may send nothing for a while, to find out whether there is an answer.
            await multiplexer.read_what_is_there()
            return True
        with multiplexer.lock:
            if not stream.local_open:
                return True
            sent = self._h2_state.send_data(stream, upload.rest, upload.exhausted)
            if not sent and len(upload.rest):
                return False
            upload.rest = upload.rest[sent:]
        await multiplexer.flush(phase_timeout(request.extensions, "write"), stream, wants)
        # Whether there is something to read is for the one who reads to ask: the question can take it off the network.
        await multiplexer.read_what_is_there()
        return True

    async def _receive_head(
        self,
        request: Request,
        stream: Stream,
        upload: Optional[AsyncUpload],
        write_error: Optional[Exception],
        trace: Optional[AsyncTracer],
    ) -> Tuple[int, Any]:
        multiplexer = self._multiplexer
        timeout = phase_timeout(request.extensions, "read")
        try:
            if stream.relying:
                try:
                    await multiplexer.wait_for_answer(stream, phase_timeout(request.extensions, "write"), timeout)
                except (WriteError, WriteTimeout) as exc:
                    write_error = exc
            if isinstance(write_error, WriteTimeout):
                timeout = 0.0
            await multiplexer.wait(stream, HEAD, timeout, ReadTimeout, trace)
        except ReadTimeout:
            write_error = write_error or multiplexer.why_unsent(stream)
            if write_error is None:
                raise
            raise write_error from None
        head: Optional[ResponseHead] = stream.head
        if head is None:
            raise self._why_it_failed(request, stream, upload, write_error or multiplexer.why_unsent(stream))
        # The list is shared with all responses like this one, and a hook may do what it likes.
        return head.status, head.headers if trace is None else list(head.headers)

    def _why_it_failed(
        self, request: Request, stream: Stream, upload: Optional[AsyncUpload], write_error: Optional[Exception]
    ) -> Exception:
        failure = stream.failure
        assert failure is not None
        reason = failure.exception()
        from_its_beginning = upload is None or not upload.started
        if failure.unprocessed and from_its_beginning:
            unavailable = ConnectionNotAvailable(str(reason))
            # A connection that ends like this has served others, and takes no more: trying again gets somewhere.
            goaway = self._h2_state.goaway
            unavailable.others_served = goaway is not None and 0 < goaway.last_stream_id < stream.id
            unavailable.__cause__ = reason
            return unavailable
        if write_error is not None and (failure.lost or isinstance(write_error, WriteTimeout)):
            reason = write_error
        if isinstance(reason, (NetworkError, RemoteProtocolError)):
            reason.closed_before_response = (
                failure.lost and stream.reused and not stream.informational and from_its_beginning
            )
        return reason

    # The end of an exchange.

    async def _end_exchange(self, stream: Stream) -> None:
        """Give a stream back, and tell the server where it does not know."""
        if self._multiplexer.is_inside():
            self._leave_note(stream)
            return
        untold = self._release(stream)
        if self._is_over():
            await self._multiplexer.aclose()
        elif untold:
            self._multiplexer.write_at_once()
            if not self._exchanges or self._multiplexer.reads_for(stream):
                # While others are served, they take it along, unless they wait for what the server says to it.
                await self._multiplexer.flush_if_possible(_FAREWELL)

    async def _end_traced(self, stream: Stream, trace: AsyncTracer) -> None:
        """End an exchange and tell of it; whatever becomes of the telling, it has ended."""
        try:
            await trace.call("response_closed", {"stream_id": stream.id}, self._end_exchange, stream)
        except BaseException:
            self._abandon_exchange(stream)
            raise

    def _abandon_exchange(self, stream: Stream) -> None:
        """The same where nothing can be awaited."""
        if self._multiplexer.is_inside():
            self._leave_note(stream)
            return
        untold = self._release(stream)
        if self._is_over():
            self._multiplexer.shut()
        elif untold:
            self._multiplexer.write_at_once()

    def _release(self, stream: Stream) -> bool:
        """Give a stream back, the first time; whether the server does not know that yet."""
        engine = self._h2_state
        with self._multiplexer.lock:
            if stream.given_back:
                return False
            stream.given_back = True
            untold = stream.id in engine.streams and engine.reset(stream, end_code(stream))
            if untold:
                self._multiplexer.call_off(stream)
            self._exchanges -= 1
            if not self._exchanges:
                self._idle_since = time.monotonic()
        return untold

    def _is_over(self) -> bool:
        """Whether the connection takes no more requests, and the last one has ended."""
        return not self._exchanges and not self._takes_requests()

    def _takes_requests(self) -> bool:
        # A server that allows no streams may allow some later (RFC 9113 § 6.5.2); another connection need not wait.
        return self._h2_state.usable and self._h2_state.slots.limit > 0 and self._multiplexer.writable

    def _leave_note(self, stream: Stream) -> None:
        self._notes.append(stream)

    def _heed_notes(self) -> None:
        """Give back the streams of bodies that were dropped without being closed."""
        while self._notes and not self._multiplexer.is_inside():
            try:
                stream = self._notes.popleft()
            except IndexError:
                return  # Another thread has taken it.
            self._abandon_exchange(stream)

    # Before reuse.

    async def _look_before_reuse(self) -> None:
        multiplexer = self._multiplexer
        came = await multiplexer.read_what_is_there()
        if not came:
            if self._ping_interval is None or time.monotonic() - self._idle_since <= self._ping_interval:
                return
            await multiplexer.probe()
        if self._is_over():
            await multiplexer.aclose()
            raise ConnectionNotAvailable("The server has ended the connection")

    # What a pool asks.

    def can_handle_request(self, origin: Origin) -> bool:
        """Whether requests to `origin` belong on this connection."""
        return origin == self._origin

    def is_available(self) -> bool:
        """Whether there is a slot for another request now."""
        if self._notes:
            self._heed_notes()
        return self._h2_state.has_slot and self._multiplexer.writable

    def has_expired(self) -> bool:
        """Whether the connection is idle, and too old or ended."""
        if not self.is_idle():
            return False
        if not self._takes_requests():
            return True
        return self._keepalive_expiry is not None and time.monotonic() - self._idle_since > self._keepalive_expiry

    def is_idle(self) -> bool:
        """Whether the connection is open and serves no request."""
        if self._notes:
            self._heed_notes()
        return not self._exchanges and not self.is_closed()

    def is_closed(self) -> bool:
        """Whether the connection is closed, for good."""
        return self._multiplexer.closed or self._h2_state.failure is not None

    @property
    def max_concurrent_requests(self) -> Optional[int]:
        """How many requests the connection serves at a time, as far as that is known; 0 when it takes no more."""
        return self._h2_state.slots.limit if self._takes_requests() else 0

    @property
    def _max_streams(self) -> int:
        return self._h2_state.slots.limit

    def info(self) -> str:
        """Return one line about the connection's state, for people."""
        return f"{str(self._origin)!r}, HTTP/2, {self._state()}, Request Count: {self._request_count}"

    def __repr__(self) -> str:
        return f"<{type(self).__name__} [{str(self._origin)!r}, {self._state()}, Request Count: {self._request_count}]>"

    def _state(self) -> str:
        if self.is_closed():
            return "CLOSED"
        return "ACTIVE" if self._exchanges else "IDLE"

    # The end of the connection.

    async def aclose(self) -> None:
        """Close the connection. Responses that are being read fail with `ReadError`."""
        await self._multiplexer.aclose()

    def abort(self) -> None:
        """Close the connection at once, without waiting for anyone."""
        with self._multiplexer.lock:
            self._h2_state.close()
        self._multiplexer.shut()

    async def __aenter__(self) -> AsyncHTTP2Connection:
        return self

    async def __aexit__(
        self,
        exc_type: Optional[Type[BaseException]] = None,
        exc_value: Optional[BaseException] = None,
        traceback: Optional[TracebackType] = None,
    ) -> None:
        await self.aclose()
