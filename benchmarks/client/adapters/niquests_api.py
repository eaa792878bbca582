"""niquests: the session that most of urllib3-future's users see, sync and asyncio."""

from __future__ import annotations

from typing import Any, Dict

import niquests

from ..job import HEADERS, TIMEOUT, Job

__all__ = ["open_asyncio", "open_sync"]

_CHUNK = 65536


def _options(job: Job) -> Dict[str, Any]:
    return {
        "disable_http2": not job.http2,
        "disable_http3": True,
        "pool_connections": max(10, len(job.urls)),
        "pool_maxsize": job.limit,
        "headers": HEADERS,
        "timeout": TIMEOUT,
        "verify": job.cafile if job.secure else True,
        "proxies": None if job.proxy is None else {"https": job.proxy, "http": job.proxy},
        "revocation_configuration": None,
    }


class SyncClient:
    def __init__(self, job: Job) -> None:
        self._session = niquests.Session(**_options(job))
        self._session.trust_env = False

    def get(self, url: str) -> int:
        return len(self._session.get(url).content or b"")

    def download(self, url: str) -> int:
        response = self._session.get(url, stream=True)
        return sum(len(chunk) for chunk in response.iter_content(_CHUNK))

    def upload(self, url: str, data: bytes) -> int:
        return len(self._session.post(url, data=data).content or b"")

    def hold(self, url: str) -> Any:
        return self._session.get(url, stream=True)

    def release(self, held: Any) -> int:
        return len(held.content)

    def close(self) -> None:
        self._session.close()


class AsyncClient:
    def __init__(self, job: Job) -> None:
        multiplexed = job.http2 and job.concurrency > 1
        self._session = niquests.AsyncSession(multiplexed=multiplexed, **_options(job))
        self._session.trust_env = False
        self._multiplexed = multiplexed

    async def get(self, url: str) -> int:
        response = await self._session.get(url)
        if self._multiplexed:
            await self._session.gather(response)
        return len(response.content or b"")

    async def download(self, url: str) -> int:
        response: Any = await self._session.get(url, stream=True)
        received = 0
        async for chunk in await response.iter_content(_CHUNK):
            received += len(chunk)
        return received

    async def upload(self, url: str, data: bytes) -> int:
        return len((await self._session.post(url, data=data)).content or b"")

    async def hold(self, url: str) -> Any:
        return await self._session.get(url, stream=True)

    async def release(self, held: Any) -> int:
        return len(await held.content)

    async def close(self) -> None:
        await self._session.close()


def open_sync(job: Job) -> SyncClient:
    return SyncClient(job)


async def open_asyncio(job: Job) -> AsyncClient:
    return AsyncClient(job)
