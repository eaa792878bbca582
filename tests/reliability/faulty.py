"""A user's own backend, with the methods of the contract and no others, that does something wrong at one operation.

Operations are counted over all streams of a backend, from 1, in the order in which they are begun. At operation `at`
what happens is `fault`: an exception is raised, the stream ends ("eof"), or the operation takes longer than it may
("hang"). After a write that failed, whatever comes next on that stream fails too, in a way that goes with it. What is
read comes in pieces as `pieces` says.
"""

from __future__ import annotations

import ssl
from typing import Any, Callable, List, Optional

import httpcore
from core_backends import AutoBackend

NO_FAULT = "none"


class Trouble:
    """When to do what, and what has been seen."""

    def __init__(
        self, at: int = 0, fault: Any = NO_FAULT, pieces: Callable[[int, int], int] = lambda most, delivered: most
    ) -> None:
        self.at = at
        self.fault = fault
        self.pieces = pieces
        self.operations: List[str] = []
        self.happened: Optional[str] = None
        self.over = False
        self.delivered = 0
        self.open_streams = 0
        self.unbounded: List[str] = []

    def begin(self, operation: str, timeout: Optional[float], expired: type) -> Optional[bytes]:
        """Count an operation; raises what is due, and returns what a read is to return instead of reading."""
        self.operations.append(operation)
        if timeout is None and operation != "close":
            self.unbounded.append(operation)
        if len(self.operations) != self.at or self.over:
            return None
        self.happened = operation
        if self.fault == "eof":
            return b"" if operation == "read" else None
        if self.fault == "hang":
            # What would happen after that time, now.
            if operation != "close":
                raise expired("It took too long.")
            return None
        raise self.fault("It went wrong.")


class FaultyBackend(httpcore.NetworkBackend):
    def __init__(self, trouble: Trouble) -> None:
        self._trouble = trouble
        self._inner = httpcore.SyncBackend()

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: Optional[float] = None,
        local_address: Optional[str] = None,
        socket_options: Any = None,
    ) -> httpcore.NetworkStream:
        self._trouble.begin("connect", timeout, httpcore.ConnectTimeout)
        stream = self._inner.connect_tcp(host, port, timeout, local_address, socket_options)
        return FaultyStream(stream, self._trouble)

    def sleep(self, seconds: float) -> None:
        raise AssertionError("Nothing is to be tried again after a pause.")


class FaultyStream(httpcore.NetworkStream):
    def __init__(self, inner: httpcore.NetworkStream, trouble: Trouble) -> None:
        self._inner = inner
        self._trouble = trouble
        self._closed = False
        self._cut = False
        trouble.open_streams += 1

    def read(self, max_bytes: int, timeout: Optional[float] = None) -> bytes:
        if self._cut:
            raise httpcore.ReadError("The write before this has failed.")
        instead = self._trouble.begin("read", timeout, httpcore.ReadTimeout)
        if instead is not None:
            return instead
        data = self._inner.read(self._trouble.pieces(max_bytes, self._trouble.delivered), timeout)
        self._trouble.delivered += len(data)
        return data

    def write(self, buffer: bytes, timeout: Optional[float] = None) -> None:
        try:
            self._trouble.begin("write", timeout, httpcore.WriteTimeout)
        except Exception:
            self._cut = True
            raise
        self._inner.write(buffer, timeout)

    def close(self) -> None:
        self._inner.close()
        if not self._closed:
            self._closed = True
            self._trouble.open_streams -= 1
            self._trouble.begin("close", None, httpcore.WriteTimeout)

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: Optional[str] = None, timeout: Optional[float] = None
    ) -> httpcore.NetworkStream:
        self._trouble.begin("start_tls", timeout, httpcore.ConnectTimeout)
        inner = self._inner.start_tls(ssl_context, server_hostname, timeout)
        self._trouble.open_streams -= 1
        return FaultyStream(inner, self._trouble)

    def get_extra_info(self, info: str) -> Any:
        return self._inner.get_extra_info(info)


class AsyncFaultyBackend(httpcore.AsyncNetworkBackend):
    def __init__(self, trouble: Trouble) -> None:
        self._trouble = trouble
        self._inner = AutoBackend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: Optional[float] = None,
        local_address: Optional[str] = None,
        socket_options: Any = None,
    ) -> httpcore.AsyncNetworkStream:
        self._trouble.begin("connect", timeout, httpcore.ConnectTimeout)
        stream = await self._inner.connect_tcp(host, port, timeout, local_address, socket_options)
        return AsyncFaultyStream(stream, self._trouble)

    async def sleep(self, seconds: float) -> None:
        raise AssertionError("Nothing is to be tried again after a pause.")


class AsyncFaultyStream(httpcore.AsyncNetworkStream):
    def __init__(self, inner: httpcore.AsyncNetworkStream, trouble: Trouble) -> None:
        self._inner = inner
        self._trouble = trouble
        self._closed = False
        self._cut = False
        trouble.open_streams += 1

    async def read(self, max_bytes: int, timeout: Optional[float] = None) -> bytes:
        if self._cut:
            raise httpcore.ReadError("The write before this has failed.")
        instead = self._trouble.begin("read", timeout, httpcore.ReadTimeout)
        if instead is not None:
            return instead
        data = await self._inner.read(self._trouble.pieces(max_bytes, self._trouble.delivered), timeout)
        self._trouble.delivered += len(data)
        return data

    async def write(self, buffer: bytes, timeout: Optional[float] = None) -> None:
        try:
            self._trouble.begin("write", timeout, httpcore.WriteTimeout)
        except Exception:
            self._cut = True
            raise
        await self._inner.write(buffer, timeout)

    async def aclose(self) -> None:
        await self._inner.aclose()
        if not self._closed:
            self._closed = True
            self._trouble.open_streams -= 1
            self._trouble.begin("close", None, httpcore.WriteTimeout)

    async def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: Optional[str] = None, timeout: Optional[float] = None
    ) -> httpcore.AsyncNetworkStream:
        self._trouble.begin("start_tls", timeout, httpcore.ConnectTimeout)
        inner = await self._inner.start_tls(ssl_context, server_hostname, timeout)
        self._trouble.open_streams -= 1
        return AsyncFaultyStream(inner, self._trouble)

    def get_extra_info(self, info: str) -> Any:
        return self._inner.get_extra_info(info)
