"""A stream that follows a script, and a connection on one."""

from __future__ import annotations

import ssl
from typing import Any, List, Optional, Sequence, Tuple, Union

from core_backends import AsyncNetworkStream, Origin, ReadError, ReadTimeout, WriteError, WriteTimeout
from core_h1 import AsyncHTTP11Connection

ORIGIN = Origin(b"https", b"example.com", 443)
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"

Step = Union[bytes, Exception]


class AsyncScriptedStream(AsyncNetworkStream):
    """Reads return or raise one step of `reads` each, then b""; writes are recorded, or raise a step of `writes`."""

    accepts_alpn_protocols = True

    def __init__(self, reads: Sequence[Step] = (), writes: Sequence[Optional[Exception]] = ()) -> None:
        self.reads = list(reads)
        self.write_steps = list(writes)
        self.written: List[bytes] = []
        self.timeouts: List[Tuple[str, Optional[float]]] = []
        self.closed = 0
        self.aborted = 0
        self.readable = False
        self.most_asked = 0
        self.tls: Any = None

    @property
    def is_open(self) -> bool:
        return not self.closed and not self.aborted

    async def read(self, max_bytes: int, timeout: Optional[float] = None) -> bytes:
        self.timeouts.append(("read", timeout))
        self.most_asked = max(self.most_asked, max_bytes)
        if not self.is_open:
            raise ReadError("The stream is closed.")
        step = self.reads.pop(0) if self.reads else b""
        if isinstance(step, Exception):
            raise step
        if len(step) > max_bytes:
            self.reads.insert(0, step[max_bytes:])
        return step[:max_bytes]

    async def write(self, buffer: bytes, timeout: Optional[float] = None) -> None:
        self.timeouts.append(("write", timeout))
        if not self.is_open:
            raise WriteError("The stream is closed.")
        step = self.write_steps.pop(0) if self.write_steps else None
        if step is not None:
            raise step
        self.written.append(bytes(buffer))

    async def aclose(self) -> None:
        self.closed += 1

    def abort(self) -> None:
        self.aborted += 1

    async def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: Optional[str] = None,
        timeout: Optional[float] = None,
        alpn_protocols: Optional[Sequence[str]] = None,
    ) -> AsyncNetworkStream:
        self.tls = (ssl_context, server_hostname, timeout, alpn_protocols)
        return self

    def get_extra_info(self, info: str) -> Any:
        return self.readable if info == "is_readable" else f"the {info}"


def connected(
    *reads: Step, writes: Sequence[Optional[Exception]] = (), keepalive_expiry: Optional[float] = None
) -> Tuple[AsyncHTTP11Connection, AsyncScriptedStream]:
    stream = AsyncScriptedStream(reads, writes)
    return AsyncHTTP11Connection(ORIGIN, stream, keepalive_expiry), stream


class AsyncEchoStream(AsyncNetworkStream):
    """A server that gives back what it is sent, behind `head`, as long as what waits to be read is less than `room`.

    It holds `room` bytes of what it has not given back either, and takes a head of any size up to 1000. Where a write
    waits for ever it is an `AssertionError`: both sides would wait for each other. `most_held` is the most that it had
    at a time.
    """

    def __init__(self, head: bytes, room: int = 1000) -> None:
        self.head = head
        self.room = room
        self.arrived = bytearray()
        self.answered = bytearray()
        self.in_head = True
        self.most_held = 0
        self.sent = 0
        self.closed = 0
        self.aborted = 0

    @property
    def is_open(self) -> bool:
        return not self.closed and not self.aborted

    def take(self, data: bytes) -> None:
        """Take in a part of the request."""
        self.sent += len(data)
        self.arrived += data
        if self.in_head:
            _, ended, rest = self.arrived.partition(b"\r\n\r\n")
            if not ended:
                return
            self.in_head = False
            self.arrived = rest
            self.answered += self.head
        self.go_on()

    def go_on(self) -> None:
        size = max(0, self.room - len(self.answered))
        self.answered += self.arrived[:size]
        del self.arrived[:size]
        self.most_held = max(self.most_held, len(self.arrived) + len(self.answered))

    async def read(self, max_bytes: int, timeout: Optional[float] = None) -> bytes:
        if not self.is_open:
            raise ReadError("The stream is closed.")
        if not self.answered:
            if timeout is not None:
                raise ReadTimeout("Nothing has come.")
            raise AssertionError("Nothing comes: the server waits for more of the request.")
        data = bytes(self.answered[:max_bytes])
        del self.answered[:max_bytes]
        self.go_on()
        return data

    async def write(self, buffer: bytes, timeout: Optional[float] = None) -> None:
        view = memoryview(buffer)
        while view:
            written = await self.write_some_unless_readable(view, timeout)  # type: ignore[arg-type]
            assert written, "The server takes no more before its answer is read."
            view = view[written:]

    async def write_some_unless_readable(self, buffer: bytes, timeout: Optional[float] = None) -> int:
        if not self.is_open:
            raise WriteError("The stream is closed.")
        size = min(len(buffer), (1000 if self.in_head else self.room) - len(self.arrived))
        if size <= 0:
            if self.answered:
                return 0
            if timeout is not None:
                raise WriteTimeout("The server takes nothing.")
            raise AssertionError("The server takes nothing and gives nothing.")
        self.take(bytes(memoryview(buffer)[:size]))
        return size

    async def aclose(self) -> None:
        self.closed += 1

    def abort(self) -> None:
        self.aborted += 1

    def get_extra_info(self, info: str) -> Any:
        return bool(self.answered) or not self.is_open if info == "is_readable" else None


class AsyncPieces:
    """An iterable body that yields `pieces`, and raises those that are exceptions."""

    def __init__(self, *pieces: Any) -> None:
        self.pieces = list(pieces)

    def __aiter__(self) -> AsyncPieces:
        return self

    async def __anext__(self) -> bytes:
        if not self.pieces:
            raise StopAsyncIteration
        piece = self.pieces.pop(0)
        if isinstance(piece, BaseException):
            raise piece
        result: bytes = piece
        return result
