"""Cancelled wherever it waits, a request leaves nothing behind: each scenario is cancelled at its first suspension, in
a new run at its second, and so on until it gets through; natively, by a trio scope, and by an anyio scope.
"""

from __future__ import annotations

import asyncio
import importlib
from typing import Any, Awaitable, Callable, Generator, List

import pytest

from core_backends import AsyncNetworkStream, Origin, ReadError, Request
from core_backends.testing import AsyncBackground, AsyncScriptedBackend, AsyncScriptedStream
from core_pool import AsyncConnectionPool, AsyncHTTPConnection

from ._async.fakes import AsyncFakeConnection, AsyncFakeNetwork
from .waiting import LIMIT, async_until, async_yield_now

A, B = "https://a/", "https://b/"
KINDS = ["asyncio", "trio", "anyio on asyncio", "anyio on trio"]


class CutAt:
    """Runs a coroutine and calls `cut()` as it suspends for the `number`th time."""

    def __init__(self, coroutine: Any, number: int, cut: Callable[[], Any]) -> None:
        self.coroutine = coroutine
        self.number = number
        self.cut = cut
        self.suspensions = 0

    def __await__(self) -> Generator[Any, Any, Any]:
        inner = self.coroutine.__await__()
        send: Callable[[], Any] = lambda: next(inner)  # noqa: E731
        while True:
            try:
                awaited = send()
            except StopIteration as stop:
                return stop.value
            self.suspensions += 1
            if self.suspensions == self.number:
                self.cut()
            try:
                value = yield awaited
            except BaseException as exc:
                send = lambda exc=exc: inner.throw(exc)  # type: ignore[misc]  # noqa: E731
            else:
                send = lambda value=value: inner.send(value)  # type: ignore[misc]  # noqa: E731


async def cancelled_at(kind: str, number: int, function: Callable[[], Awaitable[Any]]) -> bool:
    """Run `function()` and cancel it at its `number`th suspension; False where it ended before that."""
    reached: List[bool] = []
    if kind == "asyncio":
        task: Any = None

        def cut() -> None:
            reached.append(True)
            task.cancel()

        async def run() -> None:
            await CutAt(function(), number, cut)

        task = asyncio.ensure_future(run())
        await asyncio.wait([task])
        if not task.cancelled():
            task.result()
        return bool(reached)
    scopes: Any = importlib.import_module("trio" if kind == "trio" else "anyio")
    with scopes.CancelScope() as scope:
        await CutAt(function(), number, lambda: (reached.append(True), scope.cancel()))
    return bool(reached)


def run(kind: str, test: Callable[[], Awaitable[Any]]) -> None:
    if kind.startswith("anyio"):
        pytest.importorskip("anyio")
    if kind.endswith("trio"):
        trio: Any = pytest.importorskip("trio")

        async def bounded() -> None:
            with trio.fail_after(LIMIT):
                await test()

        trio.run(bounded)
    else:
        asyncio.run(asyncio.wait_for(test(), LIMIT))


class Protocol(AsyncFakeConnection):
    """The fake connection as a protocol on a stream."""

    def __init__(self, network: AsyncFakeNetwork, origin: Origin, stream: AsyncNetworkStream) -> None:
        super().__init__(network, origin)
        self.stream = stream
        self.connected = True

    async def handle_async_request(self, request: Request) -> Any:
        try:
            await self.stream.write(b"request")
        except BaseException:
            if self.network.capacity == 1:
                self.abort()
            raise
        return await super().handle_async_request(request)

    async def aclose(self) -> None:
        await self.stream.aclose()
        await super().aclose()

    def abort(self) -> None:
        self.stream.abort()  # type: ignore[attr-defined]
        super().abort()


class World:
    """A pool of one connection, established over a network that suspends in every operation."""

    def __init__(self, http2: bool = False, **options: Any) -> None:
        self.network = AsyncFakeNetwork(capacity=100 if http2 else 1)
        self.streams = [AsyncScriptedStream(hook=async_yield_now) for _ in range(9)]
        self.http2 = http2
        self.backend = AsyncScriptedBackend(self.streams, hook=async_yield_now)
        self.pool = AsyncConnectionPool(self.connect, **{"max_connections": 1, **options})

    def connect(self, origin: Origin) -> AsyncHTTPConnection:
        def speak(origin: Origin, stream: AsyncNetworkStream, keepalive_expiry: Any) -> Protocol:
            return Protocol(self.network, origin, stream)

        return AsyncHTTPConnection(
            origin, http2=self.http2, network_backend=self.backend, protocols={"http/1.1": speak, "h2": speak}
        )

    async def check_usable(self) -> None:
        self.pool._plan.check()
        assert repr(self.pool).startswith("<AsyncConnectionPool [Requests: 0 active, 0 queued")
        assert self.open_streams() <= len(self.pool.connections) <= 1
        assert (await self.pool.request("GET", A, extensions={"timeout": {"pool": 0}})).content == b"onetwo"
        await self.pool.aclose()
        assert self.open_streams() == 0

    def open_streams(self) -> int:
        """How many streams have been handed out and not closed."""
        return sum(stream not in self.backend.streams and not stream.closed for stream in self.streams)


