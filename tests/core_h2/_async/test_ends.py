"""How exchanges and connections end: given up, refused, reset, shut down, or while nobody looks."""

from __future__ import annotations

import gc
import time
from typing import Any, Dict, List, Optional

import pytest

from core_backends import (
    ConnectionNotAvailable,
    ReadError,
    ReadTimeout,
    RemoteProtocolError,
    Request,
    WriteError,
    WriteTimeout,
)
from core_backends.lowlevel import AsyncEvent

from ..peer import OK, Exchange, Peer
from ..tasks import AsyncTasks
from .pipe import URL, AsyncPipe, connected, owed_window


class Pouring(Peer):
    """Sends content without end, as far as the windows go."""

    def on_end(self, stream_id: int, exchange: Exchange) -> None:
        self.head(stream_id)
        if stream_id % 4 == 3:
            self.data(stream_id, b"hello", end=True)
        else:
            self.data(stream_id, b"x" * min(exchange.send_window, self.send_window, 100_000))


class Silent(Peer):
    def on_end(self, stream_id: int, exchange: Exchange) -> None:
        pass


class AsyncOnce:
    """A body that can be read once."""

    def __init__(self, *parts: bytes) -> None:
        self.parts = list(parts)
        self.asked = 0

    def __aiter__(self) -> AsyncOnce:
        return self

    async def __anext__(self) -> bytes:
        self.asked += 1
        if not self.parts:
            raise StopAsyncIteration
        return self.parts.pop(0)


async def test_bodies_closed_early_cost_neither_slots_nor_windows() -> None:
    peer = Pouring({3: 10})
    connection, _ = connected(peer)
    for number in range(151):
        early = number % 2 == 0
        async with connection.stream("GET", URL, extensions={"timeout": {"read": 5}}) as response:
            body = response.aiter_stream()
            assert (await body.__anext__()).startswith(b"x" * 16_384 if early else b"hello")
    resets = [exchange.reset for exchange in peer.exchanges.values()]
    assert resets == [8, *[None, 8] * 75]
    assert len(connection._h2_state.streams) == 0 and connection.is_idle()
    assert (await connection.request("GET", URL + "last")).status == 200
    # All that came has been given back; the last response's share leaves with the next request.
    assert peer.send_window + owed_window(connection) == 16 * 1024 * 1024


async def test_a_timeout_resets_its_stream() -> None:
    peer = Silent({})
    connection, _ = connected(peer)
    for _ in range(3):
        with pytest.raises(ReadTimeout):
            await connection.request("GET", URL, extensions={"timeout": {"read": 0.01}})
    assert [exchange.reset for exchange in peer.exchanges.values()] == [8, 8, 8]
    assert connection.is_idle() and connection.is_available()


async def test_what_still_comes_on_a_stream_that_was_reset_is_discarded() -> None:
    peer = Silent({})
    connection, _ = connected(peer)
    with pytest.raises(ReadTimeout):
        await connection.request("GET", URL, extensions={"timeout": {"read": 0.01}})
    peer.head(1)
    peer.data(1, b"late" * 1_000, end=True)
    peer.on_end = lambda stream_id, exchange: peer.respond(stream_id, b"in time")  # type: ignore[method-assign]
    assert (await connection.request("GET", URL)).content == b"in time"


async def test_a_body_that_is_dropped_is_given_back_by_the_next_operation() -> None:
    peer = Pouring({3: 1})
    connection, _ = connected(peer)
    for _ in range(3):
        response = await connection.handle_async_request(Request("GET", URL))
        cycle: List[Any] = [response]
        cycle.append(cycle)  # Only the collector finds it.
        del response, cycle
        with connection._multiplexer.lock:
            gc.collect()  # A finaliser that took a lock would hang here.
        assert connection.is_available() and connection.is_idle()
    assert peer.exchanges[1].reset == 8


