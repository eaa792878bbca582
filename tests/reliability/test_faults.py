"""Every operation of a stream fails in every way there is, on every route, in every world.

Whatever the operation and the fault: the request completes, or fails with an exception that is documented; no
operation was begun without a time limit; every stream is closed; and the pool serves the next request at once.
"""

from __future__ import annotations

import socket
import ssl
from collections import Counter
from typing import Any, List, Union

import pytest

import httpcore

from .faulty import AsyncFaultyBackend, FaultyBackend, Half, Trouble
from .nothing_left import NothingLeft
from .routes import ROUTES, Network
from .worlds import DOCUMENTED, WORLDS, Chunks, run_async

LIMITS = {"connect": 10.0, "read": 10.0, "write": 10.0, "pool": 10.0}
AT_ONCE = {**LIMITS, "pool": 0.0}
MOST_OPERATIONS = 200

TELLING_FAULTS: List[Any] = [
    "eof",
    "hang",
    httpcore.ReadError,
    httpcore.WriteError,
    httpcore.ConnectionNotAvailable,
    ConnectionResetError,
    ssl.SSLError,
]
FAULTS: List[Any] = [
    *TELLING_FAULTS,
    httpcore.ConnectError,
    httpcore.ConnectTimeout,
    httpcore.LocalProtocolError,
    httpcore.NetworkError,
    httpcore.PoolTimeout,
    httpcore.ProtocolError,
    httpcore.ProxyError,
    httpcore.ReadTimeout,
    httpcore.RemoteProtocolError,
    httpcore.TimeoutException,
    httpcore.UnsupportedProtocol,
    httpcore.WriteTimeout,
    BrokenPipeError,
    OSError,
    socket.timeout,
    ssl.SSLEOFError,
    ssl.SSLZeroReturnError,
]


def name_of(fault: Any) -> str:
    if isinstance(fault, Half):
        return f"half a write, then {name_of(fault.error)}"
    return fault if isinstance(fault, str) else f"{fault.__module__}.{fault.__name__}"


def faults_for(route: str, world: str, full: bool) -> List[Any]:
    return FAULTS if full or (world == "asyncio" and route in ("direct", "h2")) else TELLING_FAULTS


Result = Union[bytes, Exception]


def one_request(world: str, network: Network, route: str, trouble: Trouble) -> Result:
    """Make a request on a new pool and return its body, or why it failed; then see whether the pool is whole."""
    url = network.url(route, "/fault")
    options = network.options(route)
    headers = [("Host", "test"), ("X-Id", "first"), ("Transfer-Encoding", "chunked")]

    def threads() -> Result:
        pool = httpcore.ConnectionPool(network_backend=FaultyBackend(trouble), **options)
        result: Result
        try:
            extensions = {"timeout": LIMITS}
            content = Chunks(b"12", b"345")
            with pool.stream("POST", url, headers=headers, content=content, extensions=extensions) as first:
                result = b"".join(first.iter_stream())
        except DOCUMENTED as exc:
            result = exc
        trouble.over = True
        check_books(pool)
        with pool.stream("GET", url, headers=[("X-Id", "next")], extensions={"timeout": AT_ONCE}) as second:
            assert b"".join(second.iter_stream()) == b"GET /fault 0 next"
        check_books(pool)
        pool.close()
        return result

    async def tasks() -> Result:
        pool = httpcore.AsyncConnectionPool(network_backend=AsyncFaultyBackend(trouble), **options)
        result: Result
        try:
            extensions = {"timeout": LIMITS}
            content = Chunks(b"12", b"345")
            async with pool.stream("POST", url, headers=headers, content=content, extensions=extensions) as first:
                result = b"".join([part async for part in first.aiter_stream()])
        except DOCUMENTED as exc:
            result = exc
        trouble.over = True
        check_books(pool)
        async with pool.stream("GET", url, headers=[("X-Id", "next")], extensions={"timeout": AT_ONCE}) as second:
            assert b"".join([part async for part in second.aiter_stream()]) == b"GET /fault 0 next"
        check_books(pool)
        await pool.aclose()
        return result

    return threads() if world == "threads" else run_async(world, tasks)  # type: ignore[no-any-return]


def check_books(pool: Any) -> None:
    pool._plan.check()
    assert pool._plan.leases == 0, pool
    assert pool._plan.waiting == 0, pool


@pytest.mark.timeout(240)
@pytest.mark.parametrize("world", WORLDS)
@pytest.mark.parametrize("route", ROUTES)
def test_a_fault_at_any_operation_leaves_a_documented_exception_and_a_whole_pool(
    route: str, world: str, network: Network, swept: Counter[str], full: bool
) -> None:
    wrong = []
    for fault in faults_for(route, world, full):
        for at in range(1, MOST_OPERATIONS):
            trouble = Trouble(at, fault)
            where = f"{route}, {world}: {name_of(fault)} at operation {at}"
            try:
                with NothingLeft(network):
                    result = one_request(world, network, route, trouble)
                if trouble.happened is None or trouble.happened == "close" or isinstance(result, bytes):
                    assert result == b"POST /fault 5 first", result
                assert trouble.open_streams == 0
                assert trouble.unbounded == [], "no time limit was given"
            except BaseException as exc:
                if isinstance(exc, KeyboardInterrupt):
                    raise
                wrong.append(f"{where} ({trouble.happened}): {exc!r}")
            if trouble.happened is None:
                break
            swept[f"faults: {trouble.happened}"] += 1
            swept["faults in all"] += 1
        else:
            raise AssertionError("The request never completed.")
    assert not wrong, "\n".join([f"{len(wrong)} faults of {route}, {world}:", *wrong[:40]])


