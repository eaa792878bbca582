"""An HTTP/1.1 connection on one stream: one request at a time, and again as long as both ends keep it (RFC 9112 § 9).

Rules that hold here:

* Whatever fails or is cancelled, the connection is CLOSED and its descriptor freed before anything is awaited.
* The head and a small body in memory are one write. Nothing is written before the head is known to be legal.
* A write that fails is not the end: the server may have answered early, and closed. Its answer is what counts.
* Where the stream can watch for it, an answer that refuses the request (300 or above) ends the sending at once, whether
  the server takes more or not (RFC 9112 § 9.5). A 2xx with a body is returned at once too, and whoever reads that sends
  the rest of the request meanwhile: the server may take no more before. Behind any other, the rest is sent first.
* A connection is reused only where the response ended exactly where the bytes did, and it stayed silent since.
"""

from __future__ import annotations

import logging
import time
from types import TracebackType
from typing import Any, Awaitable, Callable, Dict, List, Mapping, Optional, Type, Union

from core_backends import (
    AsyncConnectionInterface,
    AsyncNetworkStream,
    ConnectionNotAvailable,
    Origin,
    ReadError,
    ReadTimeout,
    RemoteProtocolError,
    Request,
    Response,
    WriteError,
    WriteTimeout,
)
from core_backends.lowlevel import (
    AsyncLeadingStream,
    AsyncTracer,
    abandon,
    async_tracer,
    in_memory_body,
    make_response,
    phase_timeout,
    time_left,
)

from .._choice import codec_factory
from .._codec import Buffer, Codec, Head
from .._lifecycle import Lifecycle, State
from .body import AsyncHTTP11Body, AsyncHTTP11SwitchedBody
from .upload import AsyncUpload

__all__ = ["AsyncHTTP11Connection"]

logger = logging.getLogger("httpcore.http11")

# So many 1xx responses may come before the final one; more are a peer that keeps us busy.
MAX_INFORMATIONAL = 100

# More than this is written with an eye on what arrives; less fits the buffers of any socket.
SMALL_WRITE = 16 * 1024

# While a body fills all that is asked for, so many times more is asked for: fewer calls, and memory is bounded still.
FULLER_READS = 4

# For so many seconds a look at the silent socket holds: the pool looks when it picks a connection, just before its use.
FRESH = 0.01