async def test_goaway_lets_finish_what_it_covers() -> None:
    class Leaving(Peer):
        def on_end(self, stream_id: int, exchange: Exchange) -> None:
            if stream_id == 5:
                self.goaway(3, 0, b"maintenance")
                self.respond(1, b"first")
                self.head(3)
                self.data(3, b"second" * 10_000, end=True)

    peer = Leaving({})
    connection, pipe = connected(peer)

    async def get() -> Any:
        return await connection.request("GET", URL, extensions={"timeout": {"read": 5}})

    async with AsyncTasks() as tasks:
        for count in range(1, 3):
            tasks.start(get)
            await pipe.requests(count)
        tasks.start(get)
    first, second, third = tasks.results
    assert first.content == b"first" and second.content == b"second" * 10_000
    assert isinstance(third, ConnectionNotAvailable)
    assert "did not process stream 5: GOAWAY NO_ERROR, debug data b'maintenance'" in str(third.__cause__)
    assert isinstance(third.__cause__, RemoteProtocolError)
    assert connection.is_closed() and pipe.closed and not connection.is_available()
    assert connection.max_concurrent_requests == 0


async def test_goaway_in_two_steps() -> None:
    class Leaving(Peer):
        def on_end(self, stream_id: int, exchange: Exchange) -> None:
            if stream_id == 3:
                self.goaway(2**31 - 1)
                self.goaway(1)
                self.respond(1, b"first")

    peer = Leaving({})
    connection, pipe = connected(peer)

    async def get() -> Any:
        return await connection.request("GET", URL, extensions={"timeout": {"read": 5}})

    async with AsyncTasks() as tasks:
        tasks.start(get)
        await pipe.requests(1)
        tasks.start(get)
    assert tasks.results[0].content == b"first"
    assert isinstance(tasks.results[1], ConnectionNotAvailable)
    assert connection.is_closed()


async def test_an_upload_goes_on_after_goaway() -> None:
    class Leaving(Peer):
        def on_request(self, stream_id: int, exchange: Exchange) -> None:
            self.goaway(stream_id)

    peer = Leaving({})
    connection, _ = connected(peer)
    body = b"x" * 300_000
    response = await connection.request("POST", URL, content=body, extensions={"timeout": {"read": 5, "write": 5}})
    assert response.content == b"hello" and bytes(peer.exchanges[1].body) == body
    assert connection.is_closed()


async def test_what_was_not_processed_can_be_sent_again_if_the_body_can() -> None:
    def by_goaway(peer: Peer, stream_id: int) -> None:
        peer.goaway(0)

    def by_refusal(peer: Peer, stream_id: int) -> None:
        peer.reset(stream_id, 7)

    for refuse, said in ((by_goaway, "GOAWAY NO_ERROR"), (by_refusal, "REFUSED_STREAM")):
        for content, expected in (
            (None, ConnectionNotAvailable),
            (b"in memory", ConnectionNotAvailable),
            (b"x" * 500_000, ConnectionNotAvailable),
            (AsyncOnce(b"consumed"), RemoteProtocolError),
        ):
            peer = Silent({})
            peer.on_request = lambda stream_id, exchange: refuse(peer, stream_id)  # type: ignore[method-assign]  # noqa: B023
            connection, _ = connected(peer)
            with pytest.raises(expected, match=said):
                await connection.request("POST", URL, content=content, extensions={"timeout": {"read": 5, "write": 5}})
            assert connection._exchanges == 0
            assert connection.is_closed() is (refuse is by_goaway)


async def test_a_refusal_tells_whether_others_were_served() -> None:
    class Ending(Peer):
        def on_end(self, stream_id: int, exchange: Exchange) -> None:
            if stream_id <= last:
                self.respond(stream_id, b"hello")
            else:
                self.goaway(last)

    for last, served in ((0, False), (1, True), (3, True)):
        connection, _ = connected(Ending({}))
        for _ in range(1, last + 1, 2):
            assert (await connection.request("GET", URL)).content == b"hello"
        with pytest.raises(ConnectionNotAvailable, match="did not process") as caught:
            await connection.request("GET", URL)
        assert caught.value.others_served is served
    # A server that refuses one stream, and goes on, may do so for ever.
    peer = Silent({})
    peer.on_end = lambda stream_id, exchange: peer.reset(stream_id, 7)  # type: ignore[method-assign]
    connection, _ = connected(peer)
    with pytest.raises(ConnectionNotAvailable) as caught:
        await connection.request("GET", URL)
    assert not caught.value.others_served


