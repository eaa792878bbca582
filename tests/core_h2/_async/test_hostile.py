"""Streams and callers that do what nobody should, and connections that stay right, or end, whatever they do."""

from __future__ import annotations

from typing import Any, AsyncIterator, List

import pytest

from core_backends import ConnectionNotAvailable, ReadError, RemoteProtocolError, WriteError
from core_h2 import AsyncHTTP2Connection
from core_h2._errors import remote_failure

from ..peer import Exchange, Peer
from ..tasks import AsyncTasks
from .pipe import ORIGIN, URL, AsyncPartialPipe, AsyncPipe, connected


class Unreadable(AsyncPipe):
    """Cannot say whether there is something to read."""

    def get_extra_info(self, info: str) -> Any:
        raise OSError("no such socket")


async def test_a_stream_that_fails_to_tell_whether_it_is_readable_is_read() -> None:
    pipe = Unreadable(Peer({}))
    connection = AsyncHTTP2Connection(ORIGIN, pipe)
    for _ in range(3):
        assert (await connection.request("POST", URL, content=bytes(100_000))).content == b"hello"
    pipe.fail(ReadError("closed"))
    with pytest.raises(ConnectionNotAvailable):
        await connection.request("GET", URL)
    assert connection.is_closed()


async def test_a_response_that_is_read_by_several_at_a_time_ends_for_all_of_them() -> None:
    class Heading(Peer):
        def on_end(self, stream_id: int, exchange: Exchange) -> None:
            self.head(stream_id)

    connection, _ = connected(Heading({}))
    async with connection.stream("GET", URL) as response:
        parts: Any = response.stream.__aiter__()

        async def read() -> bytes:
            return bytes(await parts.__anext__())

        async with AsyncTasks() as tasks:
            for _ in range(3):
                tasks.start(read)
    assert [type(result) for result in tasks.results] == [ReadError] * 3
    assert connection.is_idle()


async def test_nobody_writes_beside_the_last_words() -> None:
    class Crowded(AsyncPartialPipe):
        closing = False

        async def write(self, buffer: bytes, timeout: Any = None) -> None:
            if self.closing:
                connection._h2_state.ping()
                connection._multiplexer.write_at_once()
                await connection._multiplexer.flush_if_possible(0.1)
            await super().write(buffer, timeout)

    pipe = Crowded(Peer({}))
    connection = AsyncHTTP2Connection(ORIGIN, pipe)
    await connection.request("GET", URL)
    pipe.closing = True
    before = len(pipe.writes)
    await connection.aclose()
    assert len(pipe.writes) - before == 1 and pipe.peer.goaways == [(0, 0)] and pipe.closed


async def test_that_a_connection_has_ended_is_a_failure_to_write_whoever_ended_it() -> None:
    """What has been received by then is still the reader's."""
    connection, _ = connected(Peer({}))
    await connection.request("GET", URL)
    connection._h2_state.fail(remote_failure("The server broke it"))
    connection._h2_state.ping()
    connection._multiplexer.shut()
    with pytest.raises(WriteError, match="The server broke it"):
        await connection._multiplexer.flush()
    await connection._multiplexer.flush_if_possible(0.1)


async def test_a_caller_who_has_nothing_to_send_yet_learns_of_an_answer() -> None:
    class Refusing(Peer):
        def on_request(self, stream_id: int, exchange: Exchange) -> None:
            self.respond(stream_id, b"too large", [(b":status", b"413")])

    asked: List[int] = []

    class Waiting:
        async def __aiter__(self) -> AsyncIterator[bytes]:
            for number in range(100):
                asked.append(number)
                yield b""
            raise AssertionError("nobody listens")

    connection, _ = connected(Refusing({}))
    response = await connection.request("POST", URL, content=Waiting())
    assert (response.status, response.content) == (413, b"too large")
    assert len(asked) == 1 and connection.is_idle()


@pytest.mark.parametrize("chunk", ["text", 5, None, [1, 2]])
async def test_a_body_of_something_else_than_bytes_ends_its_stream_alone(chunk: Any) -> None:
    class Wrong:
        async def __aiter__(self) -> AsyncIterator[Any]:
            yield b"right"
            yield chunk

    connection, pipe = connected(Peer({}))
    with pytest.raises(TypeError):
        await connection.request("POST", URL, content=Wrong())
    assert (await connection.request("GET", URL)).content == b"hello"
    assert pipe.peer.exchanges[1].reset is not None and connection.is_idle()


async def test_a_failed_request_leaves_the_connection_when_a_neighbour_breaks_it() -> None:
    class Breaking(Peer):
        def on_end(self, stream_id: int, exchange: Exchange) -> None:
            if stream_id == 3:
                self.send(b"\x00\x00\x01\x06\x00\x00\x00\x00\x00x")  # A PING of one byte.

    connection, pipe = connected(Breaking({}))

    async def get() -> Any:
        return await connection.request("GET", URL)

    async with AsyncTasks() as tasks:
        tasks.start(get)
        await pipe.requests(1)
        tasks.start(get)
    assert [type(result) for result in tasks.results] == [RemoteProtocolError] * 2
    assert connection.is_closed()
