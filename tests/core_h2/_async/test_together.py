"""Requests that are put in line while somebody else writes: they rely on that one, and on each other if it leaves."""

from __future__ import annotations

import time
from typing import Any, Optional

import pytest

from core_backends import ReadTimeout, WriteError, WriteTimeout
from core_h2 import AsyncHTTP2Connection

from ..peer import Exchange, Peer
from ..tasks import AsyncTasks
from .pipe import ORIGIN, URL, AsyncPartialPipe, AsyncPipe

PATIENT = {"timeout": {"read": 10, "write": 10}}


class Whole(AsyncPartialPipe):
    """Says how much it has written, which is all of it."""

    piece = 2**20


async def busy(pipe: AsyncPipe) -> AsyncHTTP2Connection:
    """Return a connection that has served, and whose next writer will be stuck until `pipe.release()`."""
    connection = AsyncHTTP2Connection(ORIGIN, pipe)
    assert (await connection.request("GET", URL)).status == 200
    pipe.hold()
    return connection


def relying(connection: AsyncHTTP2Connection) -> int:
    return sum(stream.relying for stream in connection._h2_state.streams.values())


async def until_relying(connection: AsyncHTTP2Connection, pipe: AsyncPipe, count: int) -> None:
    """Return when so many requests wait for their answers, and rely on the one who writes."""
    waiters = connection._multiplexer._waiters
    give_up_at = time.monotonic() + 20
    while relying(connection) < count or len(waiters) < count:
        assert time.monotonic() < give_up_at, "nobody relies on anybody"
        await pipe.pause()


@pytest.mark.parametrize("kind", [AsyncPipe, Whole])
async def test_they_leave_with_the_one_who_writes(kind: Any) -> None:
    pipe = kind(Peer({}))
    connection = await busy(pipe)
    written = len(pipe.writes)

    async def get() -> Any:
        return (await connection.request("GET", URL, extensions=PATIENT)).content

    async with AsyncTasks() as tasks:
        tasks.start(get)
        await pipe.blocked.wait(10)
        for _ in range(5):
            tasks.start(get)
        await until_relying(connection, pipe, 5)
        pipe.release()
    assert tasks.results == [b"hello"] * 6
    # The first by itself, as it was under way, and the others together.
    assert len(pipe.writes) - written == 2
    assert connection.is_idle() and not connection._multiplexer._relying


async def test_one_of_them_writes_when_the_writer_gives_up() -> None:
    pipe = Whole(Peer({}))
    connection = await busy(pipe)

    async def impatient() -> Any:
        try:
            return await connection.request("GET", URL, extensions={"timeout": {"write": 0.3}})
        finally:
            pipe.release()

    async def get() -> Any:
        return (await connection.request("GET", URL, extensions=PATIENT)).content

    async with AsyncTasks() as tasks:
        tasks.start(impatient)
        await pipe.blocked.wait(10)
        for _ in range(3):
            tasks.start(get)
    assert isinstance(tasks.results[0], WriteTimeout)
    assert tasks.results[1:] == [b"hello"] * 3
    assert connection.is_idle()


async def test_whose_request_is_not_written_in_time() -> None:
    pipe = Whole(Peer({}))
    connection = await busy(pipe)

    async def get() -> Any:
        return (await connection.request("GET", URL, extensions=PATIENT)).content

    async def impatient() -> Any:
        try:
            # Its patience for an answer ends first, and has not begun to count.
            return await connection.request("GET", URL, extensions={"timeout": {"write": 0.1, "read": 0.05}})
        finally:
            pipe.release()

    async with AsyncTasks() as tasks:
        tasks.start(get)
        await pipe.blocked.wait(10)
        tasks.start(impatient)
    assert tasks.results[0] == b"hello"
    assert isinstance(tasks.results[1], WriteTimeout)
    assert connection.is_idle()


async def test_whose_request_is_not_answered_in_time() -> None:
    class Selective(Peer):
        def on_end(self, stream_id: int, exchange: Exchange) -> None:
            if stream_id != 5:
                self.respond(stream_id, b"hello")

    pipe = Whole(Selective({}))
    connection = await busy(pipe)

    async def get(timeout: Optional[float]) -> Any:
        return await connection.request("GET", URL, extensions={"timeout": {"write": 10, "read": timeout}})

    async with AsyncTasks() as tasks:
        tasks.start(lambda: get(10))
        await pipe.blocked.wait(10)
        tasks.start(lambda: get(0.2))
        await until_relying(connection, pipe, 1)
        pipe.release()
    assert tasks.results[0].content == b"hello"
    assert isinstance(tasks.results[1], ReadTimeout) and "stream 5" in str(tasks.results[1])
    assert connection.is_idle() and pipe.peer.exchanges[5].reset == 8
    assert (await connection.request("GET", URL)).content == b"hello"


async def test_when_the_connection_takes_no_more() -> None:
    class Failing(Whole):
        async def write_some(self, buffer: bytes, timeout: Optional[float] = None) -> int:
            await super().write_some(b"", timeout)
            if self.blocked.is_set():
                raise WriteError("gone")
            return await super().write_some(buffer, timeout)

    pipe = Failing(Peer({}))
    connection = await busy(pipe)

    async def get() -> Any:
        return await connection.request("POST", URL, extensions={"timeout": {"read": 0.2}})

    async with AsyncTasks() as tasks:
        tasks.start(get)
        await pipe.blocked.wait(10)
        tasks.start(get)
        await until_relying(connection, pipe, 1)
        pipe.release()
    assert [type(result) for result in tasks.results] == [WriteError, WriteError]
    assert connection.is_closed() and pipe.closed


async def test_when_the_connection_is_closed() -> None:
    pipe = Whole(Peer({}))
    connection = await busy(pipe)

    async def get() -> Any:
        return await connection.request("GET", URL, extensions=PATIENT)

    async with AsyncTasks() as tasks:
        tasks.start(get)
        await pipe.blocked.wait(10)
        tasks.start(get)
        await until_relying(connection, pipe, 1)
        await connection.aclose()
    assert all(isinstance(result, Exception) for result in tasks.results)
    assert connection.is_closed() and pipe.closed
