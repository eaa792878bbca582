"""Closing a pool that is in use: whoever waits, for whatever, is told at once, and nothing stays open.

A thread cannot be cancelled; what ends its request is that somebody closes the pool. That is done here before each
single operation of a request, and while it waits for a peer that says nothing, or takes nothing.
"""

from __future__ import annotations

import threading
from collections import Counter
from typing import Any, Callable, List, Union

import anyio
import anyio.lowlevel
import pytest

import httpcore

from .faulty import AsyncFaultyBackend, Calling, Cancelling, FaultyBackend, Trouble
from .nothing_left import NothingLeft
from .peers import PATIENCE, Stalling, wait_for
from .routes import HTTP2_ROUTES, ROUTES, Network
from .worlds import DOCUMENTED, WORLDS, Chunks, run_async

LIMITS = {"connect": 10.0, "read": 10.0, "write": 10.0, "pool": 10.0}
AT_ONCE = {**LIMITS, "pool": 0.0}
MOST_OPERATIONS = 200
FIRST = [("Host", "test"), ("X-Id", "first"), ("Transfer-Encoding", "chunked")]

Result = Union[None, bytes, BaseException]


def in_another_thread(function: Callable[[], None]) -> None:
    thread = threading.Thread(target=function, daemon=True)
    thread.start()
    thread.join(PATIENCE)
    assert not thread.is_alive(), "closing the pool hangs"


def check_books(pool: Any) -> None:
    pool._plan.check()
    assert pool._plan.leases == 0, pool
    assert pool._plan.waiting == 0, pool


@pytest.mark.timeout(240)
@pytest.mark.parametrize("early", [False, True])
@pytest.mark.parametrize("route", ROUTES)
def test_a_pool_may_be_closed_by_another_thread_at_any_operation(
    route: str, early: bool, network: Network, swept: Counter[str]
) -> None:
    url = network.url(route, "/large" if early else "/closed")
    for at in range(1, MOST_OPERATIONS):
        trouble = Trouble(at)
        with NothingLeft(network):
            pool = httpcore.ConnectionPool(network_backend=FaultyBackend(trouble), **network.options(route))
            trouble.fault = Calling(lambda pool=pool: in_another_thread(pool.close))  # type: ignore[misc]
            result: Result = None
            try:
                with pool.stream(
                    "POST", url, headers=FIRST, content=Chunks(b"12", b"345"), extensions={"timeout": LIMITS}
                ) as response:
                    result = b"" if early else b"".join(response.iter_stream())
            except DOCUMENTED as exc:
                result = exc
            trouble.over = True
            assert isinstance(result, Exception) or result == (b"" if early else b"POST /closed 5 first")
            check_books(pool)
            assert pool.request("GET", network.url(route), extensions={"timeout": AT_ONCE}).status == 200
            pool.close()
            check_books(pool)
            assert trouble.open_streams == 0
        if trouble.happened is None:
            break
        swept[f"pool closed by another thread at: {trouble.happened}"] += 1
    else:
        raise AssertionError("The request never completed.")


@pytest.mark.timeout(240)
@pytest.mark.parametrize(("after", "early"), [(False, False), (False, True), (True, False)])
@pytest.mark.parametrize("world", ["asyncio", "trio"])
@pytest.mark.parametrize("route", ROUTES)
def test_cancelling_in_any_operation_of_a_users_own_stream(
    route: str, world: str, after: bool, early: bool, network: Network, swept: Counter[str]
) -> None:
    """Before the operation does anything, and when it has done all of it; a stream may take its time to close, too.

    A read that is cancelled must have taken nothing where others go on reading, so after it is not tried over HTTP/2.
    """
    only = "write" if after and route in HTTP2_ROUTES else None
    url = network.url(route, "/large" if early else "/cancelled")
    met: Counter[str] = Counter()

    async def main(trouble: Trouble) -> None:
        pool = httpcore.AsyncConnectionPool(network_backend=AsyncFaultyBackend(trouble), **network.options(route))

        async def one() -> bytes:
            async with pool.stream(
                "POST", url, headers=FIRST, content=Chunks(b"12", b"345"), extensions={"timeout": LIMITS}
            ) as response:
                return b"" if early else b"".join([part async for part in response.aiter_stream()])

        result: Result = None
        with anyio.CancelScope() as scope:
            trouble.fault = Cancelling(scope.cancel, after)
            result = await one()
        trouble.over = True
        if trouble.happened is None:
            assert result == (b"" if early else b"POST /cancelled 5 first")
        check_books(pool)
        assert (await pool.request("GET", network.url(route), extensions={"timeout": AT_ONCE})).status == 200
        await pool.aclose()
        check_books(pool)
        assert trouble.open_streams == 0

    for at in range(1, MOST_OPERATIONS):
        trouble = Trouble(at, only=only)
        try:
            with NothingLeft(network):
                run_async(world, lambda trouble=trouble: main(trouble))  # type: ignore[misc]
        except BaseException as exc:
            raise AssertionError(f"operation {at}, {trouble.happened}: {exc!r}") from exc
        if trouble.happened is None:
            break
        met[trouble.happened] += 1
    else:
        raise AssertionError("The request never completed.")
    # Over HTTP/2 what has come is read between the writes: whether a read has to wait is a matter of time.
    expected = {"connect", "write"} | (set() if route in HTTP2_ROUTES else {"read"})
    assert (expected if only is None else {only}) <= set(met)
    for operation, count in met.items():
        swept[f"points cancelled in own streams: {operation}"] += count


