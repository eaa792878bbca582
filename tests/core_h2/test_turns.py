"""What is sent in one turn of the event loop leaves in one write."""

from __future__ import annotations

from typing import Any, List

from core_backends.lowlevel import AsyncEvent
from core_h2 import AsyncHTTP2Connection

from ._async.pipe import ORIGIN, URL, AsyncPipe
from ._async.test_together import PATIENT, Whole, busy, until_relying
from .peer import Exchange, Peer
from .tasks import AsyncTasks, async_cancelled, async_gather


class Gathering(Peer):
    """Answers when `wanted` requests have come."""

    def __init__(self, wanted: int) -> None:
        super().__init__({})
        self.wanted = wanted
        self.waiting: List[int] = []

    def on_end(self, stream_id: int, exchange: Exchange) -> None:
        self.waiting.append(stream_id)
        if len(self.waiting) == self.wanted:
            for waiting in self.waiting:
                self.respond(waiting, b"%d" % waiting)
            self.waiting.clear()


async def test_answers_that_come_together_are_followed_by_requests_that_leave_together() -> None:
    pipe = AsyncPipe(Gathering(20))
    connection = AsyncHTTP2Connection(ORIGIN, pipe)

    async def get_three_times() -> List[bytes]:
        return [(await connection.request("GET", URL, extensions=PATIENT)).content for _ in range(3)]

    contents = await async_gather([get_three_times] * 20)
    assert sorted(int(content) for three in contents for content in three) == list(range(1, 120, 2))
    # The very first leaves at once, and the settings are acknowledged by themselves.
    assert len(pipe.writes) <= 8


async def test_one_who_is_cancelled_while_gathering_leaves_the_writing_to_the_others() -> None:
    pipe = Whole(Peer({}))
    connection = await busy(pipe)
    at_once = AsyncEvent()
    at_once.set()

    async def get() -> Any:
        return (await connection.request("GET", URL, extensions=PATIENT)).content

    async def give_up() -> Any:
        return await async_cancelled(get, at_once)

    async with AsyncTasks() as tasks:
        tasks.start(get)
        await pipe.blocked.wait(10)
        pipe.release()
        for _ in range(5):
            tasks.start(give_up)
            tasks.start(get)
    assert [result for result in tasks.results if isinstance(result, bytes)] == [b"hello"] * 6
    assert connection.is_idle() and not connection._multiplexer._writing


async def test_a_cancelled_writer_is_replaced_by_one_who_relied_on_it() -> None:
    pipe = Whole(Peer({}))
    connection = await busy(pipe)
    ready = AsyncEvent()

    async def get() -> Any:
        return (await connection.request("GET", URL, extensions=PATIENT)).content

    async def writer() -> bool:
        return await async_cancelled(get, ready)

    async with AsyncTasks() as tasks:
        tasks.start(writer)
        await pipe.blocked.wait(10)
        tasks.start(get)
        tasks.start(get)
        await until_relying(connection, pipe, 2)
        blocked = pipe.blocked = AsyncEvent()
        ready.set()
        await blocked.wait(10)
        pipe.release()
    assert tasks.results == [True, b"hello", b"hello"]
    assert connection.is_idle() and pipe.peer.exchanges[3].reset == 8
