"""Peers that follow a script, and just enough HTTP/1.1 to send CONNECT on: core-proxy has no HTTP of its own."""

from __future__ import annotations

import ssl
from typing import Any, Awaitable, Callable, ClassVar, Dict, List, Mapping, Optional, Sequence, Tuple, Union

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
)
from core_backends.lowlevel import AsyncLeadingStream, abandon, make_response, phase_timeout

__all__ = ["AsyncScriptedConnector", "AsyncScriptedStream", "AsyncTinyConnection"]


async def go_on() -> None:
    """Never suspend."""


class AsyncScriptedStream(AsyncNetworkStream):
    """Reads `script` item by item, at most `max_bytes` of one at a time; an exception in it is raised.

    At the end of the script the peer has hung up, or is silent: then a read times out, and one without a timeout, which
    would wait for ever, fails the test. With `greedy` a read returns an item whole, as streams of users may. `suspend`
    is awaited before every operation, and its second run is where time passes in tests that have a clock.
    """

    accepts_alpn_protocols = True

    def __init__(
        self, script: Sequence[Union[bytes, Exception]] = (), silent: bool = False, greedy: bool = False
    ) -> None:
        self.script: List[Union[bytes, Exception]] = list(script)
        self.silent = silent
        self.greedy = greedy
        self.written = bytearray()
        self.closed = False
        self.timeouts: List[Optional[float]] = []
        self.tls: List[Dict[str, Any]] = []
        self.tls_error: Optional[Exception] = None
        self.write_error: Optional[Exception] = None
        self.suspend: Callable[[], Awaitable[None]] = go_on

    async def read(self, max_bytes: int, timeout: Optional[float] = None) -> bytes:
        await self._begin(timeout)
        if self.closed:
            raise ReadError("closed")
        if not self.script:
            if not self.silent:
                return b""
            assert timeout is not None, "this read would wait for ever"
            raise ReadTimeout("silent")
        item = self.script.pop(0)
        if isinstance(item, Exception):
            raise item
        if not self.greedy and len(item) > max_bytes:
            self.script.insert(0, item[max_bytes:])
            item = item[:max_bytes]
        return item

    async def write(self, buffer: bytes, timeout: Optional[float] = None) -> None:
        await self._begin(timeout)
        if self.closed:
            raise WriteError("closed")
        if self.write_error is not None:
            raise self.write_error
        self.written += buffer

    async def aclose(self) -> None:
        self.closed = True

    def abort(self) -> None:
        self.closed = True

    async def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: Optional[str] = None,
        timeout: Optional[float] = None,
        alpn_protocols: Optional[Sequence[str]] = None,
    ) -> AsyncNetworkStream:
        await self._begin(timeout)
        self.tls.append({"context": ssl_context, "name": server_hostname, "alpn": alpn_protocols})
        if self.tls_error is not None:
            raise self.tls_error
        return self

    def get_extra_info(self, info: str) -> Any:
        return f"the {info} below"

    async def _begin(self, timeout: Optional[float]) -> None:
        self.timeouts.append(timeout)
        await self.suspend()


class AsyncScriptedConnector:
    """Gives out `streams` in order; an exception among them is raised. Keeps what it was asked."""

    def __init__(self, *streams: Union[AsyncScriptedStream, Exception]) -> None:
        self.streams = list(streams)
        self.origins: List[Origin] = []
        self.extensions: List[Mapping[str, Any]] = []

    async def connect(self, origin: Origin, extensions: Mapping[str, Any]) -> AsyncNetworkStream:
        self.origins.append(origin)
        self.extensions.append(extensions)
        stream = self.streams.pop(0)
        if isinstance(stream, Exception):
            raise stream
        stream.timeouts.append(phase_timeout(extensions, "connect"))
        await stream.suspend()
        return stream


