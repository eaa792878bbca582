"""The pool on fake connections: limits, queue, reuse, ageing, failures, closing."""

from __future__ import annotations

import gc
import time
from typing import Any, List

import pytest

from core_backends import (
    ConnectError,
    ConnectionNotAvailable,
    Origin,
    PoolTimeout,
    ReadError,
    RemoteProtocolError,
    Request,
    UnsupportedProtocol,
    WriteTimeout,
)
from core_backends.lowlevel import AsyncEvent, AsyncWholeBody
from core_backends.testing import AsyncBackground
from core_pool import AsyncConnectionPool

from ..waiting import LIMIT, async_until, async_yield_now
from .fakes import AsyncFakeConnection, AsyncFakeNetwork

A, B, C = "http://a/", "http://b/", "http://c/"


def books(pool: AsyncConnectionPool) -> str:
    pool._plan.check()
    return repr(pool).split(" ", 1)[1]


async def test_a_request_is_served_and_the_connection_kept() -> None:
    network = AsyncFakeNetwork()
    async with network.pool() as pool:
        response = await pool.request("GET", A)
        assert response.content == b"onetwo"
        assert books(pool) == "[Requests: 0 active, 0 queued | Connections: 0 active, 1 idle]>"
        await pool.request("GET", A)
        assert network.dials == 1 and len(pool.connections) == 1
    assert network.open == 0 and not pool.connections


async def test_the_books_show_who_is_served_and_who_waits() -> None:
    network = AsyncFakeNetwork()
    async with network.pool(max_connections=1) as pool, AsyncBackground() as background:
        async with pool.stream("GET", A):
            waiting = background.start(pool.request, "GET", A)
            await async_until(lambda: len(pool._requests) == 2)
            assert books(pool) == "[Requests: 1 active, 1 queued | Connections: 1 active, 0 idle]>"
        assert (await waiting.wait()).content == b"onetwo"


async def test_a_pool_needs_to_know_how_to_make_connections() -> None:
    async with AsyncConnectionPool() as pool:
        with pytest.raises(NotImplementedError, match="create_connection"):
            await pool.request("GET", A)
        assert books(pool) == "[Requests: 0 active, 0 queued | Connections: 0 active, 0 idle]>"


async def test_a_subclass_may_make_the_connections() -> None:
    network = AsyncFakeNetwork()

    class Pool(AsyncConnectionPool):
        def create_connection(self, origin: Origin) -> AsyncFakeConnection:
            return network.connect(origin)

    async with Pool() as pool:
        assert (await pool.request("GET", A)).status == 200
        assert network.connections[0].origin == Origin(b"http", b"a", 80)


@pytest.mark.parametrize("url, text", [("ftp://a/", "unsupported protocol 'ftp://'"), ("//a/", "is missing an")])
async def test_unknown_schemes_are_refused(url: str, text: str) -> None:
    async with AsyncFakeNetwork().pool() as pool:
        with pytest.raises(UnsupportedProtocol, match=text):
            await pool.request("GET", url)


async def test_requests_beyond_the_limit_are_served_in_order_of_arrival() -> None:
    network = AsyncFakeNetwork()
    order: List[int] = []

    async def get(pool: AsyncConnectionPool, number: int) -> None:
        await pool.request("GET", [A, B][number % 2])
        order.append(number)

    async with network.pool(max_connections=1) as pool, AsyncBackground() as background:
        async with pool.stream("GET", C):
            for number in range(6):
                background.start(get, pool, number)
                await async_until(lambda number=number: pool._plan.waiting == number + 1)
        await async_until(lambda: len(order) == 6)
        assert order == [0, 1, 2, 3, 4, 5]
        assert network.most_busy == 1


@pytest.mark.parametrize("limit", [1, 100, 300])
async def test_many_requests_at_a_time_all_end(limit: int) -> None:
    network = AsyncFakeNetwork()
    async with network.pool(max_connections=limit) as pool, AsyncBackground() as background:
        requests = [background.start(pool.request, "GET", [A, B, C][number % 3]) for number in range(300)]
        for request in requests:
            assert (await request.wait()).content == b"onetwo"
        assert network.most_busy <= limit
        pool._plan.check()


