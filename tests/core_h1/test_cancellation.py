"""Cancellation at every await of every exchange: the connection is closed, and its stream is free, at that very moment.

The exchanges are driven by hand: each operation of the stream suspends once, and at the n-th suspension the exception
of a cancellation is thrown in. Nothing may be awaited from then on, except what the caller's own trace hook awaits.
"""

from __future__ import annotations

import asyncio
import types
from typing import Any, AsyncIterator, Callable, Coroutine, Generator, List

import pytest

from core_h1 import AsyncHTTP11Connection

from ._async.fakes import OK, ORIGIN, AsyncEchoStream, AsyncPieces, AsyncScriptedStream

URL = "https://example.com/"


class Cancelled(BaseException):
    """Stands for the cancellation of whatever runtime."""


@types.coroutine
def suspend() -> Generator[None, None, None]:
    yield


class SuspendingStream(AsyncScriptedStream):
    async def read(self, max_bytes: int, timeout: Any = None) -> bytes:
        await suspend()
        return await super().read(max_bytes, timeout)

    async def write(self, buffer: bytes, timeout: Any = None) -> None:
        await suspend()
        await super().write(buffer, timeout)

    async def aclose(self) -> None:
        await suspend()
        await super().aclose()


class SuspendingEcho(AsyncEchoStream):
    async def read(self, max_bytes: int, timeout: Any = None) -> bytes:
        await suspend()
        return await super().read(max_bytes, timeout)

    async def write_some_unless_readable(self, buffer: bytes, timeout: Any = None) -> int:
        await suspend()
        return await super().write_some_unless_readable(buffer, timeout)

    async def aclose(self) -> None:
        await suspend()
        await super().aclose()


class SuspendingPieces(AsyncPieces):
    async def __anext__(self) -> bytes:
        await suspend()
        return await super().__anext__()


async def hook(name: str, info: Any) -> None:
    await suspend()


Exchange = Callable[[AsyncHTTP11Connection], Coroutine[Any, Any, None]]


async def get(connection: AsyncHTTP11Connection) -> None:
    await connection.request("GET", URL)


async def upload(connection: AsyncHTTP11Connection) -> None:
    await connection.request("POST", URL, content=b"x" * 100000)


async def stream_upload(connection: AsyncHTTP11Connection) -> None:
    await connection.request("POST", URL, content=SuspendingPieces(b"a", b"b"))


async def traced(connection: AsyncHTTP11Connection) -> None:
    await connection.request("GET", URL, extensions={"trace": hook})


async def closed_early(connection: AsyncHTTP11Connection) -> None:
    async with connection.stream("GET", URL) as response:
        await response.aiter_stream().__anext__()


async def closed_early_and_traced(connection: AsyncHTTP11Connection) -> None:
    async with connection.stream("GET", URL, extensions={"trace": hook}):
        pass


async def not_kept(connection: AsyncHTTP11Connection) -> None:
    await connection.request("GET", URL, headers={"Connection": "close"})


async def not_kept_and_traced(connection: AsyncHTTP11Connection) -> None:
    await connection.request("GET", URL, headers={"Connection": "close"}, extensions={"trace": hook})


async def closed(connection: AsyncHTTP11Connection) -> None:
    await connection.aclose()


async def echo(connection: AsyncHTTP11Connection) -> None:
    response = await connection.request("POST", URL, content=SuspendingPieces(*[b"x" * 100] * 10))
    assert response.content == b"x" * 1000


async def echo_traced(connection: AsyncHTTP11Connection) -> None:
    content = SuspendingPieces(*[b"x" * 100] * 10)
    await connection.request("POST", URL, content=content, extensions={"trace": hook})


async def echo_closed_early(connection: AsyncHTTP11Connection) -> None:
    async with connection.stream("POST", URL, content=SuspendingPieces(*[b"x" * 100] * 10)) as response:
        await response.aiter_stream().__anext__()


EXCHANGES: List[Exchange] = [
    get,
    upload,
    stream_upload,
    traced,
    closed_early,
    closed_early_and_traced,
    not_kept,
    not_kept_and_traced,
    closed,
    echo,
    echo_traced,
    echo_closed_early,
]


def start(exchange: Exchange) -> Any:
    stream: Any
    if exchange in (echo, echo_traced, echo_closed_early):
        stream = SuspendingEcho(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", 50)
    else:
        stream = SuspendingStream([b"HTTP/1.1 100 Continue\r\n\r\n" + OK[:10], OK[10:-2], OK[-2:]])
    return AsyncHTTP11Connection(ORIGIN, stream), stream


def suspensions(exchange: Exchange) -> int:
    connection, _ = start(exchange)
    running = exchange(connection)
    count = 0
    try:
        while True:
            running.send(None)
            count += 1
    except StopIteration:
        return count


def finish(running: Coroutine[Any, Any, None], expected: Any) -> None:
    """Run what still awaits (a trace hook) to its end."""
    with pytest.raises(expected):
        while True:
            running.send(None)


@pytest.mark.parametrize("cancellation", [Cancelled, asyncio.CancelledError, KeyboardInterrupt])
@pytest.mark.parametrize("exchange", EXCHANGES)
def test_cancelled_at_every_await(exchange: Exchange, cancellation: Any) -> None:
    total = suspensions(exchange)
    assert total
    for at in range(1, total + 1):
        connection, stream = start(exchange)
        running = exchange(connection)
        for _ in range(at):
            running.send(None)
        try:
            running.throw(cancellation())
        except cancellation:
            pass
        else:
            assert "traced" in exchange.__name__
            finish(running, cancellation)
        assert connection.is_closed() or connection.is_idle(), at
        assert connection.is_closed() is not stream.is_open, at


@pytest.mark.parametrize("exchange", EXCHANGES)
def test_a_task_that_is_dropped_awaits_nothing(exchange: Exchange) -> None:
    for at in range(1, suspensions(exchange) + 1):
        connection, stream = start(exchange)
        running = exchange(connection)
        for _ in range(at):
            running.send(None)
        running.close()
        assert connection.is_closed() or connection.is_idle(), at
        assert connection.is_closed() is not stream.is_open, at


async def test_a_timeout_of_the_runtime(library: str) -> None:
    class Silent(AsyncScriptedStream):
        async def read(self, max_bytes: int, timeout: Any = None) -> bytes:
            if library == "trio":
                import trio

                await trio.sleep_forever()
            await asyncio.get_running_loop().create_future()
            raise AssertionError

    stream = Silent()
    connection = AsyncHTTP11Connection(ORIGIN, stream)
    if library == "trio":
        import trio

        with trio.move_on_after(0.01):
            await connection.request("GET", URL)
    else:
        with pytest.raises(asyncio.TimeoutError):
            await asyncio.wait_for(connection.request("GET", URL), 0.01)
    assert connection.is_closed() and stream.aborted == 1


def test_a_generator_whose_body_is_cancelled_is_ended_there_and_then() -> None:
    """Left to the garbage collector it would be trio's to warn of."""
    ended: List[str] = []

    async def pieces() -> AsyncIterator[bytes]:
        try:
            yield b"a"
            yield b"b"
        finally:
            ended.append("ended")

    body = pieces()
    stream = SuspendingStream([OK])
    request = AsyncHTTP11Connection(ORIGIN, stream).request("POST", URL, content=body)
    while not stream.written:
        request.send(None)
    assert not ended
    with pytest.raises(Cancelled):
        request.throw(Cancelled())
    assert ended == ["ended"] and not stream.is_open
