"""One pool in several event loops, in both async libraries, in a fork, and when the interpreter ends.

A socket belongs to the loop and the process that made it. Elsewhere it is let go of, silently, and never used.
"""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import threading
from typing import Any, Callable, List

import pytest
import trio

import httpcore

from .nothing_left import NothingLeft
from .routes import Network

LIMITS = {"timeout": {"connect": 10.0, "read": 10.0, "write": 10.0, "pool": 0.0}}
SOME_ROUTES = ["direct", "tls", "h2", "tunnel", "socks"]


async def twice(pool: Any, url: str) -> None:
    for _ in range(2):
        response = await pool.request("GET", url, extensions=LIMITS)
        assert response.status == 200
    assert len(pool.connections) == 1


def in_a_new_loop(pool: Any, url: str) -> None:
    asyncio.run(twice(pool, url))


def in_trio(pool: Any, url: str) -> None:
    trio.run(twice, pool, url)


def in_a_thread(pool: Any, url: str) -> None:
    failed: List[BaseException] = []

    def run() -> None:
        try:
            asyncio.run(twice(pool, url))
        except BaseException as exc:
            failed.append(exc)

    thread = threading.Thread(target=run)
    thread.start()
    thread.join(20)
    assert not thread.is_alive()
    assert not failed, failed


@pytest.mark.parametrize("route", SOME_ROUTES)
@pytest.mark.parametrize(
    "worlds",
    [
        [in_a_new_loop, in_a_new_loop, in_a_new_loop],
        [in_a_new_loop, in_trio, in_a_new_loop],
        [in_trio, in_trio],
        [in_a_new_loop, in_a_thread, in_a_new_loop],
    ],
    ids=["three-loops", "asyncio-trio-asyncio", "two-trios", "loop-thread-loop"],
)
def test_one_pool_in_several_worlds(worlds: List[Callable[[Any, str], None]], route: str, network: Network) -> None:
    with NothingLeft(network):
        pool = httpcore.AsyncConnectionPool(**network.options(route))
        for world in worlds:
            world(pool, network.url(route))
        asyncio.run(pool.aclose())


def test_two_loops_at_the_same_time(network: Network) -> None:
    url = network.url("direct")
    with NothingLeft(network):
        pool = httpcore.AsyncConnectionPool(**network.options("direct", max_connections=4))
        failed: List[BaseException] = []

        async def many() -> None:
            for _ in range(50):
                response = await pool.request("GET", url, extensions={"timeout": {"pool": 10.0, "read": 10.0}})
                assert response.status == 200

        def run() -> None:
            try:
                asyncio.run(many())
            except BaseException as exc:
                failed.append(exc)

        threads = [threading.Thread(target=run) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(30)
        assert not any(thread.is_alive() for thread in threads)
        assert not failed, failed
        pool._plan.check()
        asyncio.run(pool.aclose())


# Run by an interpreter of its own: forking, or ending, a process that has this one's threads proves nothing.
FORKING = """
import os, sys, warnings
import httpcore
warnings.simplefilter("error")
url, kind = sys.argv[1:]

def requests(pool, count, name):
    for number in range(count):
        mark = f"{name}-{number}"
        response = pool.request("GET", url, headers={"X-Id": mark}, extensions={"timeout": {"pool": 0.0, "read": 10.0}})
        assert response.content.endswith(mark.encode()), (response.content, mark)

pool = httpcore.ConnectionPool(max_connections=1, http1=kind != "h2", http2=kind == "h2")
requests(pool, 3, "before")
child = os.fork()
name = "parent" if child else "child"
requests(pool, 500, name)
assert len(pool.connections) == 1
pool.close()
if not child:
    sys.exit(0)
_, status = os.waitpid(child, 0)
assert status == 0, status
"""

ENDING = """
import asyncio, sys
import httpcore
url, kind = sys.argv[1:]
options = {"max_connections": 3, "http1": kind != "h2", "http2": kind == "h2"}
if kind == "task":
    pool = httpcore.AsyncConnectionPool(max_connections=3)

    async def main():
        response = await pool.request("GET", url)
        assert response.status == 200
        global kept
        kept = await pool.handle_async_request(httpcore.Request("GET", url + "large", headers={"Host": "test"}))

    asyncio.run(main())
else:
    pool = httpcore.ConnectionPool(**options)
    assert pool.request("GET", url).status == 200
    kept = pool.handle_request(httpcore.Request("GET", url + "large", headers={"Host": "test"}))
"""


def run_program(program: str, *arguments: str) -> None:
    ended = subprocess.run(
        [sys.executable, "-c", program, *arguments], capture_output=True, timeout=50, check=False, text=True
    )
    assert ended.returncode == 0, ended.stderr
    assert ended.stderr == ""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this platform does not fork")
@pytest.mark.parametrize("kind", ["h1", "h2"])
def test_both_sides_of_a_fork_use_the_pool(kind: str, network: Network) -> None:
    run_program(FORKING, network.url("direct" if kind == "h1" else "h2-prior-knowledge"), kind)
    network.wait_until_idle()


@pytest.mark.parametrize("kind", ["h1", "h2", "task"])
def test_a_pool_and_a_response_that_are_left_open_end_silently(kind: str, network: Network) -> None:
    run_program(ENDING, network.url("h2-prior-knowledge" if kind == "h2" else "direct"), kind)
    network.wait_until_idle()