async def test_a_reset_names_stream_and_code() -> None:
    for code, name in ((2, "INTERNAL_ERROR"), (8, "CANCEL"), (11, "ENHANCE_YOUR_CALM"), (99, "error code 0x63")):
        peer = Silent({})
        peer.on_end = lambda stream_id, exchange: (peer.head(stream_id), peer.reset(stream_id, code))  # type: ignore[assignment]  # noqa: B023
        connection, _ = connected(peer)
        response = await connection.handle_async_request(Request("GET", URL))
        with pytest.raises(RemoteProtocolError, match=f"^The server reset stream 1: {name}$"):
            await response.aread()
        assert connection.is_idle() and connection.is_available()


async def test_what_came_before_a_reset_is_delivered() -> None:
    class Early(Peer):
        def on_request(self, stream_id: int, exchange: Exchange) -> None:
            self.head(stream_id, [(b":status", b"413")])
            self.data(stream_id, b"too large", end=True)
            self.reset(stream_id, 0)

    for content in (b"small", b"x" * 5_000_000, AsyncOnce(b"a" * 200_000, b"b" * 200_000)):
        peer = Early({}, auto_window=False)
        peer.on_data = lambda stream_id, exchange, content: None  # type: ignore[method-assign]
        peer.on_end = lambda stream_id, exchange: None  # type: ignore[method-assign]
        connection, _ = connected(peer)
        response = await connection.request(
            "POST", URL, content=content, extensions={"timeout": {"read": 5, "write": 5}}
        )
        assert (response.status, response.content) == (413, b"too large")
        assert connection.is_idle() and connection.is_available()


async def test_an_early_answer_stops_the_upload_without_a_reset_too() -> None:
    class Early(Peer):
        def on_request(self, stream_id: int, exchange: Exchange) -> None:
            self.respond(stream_id, b"no", [(b":status", b"401")])

    peer = Early({}, auto_window=False)
    connection, _ = connected(peer)
    extensions = {"timeout": {"read": 5, "write": 5}}
    response = await connection.request("POST", URL, content=b"x" * 5_000_000, extensions=extensions)
    assert (response.status, response.content) == (401, b"no")
    # The rest of the request is called off, without blame.
    assert peer.exchanges[1].reset == 0
    assert connection.is_idle()


async def test_an_answer_survives_a_connection_that_takes_no_more() -> None:
    for failure in (WriteError("broken pipe"), None):
        peer = Silent({}, auto_window=False)
        connection, pipe = connected(peer)

        def refuse() -> None:
            if len(pipe.writes) == 1:  # noqa: B023
                peer.respond(1, b"too large", [(b":status", b"413")])  # noqa: B023
                pipe.write_failure = failure  # noqa: B023
                if failure is None:  # noqa: B023
                    pipe.hold()  # noqa: B023
                pipe.end()  # noqa: B023

        pipe.before_write = refuse
        response = await connection.request(
            "POST",
            URL,
            content=AsyncOnce(b"a" * 10_000, b"b" * 10_000),
            extensions={"timeout": {"read": 5, "write": 0.1}},
        )
        assert (response.status, response.content) == (413, b"too large")
        await connection.aclose()


async def test_an_upload_that_fails_for_good() -> None:
    peer = Silent({})
    connection, pipe = connected(peer)

    def refuse() -> None:
        if pipe.writes:
            pipe.write_failure = WriteError("broken pipe")
            pipe.end()

    pipe.before_write = refuse
    with pytest.raises(WriteError, match="broken pipe"):
        await connection.request("POST", URL, content=AsyncOnce(b"a", b"b"))
    assert connection.is_closed() and connection._exchanges == 0


