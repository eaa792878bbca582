"""aiohttp: one session on one connector."""

from __future__ import annotations

from typing import Any

import aiohttp

from ..job import HEADERS, TIMEOUT, Job

__all__ = ["open_asyncio"]


class AsyncClient:
    def __init__(self, job: Job) -> None:
        if job.http2:
            raise NotImplementedError("aiohttp has no HTTP/2")
        connector = aiohttp.TCPConnector(limit=job.limit, ssl=job.ssl_context() or True)
        self._session = aiohttp.ClientSession(
            connector=connector, headers=HEADERS, timeout=aiohttp.ClientTimeout(total=TIMEOUT), auto_decompress=False
        )
        self._options = {} if job.proxy is None else {"proxy": job.proxy}

    async def get(self, url: str) -> int:
        async with self._session.get(url, **self._options) as response:
            return len(await response.read())

    async def download(self, url: str) -> int:
        received = 0
        async with self._session.get(url) as response:
            async for chunk in response.content.iter_any():
                received += len(chunk)
        return received

    async def upload(self, url: str, data: bytes) -> int:
        async with self._session.post(url, data=data) as response:
            return len(await response.read())

    async def hold(self, url: str) -> Any:
        return await self._session.get(url)

    async def release(self, held: Any) -> int:
        return len(await held.read())

    async def close(self) -> None:
        await self._session.close()


async def open_asyncio(job: Job) -> AsyncClient:
    return AsyncClient(job)
