"""The floor under asyncio (transport and protocol) and under trio (socket stream)."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Any, Deque, Optional

from ..job import Job
from .raw_async import AsyncClient
from .raw_exchange import CHUNK, address

__all__ = ["open_asyncio", "open_trio"]


class _Protocol(asyncio.Protocol):
    """Chunks as they come, one waiting reader, writing paused by the transport's water marks."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._transport: Any = None
        self._chunks: Deque[bytes] = deque()
        self._reader: Optional[asyncio.Future[None]] = None
        self._writer: Optional[asyncio.Future[None]] = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._chunks.append(data)
        if self._reader is not None and not self._reader.done():
            self._reader.set_result(None)

    def connection_lost(self, error: Optional[Exception]) -> None:
        self.data_received(b"")

    def pause_writing(self) -> None:
        self._writer = self._loop.create_future()

    def resume_writing(self) -> None:
        if self._writer is not None:
            self._writer.set_result(None)
            self._writer = None

    async def send(self, data: bytes) -> None:
        self._transport.write(data)
        if self._writer is not None:
            await self._writer

    async def receive(self) -> bytes:
        if not self._chunks:
            self._reader = self._loop.create_future()
            await self._reader
            self._reader = None
        return self._chunks.popleft()

    def close(self) -> None:
        self._transport.close()


async def open_asyncio(job: Job) -> AsyncClient:
    loop, context = asyncio.get_running_loop(), job.ssl_context()

    async def connect(url: str) -> _Protocol:
        host, port = address(url)
        _, protocol = await loop.create_connection(_Protocol, host, port, ssl=context)
        return protocol

    return AsyncClient(job, connect, asyncio.Semaphore(job.limit))


class _TrioConnection:
    def __init__(self, stream: Any) -> None:
        self.send = stream.send_all
        self._receive_some = stream.receive_some
        self._stream = stream

    async def receive(self) -> bytes:
        return bytes(await self._receive_some(CHUNK))

    def close(self) -> None:
        self._stream.socket.close()


async def open_trio(job: Job) -> AsyncClient:
    import trio

    if job.secure:
        raise NotImplementedError("the trio floor speaks plain text")

    async def connect(url: str) -> _TrioConnection:
        return _TrioConnection(await trio.open_tcp_stream(*address(url)))

    return AsyncClient(job, connect, trio.Semaphore(job.limit))