async def test_a_2xx_that_comes_early_leaves_both_directions_open() -> None:
    class Echo(Peer):
        def on_request(self, stream_id: int, exchange: Exchange) -> None:
            self.head(stream_id)

        def on_data(self, stream_id: int, exchange: Exchange, content: bytes) -> None:
            if content:
                self.data(stream_id, content)

        def on_end(self, stream_id: int, exchange: Exchange) -> None:
            self.data(stream_id, end=True)

    peer = Echo({})
    connection, _ = connected(peer)
    parts = [b"%d" % number * 1_000 for number in range(200)]
    extensions = {"timeout": {"read": 5, "write": 5}}
    response = await connection.request("POST", URL, content=AsyncOnce(*parts), extensions=extensions)
    assert response.content == b"".join(parts)
    # Ping-pong: the next part depends on the answer to the last one.
    replies: List[bytes] = []

    class AsyncPlayer:
        def __aiter__(self) -> AsyncPlayer:
            return self

        async def __anext__(self) -> bytes:
            if len(replies) == 10:
                raise StopAsyncIteration
            return b"ping %d" % len(replies)

    async with connection.stream("POST", URL, content=AsyncPlayer(), extensions=extensions) as response:
        took = replies.append  # What is sent next depends on it.
        async for reply in response.aiter_stream():
            took(reply)
    assert replies == [b"ping %d" % number for number in range(10)]
    assert connection.is_idle()


async def test_an_answer_that_has_begun_survives_a_connection_that_takes_no_more() -> None:
    peer = Silent({})
    connection, pipe = connected(peer)

    def refuse() -> None:
        if len(pipe.writes) == 3:
            peer.data(1, b"all the same", end=True)
            pipe.write_failure = WriteError("broken pipe")

    pipe.before_write = refuse
    peer.on_data = lambda stream_id, exchange, content: peer.head(1) if content == b"a" else None  # type: ignore[method-assign]
    parts = AsyncOnce(b"a", b"b", b"c", b"d")
    response = await connection.request("POST", URL, content=parts, extensions={"timeout": {"read": 5, "write": 5}})
    assert response.content == b"all the same"
    assert connection.is_closed()


async def test_what_happened_while_idle_is_taken_before_reuse() -> None:
    def ended(peer: Peer, pipe: AsyncPipe) -> None:
        pipe.end()

    def broken(peer: Peer, pipe: AsyncPipe) -> None:
        pipe.fail(ReadError("reset by peer"))

    def left(peer: Peer, pipe: AsyncPipe) -> None:
        peer.goaway(1)

    for happen in (ended, broken, left):
        peer = Peer({})
        connection, pipe = connected(peer)
        await connection.request("GET", URL)
        happen(peer, pipe)
        body = AsyncOnce(b"untouched")
        with pytest.raises(ConnectionNotAvailable):
            await connection.request("POST", URL, content=body)
        assert body.asked == 0 and len(peer.exchanges) == 1
        assert connection.is_closed() and pipe.closed


async def test_frames_that_came_while_idle_are_answered_before_reuse() -> None:
    peer = Peer({})
    connection, _ = connected(peer)
    await connection.request("GET", URL)
    peer.send(bytes.fromhex("000008060000000000") + b"are you?")
    peer.announce({3: 3})
    assert (await connection.request("GET", URL)).content == b"hello"
    assert peer.pongs == [b"are you?"] and peer.acknowledged == 2
    assert connection.max_concurrent_requests == 3


async def test_a_stream_that_cannot_tell_whether_it_is_readable() -> None:
    peer = Peer({})
    connection, pipe = connected(peer)
    pipe.knows_readable = False
    await connection.request("GET", URL)
    pipe.end()
    peer.on_end = lambda stream_id, exchange: None  # type: ignore[method-assign]
    with pytest.raises(RemoteProtocolError, match="Server disconnected without sending a response"):
        # Nobody knows whether this POST has been processed.
        await connection.request("POST", URL, content=b"x")


async def test_a_lost_request_is_repeatable_only_if_the_connection_had_served() -> None:
    for served in (False, True):
        for method in ("GET", "POST"):
            peer = Peer({})
            connection, pipe = connected(peer)
            pipe.knows_readable = False
            if served:
                await connection.request("GET", URL)
            peer.on_end = lambda stream_id, exchange: pipe.end()  # type: ignore[method-assign]  # noqa: B023
            with pytest.raises(RemoteProtocolError) as caught:
                await connection.request(method, URL)
            assert caught.value.closed_before_response is served


