"""pyreqwest: Rust's reqwest, one client."""

from __future__ import annotations

import datetime
import pathlib
from typing import Any

from pyreqwest.client import ClientBuilder, SyncClientBuilder
from pyreqwest.proxy import ProxyBuilder

from ..job import HEADERS, TIMEOUT, Job

__all__ = ["open_asyncio", "open_sync"]

_CHUNK = 65536


def _built(builder: Any, job: Job) -> Any:
    builder = builder.max_connections(job.limit).default_headers(HEADERS).timeout(datetime.timedelta(seconds=TIMEOUT))
    builder = builder.no_proxy() if job.proxy is None else builder.proxy(ProxyBuilder.all(job.proxy))
    if job.cafile is not None:
        builder = builder.add_root_certificate_pem(pathlib.Path(job.cafile).read_bytes())
    return (builder if job.http2 else builder.http1_only()).build()


class SyncClient:
    def __init__(self, job: Job) -> None:
        self._client = _built(SyncClientBuilder(), job)

    def get(self, url: str) -> int:
        return len(self._client.get(url).build().send().bytes())

    def download(self, url: str) -> int:
        received = 0
        with self._client.get(url).build_streamed() as response:
            while True:
                chunk = response.body_reader.read_chunk()
                if chunk is None:
                    return received
                received += len(chunk)

    def upload(self, url: str, data: bytes) -> int:
        return len(self._client.post(url).body_bytes(data).build().send().bytes())

    def hold(self, url: str) -> Any:
        raise NotImplementedError("its idle connections cannot be held open one by one")

    def close(self) -> None:
        self._client.close()


class AsyncClient:
    def __init__(self, job: Job) -> None:
        self._client = _built(ClientBuilder(), job)

    async def get(self, url: str) -> int:
        response = await self._client.get(url).build().send()
        return len(await response.bytes())

    async def download(self, url: str) -> int:
        received = 0
        async with self._client.get(url).build_streamed() as response:
            while True:
                chunk = await response.body_reader.read_chunk()
                if chunk is None:
                    return received
                received += len(chunk)

    async def upload(self, url: str, data: bytes) -> int:
        response = await self._client.post(url).body_bytes(data).build().send()
        return len(await response.bytes())

    async def hold(self, url: str) -> Any:
        raise NotImplementedError("its idle connections cannot be held open one by one")

    async def close(self) -> None:
        await self._client.close()


def open_sync(job: Job) -> SyncClient:
    return SyncClient(job)


async def open_asyncio(job: Job) -> AsyncClient:
    return AsyncClient(job)
