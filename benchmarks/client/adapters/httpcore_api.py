"""This project, httpcore and its kin: one API, so one adapter; `use(name)` says which package to import."""

from __future__ import annotations

import importlib
from typing import Any, Dict

from ..job import HEADERS, TIMEOUT, Job

__all__ = ["AsyncClient", "SyncClient", "open_asyncio", "open_sync", "open_trio", "use"]

_EXTENSIONS = {"timeout": {"connect": TIMEOUT, "read": TIMEOUT, "write": TIMEOUT, "pool": TIMEOUT}}
_package: Any = None


def use(name: str) -> None:
    """Import the package under measurement."""
    global _package
    _package = importlib.import_module(name)


def _pool_options(job: Job) -> Dict[str, Any]:
    options: Dict[str, Any] = {"max_connections": job.limit, "max_keepalive_connections": job.limit}
    if job.secure:
        options["ssl_context"] = job.ssl_context()
    if job.http2:
        options["http2"] = True
    if job.resumes:
        options["tls_session_resumption"] = True
    if job.proxy is not None:
        options["proxy"] = _package.Proxy(job.proxy)
    return options


class SyncClient:
    def __init__(self, job: Job) -> None:
        self._pool = _package.ConnectionPool(**_pool_options(job))

    def get(self, url: str) -> int:
        return len(self._pool.request("GET", url, headers=HEADERS, extensions=_EXTENSIONS).content)

    def download(self, url: str) -> int:
        with self._pool.stream("GET", url, headers=HEADERS, extensions=_EXTENSIONS) as response:
            return sum(len(chunk) for chunk in response.iter_stream())

    def upload(self, url: str, data: bytes) -> int:
        return len(self._pool.request("POST", url, headers=HEADERS, content=data, extensions=_EXTENSIONS).content)

    def hold(self, url: str) -> Any:
        request = _package.Request("GET", url, headers={"Host": "127.0.0.1", **HEADERS}, extensions=_EXTENSIONS)
        return self._pool.handle_request(request)

    def release(self, held: Any) -> int:
        size = len(held.read())
        held.close()
        return size

    def close(self) -> None:
        self._pool.close()


class AsyncClient:
    def __init__(self, job: Job, **options: Any) -> None:
        self._pool = _package.AsyncConnectionPool(**_pool_options(job), **options)

    async def get(self, url: str) -> int:
        return len((await self._pool.request("GET", url, headers=HEADERS, extensions=_EXTENSIONS)).content)

    async def download(self, url: str) -> int:
        received = 0
        async with self._pool.stream("GET", url, headers=HEADERS, extensions=_EXTENSIONS) as response:
            async for chunk in response.aiter_stream():
                received += len(chunk)
        return received

    async def upload(self, url: str, data: bytes) -> int:
        response = await self._pool.request("POST", url, headers=HEADERS, content=data, extensions=_EXTENSIONS)
        return len(response.content)

    async def hold(self, url: str) -> Any:
        request = _package.Request("GET", url, headers={"Host": "127.0.0.1", **HEADERS}, extensions=_EXTENSIONS)
        return await self._pool.handle_async_request(request)

    async def release(self, held: Any) -> int:
        size = len(await held.aread())
        await held.aclose()
        return size

    async def close(self) -> None:
        await self._pool.aclose()


def open_sync(job: Job) -> SyncClient:
    return SyncClient(job)


async def open_asyncio(job: Job) -> AsyncClient:
    return AsyncClient(job)


open_trio = open_asyncio