@pytest.mark.timeout(240)
@pytest.mark.parametrize("world", WORLDS)
@pytest.mark.parametrize("route", ROUTES)
def test_a_write_of_which_half_went_out_is_never_taken_for_done(
    route: str, world: str, network: Network, swept: Counter[str], full: bool
) -> None:
    errors = [fault for fault in FAULTS if not isinstance(fault, str)] if full else [httpcore.WriteTimeout]
    for error in errors:
        for at in range(1, MOST_OPERATIONS):
            trouble = Trouble(at, Half(error), only="write")
            try:
                with NothingLeft(network):
                    result = one_request(world, network, route, trouble)
                assert trouble.open_streams == 0
                if trouble.happened is None:
                    assert result == b"POST /fault 5 first", result
                    break
                # What came of the other half is a failure, or the answer of a server that needed no more of it.
                assert isinstance(result, Exception) or result == b"POST /fault 5 first", result
            except BaseException as exc:
                raise AssertionError(f"{route}, {world}: {name_of(Half(error))} at write {at}: {exc!r}") from exc
            swept["faults: half a write"] += 1
            swept["faults in all"] += 1
        else:
            raise AssertionError("The request never completed.")


def closings(world: str, network: Network, route: str, trouble: Trouble) -> List[Exception]:
    """Close a response early, use the pool again, and close that too; return what the caller was told."""
    url = network.url(route, "/large")
    options = network.options(route)
    told: List[Exception] = []

    def threads() -> None:
        pool = httpcore.ConnectionPool(network_backend=FaultyBackend(trouble), **options)
        try:
            response = pool.handle_request(httpcore.Request("GET", url, headers={"Host": "test"}))
            response.close()
        except Exception as exc:
            told.append(exc)
        check_books(pool)
        assert pool.request("GET", network.url(route), extensions={"timeout": AT_ONCE}).status == 200
        try:
            pool.close()
        except Exception as exc:
            told.append(exc)
        check_books(pool)
        assert pool.connections == []

    async def tasks() -> None:
        pool = httpcore.AsyncConnectionPool(network_backend=AsyncFaultyBackend(trouble), **options)
        try:
            response = await pool.handle_async_request(httpcore.Request("GET", url, headers={"Host": "test"}))
            await response.aclose()
        except Exception as exc:
            told.append(exc)
        check_books(pool)
        assert (await pool.request("GET", network.url(route), extensions={"timeout": AT_ONCE})).status == 200
        try:
            await pool.aclose()
        except Exception as exc:
            told.append(exc)
        check_books(pool)
        assert pool.connections == []

    threads() if world == "threads" else run_async(world, tasks)
    return told


@pytest.mark.timeout(240)
@pytest.mark.parametrize("world", WORLDS)
@pytest.mark.parametrize("route", ROUTES)
def test_a_fault_in_closing_leaves_a_whole_pool(
    route: str, world: str, network: Network, swept: Counter[str], full: bool
) -> None:
    faults = [fault for fault in FAULTS if not isinstance(fault, str)] if full else [OSError]
    for fault in faults:
        for at in range(1, MOST_OPERATIONS):
            trouble = Trouble(at, fault, only="close")
            try:
                with NothingLeft(network):
                    told = closings(world, network, route, trouble)
                # What was to be closed is over: that it failed is for the log only.
                assert told == []
                assert trouble.open_streams == 0
            except BaseException as exc:
                raise AssertionError(f"{route}, {world}: {name_of(fault)} at close {at}: {exc!r}") from exc
            if trouble.happened is None:
                assert at > 1, "nothing was ever closed"
                break
            swept["faults: close"] += 1
            swept["faults in all"] += 1
        else:
            raise AssertionError("Closing never came to an end.")


@pytest.mark.timeout(240)
@pytest.mark.parametrize("world", WORLDS)
@pytest.mark.parametrize("route", ROUTES)
def test_what_is_read_and_written_byte_by_byte_is_understood(route: str, world: str, network: Network) -> None:
    trouble = Trouble(pieces=lambda most, delivered: 1, bytewise=True)
    with NothingLeft(network):
        assert one_request(world, network, route, trouble) == b"POST /fault 5 first"


@pytest.mark.timeout(240)
@pytest.mark.parametrize("world", WORLDS)
@pytest.mark.parametrize("route", ["direct", "h2-prior-knowledge", "forward", "tunnel", "socks"])
def test_what_is_split_at_any_byte_is_read_right(
    route: str, world: str, network: Network, swept: Counter[str], full: bool
) -> None:
    whole = Trouble()
    with NothingLeft(network):
        one_request(world, network, route, whole)
    last = whole.delivered
    for at in range(1, last, 1 if full or world == "asyncio" else 7):

        def up_to(most: int, delivered: int, at: int = at) -> int:
            return min(most, at - delivered) if delivered < at else most

        result = one_request(world, network, route, Trouble(pieces=up_to))
        assert result == b"POST /fault 5 first", f"split at byte {at}: {result!r}"
        swept["splits"] += 1
    network.wait_until_idle()
