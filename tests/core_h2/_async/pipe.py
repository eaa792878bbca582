"""A network stream in memory, with a scripted server at its other end."""

from __future__ import annotations

import threading
import time
from typing import Any, Callable, List, Optional

from core_backends import AsyncNetworkStream, Origin, ReadError, ReadTimeout, WriteError, WriteTimeout
from core_backends.lowlevel import AsyncEvent
from core_h2 import AsyncHTTP2Connection

from ..peer import Peer

ORIGIN = Origin(b"https", b"example.com", 443)
URL = "https://example.com/"


class AsyncPipe(AsyncNetworkStream):
    """What the peer sends can be read; what is written goes to the peer at once, unless `held`.

    `read_size` bounds what one read returns. While `held`, a write waits for `release()`.
    """

    def __init__(self, peer: Peer, *, read_size: int = 2**20, knows_readable: bool = True) -> None:
        self.peer = peer
        self.read_size = read_size
        self.knows_readable = knows_readable
        self.ended = False
        self.failure: Optional[Exception] = None
        self.write_failure: Optional[Exception] = None
        self.closed = False
        self.reads = 0
        self.writes: List[int] = []
        self.readers = 0
        self.most_readers = 0
        self.before_write: Callable[[], None] = lambda: None
        self._lock = threading.RLock()
        self._reader: Optional[AsyncEvent] = None
        self._gate: Optional[AsyncEvent] = None
        self.blocked = AsyncEvent()  # Set when a write waits.
        self._watchers: List[AsyncEvent] = []
        peer.on_output = self._wake

    def end(self) -> None:
        """The server sends no more."""
        self.ended = True
        self._wake()

    def fail(self, failure: Exception) -> None:
        """The connection breaks, behind what has been sent."""
        self.failure = failure
        self._wake()

    def hold(self) -> None:
        """The server stops reading."""
        self._gate = AsyncEvent()
        self.blocked = AsyncEvent()

    def release(self) -> None:
        """The server reads again."""
        gate, self._gate = self._gate, None
        if gate is not None:
            gate.set()

    async def until(self, condition: Callable[[], bool]) -> None:
        """Return when `condition` holds: it is looked at whenever something has been written, or a read waits."""
        while True:
            with self._lock:
                if condition():
                    return
                change = AsyncEvent()
                self._watchers.append(change)
            assert await change.wait(10), "nothing happens"

    async def pause(self) -> None:
        """Let others go on; for looking again and again at what nobody tells of."""
        await AsyncEvent().wait(0.001)

    async def reader_waits(self) -> None:
        """Return when somebody waits for what the server has not sent yet."""
        await self.until(lambda: self._reader is not None)

    async def requests(self, count: int) -> None:
        """Return when so many requests have come, and somebody waits for the answers."""
        await self.until(lambda: self._reader is not None and len(self.peer.exchanges) >= count)

    def _something_happened(self) -> None:
        with self._lock:
            watchers, self._watchers = self._watchers, []
        for watcher in watchers:
            watcher.set()

    def _wake(self) -> None:
        with self._lock:
            reader, self._reader = self._reader, None
        if reader is not None:
            reader.set()

    def _there(self) -> bool:
        return bool(self.peer.out) or self.ended or self.closed or self.failure is not None

    async def read(self, max_bytes: int, timeout: Optional[float] = None) -> bytes:
        self.readers += 1
        self.most_readers = max(self.readers, self.most_readers)
        try:
            deadline = None if timeout is None else time.monotonic() + timeout
            while True:
                with self._lock:
                    if self._there():
                        return self._take(max_bytes)
                    arrival = self._reader = AsyncEvent()
                self._something_happened()
                left = None if deadline is None else max(0.0, deadline - time.monotonic())
                if not await arrival.wait(left) and not self._there():
                    raise ReadTimeout("nothing came")
        finally:
            self.readers -= 1

    def _take(self, max_bytes: int) -> bytes:
        if self.closed:
            raise ReadError("closed")
        self.reads += 1
        if self.failure is not None and "the peer found" in str(self.failure):
            raise self.failure
        size = min(max_bytes, self.read_size)
        data = bytes(self.peer.out[:size])
        del self.peer.out[:size]
        if not data and self.failure is not None:
            raise self.failure
        return data

    async def write(self, buffer: bytes, timeout: Optional[float] = None) -> None:
        self.before_write()
        if self.closed:
            raise WriteError("closed")
        if self.write_failure is not None:
            raise self.write_failure
        gate = self._gate
        if gate is not None:
            self.blocked.set()
            self._something_happened()
            if not await gate.wait(timeout):
                raise WriteTimeout("the server takes nothing")
        self._deliver(buffer)

    def _deliver(self, buffer: Any) -> None:
        with self._lock:
            self.writes.append(len(buffer))
            try:
                self.peer.receive(bytes(buffer))
            except Exception as exc:
                # The test learns of it by its next read; a write that fails might be taken for a closed connection.
                self.fail(ReadError(f"the peer found {exc!r}"))
        self._something_happened()

    async def aclose(self) -> None:
        self.closed = True
        self._wake()
        self.release()

    def get_extra_info(self, info: str) -> Any:
        if info == "is_readable" and self.knows_readable:
            return self._there()
        return None


class AsyncPartialPipe(AsyncPipe):
    """A pipe that can send a part, and says how much."""

    piece = 1_000

    async def write_some(self, buffer: bytes, timeout: Optional[float] = None) -> int:
        await super().write(buffer[: self.piece], timeout)
        return len(buffer[: self.piece])

    def write_some_nowait(self, buffer: bytes) -> int:
        if self._gate is not None or self.closed:
            return 0
        self._deliver(buffer)
        return len(buffer)


class AsyncWatchingPipe(AsyncPartialPipe):
    """One that tells who waits for writing when there is something to read.

    With `stubborn`, the server reads again, once held, when all that it has sent has been read.
    """

    piece = 2**20
    stubborn = True

    def __init__(self, peer: Peer) -> None:
        self._change: Optional[AsyncEvent] = None
        super().__init__(peer)

    async def write_some_unless_readable(self, buffer: bytes, timeout: Optional[float] = None) -> int:
        while self._gate is not None:
            self._change = change = AsyncEvent()
            if self._there():
                return 0
            self._something_happened()
            if not await change.wait(timeout):
                raise WriteTimeout("the server takes nothing")
        return await self.write_some(buffer, timeout)

    def _take(self, max_bytes: int) -> bytes:
        data = super()._take(max_bytes)
        if self.stubborn and not self.peer.out:
            self.release()
        return data

    def _wake(self) -> None:
        super()._wake()
        self._changed()

    def release(self) -> None:
        super().release()
        self._changed()

    def _changed(self) -> None:
        change, self._change = self._change, None
        if change is not None:
            change.set()


def connected(peer: Peer, **options: Any) -> tuple[AsyncHTTP2Connection, AsyncPipe]:
    """Return a connection to `peer`, and the pipe between them."""
    pipe = AsyncPipe(peer)
    return AsyncHTTP2Connection(ORIGIN, pipe, **options), pipe


def owed_window(connection: AsyncHTTP2Connection) -> int:
    """Return how much of the connection's window is in line to be given back with the next write."""
    engine = connection._h2_state
    server = Peer()
    server.send_window = 0
    server._preface = True
    server.receive(b"".join(bytes(part) for part in engine.outbound))
    return server.send_window + engine._window.owed