async def test_idle_connections_to_other_origins_make_room_the_oldest_first() -> None:
    network = AsyncFakeNetwork()
    async with network.pool(max_connections=2) as pool:
        for url in (A, B, C):
            await pool.request("GET", url)
        assert [connection.closed for connection in network.connections] == [True, False, False]
        assert pool.connections == network.connections[1:]


async def test_connections_beyond_max_keepalive_are_closed_as_they_become_idle() -> None:
    network = AsyncFakeNetwork()
    async with network.pool(max_connections=3, max_keepalive_connections=1) as pool:
        async with pool.stream("GET", A), pool.stream("GET", B):
            await pool.request("GET", C)
            assert network.open == 3
        assert network.open == 1


async def test_a_connection_that_idled_too_long_is_not_used_again(monkeypatch: pytest.MonkeyPatch) -> None:
    network = AsyncFakeNetwork()
    async with network.pool(keepalive_expiry=5.0) as pool:
        await pool.request("GET", A)
        later = time.monotonic() + 6.0
        monkeypatch.setattr("core_pool._async.pool.time.monotonic", lambda: later)
        await pool.request("GET", A)
        assert network.dials == 2 and network.open == 1


async def test_a_connection_that_says_it_has_expired_is_replaced() -> None:
    network = AsyncFakeNetwork()
    async with network.pool(max_connections=1) as pool:
        await pool.request("GET", A)
        network.connections[0].expired = True
        assert (await pool.request("GET", A)).content == b"onetwo"
        assert network.dials == 2 and network.connections[0].closed


async def test_a_connection_that_another_has_joined_is_not_closed_for_being_expired() -> None:
    network = AsyncFakeNetwork(capacity=2, promise=2)
    async with network.pool(max_connections=1) as pool:
        await pool.request("GET", A)
        connection = network.connections[0]
        joined: List[Any] = []

        def has_expired() -> bool:
            # Between the look and what comes of it, as another thread would.
            if not joined:
                joined.append(pool._acquire(next(iter(pool._plan._slots)).key))
            return True

        connection.has_expired = has_expired  # type: ignore[method-assign]
        assert (await pool.request("GET", A)).content == b"onetwo"
        assert network.dials == 1 and not connection.closed
        pool._release(joined[0], failed=False)
        assert books(pool) == "[Requests: 0 active, 0 queued | Connections: 0 active, 1 idle]>"


async def test_forty_expired_connections_are_no_forty_refusals() -> None:
    network = AsyncFakeNetwork()
    async with network.pool(max_connections=40) as pool, AsyncBackground() as background:
        gate = AsyncEvent()

        async def hold(operation: str, connection: AsyncFakeConnection) -> None:
            if operation == "request":
                await gate.wait(LIMIT)

        network.hook = hold
        requests = [background.start(pool.request, "GET", A) for _ in range(40)]
        await async_until(lambda: network.busy == 40)
        gate.set()
        for request in requests:
            await request.wait()
        for connection in network.connections:
            connection.expired = True
        refused = []

        async def refuse_once(operation: str, connection: AsyncFakeConnection) -> None:
            if operation == "request" and not refused:
                refused.append(connection)
                raise ConnectionNotAvailable("going away")

        network.hook = refuse_once
        assert (await pool.request("GET", A)).content == b"onetwo"
        assert len(pool.connections) == 1


@pytest.mark.parametrize("operation", ["connect", "request", "body"])
async def test_a_failure_frees_the_place_at_once(operation: str) -> None:
    network = AsyncFakeNetwork()

    async def fail(happening: str, connection: AsyncFakeConnection) -> None:
        if happening == operation:
            raise ReadError("broken")

    async with network.pool(max_connections=1) as pool:
        network.hook = fail
        with pytest.raises(ReadError, match="broken"):
            await pool.request("GET", A)
        assert books(pool) == "[Requests: 0 active, 0 queued | Connections: 0 active, 0 idle]>"
        network.hook = async_yield_now
        assert (await pool.request("GET", A)).content == b"onetwo"