class AsyncTinyConnection(AsyncConnectionInterface):
    """HTTP/1.1 for bodies with a Content-Length or to the end of the stream; every one made stands in `made`."""

    made: ClassVar[List[AsyncTinyConnection]] = []

    def __init__(self, origin: Origin, stream: AsyncNetworkStream) -> None:
        self.origin = origin
        self.network = stream
        self.buffer = b""
        self.busy = False
        self.closed = False
        self.requests: List[Request] = []
        self.made.append(self)

    async def handle_async_request(self, request: Request) -> Response:
        if not self.is_available():
            raise ConnectionNotAvailable()
        assert request.url.origin == self.origin
        self.busy = True
        self.requests.append(request)
        try:
            lines = [request.method + b" " + request.url.target + b" HTTP/1.1"]
            lines += [name + b": " + value for name, value in request.headers]
            write_timeout = phase_timeout(request.extensions, "write")
            await self.network.write(b"\r\n".join(lines) + b"\r\n\r\n", timeout=write_timeout)
            while b"\r\n\r\n" not in self.buffer:
                await self._read_more(request, RemoteProtocolError("Server disconnected without sending a response."))
        except BaseException:
            self.abort()
            raise
        head, _, self.buffer = self.buffer.partition(b"\r\n\r\n")
        return self._response(request, head.split(b"\r\n"))

    async def _read_more(self, request: Request, at_end: Exception) -> None:
        data = await self.network.read(4096, timeout=phase_timeout(request.extensions, "read"))
        if not data:
            raise at_end
        self.buffer += data
        if not self.buffer.startswith(b"HTTP/1."[: len(self.buffer)]):
            raise RemoteProtocolError("not HTTP")

    def _response(self, request: Request, lines: List[bytes]) -> Response:
        version, status, reason = (lines[0] + b" ").split(b" ", 2)
        headers: List[Tuple[bytes, bytes]] = []
        for line in lines[1:]:
            name, _, value = line.partition(b":")
            headers.append((name, value.strip()))
        extensions: Dict[str, Any] = {
            "http_version": version,
            "reason_phrase": reason.strip(),
            "network_stream": self.network,
        }
        if 200 <= int(status) < 300:
            if self.buffer:
                extensions["network_stream"] = AsyncLeadingStream(self.network, self.buffer)
            return make_response(int(status), headers, AsyncTinyBody(self, request, 0, False), extensions)
        fields = {name.lower(): value for name, value in headers}
        length = int(fields[b"content-length"]) if b"content-length" in fields else None
        close = fields.get(b"connection") == b"close" or length is None
        return make_response(int(status), headers, AsyncTinyBody(self, request, length, close), extensions)

    def can_handle_request(self, origin: Origin) -> bool:
        return origin == self.origin

    def is_available(self) -> bool:
        return not self.busy and not self.closed

    def is_closed(self) -> bool:
        return self.closed

    def is_idle(self) -> bool:
        return self.is_available()

    def has_expired(self) -> bool:
        return False

    def info(self) -> str:
        return f"'{self.origin}', HTTP/1.1, {'CLOSED' if self.closed else 'IDLE'}, Request Count: {len(self.requests)}"

    async def aclose(self) -> None:
        self.closed = True
        await self.network.aclose()

    def abort(self) -> None:
        self.closed = True
        abandon(self.network)


class AsyncTinyBody:
    """A body of `length` bytes, or to the end of the stream."""

    def __init__(self, connection: AsyncTinyConnection, request: Request, length: Optional[int], close: bool) -> None:
        self.connection = connection
        self.request = request
        self.left = length
        self.close_after = close

    def __aiter__(self) -> AsyncTinyBody:
        return self

    async def __anext__(self) -> bytes:
        connection = self.connection
        if self.left == 0:
            raise StopAsyncIteration
        if not connection.buffer:
            try:
                data = await connection.network.read(4096, timeout=phase_timeout(self.request.extensions, "read"))
            except BaseException:
                connection.abort()
                raise
            if not data:
                connection.abort()
                if self.left is not None:
                    raise RemoteProtocolError("truncated")
                raise StopAsyncIteration
            connection.buffer = data
        end = len(connection.buffer) if self.left is None else self.left
        part, connection.buffer = connection.buffer[:end], connection.buffer[end:]
        if self.left is not None:
            self.left -= len(part)
        return part

    async def aclose(self) -> None:
        if self.left == 0 and not self.close_after:
            self.connection.busy = False
        else:
            await self.connection.aclose()