@pytest.mark.parametrize("route", ROUTES)
def test_threads_that_wait_for_a_response_and_in_the_queue_are_told(route: str, network: Network) -> None:
    """The last peer holds the answer back for as long as the pool is not closed."""
    url, peer = network.url(route), network.last_peer(route)
    closed = threading.Event()
    held = threading.Semaphore(0)
    outcomes: List[Result] = []

    def hold(identifier: bytes) -> None:
        if identifier == b"held":
            held.release()
            assert closed.wait(PATIENCE)

    with NothingLeft(network), httpcore.ConnectionPool(**network.options(route)) as pool:

        def one() -> None:
            try:
                outcomes.append(pool.request("GET", url, headers={"Host": "test", "X-Id": "held"}).content)
            except DOCUMENTED as exc:
                outcomes.append(exc)

        peer.on_request = hold
        try:
            threads = [threading.Thread(target=one, daemon=True) for _ in range(3)]
            for thread in threads:
                thread.start()
            assert held.acquire(timeout=PATIENCE)
            wait_for(lambda: pool._plan.leases + pool._plan.waiting == 3, "all three are at it")
            pool.close()
            for thread in threads:
                thread.join(PATIENCE)
            assert not any(thread.is_alive() for thread in threads), "a thread still waits"
            assert len(outcomes) == 3 and all(isinstance(outcome, Exception) for outcome in outcomes), outcomes
            check_books(pool)
        finally:
            closed.set()
            peer.on_request = len
        assert pool.request("GET", url).status == 200


class Endless:
    """A body that is never all sent; counts what was asked of it."""

    CHUNK = bytes(1 << 20)

    def __init__(self) -> None:
        self.asked = 0

    def __iter__(self) -> Endless:
        return self

    def __next__(self) -> bytes:
        self.asked += 1
        return self.CHUNK

    def __aiter__(self) -> Endless:
        return self

    async def __anext__(self) -> bytes:
        return next(self)


@pytest.mark.parametrize("world", WORLDS)
@pytest.mark.parametrize("kind", ["plain", "tls", "h2"])
def test_closing_under_an_upload_that_nobody_takes_leaves_nothing(kind: str, world: str, network: Network) -> None:
    """Nothing is kept open in the hope that the peer takes what is left of a request that has failed."""
    options = {
        **network.options("direct"),
        "http1": kind != "h2",
        "http2": kind == "h2",
    }
    content = Endless()
    headers = {"Host": "test", "Transfer-Encoding": "chunked"}
    outcomes: List[Result] = []

    with NothingLeft(), Stalling(network.server_tls if kind == "tls" else None) as peer:
        url = f"{'https' if kind == 'tls' else 'http'}://127.0.0.1:{peer.port}/"

        def threads() -> None:
            def one() -> None:
                try:
                    pool.request("POST", url, headers=headers, content=content)
                except DOCUMENTED as exc:
                    outcomes.append(exc)

            with httpcore.ConnectionPool(**options) as pool:
                thread = threading.Thread(target=one, daemon=True)
                thread.start()
                wait_for(lambda: content.asked > 0 and peer.accepted == 1, "the upload has begun")
                pool.close()
                thread.join(PATIENCE)
                assert not thread.is_alive(), "the upload goes on"
                check_books(pool)

        async def tasks() -> None:
            async with httpcore.AsyncConnectionPool(**options) as pool, anyio.create_task_group() as group:

                async def one() -> None:
                    try:
                        await pool.request("POST", url, headers=headers, content=content)
                    except DOCUMENTED as exc:
                        outcomes.append(exc)

                group.start_soon(one)
                asked = -1
                with anyio.fail_after(PATIENCE):
                    # It is stuck when the loop has had its turns and nothing more was asked for.
                    while not content.asked or asked != content.asked:
                        asked = content.asked
                        for _ in range(20):
                            await anyio.lowlevel.checkpoint()
                await pool.aclose()
            check_books(pool)

        try:
            threads() if world == "threads" else run_async(world, tasks)
            assert len(outcomes) == 1 and isinstance(outcomes[0], Exception), outcomes
        finally:
            peer.released.set()
        peer.wait_until_idle()