@pytest.mark.parametrize("first_informed", [False, True])
async def test_of_two_lost_requests_only_the_one_without_a_byte_is_repeatable(first_informed: bool) -> None:
    """Which of them fails first, or last, says nothing about the other."""

    class Ending(Peer):
        def on_end(self, stream_id: int, exchange: Exchange) -> None:
            if stream_id == 1:
                self.respond(stream_id, b"hello")
            elif stream_id == 5:
                self.head(3 if first_informed else 5, [(b":status", b"103")])
                pipe.end()

    connection, pipe = connected(Ending({}))
    await connection.request("GET", URL)

    async def get() -> Any:
        return await connection.request("GET", URL)

    async with AsyncTasks() as tasks:
        tasks.start(get)
        await pipe.requests(2)
        tasks.start(get)
    assert all(isinstance(failure, RemoteProtocolError) for failure in tasks.results)
    repeatable = [failure.closed_before_response for failure in tasks.results]
    assert repeatable == [not first_informed, first_informed]


async def test_a_server_that_ends_each_connection_after_a_few_requests() -> None:
    class Recycling(Peer):
        def on_end(self, stream_id: int, exchange: Exchange) -> None:
            if stream_id == 5:
                self.goaway(5)
            self.respond(stream_id, b"hello")

    peer = Recycling({})
    connection, _ = connected(peer)
    for _ in range(3):
        assert (await connection.request("GET", URL)).content == b"hello"
    assert connection.is_closed()


async def test_an_expired_connection() -> None:
    connection, _ = connected(Peer({}), keepalive_expiry=0.0)
    await connection.request("GET", URL)
    while not connection.has_expired():
        assert time.monotonic() - connection._idle_since < 1
    connection, _ = connected(Peer({}), keepalive_expiry=60.0)
    await connection.request("GET", URL)
    assert not connection.has_expired()


async def test_a_silent_server_is_asked_for_a_sign_of_life() -> None:
    peer = Silent({})
    connection, _ = connected(peer, ping_interval=0.02, ping_timeout=5.0)
    asked: List[bytes] = []

    def answer(data: bytes) -> None:
        asked.append(data)
        if len(asked) < 3:
            Peer.on_ping(peer, data)
        else:
            peer.respond(1, b"at last")

    peer.on_ping = answer  # type: ignore[method-assign]
    assert (await connection.request("GET", URL, extensions={"timeout": {"read": 20}})).content == b"at last"
    assert len(asked) == 3


async def test_a_server_without_a_sign_of_life_is_given_up() -> None:
    peer = Silent({})
    peer.on_ping = lambda data: None  # type: ignore[method-assign]
    connection, pipe = connected(peer, ping_interval=0.02, ping_timeout=0.02)
    with pytest.raises(ReadError, match=r"did not answer a PING within 0\.02 seconds"):
        await connection.request("GET", URL, extensions={"timeout": {"read": 20}})
    assert connection.is_closed() and pipe.closed


async def test_an_idle_connection_is_probed_before_reuse() -> None:
    pings: List[bytes] = []
    answers: Dict[bool, Any] = {}
    for alive in (True, False):
        peer = Peer({})
        connection, _ = connected(peer, ping_interval=0.01, ping_timeout=0.05)
        await connection.request("GET", URL)

        def on_ping(data: bytes, peer: Optional[Peer] = peer if alive else None) -> None:
            pings.append(data)
            if peer is not None:
                Peer.on_ping(peer, data)

        peer.on_ping = on_ping  # type: ignore[method-assign]
        while time.monotonic() - connection._idle_since <= 0.01:
            pass
        try:
            answers[alive] = (await connection.request("GET", URL)).content
        except ConnectionNotAvailable as exc:
            answers[alive] = exc
    assert len(pings) == 2
    assert answers[True] == b"hello" and isinstance(answers[False], ConnectionNotAvailable)


