"""The body of a response, read from the connection as it is iterated.

Rules that hold here:

* A body is a plain iterator: no generator, no cancel scope, nothing that has to be finalised in order.
* It ends once: at its end, on `aclose`, on a failure, or when it is dropped. At its end the connection is given back;
  in every other case it is closed, for the rest of the response is still on its way.
* The state of the connection changes before anything is awaited.
* Where the request has not ended yet, the end of the response is told once that has: closing before cuts it short.
* Where one thread begins to read as another closes, one of them has the exchange. Otherwise both would end it, and the
  second would end whatever the connection is used for by then. The right to begin is a list's item: it comes out once.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Dict, List, Optional

from core_backends import ReadError, Request
from core_backends.lowlevel import AsyncTracer, AsyncWholeBody

if TYPE_CHECKING:
    from .http11 import AsyncHTTP11Connection
    from .upload import AsyncUpload

__all__ = ["AsyncHTTP11Body", "AsyncHTTP11SwitchedBody"]

_UNREAD, _READING, _ENDED, _CLOSED = range(4)


class AsyncHTTP11Body(AsyncWholeBody):
    """The body of one response; iterating after an early `aclose`, or after a failure, raises `ReadError`."""

    __slots__ = ("_connection", "_extensions", "_phase", "_request", "_trace", "_unread", "_upload")

    def __init__(
        self,
        connection: AsyncHTTP11Connection,
        request: Request,
        extensions: Dict[str, Any],
        trace: Optional[AsyncTracer],
        upload: Optional[AsyncUpload],
    ) -> None:
        self._phase = _UNREAD
        self._unread = [True]
        self._connection = connection
        self._request = request
        self._extensions = extensions
        self._trace = trace
        self._upload = upload

    def __aiter__(self) -> AsyncHTTP11Body:
        return self

    async def __anext__(self) -> bytes:
        phase = self._phase
        if phase >= _ENDED:
            if phase == _ENDED:
                raise StopAsyncIteration
            raise ReadError("The response was closed before its body was read to the end.")
        if phase == _UNREAD and not self._begin():
            raise ReadError("The response was closed as its body was about to be read.")
        self._phase = _READING
        trace = self._trace
        connection = self._connection
        upload = self._upload
        try:
            if trace is not None and phase == _UNREAD:
                await trace.event("receive_response_body.started", {"request": self._request})
            data = await connection._receive_body(self._request.extensions, upload)
            if not data or ((upload is None or upload.over) and connection._codec.body_ended()):
                await self._end()
        except BaseException as exc:
            failed = self._phase == _READING
            if failed:
                self._phase = _CLOSED
                connection.abort()
            if upload is not None:
                upload.abandon()
            if failed and trace is not None and not isinstance(exc, GeneratorExit):
                await trace.event("receive_response_body.failed", {"exception": exc})
                await trace.call("response_closed", {}, connection._released)
            raise
        if not data:
            raise StopAsyncIteration
        return data

    async def read_whole(self) -> bytes:
        """Return all of the body."""
        if self._trace is not None or self._upload is not None:
            return b"".join([part async for part in self])
        parts: List[bytes] = []
        phase = self._phase
        if phase >= _ENDED:
            if phase == _ENDED:
                return b""
            raise ReadError("The response was closed before its body was read to the end.")
        if phase == _UNREAD and not self._begin():
            raise ReadError("The response was closed as its body was about to be read.")
        self._phase = _READING
        connection = self._connection
        extensions = self._request.extensions
        ended = connection._codec.body_ended
        try:
            while True:
                data = await connection._receive_body(extensions, None)
                parts.append(data)
                if not data or ended():
                    break
            self._phase = _ENDED
            if not connection._exchange_ended(self._extensions, self._upload):
                await connection._close_stream()
        except BaseException:
            if self._phase == _READING:
                self._phase = _CLOSED
                connection.abort()
            raise
        return data if len(parts) == 1 else b"".join(parts)

    def _begin(self) -> bool:
        """Whether the body was untouched until now: True once."""
        try:
            return self._unread.pop()
        except IndexError:
            return False

    async def _end(self) -> None:
        self._phase = _ENDED
        connection = self._connection
        kept = connection._exchange_ended(self._extensions, self._upload)
        trace = self._trace
        if trace is None:
            if not kept:
                await connection._close_stream()
            return
        try:
            await trace.event("receive_response_body.complete", {"return_value": None})
            await trace.call("response_closed", {}, connection._released if kept else connection._close_stream)
        except BaseException:
            if not kept:
                connection.abort()
            raise

    async def aclose(self) -> None:
        """Give the rest of the body up. Where nothing of it is left, the connection stays."""
        phase = self._phase
        if phase >= _ENDED:
            return
        connection = self._connection
        trace = self._trace
        if phase == _UNREAD and self._begin() and connection._codec.body_ended():
            if trace is not None:
                await trace.event("receive_response_body.started", {"request": self._request})
            await self._end()
            return
        self._phase = _CLOSED
        connection._life.close()
        upload = self._upload
        try:
            if trace is None:
                await connection._close_stream()
            else:
                await trace.call("response_closed", {}, connection._close_stream)
            if upload is not None:
                await upload.aclose()
        except BaseException:
            connection.abort()
            if upload is not None:
                upload.abandon()
            raise

    def __del__(self) -> None:
        if self._phase < _ENDED:
            self._phase = _CLOSED
            self._connection.abort()
            if self._upload is not None:
                self._upload.abandon()


class AsyncHTTP11SwitchedBody:
    """The empty body of a response that switched protocols: the stream lives on until this or the stream is closed."""

    __slots__ = ("_closed", "_connection", "_trace")

    def __init__(self, connection: AsyncHTTP11Connection, trace: Optional[AsyncTracer]) -> None:
        self._closed = False
        self._connection = connection
        self._trace = trace

    def __aiter__(self) -> AsyncHTTP11SwitchedBody:
        return self

    async def __anext__(self) -> bytes:
        raise StopAsyncIteration

    async def aclose(self) -> None:
        """Close the connection, and with it the stream of the new protocol."""
        if self._closed:
            return
        self._closed = True
        connection = self._connection
        connection._life.close()
        if self._trace is None:
            await connection._close_stream()
            return
        try:
            await self._trace.call("response_closed", {}, connection._close_stream)
        except BaseException:
            connection.abort()
            raise
