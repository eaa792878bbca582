"""Servers that take nothing until what they send has been read, while nobody waits for anything of theirs."""

from __future__ import annotations

from typing import Any, AsyncIterator, List, Optional

import pytest

from core_backends import WriteTimeout
from core_h2 import AsyncHTTP2Connection

from ..peer import Exchange, Peer
from ..tasks import AsyncTasks
from .pipe import ORIGIN, URL, AsyncWatchingPipe

PATIENT = {"timeout": {"read": 10, "write": 10}}
LARGE = bytes(range(256)) * 4_096


class Open(Peer):
    """Has room for large bodies from the beginning."""

    def __init__(self) -> None:
        super().__init__({4: 2**24, 5: 2**20})
        self.grant(0, 2**24)


def connect(peer: Peer) -> Any:
    pipe = AsyncWatchingPipe(peer)
    return AsyncHTTP2Connection(ORIGIN, pipe), pipe


@pytest.mark.parametrize("content", [None, b"small", LARGE])
async def test_who_writes_reads_what_nobody_waits_for(content: Any) -> None:
    class Pouring(Open):
        def on_end(self, stream_id: int, exchange: Exchange) -> None:
            self.respond(stream_id, b"hello" if stream_id > 1 else LARGE)

    connection, pipe = connect(Pouring())
    async with connection.stream("GET", URL) as unread:
        pipe.hold()
        pipe.peer.send(b"\x00\x00\x08\x06\x00\x00\x00\x00\x00question")
        response = await connection.request("POST", URL, content=content, extensions=PATIENT)
        assert response.content == b"hello" and pipe.peer.pongs == [b"question"]
        assert await unread.aread() == LARGE
    assert bytes(pipe.peer.exchanges[3].body) == (content or b"")
    assert connection.is_idle()


async def test_so_does_one_who_writes_while_the_one_who_reads_leaves() -> None:
    class Holding(Open):
        def on_end(self, stream_id: int, exchange: Exchange) -> None:
            self.head(stream_id)
            if stream_id > 3:
                self.data(stream_id, b"hello", end=True)

    connection, pipe = connect(Holding())
    async with connection.stream("GET", URL) as unread, connection.stream("GET", URL) as read:

        async def post() -> Any:
            return await connection.request("POST", URL, content=LARGE, extensions=PATIENT)

        async def drain() -> bytes:
            return bytes(await read.aread())

        async with AsyncTasks() as tasks:
            tasks.start(drain)
            await pipe.reader_waits()
            pipe.hold()
            tasks.start(post)
            await pipe.blocked.wait(10)
            pipe.stubborn = False
            pipe.peer.data(3, b"for the one who reads", end=True)
            await pipe.until(lambda: not pipe.peer.out)
            pipe.stubborn = True
            pipe.peer.data(1, b"for the one who does not", end=True)
        assert tasks.results[0] == b"for the one who reads"
        assert tasks.results[1].content == b"hello"
        assert await unread.aread() == b"for the one who does not"
    assert bytes(pipe.peer.exchanges[5].body) == LARGE


@pytest.mark.parametrize("limit", [10, None])
async def test_an_answer_is_delivered_though_the_server_takes_no_more(limit: Any) -> None:
    class Refusing(Open):
        def on_data(self, stream_id: int, exchange: Exchange, content: bytes) -> None:
            if exchange.frames == 1:
                pipe.hold()
                self.respond(stream_id, b"too large", [(b":status", b"413")])

    connection, pipe = connect(Refusing())
    pipe.stubborn = False
    extensions = {"timeout": {"read": 10, "write": limit}}
    response = await connection.request("POST", URL, content=LARGE, extensions=extensions)
    assert (response.status, response.content) == (413, b"too large")
    assert len(pipe.peer.exchanges[1].body) < len(LARGE) and pipe.peer.exchanges[1].reset is None
    pipe.release()
    # What is left of the frame that had begun goes first, and then the end of the stream.
    assert (await connection.request("GET", URL, extensions=PATIENT)).content == b"hello"
    assert pipe.peer.exchanges[1].reset is not None and connection.is_idle()


class Echo(Open):
    """Sends back what it gets, and takes no more while that is not read."""

    def __init__(self) -> None:
        super().__init__()
        self.pipe: Any = None

    def on_request(self, stream_id: int, exchange: Exchange) -> None:
        self.head(stream_id)

    def on_data(self, stream_id: int, exchange: Exchange, content: bytes) -> None:
        self.data(stream_id, content)
        self.pipe.hold()

    def on_end(self, stream_id: int, exchange: Exchange) -> None:
        self.data(stream_id, end=True)


class Pieces:
    """Yields the same buffer again and again, with other content each time."""

    def __init__(self) -> None:
        self.buffer = bytearray(200_000)
        self.count = 0

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for self.count in range(1, 11):
            self.buffer[:] = bytes([self.count]) * 200_000
            yield self.buffer  # type: ignore[misc]


async def test_an_echo_is_read_while_it_is_sent() -> None:
    for content, expected in ((LARGE, LARGE), (Pieces(), b"".join(bytes([i]) * 200_000 for i in range(1, 11)))):
        connection, pipe = connect(Echo())
        pipe.peer.pipe = pipe
        response = await connection.request("POST", URL, content=content, extensions=PATIENT)
        assert response.content == expected and connection.is_idle()


async def test_what_is_in_line_does_not_grow_while_the_server_takes_nothing() -> None:
    class Talking(Open):
        def on_request(self, stream_id: int, exchange: Exchange) -> None:
            self.head(stream_id)
            pipe.hold()

        def on_end(self, stream_id: int, exchange: Exchange) -> None:
            self.data(stream_id, b"!", end=True)

    connection, pipe = connect(Talking())
    pipe.stubborn = False
    engine = connection._h2_state
    lengths: List[int] = []
    async with connection.stream("POST", URL, content=LARGE, extensions=PATIENT) as response:
        parts = response.aiter_stream().__aiter__()
        for _ in range(20):
            pipe.peer.data(1, b".")
            assert await parts.__anext__() == b"."
            lengths.append(sum(len(part) for part in engine.outbound))
        assert max(lengths) < 600_000
        pipe.release()
        assert [part async for part in parts] == [b"!"]
    assert bytes(pipe.peer.exchanges[1].body) == LARGE and connection.is_idle()


async def test_what_one_has_left_another_may_have_written() -> None:
    connection, pipe = connect(Open())
    assert (await connection.request("GET", URL)).content == b"hello"
    connection._multiplexer._left_over = True
    assert (await connection.request("POST", URL, content=LARGE, extensions=PATIENT)).content == b"hello"
    assert bytes(pipe.peer.exchanges[3].body) == LARGE


async def test_a_server_that_talks_and_takes_nothing_has_the_write_timeout() -> None:
    class Chattering(AsyncWatchingPipe):
        stubborn = False
        chats = 0

        async def read(self, max_bytes: int, timeout: Optional[float] = None) -> bytes:
            data = await super().read(max_bytes, timeout)
            if self._gate is not None:
                await self.pause()
                self.chats += 1
                self.peer.grant(0, 1)
            return data

    pipe = Chattering(Peer({}))
    connection = AsyncHTTP2Connection(ORIGIN, pipe)
    assert (await connection.request("GET", URL)).content == b"hello"
    pipe.hold()
    pipe.peer.grant(0, 1)
    with pytest.raises(WriteTimeout):
        await connection.request("POST", URL, content=LARGE, extensions={"timeout": {"read": 10, "write": 0.5}})
    assert pipe.chats > 0
    pipe.release()
    assert (await connection.request("GET", URL, extensions=PATIENT)).content == b"hello"
