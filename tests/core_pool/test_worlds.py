"""One pool, several event loops, threads and processes: sockets stay where they belong, and nobody hears of it."""

from __future__ import annotations

import asyncio
import gc
import os
import signal
import threading
import traceback
from typing import Any, Callable, Iterator, List

import pytest

from core_backends import ConnectError, Request
from core_backends.lowlevel import AsyncEvent
from core_pool import AsyncConnectionPool, ConnectionPool

from ._async.fakes import AsyncFakeConnection, AsyncFakeNetwork
from ._async.lines import async_line_pool
from ._sync.fakes import FakeNetwork
from ._sync.lines import line_pool
from .line_server import LineServer
from .waiting import LIMIT, until

forking = pytest.mark.skipif(not hasattr(os, "fork"), reason="no os.fork on this platform")


@pytest.fixture
def server() -> Iterator[LineServer]:
    with LineServer() as server:
        yield server
    gc.collect()


async def get(pool: AsyncConnectionPool, url: str) -> bytes:
    response = await pool.request("GET", url, extensions={"timeout": {"read": LIMIT, "pool": LIMIT, "connect": LIMIT}})
    return response.content


def test_three_loops_one_after_the_other(server: LineServer) -> None:
    pool = async_line_pool(max_connections=1)
    for number in range(1, 4):
        for _ in range(2):
            assert asyncio.run(twice(pool, server)) == [b"/x on %d" % (2 * number - 1 + _)] * 2
    asyncio.run(pool.aclose())
    assert not pool.connections


async def twice(pool: AsyncConnectionPool, server: LineServer) -> List[bytes]:
    return [await get(pool, f"{server.url}/x") for _ in range(2)]


def test_asyncio_then_trio_then_asyncio(server: LineServer) -> None:
    trio = pytest.importorskip("trio")
    pool = async_line_pool(max_connections=1)
    assert asyncio.run(twice(pool, server)) == [b"/x on 1"] * 2
    assert trio.run(twice, pool, server) == [b"/x on 2"] * 2
    assert asyncio.run(twice(pool, server)) == [b"/x on 3"] * 2
    trio.run(pool.aclose)
    assert not pool.connections


def test_a_pool_that_is_dropped_leaves_nothing_to_the_event_loop(server: LineServer) -> None:
    async def main() -> None:
        pool = async_line_pool()
        await get(pool, f"{server.url}/")
        stream: Any = pool.connections[0]._connection.stream  # type: ignore[attr-defined]
        assert not stream.get_extra_info("is_readable")
        del pool
        gc.collect()
        assert stream.get_extra_info("is_readable"), "still open"

    asyncio.run(main())