async def test_an_http1_answer_is_named() -> None:
    peer = Silent()
    peer.on_end = lambda stream_id, exchange: peer.send(b"HTTP/1.1 400 Bad Request\r\n\r\n")  # type: ignore[method-assign]
    connection, _ = connected(peer)
    with pytest.raises(RemoteProtocolError, match="answered in HTTP/1 on a connection that speaks HTTP/2"):
        await connection.request("GET", URL)
    assert connection.is_closed() and peer.goaways == [(0, 1)]


async def test_the_rest_of_a_connection_that_was_broken_by_the_server() -> None:
    class Breaking(Peer):
        def on_end(self, stream_id: int, exchange: Exchange) -> None:
            if stream_id == 3:
                self.head(1, OK)
                self.data(1, b"complete", end=True)
                self.send(bytes.fromhex("000004080000000000") + bytes(4))  # The connection's window, raised by 0.

    peer = Breaking({})
    connection, pipe = connected(peer)

    async def get() -> Any:
        return await connection.request("GET", URL, extensions={"timeout": {"read": 5}})

    async with AsyncTasks() as tasks:
        tasks.start(get)
        await pipe.requests(1)
        tasks.start(get)
    assert tasks.results[0].content == b"complete"
    assert isinstance(tasks.results[1], RemoteProtocolError)
    assert "PROTOCOL_ERROR" in str(tasks.results[1])
    assert connection.is_closed() and pipe.closed and peer.goaways == [(0, 1)]


async def test_a_write_timeout_of_one_who_waits_in_line() -> None:
    peer = Peer({})
    connection, pipe = connected(peer)
    await connection.request("GET", URL)
    pipe.hold()

    async def first() -> Any:
        return await connection.request("GET", URL, extensions={"timeout": {"write": 10, "read": 10}})

    async def second() -> Any:
        await pipe.blocked.wait(10)
        try:
            return await connection.request("GET", URL, extensions={"timeout": {"write": 0.05, "read": 10}})
        finally:
            pipe.release()

    async with AsyncTasks() as tasks:
        tasks.start(first)
        tasks.start(second)
    assert tasks.results[0].content == b"hello"
    assert isinstance(tasks.results[1], WriteTimeout)
    assert connection.is_idle()
    assert (await connection.request("GET", URL)).content == b"hello"


async def test_a_stream_that_fails_to_close_changes_nothing() -> None:
    connection, pipe = connected(Peer({}))
    await connection.request("GET", URL)

    async def fail() -> None:
        raise OSError("It does not want to be closed.")

    pipe.aclose = fail  # type: ignore[method-assign]
    await connection.aclose()
    assert connection.is_closed()


async def test_a_stream_that_fails_to_take_leave_changes_nothing() -> None:
    connection, pipe = connected(Peer({}))
    await connection.request("GET", URL)
    pipe.write_failure = OSError("It takes no more.")
    await connection.aclose()
    assert connection.is_closed() and pipe.closed


@pytest.mark.parametrize("reads", [True, False])
async def test_a_response_that_another_closes_is_waited_for_no_longer(reads: bool) -> None:
    class Beginning(Peer):
        def on_end(self, stream_id: int, exchange: Exchange) -> None:
            self.head(stream_id)

    connection, pipe = connected(Beginning({}))
    responses = [await connection.handle_async_request(Request("GET", URL)) for _ in range(2)]
    ended = AsyncEvent()

    async def read() -> None:
        with pytest.raises(ReadError, match="closed while its body was being read"):
            await responses[0].aread()
        ended.set()

    async def read_other() -> None:
        with pytest.raises(ReadError):
            await responses[1].aread()

    async with AsyncTasks() as tasks:
        for function in (read, read_other) if reads else (read_other, read):
            tasks.start(function)
            await pipe.reader_waits()
        while not connection._multiplexer._waiters:
            await pipe.pause()
        await responses[0].aclose()
        assert await ended.wait(10)
        assert len(connection._h2_state.streams) == 1
        await connection.aclose()
    assert tasks.results == [None, None]
