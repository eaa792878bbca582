"""Sending again what nobody has seen: only on reused connections, only what may be repeated, and only once."""

from __future__ import annotations

from typing import Any, List, Type

import pytest

from core_backends import PoolTimeout, ReadError, RemoteProtocolError, Request, WriteError, WriteTimeout
from core_backends.lowlevel import AsyncEvent
from core_backends.testing import AsyncBackground
from core_pool import AsyncConnectionPool

from ..waiting import LIMIT, async_until
from .fakes import AsyncFakeConnection, AsyncFakeNetwork

A, B = "http://a/", "http://b/"


class World:
    """A pool with idle connections to an origin whose server closes each connection as a request arrives on it."""

    def __init__(self, **options: Any) -> None:
        self.network = AsyncFakeNetwork()
        self.pool: AsyncConnectionPool = self.network.pool(**options)
        self.failures = 0

    async def warm(self, count: int = 1) -> None:
        responses = [await self.pool.handle_async_request(Request("GET", A)) for _ in range(count)]
        for response in responses:
            await response.aread()
        assert self.pool._plan.idle == count

    def fail(self, error: Type[Exception] = ReadError, times: int = 1, silent: bool = True) -> None:
        async def close(operation: str, connection: AsyncFakeConnection) -> None:
            if operation == "request" and self.failures < times:
                self.failures += 1
                connection.closed_before_response = silent
                raise error("closed")

        self.network.hook = close


@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS", "TRACE", "PUT", "DELETE"])
@pytest.mark.parametrize("error", [ReadError, WriteError, RemoteProtocolError])
async def test_an_idempotent_request_is_sent_again(method: str, error: Type[Exception]) -> None:
    world = World(max_connections=1)
    await world.warm()
    world.fail(error)
    response = await world.pool.request(method, A, content=b"body in memory")
    assert response.content == b"onetwo"
    assert world.network.dials == 2 and world.failures == 1 and world.pool.replays == 1
    assert world.network.connections[0].closed
    world.pool._plan.check()
    await world.pool.aclose()


@pytest.mark.parametrize("promise", [3, 1])
async def test_all_that_share_a_connection_are_sent_again(promise: int) -> None:
    """With room for all of them on the new connection, and where it turns out to serve one at a time."""
    world = World(max_connections=1)
    network = world.network
    network.capacity = network.promise = 3
    await world.warm()
    arrived: List[AsyncFakeConnection] = []
    gate = AsyncEvent()

    async def close(operation: str, connection: AsyncFakeConnection) -> None:
        if operation == "request" and connection is network.connections[0]:
            arrived.append(connection)
            await gate.wait(LIMIT)
            connection.closed_before_response = connection.closed = True
            raise ReadError("closed")

    network.hook = close
    async with AsyncBackground() as background:
        requests = [background.start(world.pool.request, "GET", A) for _ in range(3)]
        await async_until(lambda: len(arrived) == 3)
        network.capacity = network.promise = promise
        gate.set()
        for request in requests:
            assert (await request.wait()).content == b"onetwo"
    assert network.dials == 2 and world.pool.replays == 3
    world.pool._plan.check()
    await world.pool.aclose()


async def test_of_two_that_share_a_connection_each_failure_speaks_for_itself() -> None:
    """What the connection says is about whichever failed last: here the opposite of what is true of each request."""
    world = World(max_connections=1)
    network = world.network
    network.capacity = network.promise = 2
    await world.warm()
    turns = [AsyncEvent(), AsyncEvent()]
    arrived: List[AsyncFakeConnection] = []

    async def close(operation: str, connection: AsyncFakeConnection) -> None:
        if operation == "request" and connection is network.connections[0]:
            unseen = bool(arrived)
            arrived.append(connection)
            await turns[len(arrived) - 1].wait(LIMIT)
            connection.closed = True
            connection.closed_before_response = not unseen
            failure = ReadError("closed")
            failure.closed_before_response = unseen
            raise failure

    network.hook = close
    async with AsyncBackground() as background:
        answered = background.start(world.pool.request, "GET", A)
        await async_until(lambda: len(arrived) == 1)
        unseen = background.start(world.pool.request, "GET", A)
        await async_until(lambda: len(arrived) == 2)
        turns[0].set()
        with pytest.raises(ReadError):
            await answered.wait()
        turns[1].set()
        assert (await unseen.wait()).content == b"onetwo"
    assert network.dials == 2 and world.pool.replays == 1
    world.pool._plan.check()
    await world.pool.aclose()


