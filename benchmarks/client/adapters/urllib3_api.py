"""urllib3: one PoolManager, blocking when its pool is exhausted."""

from __future__ import annotations

from typing import Any

import urllib3

from ..job import HEADERS, TIMEOUT, Job

__all__ = ["open_sync"]

_CHUNK = 65536


class SyncClient:
    def __init__(self, job: Job) -> None:
        if job.http2:
            raise NotImplementedError("urllib3 has HTTP/2 only as an experiment")
        options = {
            "num_pools": max(10, len(job.urls)),
            "maxsize": job.limit,
            "block": True,
            "headers": HEADERS,
            "timeout": TIMEOUT,
            "retries": False,
            "ssl_context": job.ssl_context(),
        }
        if job.proxy is None:
            self._pool = urllib3.PoolManager(**options)
        else:
            self._pool = urllib3.ProxyManager(job.proxy, **options)

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


def open_sync(job: Job) -> SyncClient:
    return SyncClient(job)
