"""What the asynchronous floors share: a stack of idle connections per URL under a limit, and the exchanges.

A connection offers `send(data)` and `receive()` as coroutine functions and `close()` as a plain one.
"""

from __future__ import annotations

from typing import Any, Awaitable, Callable, Dict, List, Tuple

from ..job import Job
from .raw_exchange import Route, body_start, content_length, request_head

__all__ = ["AsyncClient"]


class AsyncClient:
    def __init__(self, job: Job, connect: Callable[[str], Awaitable[Any]], slots: Any) -> None:
        if job.http2 or job.proxy is not None:
            raise NotImplementedError("the floor speaks HTTP/1.1 to the origin only")
        self._connect = connect
        self._slots = slots
        self._closes = job.closes
        self._idle: Dict[str, List[Any]] = {}
        self._routes: Dict[str, Route] = {}

    async def _receive(self, connection: Any, known: int) -> Tuple[int, int]:
        """Length of head and body, reading until `known` bytes came, or until Content-Length says when it is 0."""
        head, expected, received, start = 0, known, 0, b""
        while not expected or received < expected:
            chunk = await connection.receive()
            if not chunk:
                raise RuntimeError("the benchmark server closed the connection")
            received += len(chunk)
            if not expected:
                start += chunk
                head = body_start(start)
                expected = head + content_length(start[:head]) if head else 0
        return head, received - head

    async def get(self, url: str) -> int:
        async with self._slots:
            idle = self._idle.setdefault(url, [])
            connection = idle.pop() if idle else await self._connect(url)
            route = self._routes.get(url)
            if route is None:
                request = request_head("GET", url)
                await connection.send(request)
                self._routes[url] = route = Route(request, *await self._receive(connection, 0))
                received = route.body
            else:
                await connection.send(route.request)
                received = (await self._receive(connection, route.head + route.body))[1] - route.head
            if self._closes:
                connection.close()
            else:
                idle.append(connection)
            return received

    async def download(self, url: str) -> int:
        return await self.release(await self.hold(url))

    async def upload(self, url: str, data: bytes) -> int:
        connection = await self._connect(url)
        self._idle.setdefault(url, []).append(connection)
        await connection.send(request_head("POST", url, len(data)))
        await connection.send(data)
        return await self.release(connection)

    async def hold(self, url: str) -> Any:
        connection = await self._connect(url)
        self._idle.setdefault(url, []).append(connection)
        await connection.send(request_head("GET", url))
        return connection

    async def release(self, held: Any) -> int:
        return (await self._receive(held, 0))[1]

    async def close(self) -> None:
        for idle in self._idle.values():
            for connection in idle:
                connection.close()