async def test_it_is_sent_on_a_new_connection_and_not_on_another_idle_one() -> None:
    world = World()
    await world.warm(3)
    world.fail()
    await world.pool.request("GET", A)
    assert world.network.dials == 4 and world.network.connections[3].requests == 1
    await world.pool.aclose()


async def test_it_is_sent_again_once() -> None:
    world = World()
    await world.warm(2)
    world.fail(times=2)
    with pytest.raises(ReadError):
        await world.pool.request("GET", A)
    assert world.network.dials == 3 and world.failures == 2 and world.pool.replays == 1
    await world.pool.aclose()


async def test_on_a_fresh_connection_the_failure_is_the_callers() -> None:
    world = World()
    world.fail()
    with pytest.raises(ReadError):
        await world.pool.request("GET", A)
    assert world.network.dials == 1 and world.pool.replays == 0
    await world.pool.aclose()


async def test_one_that_was_joined_while_it_was_connecting_is_fresh() -> None:
    """A second lease does not make it a reused one: nobody has completed an exchange on it."""
    world = World()
    world.network.promise = 100
    other = world.pool._acquire((_key(world.pool), b"http", b"a", 80))
    assert other is not None
    world.fail()
    with pytest.raises(ReadError):
        await world.pool.request("GET", A)
    assert len(world.network.connections) == 1 and world.pool.replays == 0
    world.pool._release(other, failed=True)
    await world.pool.aclose()


def _key(pool: AsyncConnectionPool) -> Any:
    """The world in which the pool is used, without a request."""
    from core_backends.lowlevel import async_world

    world = async_world()
    pool._enter(world)
    return world


@pytest.mark.parametrize("method", ["POST", "PATCH", "CONNECT", "get"])
async def test_what_is_not_idempotent_is_not_sent_again(method: str) -> None:
    world = World()
    await world.warm()
    world.fail()
    with pytest.raises(ReadError):
        await world.pool.request(method, A)
    assert world.network.dials == 1 and world.pool.replays == 0
    await world.pool.aclose()


class Pieces:
    """A body that can be iterated once."""

    def __init__(self) -> None:
        self.pieces: List[bytes] = [b"piece"]

    def __aiter__(self) -> Pieces:
        return self

    async def __anext__(self) -> bytes:
        if not self.pieces:
            raise StopAsyncIteration
        return self.pieces.pop()


async def test_a_body_that_has_to_be_iterated_is_not_sent_again() -> None:
    world = World()
    await world.warm()
    world.fail()
    with pytest.raises(ReadError):
        await world.pool.request("PUT", A, content=Pieces())
    assert world.network.dials == 1
    await world.pool.aclose()


async def test_a_request_that_was_answered_in_part_is_not_sent_again() -> None:
    world = World()
    await world.warm()
    world.fail(silent=False)
    with pytest.raises(ReadError):
        await world.pool.request("GET", A)
    assert world.network.dials == 1
    await world.pool.aclose()


@pytest.mark.parametrize("error", [WriteTimeout, PoolTimeout, ValueError])
async def test_only_a_broken_connection_counts(error: Type[Exception]) -> None:
    world = World()
    await world.warm()
    world.fail(error)
    with pytest.raises(error):
        await world.pool.request("GET", A)
    assert world.network.dials == 1
    await world.pool.aclose()


async def test_it_can_be_switched_off() -> None:
    world = World(replay=False)
    await world.warm()
    world.fail()
    with pytest.raises(ReadError):
        await world.pool.request("GET", A)
    assert world.network.dials == 1 and world.pool.replays == 0
    await world.pool.aclose()


async def test_a_closed_pool_opens_no_connection_for_it() -> None:
    world = World()
    await world.warm()

    async def close(operation: str, connection: AsyncFakeConnection) -> None:
        if operation == "request":
            await world.pool.aclose()
            connection.closed_before_response = True
            raise ReadError("closed")

    world.network.hook = close
    with pytest.raises(ReadError):
        await world.pool.request("GET", A)
    assert world.network.dials == 1 and not world.pool.connections


async def test_where_no_connection_can_be_made_the_failure_of_making_is_told() -> None:
    world = World()
    await world.warm()

    def make(origin: Any) -> Any:
        raise ValueError("no more")

    world.pool._factory = make
    world.fail()
    with pytest.raises(ValueError, match="no more"):
        await world.pool.request("GET", A)
    assert not world.pool.connections
    world.pool._plan.check()
