"""httpx: one client, on whichever of httpcore and this project its environment has."""

from __future__ import annotations

from typing import Any, Dict

import httpx

from ..job import HEADERS, TIMEOUT, Job

__all__ = ["open_asyncio", "open_sync", "open_trio"]


def _options(job: Job) -> Dict[str, Any]:
    return {
        "headers": HEADERS,
        "http2": job.http2,
        "limits": httpx.Limits(max_connections=job.limit, max_keepalive_connections=job.limit),
        "proxy": job.proxy,
        "timeout": TIMEOUT,
        "trust_env": False,
        "verify": job.ssl_context() or True,
    }


class SyncClient:
    def __init__(self, job: Job) -> None:
        self._client = httpx.Client(**_options(job))

    def get(self, url: str) -> int:
        return len(self._client.get(url).content)

    def download(self, url: str) -> int:
        with self._client.stream("GET", url) as response:
            return sum(len(chunk) for chunk in response.iter_raw())

    def upload(self, url: str, data: bytes) -> int:
        return len(self._client.post(url, content=data).content)

    def hold(self, url: str) -> Any:
        return self._client.send(self._client.build_request("GET", url), stream=True)

    def release(self, held: Any) -> int:
        return len(held.read())

    def close(self) -> None:
        self._client.close()


class AsyncClient:
    def __init__(self, job: Job) -> None:
        self._client = httpx.AsyncClient(**_options(job))

    async def get(self, url: str) -> int:
        return len((await self._client.get(url)).content)

    async def download(self, url: str) -> int:
        received = 0
        async with self._client.stream("GET", url) as response:
            async for chunk in response.aiter_raw():
                received += len(chunk)
        return received

    async def upload(self, url: str, data: bytes) -> int:
        return len((await self._client.post(url, content=data)).content)

    async def hold(self, url: str) -> Any:
        return await self._client.send(self._client.build_request("GET", url), stream=True)

    async def release(self, held: Any) -> int:
        return len(await held.aread())

    async def close(self) -> None:
        await self._client.aclose()


def open_sync(job: Job) -> SyncClient:
    return SyncClient(job)


async def open_asyncio(job: Job) -> AsyncClient:
    return AsyncClient(job)


open_trio = open_asyncio