async def test_a_failure_serves_who_waits() -> None:
    network = AsyncFakeNetwork()
    gate = AsyncEvent()

    async def fail_first(operation: str, connection: AsyncFakeConnection) -> None:
        if operation == "connect" and connection is network.connections[0]:
            await gate.wait(LIMIT)
            raise ConnectError("refused")

    network.hook = fail_first
    async with network.pool(max_connections=1) as pool, AsyncBackground() as background:
        first = background.start(pool.request, "GET", A)
        await async_until(lambda: network.dials == 1)
        second = background.start(pool.request, "GET", A)
        await async_until(lambda: pool._plan.waiting == 1)
        gate.set()
        with pytest.raises(ConnectError):
            await first.wait()
        assert (await second.wait()).content == b"onetwo"


async def test_a_response_closed_early_frees_the_place() -> None:
    network = AsyncFakeNetwork()
    async with network.pool(max_connections=1) as pool:
        async with pool.stream("GET", A) as response:
            async for _ in response.aiter_stream():
                break
        assert books(pool) == "[Requests: 0 active, 0 queued | Connections: 0 active, 0 idle]>"
        assert (await pool.request("GET", A)).content == b"onetwo"


async def test_reading_to_the_end_frees_the_place_before_the_response_is_closed() -> None:
    network = AsyncFakeNetwork()
    async with network.pool(max_connections=1) as pool:
        async with pool.stream("GET", A) as response:
            await response.aread()
            assert books(pool) == "[Requests: 0 active, 0 queued | Connections: 0 active, 1 idle]>"
            await pool.request("GET", A)
        assert network.dials == 1


async def test_a_request_waits_no_longer_than_its_pool_timeout() -> None:
    network = AsyncFakeNetwork()
    async with network.pool(max_connections=1) as pool:
        async with pool.stream("GET", A):
            for timeout in (0, 0.01):
                with pytest.raises(PoolTimeout, match="1 requests hold one, 0 wait, and the limit is 1"):
                    await pool.request("GET", A, extensions={"timeout": {"pool": timeout}})
                assert books(pool) == "[Requests: 1 active, 0 queued | Connections: 1 active, 0 idle]>"
        await pool.request("GET", A, extensions={"timeout": {"pool": 0}})


async def test_the_deadline_of_a_request_bounds_its_wait() -> None:
    network = AsyncFakeNetwork()
    async with network.pool(max_connections=1) as pool:
        async with pool.stream("GET", A):
            extensions = {"timeout": {"total": 0.01, "pool": LIMIT}}
            with pytest.raises(PoolTimeout):
                await pool.request("GET", A, extensions=extensions)
            assert extensions == {"timeout": {"total": 0.01, "pool": LIMIT}}


async def test_the_pool_timeout_is_for_all_waits_together(monkeypatch: pytest.MonkeyPatch) -> None:
    network = AsyncFakeNetwork(capacity=1, promise=100)
    now = [100.0]
    monkeypatch.setattr("core_backends._deadline.time", type("Clock", (), {"monotonic": lambda: now[0]}))
    holding: List[Any] = []
    limits: List[Any] = []

    class Connection(AsyncFakeConnection):
        """Has been taken by somebody else when it is connected, so that the POST has to wait again."""

        async def handle_async_request(self, request: Request) -> Any:
            if request.method == b"POST" and len(limits) == 1:
                holding.append(await pool.handle_async_request(Request("GET", A)))
                raise ConnectionNotAvailable("taken")
            return await super().handle_async_request(request)

    async def a_minute(event: Any, timeout: Any = None) -> bool:
        """A minute passes, and then the place becomes free."""
        limits.append(timeout)
        now[0] += 60
        await holding.pop().aclose()
        return bool(event.is_set())

    async with AsyncConnectionPool(lambda origin: Connection(network, origin), max_connections=1) as pool:
        holding.append(await pool.handle_async_request(Request("GET", B)))
        monkeypatch.setattr(AsyncEvent, "wait", a_minute)
        await pool.request("POST", A, extensions={"timeout": {"pool": 100.0}})
        assert limits == [100.0, 40.0]


