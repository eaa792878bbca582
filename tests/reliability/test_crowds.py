"""Sixty-four threads, and a thousand tasks, on one pool: nobody gets another one's response, or waits for ever.

Some close early, time out, fail in the middle of their body, or drop their response, while others close the pool.
"""

from __future__ import annotations

import asyncio
import gc
import threading
import warnings
from collections import Counter
from typing import Any, Coroutine, Iterator, List

import pytest
import trio

import httpcore

from .crowd import Tally, crowd_of_tasks, crowd_of_threads
from .nothing_left import let_h2_compare_bytes_with_text
from .peers import TELLS_WHO_LEFT
from .routes import Network
from .worlds import run_async

LIMIT = 8
# A pool that is closed begins anew with nothing, while those who were connecting have yet to learn of it.
AT_CLOSING = 2 * LIMIT + 64


@pytest.fixture(autouse=True)
def dropping_is_meant() -> Iterator[None]:
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "A response was dropped", ResourceWarning)
        yield


def origin_of(network: Network, route: str) -> Any:
    return {"direct": network.plain, "tls": network.both, "h2": network.both, "forward": network.proxy}[route]


def check(pool: Any, tally: Tally, network: Network, route: str, most: int, swept: Counter[str]) -> None:
    gc.collect()
    assert not tally.wrong, "\n".join(tally.wrong[:20])
    pool._plan.check()
    for what, count in tally.counts.items():
        swept[f"in crowds: {what}"] += count
    assert origin_of(network, route).most_open <= most, origin_of(network, route).most_open


@pytest.mark.timeout(180)
@pytest.mark.parametrize("closers", [0, 4])
@pytest.mark.parametrize("route", ["direct", "tls", "h2", "forward"])
def test_threads(route: str, closers: int, network: Network, swept: Counter[str]) -> None:
    tally = Tally()
    peer = origin_of(network, route)
    peer.reset_counts()
    with httpcore.ConnectionPool(**network.options(route, max_connections=LIMIT)) as pool:
        crowd_of_threads(pool, network.url(route, "/crowd"), 64, lambda made: made < 12, closers, tally)
        # Who takes a connection out of the pool closes it, a moment later; by then another thread may be connecting.
        check(pool, tally, network, route, AT_CLOSING if closers else 2 * LIMIT, swept)
        assert pool.request("GET", network.url(route)).status == 200
    network.wait_until_idle()


async def together_on_asyncio(coroutines: List[Coroutine[Any, Any, None]]) -> None:
    await asyncio.gather(*coroutines)


async def together_on_trio(coroutines: List[Coroutine[Any, Any, None]]) -> None:
    async def run(coroutine: Coroutine[Any, Any, None]) -> None:
        await coroutine

    async with trio.open_nursery() as nursery:
        for coroutine in coroutines:
            nursery.start_soon(run, coroutine)


@pytest.mark.timeout(180)
@pytest.mark.parametrize("closers", [0, 4])
@pytest.mark.parametrize("world", ["asyncio", "trio"])
@pytest.mark.parametrize("route", ["direct", "tls", "h2", "forward"])
def test_tasks(route: str, world: str, closers: int, network: Network, swept: Counter[str]) -> None:
    tally = Tally()
    peer = origin_of(network, route)
    peer.reset_counts()

    async def main() -> None:
        async with httpcore.AsyncConnectionPool(**network.options(route, max_connections=LIMIT)) as pool:
            together = together_on_trio if world == "trio" else together_on_asyncio
            await crowd_of_tasks(pool, network.url(route, "/crowd"), 1000, 2, closers, tally, together)
            # In one event loop nobody comes between: the limit is kept to the connection.
            check(pool, tally, network, route, LIMIT if TELLS_WHO_LEFT and not closers else AT_CLOSING, swept)
            assert (await pool.request("GET", network.url(route))).status == 200

    run_async(world, main)
    network.wait_until_idle()


@pytest.mark.parametrize("route", ["direct", "h2"])
def test_finalisers_that_run_while_the_pool_is_locked(route: str, network: Network) -> None:
    """A response in a cycle is finalised when the collector finds it, wherever the program is at that moment."""
    url = network.url(route, "/large")
    with httpcore.ConnectionPool(**network.options(route)) as pool:
        request = httpcore.Request("GET", url, headers={"Host": "test"})
        # A list in a cycle: not freed before it is collected.
        cycle: List[Any] = [pool.handle_request(request)]
        cycle.append(cycle)
        acquire, found = pool._plan.acquire, []

        def acquire_and_collect(key: Any) -> Any:
            gc.collect()
            found.append(key)
            return acquire(key)

        pool._plan.acquire = acquire_and_collect  # type: ignore[method-assign]
        del cycle
        answered: List[int] = []
        thread = threading.Thread(target=lambda: answered.append(pool.request("GET", url).status), daemon=True)
        with pytest.warns(ResourceWarning, match="dropped"):
            let_h2_compare_bytes_with_text()
            thread.start()
            thread.join(20)
        assert not thread.is_alive(), "the finaliser and the pool wait for one another"
        assert answered == [200]
        assert found
        pool._plan.check()
    network.wait_until_idle()
