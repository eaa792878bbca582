"""A network of connections that do what a test says, and count."""

from __future__ import annotations

import threading
from typing import Any, Awaitable, Callable, List, Optional

from core_backends import AsyncConnectionInterface, ConnectionNotAvailable, Origin, ReadError, Request, Response
from core_backends.lowlevel import AsyncEvent, make_response
from core_pool import AsyncConnectionPool

from ..waiting import LIMIT, async_yield_now

__all__ = ["AsyncFakeConnection", "AsyncFakeNetwork"]


class AsyncFakeNetwork:
    """Makes connections, and knows how many are open and busy.

    `hook(operation, connection)` is called as "connect", "request", "body" and "close" happen; what it raises, the
    operation raises. `capacity` is what connections serve at a time once connected; `promise` before (None: they say
    nothing).
    """

    def __init__(self, capacity: int = 1, promise: Optional[int] = 1) -> None:
        self.capacity = capacity
        self.promise = promise
        self.hook: Callable[[str, AsyncFakeConnection], Awaitable[None]] = async_yield_now
        self.connections: List[AsyncFakeConnection] = []
        self.dials = 0
        self.most_busy = 0
        self.lock = threading.Lock()

    def connect(self, origin: Origin) -> AsyncFakeConnection:
        """What a pool is given as `create_connection`."""
        return AsyncFakeConnection(self, origin)

    def pool(self, **options: Any) -> AsyncConnectionPool:
        """Return a pool of such connections."""
        return AsyncConnectionPool(self.connect, **options)

    @property
    def open(self) -> int:
        """How many connections have been connected and not closed."""
        return sum(connection.connected and not connection.closed for connection in self.connections)

    @property
    def busy(self) -> int:
        """How many connections serve a request now."""
        return sum(connection.active > 0 for connection in list(self.connections))


class AsyncFakeConnection(AsyncConnectionInterface):
    """Serves requests with two pieces of body; single-use or multiplexing as its network says."""

    def __init__(self, network: AsyncFakeNetwork, origin: Origin) -> None:
        self.network = network
        network.connections.append(self)
        self.origin = origin
        self.connecting: Optional[AsyncEvent] = None
        self.connected = False
        self.closed = False
        self.expired = False
        self.closed_before_response = False
        self.active = 0
        self.requests = 0

    async def handle_async_request(self, request: Request) -> Response:
        network = self.network
        while not self.connected:
            await self.connect()
        with network.lock:
            if self.closed or self.active >= network.capacity:
                raise ConnectionNotAvailable("busy or closed")
            self.active += 1
            network.most_busy = max(network.most_busy, network.busy)
        try:
            await network.hook("request", self)
            self.requests += 1
        except BaseException:
            with network.lock:
                self.active -= 1
            if network.capacity == 1:
                self.abort()
            raise
        return make_response(200, [], AsyncFakeBody(self), {})

    async def connect(self) -> None:
        """Connect, or wait for the one who does."""
        with self.network.lock:
            if self.closed:
                raise ConnectionNotAvailable("closed")
            connecting, mine = self.connecting, self.connecting is None
            if connecting is None:
                connecting = self.connecting = AsyncEvent()
        if not mine:
            await connecting.wait(LIMIT)
            return
        self.network.dials += 1
        try:
            await self.network.hook("connect", self)
            self.connected = True
        except BaseException:
            self.abort()
            raise
        finally:
            connecting.set()

    async def aclose(self) -> None:
        self.closed = True
        await self.network.hook("close", self)

    def abort(self) -> None:
        self.closed = True

    def can_handle_request(self, origin: Origin) -> bool:
        return origin == self.origin

    def is_available(self) -> bool:
        return not self.closed and (not self.connected or self.active < self.network.capacity)

    def is_idle(self) -> bool:
        return self.connected and not self.closed and not self.active

    def is_closed(self) -> bool:
        return self.closed

    def has_expired(self) -> bool:
        return self.expired

    def info(self) -> str:
        return f"{self.requests} requests"

    @property
    def max_concurrent_requests(self) -> Optional[int]:
        return self.network.capacity if self.connected else self.network.promise


class AsyncFakeBody:
    """Two pieces; closing it before they are read closes a connection that serves one request at a time."""

    def __init__(self, connection: AsyncFakeConnection) -> None:
        self.connection = connection
        self.pieces = [b"two", b"one"]
        self.ended = False

    def __aiter__(self) -> AsyncFakeBody:
        return self

    async def __anext__(self) -> bytes:
        if self.connection.closed:
            raise ReadError("closed")
        try:
            await self.connection.network.hook("body", self.connection)
        except BaseException:
            self.end(False)
            raise
        if not self.pieces:
            self.end(True)
            raise StopAsyncIteration
        return self.pieces.pop()

    async def aclose(self) -> None:
        if not self.ended:
            self.end(False)

    def end(self, complete: bool) -> None:
        self.ended = True
        with self.connection.network.lock:
            self.connection.active = max(0, self.connection.active - 1)
            if not complete and self.connection.network.capacity == 1:
                self.connection.abort()
