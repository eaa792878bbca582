"""pycurl: libcurl, one handle per thread; under asyncio one multi handle that the event loop drives."""

from __future__ import annotations

import asyncio
import io
from typing import Any, Dict, List, Optional

import pycurl

from ..job import HEADERS, TIMEOUT, Job

__all__ = ["open_asyncio", "open_sync"]

_HEADERS = [f"{name}: {value}" for name, value in HEADERS.items()]


class _Counter:
    """Counts what it is given."""

    def __init__(self) -> None:
        self.size = 0

    def write(self, data: bytes) -> None:
        self.size += len(data)


def _handle(job: Job) -> Any:
    handle = pycurl.Curl()
    handle.setopt(pycurl.HTTPHEADER, [*_HEADERS, "Expect:"])
    handle.setopt(pycurl.TIMEOUT, int(TIMEOUT))
    handle.setopt(pycurl.NOSIGNAL, 1)
    handle.setopt(pycurl.MAXCONNECTS, job.limit)
    handle.setopt(pycurl.HTTP_VERSION, pycurl.CURL_HTTP_VERSION_2TLS if job.http2 else pycurl.CURL_HTTP_VERSION_1_1)
    if job.cafile is not None:
        handle.setopt(pycurl.CAINFO, job.cafile)
    if job.proxy is not None:
        handle.setopt(pycurl.PROXY, job.proxy)
    if job.http2:
        handle.setopt(pycurl.PIPEWAIT, 1)
    return handle


def _upload(handle: Any, data: bytes) -> None:
    handle.setopt(pycurl.POST, 1)
    handle.setopt(pycurl.READFUNCTION, io.BytesIO(data).read)
    handle.setopt(pycurl.POSTFIELDSIZE_LARGE, len(data))


class SyncClient:
    per_thread = True

    def __init__(self, job: Job) -> None:
        self._handle = _handle(job)

    def get(self, url: str) -> int:
        body = io.BytesIO()
        self._handle.setopt(pycurl.URL, url)
        self._handle.setopt(pycurl.WRITEDATA, body)
        self._handle.perform()
        return len(body.getvalue())

    def download(self, url: str) -> int:
        counter = _Counter()
        self._handle.setopt(pycurl.URL, url)
        self._handle.setopt(pycurl.WRITEFUNCTION, counter.write)
        self._handle.perform()
        return counter.size

    def upload(self, url: str, data: bytes) -> int:
        _upload(self._handle, data)
        return self.get(url)

    def hold(self, url: str) -> Any:
        raise NotImplementedError("one handle carries one transfer")

    def close(self) -> None:
        self._handle.close()


class AsyncClient:
    def __init__(self, job: Job) -> None:
        self._job = job
        self._loop = asyncio.get_running_loop()
        self._multi = pycurl.CurlMulti()
        self._multi.setopt(pycurl.M_MAX_TOTAL_CONNECTIONS, job.limit)
        self._multi.setopt(pycurl.M_MAXCONNECTS, job.limit)
        self._multi.setopt(pycurl.M_SOCKETFUNCTION, self._watch)
        self._multi.setopt(pycurl.M_TIMERFUNCTION, self._set_timer)
        self._timer: Optional[asyncio.TimerHandle] = None
        self._idle: List[Any] = []
        self._waiting: Dict[Any, asyncio.Future[None]] = {}

    def _watch(self, what: int, descriptor: int, multi: Any, data: Any) -> None:
        self._loop.remove_reader(descriptor)
        self._loop.remove_writer(descriptor)
        if what in (pycurl.POLL_IN, pycurl.POLL_INOUT):
            self._loop.add_reader(descriptor, self._act, descriptor, pycurl.CSELECT_IN)
        if what in (pycurl.POLL_OUT, pycurl.POLL_INOUT):
            self._loop.add_writer(descriptor, self._act, descriptor, pycurl.CSELECT_OUT)

    def _set_timer(self, milliseconds: int) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if milliseconds >= 0:
            self._timer = self._loop.call_later(milliseconds / 1000, self._act, pycurl.SOCKET_TIMEOUT, 0)

    def _act(self, descriptor: int, mask: int) -> None:
        self._multi.socket_action(descriptor, mask)
        more = 1
        while more:
            more, done, failed = self._multi.info_read()
            for handle in done:
                self._multi.remove_handle(handle)
                self._waiting.pop(handle).set_result(None)
            for handle, code, text in failed:
                self._multi.remove_handle(handle)
                self._waiting.pop(handle).set_exception(RuntimeError(f"{code}: {text}"))

    async def _perform(self, handle: Any) -> None:
        self._waiting[handle] = done = self._loop.create_future()
        self._multi.add_handle(handle)
        await done
        self._idle.append(handle)

    def _next_handle(self, url: str) -> Any:
        handle = self._idle.pop() if self._idle else _handle(self._job)
        handle.setopt(pycurl.URL, url)
        return handle

    async def get(self, url: str) -> int:
        body = io.BytesIO()
        handle = self._next_handle(url)
        handle.setopt(pycurl.WRITEDATA, body)
        await self._perform(handle)
        return len(body.getvalue())

    async def download(self, url: str) -> int:
        counter = _Counter()
        handle = self._next_handle(url)
        handle.setopt(pycurl.WRITEFUNCTION, counter.write)
        await self._perform(handle)
        return counter.size

    async def upload(self, url: str, data: bytes) -> int:
        counter = _Counter()
        handle = self._next_handle(url)
        handle.setopt(pycurl.WRITEFUNCTION, counter.write)
        _upload(handle, data)
        await self._perform(handle)
        return counter.size

    async def hold(self, url: str) -> Any:
        raise NotImplementedError("its idle connections cannot be held open one by one")

    async def close(self) -> None:
        for handle in self._idle:
            handle.close()
        self._multi.close()


def open_sync(job: Job) -> SyncClient:
    return SyncClient(job)


async def open_asyncio(job: Job) -> AsyncClient:
    return AsyncClient(job)