async def test_making_a_connection_may_fail() -> None:
    network = AsyncFakeNetwork()

    def fail(origin: Origin) -> AsyncFakeConnection:
        if origin.host == b"b":
            raise ValueError("not that one")
        return network.connect(origin)

    async with AsyncConnectionPool(fail, max_connections=1) as pool, AsyncBackground() as background:
        with pytest.raises(ValueError, match="not that one"):
            await pool.request("GET", B)
        async with pool.stream("GET", A):
            failing = background.start(pool.request, "GET", B)
            await async_until(lambda: pool._plan.waiting == 1)
            served = background.start(pool.request, "GET", C)
            await async_until(lambda: pool._plan.waiting == 2)
        with pytest.raises(ValueError, match="not that one"):
            await failing.wait()
        assert (await served.wait()).content == b"onetwo"
        assert books(pool) == "[Requests: 0 active, 0 queued | Connections: 0 active, 1 idle]>"


async def test_who_waits_is_told_even_where_the_one_who_made_room_cannot_be_served() -> None:
    """The connection of one request is dead, and there is no making another: its place is for who waits."""
    network = AsyncFakeNetwork()
    makes = []

    def make(origin: Origin) -> AsyncFakeConnection:
        makes.append(origin.host)
        if origin.host == b"a" and makes.count(b"a") > 1:
            raise ValueError("not that one again")
        return network.connect(origin)

    gate = AsyncEvent()

    async def refuse(operation: str, connection: AsyncFakeConnection) -> None:
        if connection.origin.host == b"a":
            await gate.wait(LIMIT)
            raise ConnectionNotAvailable("going away")

    network.hook = refuse
    async with AsyncConnectionPool(make, max_connections=1) as pool, AsyncBackground() as background:
        refused = background.start(pool.request, "GET", A)
        await async_until(lambda: network.dials == 1)
        waiting = background.start(pool.request, "GET", B)
        await async_until(lambda: pool._plan.waiting == 1)
        gate.set()
        with pytest.raises(ValueError, match="not that one again"):
            await refused.wait()
        assert (await waiting.wait()).content == b"onetwo"


async def test_a_connection_that_refuses_for_ever_is_given_up() -> None:
    network = AsyncFakeNetwork()

    async def refuse(operation: str, connection: AsyncFakeConnection) -> None:
        raise ConnectionNotAvailable("no")

    network.hook = refuse
    async with network.pool(max_connections=2) as pool:
        with pytest.raises(
            RemoteProtocolError, match=r"http://a:80 refused the request on \d+ connections in a row: no"
        ):
            await pool.request("GET", A)
        assert books(pool) == "[Requests: 0 active, 0 queued | Connections: 0 active, 0 idle]>"


async def test_refusals_by_connections_that_served_others_are_no_refusal_for_ever() -> None:
    network = AsyncFakeNetwork()
    refused: List[Any] = []

    async def refuse(operation: str, connection: AsyncFakeConnection) -> None:
        if operation == "request" and len(refused) < 100:
            refused.append(connection)
            unavailable = ConnectionNotAvailable("going away")
            unavailable.others_served = True
            raise unavailable

    network.hook = refuse
    async with network.pool(max_connections=2) as pool:
        assert (await pool.request("GET", A)).status == 200
    assert len(refused) == 100


@pytest.mark.parametrize("promise", [100, None])
@pytest.mark.parametrize("max_connections", [1, 3])
async def test_a_connection_shared_while_connecting_may_turn_out_to_serve_one_at_a_time(
    promise: Any, max_connections: int
) -> None:
    network = AsyncFakeNetwork(capacity=1, promise=promise)
    gate = AsyncEvent()
    dialling: List[AsyncFakeConnection] = []

    class Connection(AsyncFakeConnection):
        """Who comes first connects, the others wait for that; then one gets it."""

        async def handle_async_request(self, request: Request) -> Any:
            dialling.append(self)
            await gate.wait(LIMIT)
            return await super().handle_async_request(request)

    async with AsyncConnectionPool(lambda origin: Connection(network, origin), max_connections=max_connections) as pool:
        async with AsyncBackground() as background:
            requests = [background.start(pool.request, "GET", A) for _ in range(5)]
            await async_until(lambda: len(dialling) == 5)
            assert len(pool.connections) == 1
            gate.set()
            for request in requests:
                assert (await request.wait()).content == b"onetwo"
            pool._plan.check()
            assert network.most_busy <= max_connections


