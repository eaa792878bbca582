"""Many exchanges at a time on one connection: who reads for whom, windows, slots and timeouts."""

from __future__ import annotations

import random
import time
from typing import Any, Dict, List, Optional

import pytest

from core_backends import ConnectionNotAvailable, ReadTimeout, Request, WriteTimeout
from core_backends.lowlevel import AsyncEvent

from ..peer import Exchange, Peer
from ..tasks import AsyncTasks, async_gather
from .pipe import URL, connected, owed_window


class Gathering(Peer):
    """Answers when `wanted` requests have come, the last one first."""

    def __init__(self, wanted: int, settings: Optional[Dict[int, int]] = None) -> None:
        super().__init__({} if settings is None else settings)
        self.wanted = wanted
        self.waiting: List[int] = []

    def on_end(self, stream_id: int, exchange: Exchange) -> None:
        self.waiting.append(stream_id)
        if len(self.waiting) == self.wanted:
            for waiting in reversed(self.waiting):
                self.respond(waiting, b"%d" % waiting)
            self.waiting.clear()


class Silent(Peer):
    """Answers when it is told to."""

    def on_end(self, stream_id: int, exchange: Exchange) -> None:
        pass


async def test_without_a_limit_from_the_server_requests_do_not_queue() -> None:
    connection, pipe = connected(Gathering(90))

    async def get() -> Any:
        return await connection.request("GET", URL, extensions={"timeout": {"read": 10}})

    responses = await async_gather([get] * 90)
    assert sorted(int(response.content) for response in responses) == list(range(1, 180, 2))
    assert pipe.most_readers == 1
    assert connection.is_idle()
    # Now that the server has spoken and has set no limit, there is room for more.
    pipe.peer.wanted = 200  # type: ignore[attr-defined]
    assert all(response.status == 200 for response in await async_gather([get] * 200))


async def test_each_response_goes_to_its_request_whatever_the_order() -> None:
    connection, _ = connected(Gathering(20))

    async def get() -> bool:
        async with connection.stream("GET", URL) as response:
            return int(await response.aread()) == response.extensions["stream_id"]

    assert await async_gather([get] * 20) == [True] * 20


async def test_uploads_share_windows_of_any_size() -> None:
    class Stingy(Peer):
        """Gives a window back in pieces, to the streams in turn."""

        def __init__(self) -> None:
            super().__init__({4: 1_000}, auto_window=False)
            self.random = random.Random(7)

        def on_data(self, stream_id: int, exchange: Exchange, content: bytes) -> None:
            if self.receive_window < 30_000:
                self.grant(0, self.random.randint(1, 60_000))
            if exchange.receive_window <= 0 and "END_STREAM" not in self.seen[-1].flags:
                self.grant(stream_id, self.random.choice([1, 700, 50_000, 300_000]))

    peer = Stingy()
    connection, pipe = connected(peer)
    bodies = [bytes([number]) * 2_000_000 for number in range(6)]

    async def upload(body: bytes) -> Any:
        return await connection.request("POST", URL, content=body, extensions={"timeout": {"write": 10, "read": 10}})

    responses = await async_gather([lambda body=body: upload(body) for body in bodies])  # type: ignore[misc]
    assert [getattr(response, "status", response) for response in responses] == [200] * 6
    assert sorted(bytes(exchange.body) for exchange in peer.exchanges.values()) == bodies
    assert pipe.most_readers == 1


async def test_a_window_that_becomes_negative_is_waited_out() -> None:
    class Changing(Peer):
        def __init__(self) -> None:
            super().__init__(auto_window=False)
            self.step = 0

        def on_data(self, stream_id: int, exchange: Exchange, content: bytes) -> None:
            if self.receive_window == 0 and self.step == 0:
                self.step = 1
                self.announce({4: 100})
                self.grant(0, 500_000)

        def on_acknowledgement(self) -> None:
            if self.step == 1:
                assert self.exchanges[1].receive_window == 100 - 65_535
                self.grant(1, 65_435)
                self.grant(1, 200_000)

    peer = Changing()
    connection, _ = connected(peer)
    body = b"x" * 200_000
    response = await connection.request("POST", URL, content=body, extensions={"timeout": {"write": 5, "read": 5}})
    assert response.status == 200
    assert bytes(peer.exchanges[1].body) == body


async def test_frames_are_as_large_as_the_server_takes() -> None:
    peer = Peer({4: 1_000_000, 5: 60_000})
    connection, _ = connected(peer)
    await connection.request("GET", URL)  # So that its settings have come.
    await connection.request("POST", URL, content=b"x" * 200_000)
    sizes = [len(frame.data) for frame in peer.seen if frame.type == 0]
    assert max(sizes) == 60_000


async def test_a_timeout_ends_its_own_stream_only() -> None:
    for impatient_reads_first in (True, False):
        peer = Silent({})
        connection, pipe = connected(peer)
        results: List[Any] = []

        async def patient() -> Any:
            return await connection.request("GET", URL, extensions={"timeout": {"read": 10}})  # noqa: B023

        async def impatient() -> Any:
            try:
                return await connection.request("GET", URL, extensions={"timeout": {"read": 0.05}})  # noqa: B023
            except ReadTimeout as exc:
                started = time.monotonic()
                for stream_id, exchange in peer.exchanges.items():  # noqa: B023
                    if exchange.reset is None and stream_id != failed(peer):  # noqa: B023
                        peer.respond(stream_id, b"still here")  # noqa: B023
                results.append(time.monotonic() - started)  # noqa: B023
                return exc

        first, second = (impatient, patient) if impatient_reads_first else (patient, impatient)
        async with AsyncTasks() as tasks:
            tasks.start(first)
            await pipe.reader_waits()
            tasks.start(second)
        outcome = dict(zip((first, second), tasks.results))
        assert isinstance(outcome[impatient], ReadTimeout)
        assert outcome[patient].content == b"still here"
        assert connection.is_idle() and connection.is_available()