class AsyncHTTP11Connection(AsyncConnectionInterface):
    """A connection to `origin` over `stream`, expired after `keepalive_expiry` seconds of idleness (None: never).

    `codec` "h11" leaves every byte to h11, "fast" only what is out of the ordinary; None is the latter, or what the
    environment variable `HTTPCORE_H1_CODEC` says.

    `handle_async_request` raises `RuntimeError` for a request to another origin, `ConnectionNotAvailable` while busy,
    when closed, and where the server closed; `LocalProtocolError` for a request that HTTP/1.1 forbids,
    `RemoteProtocolError` for what the server got wrong, `TypeError` for a body that is not made of bytes, and what the
    stream raises. Where anything may have been written, the connection is closed then.
    """

    READ_NUM_BYTES = 64 * 1024
    MAX_INCOMPLETE_EVENT_SIZE = 100 * 1024

    def __init__(
        self,
        origin: Origin,
        stream: AsyncNetworkStream,
        keepalive_expiry: Optional[float] = None,
        *,
        codec: Optional[str] = None,
    ) -> None:
        self._origin = origin
        self._stream = stream
        self._life = Lifecycle(keepalive_expiry)
        self._codec: Codec = codec_factory(codec)(self.MAX_INCOMPLETE_EVENT_SIZE)
        self._head: Optional[Head] = None
        # All are set once: there is no exchange after one that failed, or whose request was not sent whole. A failure
        # is kept while it is judged only: its traceback holds the connection, and the request.
        self._write_failure: Any = None
        self._closed_before_response = False
        self._sent_whole = True
        self._write_watching: Optional[Callable[..., Awaitable[int]]] = getattr(
            stream, "write_some_unless_readable", None
        )
        # What has come while the request was being sent: the head of the final response, or why there is none.
        self._early: Union[Head, Exception, None] = None
        self._informational = 0
        self._looked_at = 0.0
        self._read_size = self.READ_NUM_BYTES

    async def handle_async_request(self, request: Request) -> Response:
        """Send `request` with exactly the headers it has and return the response, its body unread.

        Where a response begins before the request has ended, reading its body sends the rest.
        """
        if not self._origin.covers(request.url):
            raise RuntimeError(f"Attempted to send request to {request.url.origin} on connection to {self._origin}")
        body = in_memory_body(request.stream)
        if body is None and not hasattr(request.stream, "__aiter__"):
            raise TypeError(
                f"The content of this request must be bytes or an AsyncIterable of bytes, "
                f"but got {type(request.stream).__name__}."
            )
        self._take()
        trace = async_tracer(logger, request.extensions)
        upload: Optional[AsyncUpload] = None
        try:
            upload = await self._send(request, body, trace)
            if trace is None:
                head = await self._receive_head(request)
            else:
                head = await trace.call("receive_response_headers", {"request": request}, self._receive_head, request)
        except BaseException as exc:
            self.abort()
            self._write_failure = self._early = None
            if upload is not None:
                upload.abandon()
            if trace is not None and not isinstance(exc, GeneratorExit):
                await trace.call("response_closed", {}, self._released)
            raise
        self._write_failure = None
        return self._response(request, head, trace, upload)

    def _take(self) -> None:
        life = self._life
        if not life.take():
            raise ConnectionNotAvailable()
        # Looked at by its owner only: what another one is receiving right now would pass for a server's last words.
        if life.request_count > 1 and time.monotonic() - self._looked_at > FRESH:
            try:
                if self._is_readable():
                    raise ConnectionNotAvailable()
            except BaseException:
                self.abort()
                raise

    async def _send(
        self, request: Request, body: Optional[bytes], trace: Optional[AsyncTracer]
    ) -> Optional[AsyncUpload]:
        """Send the request, unless an answer ends that; return what is left for the reader of the answer to send."""
        extensions = request.extensions
        buffers: Optional[List[Buffer]] = None
        if body is not None and trace is None:
            buffers = self._codec.encode_request(request.method, request.url.target, request.headers, body)
            buffer: Any = buffers[0]
            if len(buffers) == 1 and len(buffer) <= SMALL_WRITE:
                # Nearly every request is one small write, which takes no more steps than this.
                try:
                    await self._stream.write(buffer, timeout=phase_timeout(extensions, "write"))
                except (WriteError, WriteTimeout, OSError) as exc:
                    self._failed_to_write(exc)
                return None
        source = request.stream if body is None else None
        upload = AsyncUpload(self._codec, self._write_watching, self._is_readable, source)
        try:
            if buffers is not None:
                upload.buffers = buffers
                await self._send_buffers(upload, extensions)
            elif trace is None:
                await self._send_head(request, body, upload)
                await self._send_body(upload, extensions)
            else:
                info = {"request": request}
                await trace.call("send_request_headers", info, self._send_head, request, body, upload)
                await trace.call("send_request_body", info, self._send_body, upload, extensions)
        except BaseException as exc:
            # The caller's own iterator may raise the same classes; only a failure of this stream is ours to judge.
            if exc is not self._write_failure:
                upload.abandon()
                raise
        if upload.held:
            return upload
        if not self._sent_whole:
            await upload.aclose()
        return None

    async def _send_head(self, request: Request, body: Optional[bytes], upload: AsyncUpload) -> None:
        buffers = self._codec.encode_request(request.method, request.url.target, request.headers, body)
        upload.buffers = buffers
        await self._send_buffers(upload, request.extensions, len(buffers) - 1)

    async def _send_body(self, upload: AsyncUpload, extensions: Mapping[str, Any]) -> None:
        await self._send_buffers(upload, extensions)
        watching = False
        while self._sent_whole and not upload.held and not upload.exhausted:
            await upload.advance()
            if watching and self._early is None and not upload.exhausted and self._is_readable():
                await self._listen(upload)
            # The first part follows the head at once: no answer is looked for before it.
            watching = self._write_watching is not None
            await self._send_buffers(upload, extensions)

    async def _send_buffers(self, upload: AsyncUpload, extensions: Mapping[str, Any], left: int = 0) -> None:
        """Send what is encoded, but for the last `left` buffers, unless an answer comes first that ends the sending."""
        try:
            while len(upload.buffers) > left and self._sent_whole and not upload.held:
                timeout = time_left(extensions, "write")
                if self._write_watching is None or self._early is not None:
                    await self._stream.write(upload.buffers[0], timeout=timeout)  # type: ignore[arg-type]
                    del upload.buffers[0]
                elif not await upload.send_some(timeout):
                    await self._listen(upload)
        except (WriteError, WriteTimeout, OSError) as exc:
            raise self._failed_to_write(exc)  # noqa: B904

    async def _listen(self, upload: AsyncUpload) -> None:
        """Take in what has come while the request is being sent."""
        try:
            self._codec.receive(await self._read(0, self.READ_NUM_BYTES))
            head = self._early = self._next_final_head()
            if head is None:
                return
            if head[1] < 300:
                # Nothing is left to be read behind one without a body; nor is there behind a switch of protocols.
                upload.held = not self._codec.body_ended()
                return
        except ReadTimeout:
            return  # It was not for us after all: a part of a record, or a false alarm.
        except (ReadError, RemoteProtocolError) as exc:
            self._early = exc
        self._sent_whole = False

    def _failed_to_write(self, exc: Exception) -> Exception:
        """Note why nothing more can be sent, and return it as one of the documented exceptions, to be raised."""
        self._sent_whole = False
        if not isinstance(exc, (WriteError, WriteTimeout)):
            # A user's own stream may raise what the system, or `ssl`, gave it; the same below.
            failure = WriteError(str(exc) or repr(exc))
            failure.__cause__ = exc
            exc = failure
        self._write_failure = exc
        return exc

    async def _receive_head(self, request: Request) -> Head:
        """Return the head of the final response, or of a 101.

        After a failed write that is an answer which the server gave without waiting for the rest; where there is none,
        the failure of the write is raised.
        """
        try:
            head = await self._final_head(request.extensions)
        except (ReadError, RemoteProtocolError) as exc:
            self._closed_before_response = not self._codec.heard and self._life.state is State.ACTIVE
            if self._write_failure is None:
                exc.closed_before_response = self._closed_before_response
                raise
            # Not by a name of its own: the failure's traceback holds this frame, which would hold the failure.
            self._write_failure.closed_before_response = self._closed_before_response
            raise self._write_failure from exc
        except ReadTimeout as exc:
            if self._write_failure is None:
                raise
            raise self._write_failure from exc
        if self._write_failure is not None and head[1] == 101:
            raise self._write_failure
        self._head = head
        return head

    async def _final_head(self, extensions: Mapping[str, Any]) -> Head:
        if isinstance(self._early, Exception):
            raise self._early
        early, self._early = self._early, None
        if early is not None:
            return early
        while True:
            head = self._next_final_head()
            if head is not None:
                return head
            timeout = phase_timeout(extensions, "read")
            if isinstance(self._write_failure, WriteTimeout):
                # A server that took nothing for this long need not be given more than that once again.
                limit = phase_timeout(extensions, "write")
                if timeout is None or (limit is not None and limit < timeout):
                    timeout = limit
            self._codec.receive(await self._read(timeout, self.READ_NUM_BYTES))

    def _next_final_head(self) -> Optional[Head]:
        """Return the head of the final response, or of a 101, where it has come. Those before it are passed over."""
        while True:
            head = self._codec.next_head()
            if head is None or head[1] >= 200 or head[1] == 101:
                return head
            self._informational += 1
            if self._informational > MAX_INFORMATIONAL:
                raise RemoteProtocolError(f"The server sent more than {MAX_INFORMATIONAL} informational responses.")

    async def _read(self, timeout: Optional[float], max_bytes: int) -> bytes:
        try:
            data = await self._stream.read(max_bytes, timeout=timeout)
        except OSError as exc:
            raise ReadError(str(exc) or repr(exc)) from exc
        # The end of the stream that we closed ourselves, from another task or thread, is not the server's.
        if self._life.state is State.CLOSED:
            raise ReadError("The connection was closed while a response was being read.")
        return data

    def _response(
        self, request: Request, head: Head, trace: Optional[AsyncTracer], upload: Optional[AsyncUpload]
    ) -> Response:
        version, status, reason, headers = head
        extensions: Dict[str, Any] = {
            "http_version": version,
            "reason_phrase": reason,
            "network_stream": self._stream,
        }
        if status == 101 or (request.method == b"CONNECT" and 200 <= status < 300):
            leading = self._codec.leftover()
            if leading:
                extensions["network_stream"] = AsyncLeadingStream(self._stream, leading)
            return make_response(status, headers, AsyncHTTP11SwitchedBody(self, trace), extensions)
        return make_response(status, headers, AsyncHTTP11Body(self, request, extensions, trace, upload), extensions)

    async def _receive_body(self, extensions: Mapping[str, Any], upload: Optional[AsyncUpload]) -> bytes:
        """Return the next piece of the body, b"" at its end; meanwhile send what is left of the request."""
        if self._life.state is State.CLOSED:
            raise ReadError("The connection was closed while a response was being read.")
        codec = self._codec
        while True:
            data = codec.next_body()
            if data is not None:
                if not data and upload is not None:
                    await upload.send_rest(extensions)
                return data
            if upload is not None:
                await upload.send_meanwhile(extensions)
            size = self._read_size
            data = await self._read(time_left(extensions, "read"), size)
            if len(data) == size:
                self._read_size = FULLER_READS * self.READ_NUM_BYTES
            codec.receive(data)

    def _exchange_ended(self, extensions: Dict[str, Any], upload: Optional[AsyncUpload]) -> bool:
        """Give the connection back to itself after a complete response; False where its stream must be closed."""
        codec = self._codec
        self._read_size = self.READ_NUM_BYTES
        self._informational = 0
        if codec.trailers:
            extensions["trailing_headers"] = codec.trailers
        head, self._head = self._head, None
        sent_whole = self._sent_whole and (upload is None or upload.whole)
        reusable = sent_whole and codec.next_cycle()
        return self._life.give_back(reusable, [] if head is None else head[3])

    def _is_readable(self) -> bool:
        try:
            return bool(self._stream.get_extra_info("is_readable"))
        except Exception as exc:
            # A stream of a user's own may fail to tell, on a socket that has been closed for one: a read says why.
            logger.debug("is_readable.failed exception=%r", exc)
            return True

    async def _close_stream(self) -> None:
        try:
            await self._stream.aclose()
        except Exception as exc:
            # The exchange is over either way: a stream of a user's own that fails to close changes nothing about it.
            logger.debug("close.failed exception=%r", exc)
            abandon(self._stream)
        except BaseException:
            abandon(self._stream)
            raise

    async def _released(self) -> None:
        """Nothing is left to do when `response_closed` is reported: the state was changed before."""

    async def aclose(self) -> None:
        """Close the connection; a body that is being read raises `ReadError`."""
        self._life.close()
        await self._close_stream()

    def abort(self) -> None:
        """Close the connection at once, without waiting for anyone."""
        self._life.close()
        abandon(self._stream)

    def can_handle_request(self, origin: Origin) -> bool:
        """Whether `origin` is this connection's."""
        return origin == self._origin

    def is_available(self) -> bool:
        """Whether the connection takes a request now: it is open and serves none."""
        return self._life.state is State.IDLE or self._life.state is State.NEW

    def has_expired(self) -> bool:
        """Whether the connection is idle and must not be used again.

        It idled for longer than it may, by `keepalive_expiry` or by the server's `Keep-Alive`, or there is something to
        read: the server closed it, or sent what nobody asked for.
        """
        life = self._life
        if life.state is not State.IDLE:
            return False
        if life.expired() or self._is_readable():
            return True
        self._looked_at = time.monotonic()
        return False

    def is_idle(self) -> bool:
        """Whether the connection has served a request and waits for the next."""
        return self._life.state is State.IDLE

    def is_closed(self) -> bool:
        """Whether the connection is closed, for good."""
        return self._life.state is State.CLOSED

    @property
    def max_concurrent_requests(self) -> Optional[int]:
        """One: HTTP/1.1 answers in order."""
        return 1

    @property
    def closed_before_response(self) -> bool:
        """Whether the last request failed because the stream ended or broke before one byte of a response came.

        On a connection that was reused this is what a server's closing it at the same moment looks like, and a request
        that may be repeated can be sent again on another one (RFC 9110 § 9.2.2). Never True after a timeout, a
        cancellation, or a close on this side.
        """
        return self._closed_before_response

    def info(self) -> str:
        """Return one line about the connection's state, for people."""
        return f"{str(self._origin)!r}, HTTP/1.1, {self._life.state.value}, Request Count: {self._life.request_count}"

    def __repr__(self) -> str:
        return (
            f"<{type(self).__name__} [{str(self._origin)!r}, {self._life.state.value}, "
            f"Request Count: {self._life.request_count}]>"
        )

    async def __aenter__(self) -> AsyncHTTP11Connection:
        return self

    async def __aexit__(
        self,
        exc_type: Optional[Type[BaseException]] = None,
        exc_value: Optional[BaseException] = None,
        traceback: Optional[TracebackType] = None,
    ) -> None:
        await self.aclose()
