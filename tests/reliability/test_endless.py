"""Bodies without an end, sent and received as fast as anyone takes and gives them: nobody waits, and yet the time for
all of the request is over at some point.
"""

from __future__ import annotations

import asyncio
import struct
from typing import Any, AsyncIterator, Iterator

import pytest
import trio

import httpcore

TOTAL = {"timeout": {"total": 0.2}}
PART = b"x" * 1000


class HTTP11Peer:
    """Begins to answer what it is asked once, or keeps taking what it is sent."""

    def __init__(self, uploading: bool) -> None:
        self._uploading = uploading
        self._begun = False

    def take(self, data: bytes) -> None:
        """Take everything."""

    def give(self) -> bytes:
        if self._uploading:
            raise httpcore.ReadTimeout("Nothing is said before all has been taken.")
        if not self._begun:
            self._begun = True
            return b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
        return b"%x\r\n%b\r\n" % (len(PART), PART)

    def gives(self) -> bool:
        return False


class HTTP2Peer(HTTP11Peer):
    """The same in frames: DATA without an end, or room in the windows for all that came (RFC 9113 § 6)."""

    def __init__(self, uploading: bool) -> None:
        super().__init__(uploading)
        self._owed = 0

    def take(self, data: bytes) -> None:
        self._owed += len(data)

    def give(self) -> bytes:
        if not self._begun:
            self._begun = True
            settings = _frame(4, 0, 0, b"")
            return settings if self._uploading else settings + _frame(1, 4, 1, b"\x88")
        if not self._uploading:
            return _frame(0, 0, 1, PART)
        if not self._owed:
            raise httpcore.ReadTimeout("Nothing is said before something has been taken.")
        room, self._owed = struct.pack(">I", self._owed), 0
        return _frame(8, 0, 0, room) + _frame(8, 0, 1, room)

    def gives(self) -> bool:
        return not self._begun or not self._uploading or self._owed > 0


def _frame(kind: int, flags: int, stream_id: int, payload: bytes) -> bytes:
    return struct.pack(">I", len(payload))[1:] + struct.pack(">BBI", kind, flags, stream_id) + payload


class Stream(httpcore.NetworkStream):
    def __init__(self, peer: HTTP11Peer) -> None:
        self.peer = peer

    def read(self, max_bytes: int, timeout: Any = None) -> bytes:
        return self.peer.give()

    def write(self, buffer: bytes, timeout: Any = None) -> None:
        self.peer.take(buffer)

    def close(self) -> None:
        """Nothing is held."""

    def get_extra_info(self, info: str) -> Any:
        return self.peer.gives() if info == "is_readable" else None


class AsyncStream(httpcore.AsyncNetworkStream):
    def __init__(self, peer: HTTP11Peer) -> None:
        self.peer = peer

    async def read(self, max_bytes: int, timeout: Any = None) -> bytes:
        return self.peer.give()

    async def write(self, buffer: bytes, timeout: Any = None) -> None:
        self.peer.take(buffer)

    async def aclose(self) -> None:
        """Nothing is held."""

    def get_extra_info(self, info: str) -> Any:
        return self.peer.gives() if info == "is_readable" else None


class Backend(httpcore.NetworkBackend):
    def __init__(self, peer: HTTP11Peer) -> None:
        self.peer = peer

    def connect_tcp(self, *arguments: Any, **options: Any) -> httpcore.NetworkStream:
        return Stream(self.peer)


class AsyncBackend(httpcore.AsyncNetworkBackend):
    def __init__(self, peer: HTTP11Peer) -> None:
        self.peer = peer

    async def connect_tcp(self, *arguments: Any, **options: Any) -> httpcore.AsyncNetworkStream:
        return AsyncStream(self.peer)


def _parts() -> Iterator[bytes]:
    while True:
        yield PART


async def _async_parts() -> AsyncIterator[bytes]:
    while True:
        yield PART


def _in_threads(peer: HTTP11Peer, options: Any, uploading: bool) -> None:
    with httpcore.ConnectionPool(network_backend=Backend(peer), **options) as pool:
        content = _parts() if uploading else None
        with pool.stream("POST", "http://h/", content=content, extensions=TOTAL) as response:
            for _ in response.iter_stream():
                """Whatever comes is taken."""


async def _in_tasks(peer: HTTP11Peer, options: Any, uploading: bool) -> None:
    async with httpcore.AsyncConnectionPool(network_backend=AsyncBackend(peer), **options) as pool:
        content = _async_parts() if uploading else None
        async with pool.stream("POST", "http://h/", content=content, extensions=TOTAL) as response:
            async for _ in response.aiter_stream():
                """Whatever comes is taken."""


@pytest.mark.parametrize("world", ["threads", "asyncio", "trio"])
@pytest.mark.parametrize("http2", [False, True], ids=["http11", "http2"])
@pytest.mark.parametrize("uploading", [False, True], ids=["download", "upload"])
def test_the_total_ends_a_body_that_nobody_waits_for(world: str, http2: bool, uploading: bool) -> None:
    peer = HTTP2Peer(uploading) if http2 else HTTP11Peer(uploading)
    options = {"http1": not http2, "http2": http2}
    with pytest.raises(httpcore.WriteTimeout if uploading else httpcore.ReadTimeout):
        if world == "threads":
            _in_threads(peer, options, uploading)
        elif world == "asyncio":
            asyncio.run(_in_tasks(peer, options, uploading))
        else:
            trio.run(_in_tasks, peer, options, uploading)
