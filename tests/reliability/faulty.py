"""A user's own backend, with the methods of the contract and no others, that does something wrong at one operation.

Operations are counted over all streams of a backend, from 1, in the order in which they are begun. At operation `at`
what happens is `fault`: an exception is raised, the stream ends ("eof"), the operation takes longer than it may
("hang"), half of what was to be written goes out before an exception (`Half`), something is called (`Calling`), or the
operation never ends and is cancelled (`Cancelling`, async only). With `only`, operations of that name alone are
counted. After a write that failed, whatever comes next on that stream fails too, in a way that goes with it. What is
read comes in pieces as `pieces` says; with `bytewise` each byte is written by itself.
"""

from __future__ import annotations

import ssl
from typing import Any, Callable, List, Optional

import anyio

import httpcore
from core_backends import AutoBackend

NO_FAULT = "none"


class Half:
    """A write after whose first half `error` is raised."""

    def __init__(self, error: Any) -> None:
        self.error = error


class Calling:
    """`action` is called before the operation."""

    def __init__(self, action: Callable[[], Any]) -> None:
        self.action = action


class Cancelling:
    """`cancel` is called, and the operation waits for ever: before it does anything, or `after` all is done."""

    def __init__(self, cancel: Callable[[], Any], after: bool = False) -> None:
        self.cancel = cancel
        self.after = after


class Trouble:
    """When to do what, and what has been seen."""

    def __init__(
        self,
        at: int = 0,
        fault: Any = NO_FAULT,
        pieces: Callable[[int, int], int] = lambda most, delivered: most,
        *,
        only: Optional[str] = None,
        bytewise: bool = False,
    ) -> None:
        self.at = at
        self.fault = fault
        self.pieces = pieces
        self.only = only
        self.bytewise = bytewise
        self.operations: List[str] = []
        self.happened: Optional[str] = None
        self.over = False
        self.delivered = 0
        self.open_streams = 0
        self.unbounded: List[str] = []

    def begin(self, operation: str, timeout: Optional[float], expired: type) -> Optional[bytes]:
        """Count an operation; raises what is due, and returns what a read is to return instead of reading."""
        if timeout is None and operation != "close":
            self.unbounded.append(operation)
        if not self._is_due(operation):
            return None
        self.happened = operation
        if isinstance(self.fault, (Half, Cancelling)):
            return None
        if isinstance(self.fault, Calling):
            self.fault.action()
            return None
        if self.fault == "eof":
            return b"" if operation == "read" else None
        if self.fault == "hang":
            # What would happen after that time, now.
            if operation != "close":
                raise expired("It took too long.")
            return None
        raise self.fault("It went wrong.")

    def _is_due(self, operation: str) -> bool:
        if self.only not in (None, operation):
            return False
        self.operations.append(operation)
        return len(self.operations) == self.at and not self.over

    def written(self, buffer: bytes) -> List[Any]:
        """The pieces in which to write `buffer`."""
        if self._is_now(Half):
            return [memoryview(buffer)[: len(buffer) // 2]]
        if self.bytewise:
            return [memoryview(buffer)[at : at + 1] for at in range(len(buffer))]
        return [buffer]

    def fail_half_way(self) -> None:
        if self._is_now(Half):
            self.fault = self.fault.error
            raise self.fault("It went wrong half-way.")

    def _is_now(self, kind: Any) -> bool:
        """Whether the operation that was begun last has that kind of fault."""
        return isinstance(self.fault, kind) and self.happened is not None and len(self.operations) == self.at

    async def wait_to_be_cancelled(self, after: bool) -> None:
        if self._is_now(Cancelling) and self.fault.after is after and not self.over:
            cancel, self.fault = self.fault.cancel, NO_FAULT
            cancel()
            await anyio.sleep_forever()


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
        for piece in self._trouble.written(buffer):
            self._inner.write(piece, timeout)
        try:
            self._trouble.fail_half_way()
        except Exception:
            self._cut = True
            raise

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
        await self._trouble.wait_to_be_cancelled(after=False)
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
        await self._trouble.wait_to_be_cancelled(after=False)
        data = await self._inner.read(self._trouble.pieces(max_bytes, self._trouble.delivered), timeout)
        self._trouble.delivered += len(data)
        await self._trouble.wait_to_be_cancelled(after=True)
        return data

    async def write(self, buffer: bytes, timeout: Optional[float] = None) -> None:
        try:
            self._trouble.begin("write", timeout, httpcore.WriteTimeout)
        except Exception:
            self._cut = True
            raise
        await self._trouble.wait_to_be_cancelled(after=False)
        for piece in self._trouble.written(buffer):
            await self._inner.write(piece, timeout)
        try:
            self._trouble.fail_half_way()
        except Exception:
            self._cut = True
            raise
        await self._trouble.wait_to_be_cancelled(after=True)

    async def aclose(self) -> None:
        await self._inner.aclose()
        if not self._closed:
            self._closed = True
            self._trouble.open_streams -= 1
            self._trouble.begin("close", None, httpcore.WriteTimeout)
            await self._trouble.wait_to_be_cancelled(after=False)

    async def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: Optional[str] = None, timeout: Optional[float] = None
    ) -> httpcore.AsyncNetworkStream:
        self._trouble.begin("start_tls", timeout, httpcore.ConnectTimeout)
        await self._trouble.wait_to_be_cancelled(after=False)
        inner = await self._inner.start_tls(ssl_context, server_hostname, timeout)
        self._trouble.open_streams -= 1
        return AsyncFaultyStream(inner, self._trouble)

    def get_extra_info(self, info: str) -> Any:
        return self._inner.get_extra_info(info)
