"""The pool with connections of a user's own that fail where they are asked something, or return what is no response."""

from __future__ import annotations

import gc
from types import SimpleNamespace
from typing import Any, List

import pytest

from core_backends import Origin, ReadError, Request
from core_pool import AsyncConnectionPool

from .fakes import AsyncFakeConnection, AsyncFakeNetwork

A, B = "http://a/", "http://b/"


class Mute(Exception):
    """What a connection raises in place of an answer."""


def mute_in(question: str, network: AsyncFakeNetwork) -> AsyncFakeConnection:
    """Return a connection that fails when it is asked `question`."""

    def refuse(self: Any) -> Any:
        raise Mute(question)

    member: Any = property(refuse) if question == "max_concurrent_requests" else refuse
    kind: Any = type("MuteConnection", (AsyncFakeConnection,), {question: member})
    return kind(network, Origin(b"http", b"a", 80))  # type: ignore[no-any-return]


QUESTIONS = ["is_available", "is_idle", "is_closed", "has_expired", "max_concurrent_requests"]


@pytest.mark.parametrize("end", ["read", "closed early", "dropped", "failed"])
@pytest.mark.parametrize("question", QUESTIONS)
async def test_a_connection_that_does_not_answer_holds_no_place_and_fails_nobody_else(question: str, end: str) -> None:
    network = AsyncFakeNetwork()
    made: List[AsyncFakeConnection] = []

    def make(origin: Origin) -> AsyncFakeConnection:
        made.append(network.connect(origin) if made else mute_in(question, network))
        return made[-1]

    async with AsyncConnectionPool(make, max_connections=1) as pool:
        try:
            response = await pool.handle_async_request(Request("GET", A))
            if end == "read":
                await response.aread()
            elif end == "closed early":
                await response.aclose()
            elif end == "failed":
                made[0].closed = True
                await response.aread()
            else:
                with pytest.warns(ResourceWarning):
                    del response
                    gc.collect()
        except Exception as exc:
            # Whose connection it is learns of it; what the peer did goes before that.
            assert isinstance(exc, Mute) or (end == "failed" and str(exc) == "closed")
        pool._plan.check()
        for url in (A, B, A):
            assert (await pool.request("GET", url, extensions={"timeout": {"pool": 0}})).content == b"onetwo"
        pool._plan.check()
        assert pool._plan.leases == 0 and network.open == 1


@pytest.mark.parametrize("answer", [None, 200, SimpleNamespace(status=200)])
async def test_what_is_no_response_holds_no_place(answer: Any) -> None:
    network = AsyncFakeNetwork()

    class Wrong(AsyncFakeConnection):
        async def handle_async_request(self, request: Request) -> Any:
            await super().handle_async_request(request)
            return answer

    pool = AsyncConnectionPool(lambda origin: Wrong(network, origin), max_connections=1)
    for _ in range(3):
        with pytest.raises(AttributeError, match="stream"):
            await pool.request("GET", A, extensions={"timeout": {"pool": 0}})
        assert pool._plan.leases == 0
        pool._plan.check()
    await pool.aclose()


async def test_a_connection_that_cannot_be_made_evicts_none() -> None:
    network = AsyncFakeNetwork()

    def make(origin: Origin) -> AsyncFakeConnection:
        if origin.host == b"b":
            raise ValueError("not that one")
        return network.connect(origin)

    async with AsyncConnectionPool(make, max_connections=1) as pool:
        await pool.request("GET", A)
        with pytest.raises(ValueError, match="not that one"):
            await pool.request("GET", B)
        assert network.open == 1 and len(pool.connections) == 1
        await pool.request("GET", A)
        assert network.dials == 1


async def test_what_is_dead_is_closed_even_where_nothing_can_take_its_place() -> None:
    network = AsyncFakeNetwork()

    def make(origin: Origin) -> AsyncFakeConnection:
        if network.connections:
            raise ValueError("no more")
        return network.connect(origin)

    async def fail(operation: str, connection: AsyncFakeConnection) -> None:
        if operation == "request":
            connection.closed_before_response = True
            raise ReadError("gone")

    async with AsyncConnectionPool(make, max_connections=1) as pool:
        await pool.request("GET", A)
        network.hook = fail
        network.capacity = 2  # So it does not close itself.
        with pytest.raises(ValueError, match="no more"):
            await pool.request("GET", A)
        assert network.open == 0 == len(pool.connections)
        pool._plan.check()


@pytest.mark.parametrize("most_idle", [-1, 0])
async def test_a_bound_below_nothing_is_nothing(most_idle: int) -> None:
    network = AsyncFakeNetwork()
    async with network.pool(max_keepalive_connections=most_idle) as pool:
        for _ in range(2):
            assert (await pool.request("GET", A)).content == b"onetwo"
            pool._plan.check()
        assert network.dials == 2 and network.open == 0 and not pool.connections