def failed(peer: Peer) -> int:
    """The stream that the impatient one had: it is not among those that still wait."""
    return next((stream_id for stream_id, exchange in peer.exchanges.items() if exchange.reset is not None), 0)


async def test_what_comes_for_others_does_not_restart_a_timeout() -> None:
    class Dripping(Peer):
        def on_end(self, stream_id: int, exchange: Exchange) -> None:
            if stream_id == 1:
                self.head(1)

    peer = Dripping({})
    connection, pipe = connected(peer)
    over = False

    async def drip() -> Any:
        async with connection.stream("GET", URL) as response:
            async for _ in response.aiter_stream():
                if over:
                    break
        return "dripped"

    async def wait() -> Any:
        nonlocal over
        started = time.monotonic()
        try:
            return await connection.request("GET", URL, extensions={"timeout": {"read": 0.3}})
        except ReadTimeout as exc:
            return exc, time.monotonic() - started
        finally:
            over = True
            peer.data(1, b"last", end=True)

    async def feed() -> None:
        while not over:
            peer.data(1, b"drop")
            await AsyncEvent().wait(0.05)

    async with AsyncTasks() as tasks:
        tasks.start(drip)
        await pipe.reader_waits()
        tasks.start(wait)
        tasks.start(feed)
    dripped, waited, _ = tasks.results
    assert dripped == "dripped"
    assert isinstance(waited[0], ReadTimeout) and 0.25 < waited[1] < 2


async def test_the_limit_of_the_server_counts_and_is_no_obstacle_for_those_under_way() -> None:
    peer = Gathering(4, {3: 4})
    connection, pipe = connected(peer)
    assert connection.max_concurrent_requests == 100
    peer.wanted = 1
    await connection.request("GET", URL)
    assert connection.max_concurrent_requests == 4
    peer.wanted = 5  # Nobody is answered yet.

    async def get() -> Any:
        return await connection.request("GET", URL, extensions={"timeout": {"read": 10}})

    async with AsyncTasks() as tasks:
        for _ in range(4):
            tasks.start(get)
        await pipe.requests(5)
        assert not connection.is_available() and not connection.is_idle()
        with pytest.raises(ConnectionNotAvailable):
            await connection.request("GET", URL)
        peer.announce({3: 1})
        for stream_id in peer.waiting:
            peer.respond(stream_id, b"finished")
    assert [response.content for response in tasks.results] == [b"finished"] * 4
    assert connection.max_concurrent_requests == 1 and connection.is_available()


async def test_a_cap_of_the_users() -> None:
    peer = Peer({3: 50})
    connection, _ = connected(peer, max_concurrent_streams=2)
    assert connection.max_concurrent_requests == 2
    first = await connection.handle_async_request(Request("GET", URL))
    assert connection.max_concurrent_requests == 2
    await first.aclose()
    with pytest.raises(ValueError, match="at least 1"):
        connected(Peer({}), max_concurrent_streams=0)


async def test_stream_numbers_run_out() -> None:
    connection, pipe = connected(Peer({}))
    connection._h2_state._next_id = 2**31 - 1
    assert connection.is_available()
    assert (await connection.request("GET", URL)).content == b"hello"
    assert not connection.is_available() and connection.is_closed() and pipe.closed


async def test_a_window_that_never_opens_is_a_write_timeout() -> None:
    peer = Peer({4: 10}, auto_window=False)
    connection, _ = connected(peer)
    with pytest.raises(WriteTimeout):
        await connection.request("POST", URL, content=b"x" * 70_000, extensions={"timeout": {"write": 0.05}})
    assert peer.exchanges[1].reset == 8
    assert (await connection.request("GET", URL)).content == b"hello"


async def test_a_slow_reader_stalls_nobody_else() -> None:
    class Generous(Peer):
        def on_end(self, stream_id: int, exchange: Exchange) -> None:
            self.head(stream_id)
            self.pour(stream_id)

        def on_window(self, stream_id: int) -> None:
            for waiting in self.exchanges:
                self.pour(waiting)

        def pour(self, stream_id: int) -> None:
            exchange = self.exchanges[stream_id]
            left = 400_000 - getattr(exchange, "poured", 0)
            size = min(left, exchange.send_window, self.send_window)
            if exchange.reset is None and left and size > 0:
                exchange.poured = 400_000 - left + size  # type: ignore[attr-defined]
                self.data(stream_id, b"x" * size, end=size == left)

    peer = Generous({})
    connection, _ = connected(peer, initial_window_size=65_535, connection_window_size=65_535)
    slow = await connection.handle_async_request(Request("GET", URL))
    body = slow.stream.__aiter__()  # type: ignore[union-attr]
    await body.__anext__()
    for _ in range(3):
        quick = await connection.request("GET", URL, extensions={"timeout": {"read": 5}})
        assert len(quick.content) == 400_000
    # What waits for the slow reader is one window of its stream, and not more.
    assert peer.exchanges[1].send_window == 0
    size = 0
    async for part in body:
        size += len(part)
    assert size > 300_000
    assert (await connection.request("GET", URL)).status == 200
    assert peer.send_window + owed_window(connection) == 65_535
