"""The two bodies of an exchange: what is sent, and what is received.

Rules that hold here:

* Both are plain iterators, without generators and cancel scopes, so that they can be left at any point and closed from
  anywhere.
* Bytes are not copied to be split: a chunk is a view that moves on.
* A response may begin before the request has ended. From then on its reader sends the rest, while it waits.
* An abandoned body takes no lock when it is finalised: it leaves a note for the next operation on its connection.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, AsyncIterable, AsyncIterator, Dict, List, Optional

from core_backends import ReadError, ReadTimeout, Request, WriteError
from core_backends.lowlevel import AsyncTracer, AsyncWholeBody, end_generator, phase_timeout, time_left

from .._errors import ErrorCodes
from .._streams import INBOX, WINDOW, Stream

if TYPE_CHECKING:
    from .http2 import AsyncHTTP2Connection

__all__ = ["AsyncResponseBody", "AsyncUpload"]

_NOTHING = memoryview(b"")


class AsyncUpload:
    """The body of a request on its way: `content` in memory, or else what `source` yields."""

    __slots__ = ("_iterator", "_source", "exhausted", "rest", "started")

    def __init__(self, source: Any, content: Optional[bytes]) -> None:
        self._source = source
        self._iterator: Optional[AsyncIterator[bytes]] = None
        self.rest = _NOTHING if content is None else memoryview(content).cast("B")
        self.exhausted = content is not None
        self.started = False  # Whether the caller's iterator has been asked for anything.

    async def advance(self) -> None:
        """Get the next chunk, where the last one has gone."""
        if self.exhausted or len(self.rest):
            return
        self.started = True
        if self._iterator is None:
            if not isinstance(self._source, AsyncIterable):
                raise RuntimeError(
                    f"The body of this request is a {type(self._source).__name__}, but an AsyncIterable is needed here."
                )
            self._iterator = self._source.__aiter__()
        try:
            chunk = await self._iterator.__anext__()
        except StopAsyncIteration:
            self.exhausted = True
        else:
            self.rest = memoryview(chunk).cast("B") if len(chunk) else _NOTHING

    def __del__(self) -> None:
        # However the exchange has ended, nobody asks for the rest.
        if not self.exhausted:
            end_generator(self._iterator)


class AsyncResponseBody(AsyncWholeBody):
    """The body of a response, as it arrives, and the end of its exchange.

    `upload` is what is left of the request, if that goes on. Trailers go into `extensions`, the response's, at the end.
    """

    __slots__ = (
        "__weakref__",
        "_begun",
        "_closed",
        "_connection",
        "_ended",
        "_extensions",
        "_owed",
        "_owed_limit",
        "_request",
        "_stream",
        "_trace",
        "_upload",
    )

    def __init__(
        self,
        connection: AsyncHTTP2Connection,
        request: Request,
        stream: Stream,
        upload: Optional[AsyncUpload],
        trace: Optional[AsyncTracer],
        extensions: Dict[str, Any],
    ) -> None:
        self._closed = False
        self._extensions = extensions
        self._connection = connection
        self._request = request
        self._stream = stream
        self._upload = upload
        self._trace = trace
        self._ended = False  # Whether all of it was read.
        self._begun = False  # Whether the event for the beginning has been given.
        self._owed = 0  # Consumed, and not yet told to the engine.
        self._owed_limit = max(1, stream.window.size // 8)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} [stream {self._stream.id}]>"

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        if self._closed:
            if self._ended:
                raise StopAsyncIteration
            raise ReadError("The response was closed before its body was read to the end.")
        try:
            if self._trace is not None and not self._begun:
                self._begun = True
                await self._trace.event("receive_response_body.started", self._info())
            content = await self._receive()
            if content:
                return content
        except Exception as exc:
            try:
                if self._trace is not None:
                    await self._trace.event("receive_response_body.failed", {"exception": exc})
            finally:
                await self.aclose()
            raise
        except BaseException:
            self._abandon()
            raise
        try:
            if self._trace is not None:
                await self._trace.event("receive_response_body.complete", {"return_value": None})
        finally:
            await self.aclose()
        raise StopAsyncIteration

    async def read_whole(self) -> bytes:
        """Return all of the body."""
        if self._closed or self._trace is not None:
            return b"".join([content async for content in self])
        parts: List[bytes] = []
        try:
            content = await self._receive()
            while content:
                parts.append(content)
                content = await self._receive()
        except Exception:
            await self.aclose()
            raise
        except BaseException:
            self._abandon()
            raise
        await self.aclose()
        return parts[0] if len(parts) == 1 else b"".join(parts)

    async def aclose(self) -> None:
        """Give the stream back. The server is told where it has more to send; whatever it sends is discarded."""
        if self._closed:
            return
        self._closed = True
        if self._trace is None:
            await self._connection._end_exchange(self._stream)
        else:
            await self._connection._end_traced(self._stream, self._trace)

    def __del__(self) -> None:
        if not self._closed:
            self._connection._leave_note(self._stream)

    def _abandon(self) -> None:
        if not self._closed:
            self._closed = True
            self._connection._abandon_exchange(self._stream)

    def _info(self) -> Dict[str, Any]:
        return {"request": self._request, "stream_id": self._stream.id}

    async def _receive(self) -> bytes:
        """Return what comes next, b"" at the end of the body."""
        stream = self._stream
        if "deadline" in self._request.extensions:
            # What others read for this stream might keep it from ever waiting.
            time_left(self._request.extensions, "read")
        while stream.remote_open or stream.inbox:
            if not stream.inbox:
                if self._upload is None:
                    timeout = phase_timeout(self._request.extensions, "read")
                    await self._connection._multiplexer.wait(stream, INBOX, timeout, ReadTimeout, self._trace)
                else:
                    await self._send_and_wait(self._upload)
            try:
                content = stream.inbox.popleft()
            except IndexError:
                continue  # It has ended, or another thread puts more to it just now, or has taken it.
            self._owed += len(content)
            if self._owed >= self._owed_limit:
                await self._give_back()
            return content if type(content) is bytes else bytes(content)
        if stream.failure is not None:
            raise stream.failure.exception()
        if self._closed:
            # By another task or thread: what has come may be a part of the body, and must not pass for all of it.
            raise ReadError("The response was closed while its body was being read.")
        if stream.trailers:
            self._extensions["trailing_headers"] = stream.trailers
        self._ended = True
        return b""

    async def _send_and_wait(self, upload: AsyncUpload) -> None:
        """Return when there is content, or none to come; meanwhile send what is left of the request."""
        multiplexer, stream = self._connection._multiplexer, self._stream
        while not stream.inbox and stream.remote_open:
            wants = INBOX
            if self._upload is not None and stream.local_open:
                try:
                    if await self._connection._send_some(stream, upload, self._request, INBOX):
                        continue
                    wants |= WINDOW
                except WriteError:
                    # The server takes no more; what it has sent is still to be read, and tells how that ended.
                    self._upload = None
            timeout = phase_timeout(self._request.extensions, "read")
            await multiplexer.wait(stream, wants, timeout, ReadTimeout, self._trace)

    async def _give_back(self) -> None:
        multiplexer, owed = self._connection._multiplexer, self._owed
        self._owed = 0
        with multiplexer.lock:
            due = multiplexer.engine.consumed(self._stream, owed)
        if due:
            await multiplexer.flush_if_possible(phase_timeout(self._request.extensions, "write"))


def end_code(stream: Stream) -> int:
    """Return why a stream is reset: because its response is there, or because nobody wants it (RFC 9113 § 8.1)."""
    return ErrorCodes.NO_ERROR if stream.head is not None and not stream.remote_open else ErrorCodes.CANCEL
