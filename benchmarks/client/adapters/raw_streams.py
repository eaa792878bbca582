"""The floor under asyncio's StreamReader and StreamWriter."""

from __future__ import annotations

import asyncio

from ..job import Job
from .raw_async import AsyncClient
from .raw_exchange import CHUNK, address

__all__ = ["open_asyncio"]


class _StreamConnection:
    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    async def send(self, data: bytes) -> None:
        self._writer.write(data)
        await self._writer.drain()

    async def receive(self) -> bytes:
        return await self._reader.read(CHUNK)

    def close(self) -> None:
        self._writer.close()


async def open_asyncio(job: Job) -> AsyncClient:
    context = job.ssl_context()

    async def connect(url: str) -> _StreamConnection:
        return _StreamConnection(*await asyncio.open_connection(*address(url), ssl=context))

    return AsyncClient(job, connect, asyncio.Semaphore(job.limit))