async def test_a_multiplexing_connection_is_shared_and_its_limit_kept() -> None:
    network = AsyncFakeNetwork(capacity=3, promise=100)
    gate = AsyncEvent()
    seen: List[int] = []

    async def hold(operation: str, connection: AsyncFakeConnection) -> None:
        if operation == "request":
            seen.append(connection.active)
            await gate.wait(LIMIT)

    async with network.pool(max_connections=2) as pool, AsyncBackground() as background:
        await pool.request("GET", A)
        network.hook = hold
        network.promise = 3
        requests = [background.start(pool.request, "GET", A) for _ in range(8)]
        await async_until(lambda: len(seen) == 6 and pool._plan.waiting == 2)
        assert books(pool) == "[Requests: 6 active, 2 queued | Connections: 2 active, 0 idle]>"
        gate.set()
        for request in requests:
            await request.wait()
        assert max(seen) == 3


async def test_closing_fails_who_is_queued_and_who_reads() -> None:
    network = AsyncFakeNetwork()
    pool = network.pool(max_connections=1)
    async with AsyncBackground() as background:
        async with pool.stream("GET", A) as response:
            queued = [background.start(pool.request, "GET", url) for url in (A, B)]
            await async_until(lambda: pool._plan.waiting == 2)
            await pool.aclose()
            for request in queued:
                with pytest.raises(ConnectError, match="pool was closed"):
                    await request.wait()
            with pytest.raises(ReadError):
                await response.aread()
        assert books(pool) == "[Requests: 0 active, 0 queued | Connections: 0 active, 0 idle]>"
        assert network.open == 0
        assert (await pool.request("GET", A)).content == b"onetwo"
        await pool.aclose()


async def test_closing_reaches_who_has_a_connection_but_has_not_used_it_yet() -> None:
    """He must not open one on a pool that its owner thinks closed."""
    network = AsyncFakeNetwork()
    gate = AsyncEvent()
    late = AsyncEvent()

    class Connection(AsyncFakeConnection):
        async def handle_async_request(self, request: Request) -> Any:
            late.set()
            await gate.wait(LIMIT)
            return await super().handle_async_request(request)

    pool = AsyncConnectionPool(lambda origin: Connection(network, origin))
    async with AsyncBackground() as background:
        request = background.start(pool.request, "GET", A)
        assert await late.wait(LIMIT)
        await pool.aclose()
        gate.set()
        with pytest.raises(ConnectError, match="pool was closed"):
            await request.wait()
        assert network.dials == 0 and not pool.connections


async def test_a_response_that_is_dropped_gives_its_place_back() -> None:
    network = AsyncFakeNetwork()
    async with network.pool(max_connections=2) as pool:
        for url in (A, B):
            response = await pool.handle_async_request(Request("GET", url))
            with pytest.warns(ResourceWarning, match="A response was dropped without being closed"):
                del response
                gc.collect()
        assert (await pool.request("GET", C, extensions={"timeout": {"pool": 0}})).content == b"onetwo"
        assert books(pool) == "[Requests: 0 active, 0 queued | Connections: 0 active, 1 idle]>"
        assert [connection.closed for connection in network.connections] == [True, True, False]


async def test_a_response_that_is_dropped_serves_who_waits() -> None:
    network = AsyncFakeNetwork()
    async with network.pool(max_connections=1) as pool, AsyncBackground() as background:
        response = await pool.handle_async_request(Request("GET", A))
        waiting = background.start(pool.request, "GET", A)
        await async_until(lambda: pool._plan.waiting == 1)
        with pytest.warns(ResourceWarning):
            del response
            gc.collect()
        assert (await waiting.wait()).content == b"onetwo"
        pool._plan.check()