def test_a_loop_in_another_thread_at_the_same_time(server: LineServer) -> None:
    """With one place, each loop takes it from the other."""
    pool = async_line_pool(max_connections=1)
    failures: List[str] = []

    def work() -> None:
        async def main() -> None:
            for _ in range(50):
                assert (await get(pool, f"{server.url}/x")).startswith(b"/x on ")

        try:
            asyncio.run(main())
        except BaseException:
            failures.append(traceback.format_exc())

    threads = [threading.Thread(target=work) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(LIMIT)
    assert not failures, failures[0]
    assert not any(thread.is_alive() for thread in threads)
    pool._plan.check()
    asyncio.run(pool.aclose())


def test_a_loop_that_ends_in_the_middle_of_a_response_leaves_its_place(server: LineServer) -> None:
    pool = async_line_pool(max_connections=1)

    async def leave_open() -> Any:
        return await pool.handle_async_request(Request("GET", f"{server.url}/x"))

    response = asyncio.run(leave_open())
    assert asyncio.run(twice(pool, server)) == [b"/x on 2"] * 2
    pool._plan.check()
    with pytest.warns(ResourceWarning, match="dropped without being closed"):
        del response
        gc.collect()
    assert repr(pool) == "<AsyncConnectionPool [Requests: 0 active, 0 queued | Connections: 0 active, 1 idle]>"
    asyncio.run(pool.aclose())


def test_closing_from_another_thread_fails_who_is_queued_and_who_connects() -> None:
    network = AsyncFakeNetwork()
    pool = network.pool(max_connections=1)
    failures: List[BaseException] = []

    async def hang(operation: str, connection: AsyncFakeConnection) -> None:
        await AsyncEvent().wait(LIMIT)

    network.hook = hang

    async def requests() -> None:
        async def one() -> None:
            try:
                await pool.request("GET", "http://a/")
            except ConnectError as exc:
                failures.append(exc)

        holding = asyncio.ensure_future(one())
        waiting = [asyncio.ensure_future(one()) for _ in range(3)]
        await asyncio.wait(waiting, timeout=LIMIT)
        holding.cancel()

    thread = threading.Thread(target=asyncio.run, args=(requests(),))
    thread.start()
    until(lambda: pool._plan.waiting == 3)
    asyncio.run(pool.aclose())
    thread.join(LIMIT)
    assert not thread.is_alive() and len(failures) == 3


def in_child(function: Callable[[], None]) -> int:
    """Run `function` in a fork of this process and return its exit status."""
    child = os.fork()
    if not child:
        status = 1
        try:
            function()
            status = 0
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(status)
    return child


def status_of(child: int) -> int:
    return os.waitpid(child, 0)[1]


@forking
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_fork_leaves_the_parents_connections_to_the_parent(server: LineServer) -> None:
    with line_pool(max_connections=2) as pool:
        assert pool.request("GET", f"{server.url}/parent").content == b"/parent on 1"

        def child() -> None:
            for number in range(100):
                answer = pool.request("GET", f"{server.url}/child{number}").content
                assert answer == b"/child%d on 2" % number
            pool._plan.check()
            pool.close()

        running = in_child(child)
        for number in range(100):
            assert pool.request("GET", f"{server.url}/parent{number}").content == b"/parent%d on 1" % number
        assert status_of(running) == 0
        assert pool.request("GET", f"{server.url}/after").content == b"/after on 1"
        pool._plan.check()


@forking
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_child_in_whose_parent_somebody_was_at_the_plan(server: LineServer) -> None:
    """The lock is held for ever there, by a thread that did not come along; and its own threads come all at once."""
    with line_pool(max_connections=3) as pool:
        response = pool.handle_request(Request("GET", f"{server.url}/parent"))

        def child() -> None:
            failures: List[BaseException] = []

            def work() -> None:
                try:
                    for _ in range(10):
                        assert pool.request("GET", f"{server.url}/child").content.startswith(b"/child on ")
                except BaseException as exc:
                    failures.append(exc)

            threads = [threading.Thread(target=work) for _ in range(8)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join(LIMIT)
            assert not failures, failures
            assert not any(thread.is_alive() for thread in threads)
            response.close()
            pool._plan.check()
            assert len(pool.connections) <= 3 and not pool._plan.leases

        with pool._lock:
            running = in_child(child)
        assert status_of(running) == 0
        assert response.read() == b"/parent on 1"
        assert pool.request("GET", f"{server.url}/after").content == b"/after on 1"


@forking
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
@pytest.mark.parametrize("first", ["pool", "response"])
def test_closing_is_the_first_thing_that_a_child_does_in_whose_parent_somebody_was_at_the_plan(
    first: str, server: LineServer
) -> None:
    with line_pool(max_connections=3) as pool:
        response = pool.handle_request(Request("GET", f"{server.url}/parent"))

        def child() -> None:
            # It would wait for ever, and the parent for it.
            signal.alarm(int(LIMIT))
            (pool if first == "pool" else response).close()
            pool.close()
            assert pool.request("GET", f"{server.url}/child").content == b"/child on 2"

        with pool._lock:
            running = in_child(child)
        assert status_of(running) == 0
        assert response.read() == b"/parent on 1"


@forking
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
@pytest.mark.parametrize("library", ["asyncio", "trio"])
def test_a_fork_of_an_event_loop(server: LineServer, library: str) -> None:
    trio: Any = pytest.importorskip("trio") if library == "trio" else None
    pool = async_line_pool(max_connections=2)

    async def parent() -> None:
        assert await get(pool, f"{server.url}/parent") == b"/parent on 1"
        running = in_child(child)
        for number in range(100):
            assert await get(pool, f"{server.url}/parent{number}") == b"/parent%d on 1" % number
        assert status_of(running) == 0
        assert await get(pool, f"{server.url}/after") == b"/after on 1"
        await pool.aclose()

    async def child_main() -> None:
        for number in range(100):
            assert await get(pool, f"{server.url}/child{number}") == b"/child%d on 2" % number
        await pool.aclose()

    def child() -> None:
        if library == "trio":
            # Trio's run of the parent is still going on in this thread, as far as it knows.
            result: List[BaseException] = []
            thread = threading.Thread(target=lambda: trio.run(child_main))
            thread.start()
            thread.join(LIMIT)
            assert not result and not thread.is_alive() and not pool.connections
        else:
            asyncio.run(child_main())

    if library == "trio":
        trio.run(parent)
    else:
        asyncio.run(parent())


def test_many_threads_share_few_connections() -> None:
    network = FakeNetwork()
    failures: List[BaseException] = []
    seen: List[int] = []
    pool = ConnectionPool(network.connect, max_connections=5, max_keepalive_connections=2)

    def look(operation: str, connection: Any) -> None:
        seen.append(len(pool.connections))
        if connection.active > 1:
            failures.append(AssertionError("two requests at a time"))

    network.hook = look

    def work(number: int) -> None:
        try:
            for count in range(100):
                url = f"http://origin{(number + count) % 4}/"
                if count % 10 == 9:
                    with pool.stream("GET", url) as response:
                        for _ in response.iter_stream():
                            break
                else:
                    assert pool.request("GET", url).content == b"onetwo"
        except BaseException as exc:
            failures.append(exc)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(32)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(LIMIT)
    assert not failures, failures[0]
    assert not any(thread.is_alive() for thread in threads)
    pool._plan.check()
    assert network.most_busy <= 5 and max(seen) <= 5
    assert repr(pool).startswith("<ConnectionPool [Requests: 0 active, 0 queued | Connections: 0 active, ")
    assert pool._plan.idle <= 2
    pool.close()
    assert network.open == 0


def test_many_threads_on_a_real_network(server: LineServer) -> None:
    failures: List[BaseException] = []
    with line_pool(max_connections=4) as pool:

        def work(number: int) -> None:
            try:
                for count in range(40):
                    answer = pool.request("GET", f"{server.url}/{number}-{count}").content
                    assert answer.startswith(b"/%d-%d on " % (number, count)), answer
            except BaseException as exc:
                failures.append(exc)

        threads = [threading.Thread(target=work, args=(number,)) for number in range(16)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(LIMIT)
        assert not failures, failures[0]
        # Four where the threads overlap, which a busy machine need not let them do.
        assert server.connections == len(pool.connections) <= 4
        pool._plan.check()
