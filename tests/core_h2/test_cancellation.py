"""Cancelled at any point, an exchange leaves the connection right, or ended: never wrong."""

from __future__ import annotations

from typing import Any, Optional, Type

import pytest

from core_backends import ConnectionNotAvailable, NetworkError, ReadError, Request, WriteError, WriteTimeout
from core_backends.lowlevel import AsyncEvent
from core_h2 import AsyncHTTP2Connection

from ._async.pipe import ORIGIN, URL, AsyncPartialPipe, AsyncPipe
from .peer import Exchange, Peer
from .tasks import AsyncTasks, async_cancelled

TIMEOUTS = {"timeout": {"read": 5, "write": 5}}


class Parking:
    """Counts operations and parks the one that is numbered `park_at`: before it, or within it where it is a write."""

    park_at = 0
    within = False

    def park(self) -> Any:
        self.operations = getattr(self, "operations", 0) + 1
        if self.operations == self.park_at:
            self.parked.set()
            return AsyncEvent().wait(None)
        return None


class ParkingPipe(Parking, AsyncPipe):
    def __init__(self, peer: Peer) -> None:
        super().__init__(peer)
        self.parked = AsyncEvent()

    async def read(self, max_bytes: int, timeout: Optional[float] = None) -> bytes:
        forever = self.park()
        if forever is not None:
            await forever
        return await super().read(max_bytes, timeout)

    async def write(self, buffer: bytes, timeout: Optional[float] = None) -> None:
        forever = self.park()
        if forever is not None:
            if self.within:
                await super().write(buffer[: len(buffer) // 2], timeout)
            await forever
        await super().write(buffer, timeout)


class ParkingPartialPipe(Parking, AsyncPartialPipe):
    piece = 20_000

    def __init__(self, peer: Peer) -> None:
        super().__init__(peer)
        self.parked = AsyncEvent()

    async def read(self, max_bytes: int, timeout: Optional[float] = None) -> bytes:
        forever = self.park()
        if forever is not None:
            await forever
        return await super().read(max_bytes, timeout)

    async def write_some(self, buffer: bytes, timeout: Optional[float] = None) -> int:
        forever = self.park()
        if forever is not None:
            await forever
        return await super().write_some(buffer, timeout)


class Thorough(Peer):
    """Answers in several steps, so that there is a lot to wait for."""

    def on_end(self, stream_id: int, exchange: Exchange) -> None:
        self.head(stream_id)
        self.data(stream_id, b"content " * 10)
        self.data(stream_id, b"length %d" % len(exchange.body), end=True)


async def exchange_on(connection: AsyncHTTP2Connection, size: int) -> bytes:
    async with connection.stream("POST", URL, content=b"x" * size, extensions=TIMEOUTS) as response:
        return await response.aread()


async def park_everywhere(kind: Any, *, within: bool = False) -> int:
    """Cancel an upload at one operation after the other, and return at how many."""
    for number in range(1, 100):
        peer = Thorough({})
        pipe = kind(peer)
        pipe.read_size = 50
        connection = AsyncHTTP2Connection(ORIGIN, pipe)
        assert await exchange_on(connection, 10)
        pipe.within = within
        pipe.operations, pipe.park_at = 0, number

        async def upload() -> None:
            await exchange_on(connection, 100_000)  # noqa: B023

        cancelled = await async_cancelled(upload, pipe.parked)
        assert connection._exchanges == 0
        assert not connection._h2_state.streams
        if not cancelled:
            return number - 1
        try:
            assert await exchange_on(connection, 1_000) == b"content " * 10 + b"length 1000"
            assert len(peer.exchanges) < 2 or peer.exchanges[3].reset in (8, None)
        except ConnectionNotAvailable:
            assert connection.is_closed() and pipe.closed and not connection.is_available()
    raise AssertionError("it never ends")


async def test_on_a_stream_that_writes_all_or_something_unknown() -> None:
    assert await park_everywhere(ParkingPipe) > 5
    assert await park_everywhere(ParkingPipe, within=True) > 5


async def test_on_a_stream_that_says_how_much_it_has_written() -> None:
    assert await park_everywhere(ParkingPartialPipe) > 5


async def test_a_cancelled_writer_leaves_its_rest_to_the_next() -> None:
    peer = Thorough({})
    pipe = ParkingPartialPipe(peer)
    connection = AsyncHTTP2Connection(ORIGIN, pipe)
    await exchange_on(connection, 1)
    pipe.operations, pipe.park_at = 0, 2

    async def upload() -> None:
        await exchange_on(connection, 60_000)

    assert await async_cancelled(upload, pipe.parked)
    assert connection.is_available()
    assert await exchange_on(connection, 2_000) == b"content " * 10 + b"length 2000"
    # What stood in line has come whole, and the news that nobody wants the answer.
    assert peer.exchanges[3].reset == 8 and bytes(peer.exchanges[3].body) == b"x" * 60_000


async def test_a_write_that_was_cut_short_ends_the_others_too_if_nobody_knows_how_far_it_came() -> None:
    peer = Thorough({})
    peer.on_end = lambda stream_id, exchange: None  # type: ignore[method-assign]
    pipe = AsyncPipe(peer)
    connection = AsyncHTTP2Connection(ORIGIN, pipe)

    async def get(expected: Type[Exception]) -> Any:
        with pytest.raises(expected):
            await connection.request("GET", URL, extensions=TIMEOUTS)

    async with AsyncTasks() as tasks:
        tasks.start(lambda: get(NetworkError))
        await pipe.requests(1)
        pipe.hold()
        blocked = pipe.blocked

        async def upload() -> None:
            await connection.request("POST", URL, content=b"x" * 10, extensions=TIMEOUTS)

        async def wait_in_line() -> None:
            await blocked.wait(10)
            # What the server has not seen may be sent elsewhere.
            with pytest.raises((ConnectionNotAvailable, WriteError)):
                await connection.request("GET", URL, extensions=TIMEOUTS)

        tasks.start(wait_in_line)

        async def cut() -> None:
            with pytest.raises(WriteTimeout):
                await connection.request("GET", URL, extensions={"timeout": {"write": 0.05}})

        tasks.start(cut)
    assert tasks.results == [None, None, None]
    assert connection.is_closed() and pipe.closed


async def test_cancelled_while_looking_for_an_answer_after_a_write_timed_out() -> None:
    class Stuck(ParkingPipe):
        def get_extra_info(self, info: str) -> Any:
            return self._gate is not None if info == "is_readable" else None

    peer = Thorough({})
    pipe = Stuck(peer)
    connection = AsyncHTTP2Connection(ORIGIN, pipe)
    await exchange_on(connection, 1)
    pipe.hold()
    pipe.operations, pipe.park_at = 0, 3  # The look before reuse, the write, and the look after it.

    async def get() -> None:
        await connection.request("GET", URL, extensions={"timeout": {"write": 0.01, "read": 5}})

    assert await async_cancelled(get, pipe.parked)
    assert connection._exchanges == 0 and connection.is_closed() and pipe.closed
    with pytest.raises(ConnectionNotAvailable):
        await connection.request("GET", URL, extensions=TIMEOUTS)


async def test_the_reading_is_passed_on_by_one_who_is_cancelled() -> None:
    peer = Thorough({})
    peer.on_end = lambda stream_id, exchange: None  # type: ignore[method-assign]
    pipe = AsyncPipe(peer)
    connection = AsyncHTTP2Connection(ORIGIN, pipe)
    waiting = AsyncEvent()

    async def get() -> Any:
        return await connection.request("GET", URL, extensions=TIMEOUTS)

    async with AsyncTasks() as tasks:

        async def first_reader() -> None:
            async def request() -> None:
                await connection.request("GET", URL)

            assert await async_cancelled(request, waiting)
            peer.respond(3, b"for the second")
            peer.respond(5, b"for the third")

        tasks.start(first_reader)
        await pipe.requests(1)
        tasks.start(get)
        tasks.start(get)
        await pipe.requests(3)
        waiting.set()
    contents = {getattr(result, "content", result) for result in tasks.results}
    assert contents == {None, b"for the second", b"for the third"}
    assert connection.is_idle() and pipe.most_readers == 1


async def test_a_cancelled_body_is_reset() -> None:
    class Stalling(Peer):
        def on_end(self, stream_id: int, exchange: Exchange) -> None:
            self.head(stream_id)

    peer = Stalling({})
    pipe = AsyncPartialPipe(peer)
    connection = AsyncHTTP2Connection(ORIGIN, pipe)
    waiting = AsyncEvent()

    async def read() -> None:
        response = await connection.handle_async_request(Request("GET", URL))
        waiting.set()
        await response.aread()

    assert await async_cancelled(read, waiting)
    assert connection.is_idle() and connection.is_available()
    # The stream can be written to without waiting, so the server knows already.
    assert peer.exchanges[1].reset == 8


async def test_abort_wakes_everybody() -> None:
    peer = Thorough({})
    peer.on_end = lambda stream_id, exchange: None  # type: ignore[method-assign]
    pipe = AsyncPipe(peer)
    connection = AsyncHTTP2Connection(ORIGIN, pipe)

    async def get() -> None:
        with pytest.raises(ReadError):
            await connection.request("GET", URL, extensions=TIMEOUTS)

    async with AsyncTasks() as tasks:
        for count in range(1, 4):
            tasks.start(get)
            await pipe.requests(count)
        connection.abort()
    assert tasks.results == [None, None, None]
    assert connection.is_closed() and pipe.closed


async def test_reading_goes_on_where_the_server_takes_nothing_until_it_has_been_read() -> None:
    peer = Peer({})
    peer.on_end = lambda stream_id, exchange: None  # type: ignore[method-assign]
    pipe = AsyncPartialPipe(peer)
    connection = AsyncHTTP2Connection(ORIGIN, pipe)
    contents = []

    async def get() -> None:
        contents.append((await connection.request("GET", URL)).content)

    async def upload() -> None:
        await connection.request("POST", URL, content=b"x" * 60_000)

    async with AsyncTasks() as tasks:
        tasks.start(get)
        await pipe.reader_waits()
        pipe.hold()
        assert await async_cancelled(upload, pipe.blocked)
        # What that has left cannot be written now, whoever tries.
        peer.head(1)
        await pipe.reader_waits()
        peer.data(1, b"hello, ")
        await pipe.reader_waits()
        peer.data(1, b"hello", end=True)
    assert tasks.results == [None] and contents == [b"hello, hello"]
    pipe.release()
    peer.on_end = lambda stream_id, exchange: peer.respond(stream_id, b"content")  # type: ignore[method-assign]
    assert (await connection.request("GET", URL)).content == b"content"
    assert peer.exchanges[3].reset == 8 and bytes(peer.exchanges[3].body) == b"x" * 60_000