@pytest.mark.parametrize("method", ["acquire", "enqueue", "release", "cancel", "close", "first_waiter", "expire"])
async def test_a_response_may_be_finalised_inside_of_any_step_of_the_plan(
    method: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever is at the plan holds the lock, and would wait for himself; and nobody may be forgotten in the queue."""
    network = AsyncFakeNetwork()
    pool = network.pool(max_connections=1, keepalive_expiry=60.0)
    garbage: List[Any] = []
    collected: List[str] = []
    original = getattr(pool._plan, method)

    def collect(*args: Any, **options: Any) -> Any:
        result = original(*args, **options)
        if garbage and pool._lock.locked():
            garbage.clear()
            gc.collect()
            collected.append(method)
        return result

    monkeypatch.setattr(pool._plan, method, collect)
    response = await pool.handle_async_request(Request("GET", A))
    cycle = [response]
    cycle.append(cycle)  # type: ignore[arg-type]
    garbage.append(cycle)
    del response, cycle
    with pytest.warns(ResourceWarning):
        async with AsyncBackground() as background:
            if method in ("acquire", "enqueue", "expire"):
                waiting = background.start(pool.request, "GET", A)
                assert (await waiting.wait()).content == b"onetwo"
            elif method == "cancel":
                with pytest.raises(PoolTimeout):
                    await pool.request("GET", A, extensions={"timeout": {"pool": 0}})
                assert (await pool.request("GET", A)).content == b"onetwo"
            elif method == "close":
                await pool.aclose()
            else:
                waiting = background.start(pool.request, "GET", A)
                await async_until(lambda: pool._plan.waiting == 1)
                garbage.clear()
                gc.collect()
                collected.append(method)
                assert (await waiting.wait()).content == b"onetwo"
    assert collected == [method]
    assert books(pool).startswith("[Requests: 0 active, 0 queued")
    await pool.aclose()


async def test_a_failing_close_disturbs_nobody(caplog: pytest.LogCaptureFixture) -> None:
    network = AsyncFakeNetwork()

    async def fail(operation: str, connection: AsyncFakeConnection) -> None:
        if operation == "close":
            raise OSError("cannot even close")

    network.hook = fail
    caplog.set_level("DEBUG", logger="httpcore")
    async with network.pool(max_connections=1) as pool:
        await pool.request("GET", A)
        assert (await pool.request("GET", B)).content == b"onetwo"
    assert caplog.messages.count("close.failed exception=OSError('cannot even close')") == 2


async def test_what_the_peer_does_is_what_the_caller_is_told() -> None:
    network = AsyncFakeNetwork()

    async def too_slow(operation: str, connection: AsyncFakeConnection) -> None:
        if operation == "request":
            raise WriteTimeout("too slow")

    network.hook = too_slow
    async with network.pool() as pool:
        with pytest.raises(WriteTimeout):
            await pool.request("GET", A)
        assert not pool.connections


async def test_a_body_read_whole_gives_the_connection_back_however_it_ends() -> None:
    network = AsyncFakeNetwork()
    async with network.pool(max_connections=1) as pool:
        body = (await pool.handle_async_request(Request("GET", A))).stream
        assert isinstance(body, AsyncWholeBody)
        assert await body.__anext__() == b"one"
        assert await body.read_whole() == b"two"
        assert books(pool) == "[Requests: 0 active, 0 queued | Connections: 0 active, 1 idle]>"

        async def fail(operation: str, _: Any) -> None:
            if operation == "body":
                raise ReadError("broken")

        network.hook = fail
        body = (await pool.handle_async_request(Request("GET", A))).stream
        assert isinstance(body, AsyncWholeBody)
        with pytest.raises(ReadError):
            await body.read_whole()
        assert books(pool) == "[Requests: 0 active, 0 queued | Connections: 0 active, 0 idle]>"