async def nothing(world: World) -> None:
    """No preparation."""


async def get(world: World) -> None:
    await world.pool.request("GET", A)


async def close_early(world: World) -> None:
    async with world.pool.stream("GET", A) as response:
        async for _ in response.aiter_stream():
            break


async def get_and_close(world: World) -> None:
    async with world.pool:
        await world.pool.request("GET", A)


async def keep_another(world: World) -> None:
    await world.pool.request("GET", B)


async def keep_a_dead_one(world: World) -> None:
    await world.pool.request("GET", A)
    world.network.connections[0].expired = True


async def keep_one_that_closes(world: World) -> None:
    """The server closes the connection as the next request arrives."""
    await world.pool.request("GET", A)

    async def close(operation: str, connection: AsyncFakeConnection) -> None:
        await async_yield_now()
        if operation == "request" and connection is world.network.connections[0]:
            connection.closed_before_response = True
            raise ReadError("closed")

    world.network.hook = close


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    "prepare, scenario, fewest",
    [
        pytest.param(nothing, get, 7, id="get"),
        pytest.param(nothing, close_early, 5, id="close early"),
        pytest.param(nothing, get_and_close, 9, id="get and close"),
        pytest.param(keep_another, get, 8, id="evict another"),
        pytest.param(keep_a_dead_one, get, 8, id="replace a dead one"),
        pytest.param(keep_one_that_closes, get, 9, id="send again"),
    ],
)
def test_cancelling_anywhere_leaves_the_pool_usable(kind: str, prepare: Any, scenario: Any, fewest: int) -> None:
    async def sweep() -> None:
        number = 0
        while True:
            number += 1
            world = World()
            await prepare(world)
            if not await cancelled_at(kind, number, lambda world=world: scenario(world)):
                break
            world.network.hook = async_yield_now
            await world.check_usable()
        assert number > fewest, "fewer suspensions than the scenario has"

    run(kind, sweep)


@pytest.mark.parametrize("kind", KINDS)
def test_cancelling_who_waits_leaves_the_place_to_others(kind: str) -> None:
    """The place becomes free while the request is queued, so that it may be cancelled with its turn come."""

    async def sweep() -> None:
        number = 0
        reached = True
        while reached:
            number += 1
            world = World()
            response = await world.pool.handle_async_request(Request("GET", A))

            async def wait(world: World = world, response: Any = response) -> None:
                background.start(response.aclose)
                await world.pool.request("GET", A)

            async with AsyncBackground() as background:
                reached = await cancelled_at(kind, number, wait)
            await world.check_usable()
        assert number > 8

    run(kind, sweep)


@pytest.mark.parametrize("kind", KINDS)
def test_a_turn_that_comes_with_the_cancellation_goes_to_the_next(kind: str) -> None:
    async def main() -> None:
        world = World()
        response = await world.pool.handle_async_request(Request("GET", A))
        async with AsyncBackground() as background:
            first = background.start(world.pool.request, "GET", A)
            await async_until(lambda: world.pool._plan.waiting == 1)
            second = background.start(world.pool.request, "GET", A)
            await async_until(lambda: world.pool._plan.waiting == 2)
            closing = background.start(response.aclose)
            await async_until(lambda: world.pool._plan.waiting == 1)
            first.cancel()
            await first.wait_cancelled()
            assert (await second.wait()).content == b"onetwo"
            await closing.wait()
        await world.check_usable()

    run(kind, main)


@pytest.mark.parametrize("kind", KINDS)
def test_cancelling_who_connects_leaves_the_connection_to_those_who_wait_for_it(kind: str) -> None:
    async def sweep() -> None:
        number = 0
        while True:
            number += 1
            world = World(http2=True)
            async with AsyncBackground() as background:
                others: List[Any] = []

                async def connect(world: World = world, background: Any = background, others: Any = others) -> None:
                    others.append(background.start(world.pool.request, "GET", A))
                    await world.pool.request("GET", A)

                reached = await cancelled_at(kind, number, connect)
                assert (await others[0].wait()).content == b"onetwo"
            if not reached:
                break
            await world.check_usable()
        assert number > 6

    run(kind, sweep)


@pytest.mark.parametrize("kind", KINDS)
def test_closing_that_is_cancelled_closes_the_rest_all_the_same(kind: str) -> None:
    async def sweep() -> None:
        number = 0
        while True:
            number += 1
            world = World(max_connections=3)
            for host in "abc":
                await world.pool.request("GET", f"https://{host}/")
            assert world.open_streams() == 3
            reached = await cancelled_at(kind, number, world.pool.aclose)
            assert world.open_streams() == 0 and not world.pool.connections
            if not reached:
                break
        assert number > 3

    run(kind, sweep)


@pytest.mark.parametrize("kind", KINDS)
def test_cancelling_two_before_they_run_leaves_the_pool_empty(kind: str) -> None:
    async def main() -> None:
        world = World()
        async with AsyncBackground() as background:
            requests = [background.start(world.pool.request, "GET", A) for _ in range(2)]
            await async_yield_now()
            for request in requests:
                request.cancel()
        assert not world.pool.connections
        await world.check_usable()

    run(kind, main)
