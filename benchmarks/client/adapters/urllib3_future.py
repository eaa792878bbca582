"""urllib3-future: HTTP/2 by ALPN, sync and asyncio; concurrent HTTP/2 requests use its multiplexed promises."""

from __future__ import annotations

from typing import Any, Dict

import urllib3

from ..job import HEADERS, TIMEOUT, Job

__all__ = ["open_asyncio", "open_sync"]

_CHUNK = 65536


def _options(job: Job) -> Dict[str, Any]:
    disabled = {urllib3.HttpVersion.h3}
    if not job.http2:
        disabled.add(urllib3.HttpVersion.h2)
    options = {
        "num_pools": max(10, len(job.urls)),
        "maxsize": 1 if job.http2 else job.limit,
        "block": True,
        "headers": HEADERS,
        "timeout": TIMEOUT,
        "retries": False,
        "disabled_svn": disabled,
    }
    if job.secure:
        options["ssl_context"] = job.ssl_context()
    return options


class SyncClient:
    def __init__(self, job: Job) -> None:
        if job.proxy is None:
            self._pool: Any = urllib3.PoolManager(**_options(job))
        else:
            self._pool = urllib3.ProxyManager(job.proxy, **_options(job))

    def get(self, url: str) -> int:
        return len(self._pool.request("GET", url).data)

    def download(self, url: str) -> int:
        response = self._pool.request("GET", url, preload_content=False)
        received = sum(len(chunk) for chunk in response.stream(_CHUNK))
        response.release_conn()
        return received

    def upload(self, url: str, data: bytes) -> int:
        return len(self._pool.request("POST", url, body=data).data)

    def hold(self, url: str) -> Any:
        return self._pool.request("GET", url, preload_content=False)

    def release(self, held: Any) -> int:
        size = len(held.read())
        held.release_conn()
        return size

    def close(self) -> None:
        self._pool.clear()


class AsyncClient:
    def __init__(self, job: Job) -> None:
        if job.proxy is None:
            self._pool: Any = urllib3.AsyncPoolManager(**_options(job))
        else:
            self._pool = urllib3.AsyncProxyManager(job.proxy, **_options(job))
        self._multiplexed = job.http2 and job.concurrency > 1

    async def get(self, url: str) -> int:
        if not self._multiplexed:
            return len(await (await self._pool.request("GET", url)).data)
        promise = await self._pool.urlopen("GET", url, headers=HEADERS, multiplexed=True)
        response = await self._pool.get_response(promise=promise)
        return len(await response.data)

    async def download(self, url: str) -> int:
        response = await self._pool.request("GET", url, preload_content=False)
        received = 0
        async for chunk in response.stream(_CHUNK):
            received += len(chunk)
        response.release_conn()
        return received

    async def upload(self, url: str, data: bytes) -> int:
        return len(await (await self._pool.request("POST", url, body=data)).data)

    async def hold(self, url: str) -> Any:
        return await self._pool.request("GET", url, preload_content=False)

    async def release(self, held: Any) -> int:
        size = len(await held.read())
        held.release_conn()
        return size

    async def close(self) -> None:
        await self._pool.clear()


def open_sync(job: Job) -> SyncClient:
    return SyncClient(job)


async def open_asyncio(job: Job) -> AsyncClient:
    return AsyncClient(job)
