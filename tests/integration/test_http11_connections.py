"""Many requests over few connections: limits, reuse as the server counts it, and connections that the server ends."""

from __future__ import annotations

import asyncio
import typing

import pytest
from client_kinds import Client
from servers.content import connection_id, json_of, pattern
from servers.endpoint import Endpoint
from servers.fleet import Fleet

import httpcore

SERVERS = (
    "node-tcp",
    "node-tls",
    "node-unix",
    "nginx-tcp",
    "nginx-tls",
    "nginx-unix",
    "apache-tcp",
    "apache-tls",
    "haproxy-tcp",
    "haproxy-tls",
    "haproxy-unix",
    "hypercorn-tcp",
    "hypercorn-tls",
)
NODE = ("node-tcp", "node-tls", "node-unix")

every_server = pytest.mark.parametrize("endpoint", SERVERS, indirect=True)
every_transport = pytest.mark.parametrize("endpoint", NODE, indirect=True)


def open_connections(fleet: Fleet, endpoint: Endpoint) -> int:
    return fleet.node.counts(endpoint.name.partition("-")[2])["open"]


@every_server
async def test_sequential_requests_share_one_connection(client: Client, endpoint: Endpoint) -> None:
    async with client.pool(endpoint) as pool:
        responses = [await pool.request("GET", endpoint.url("/bytes/10")) for _ in range(20)]
        assert len(pool.connections) == 1
    assert len({connection_id(response) for response in responses}) == 1


@every_server
async def test_a_hundred_requests_over_ten_connections(client: Client, endpoint: Endpoint) -> None:
    async with client.pool(endpoint, max_connections=10) as pool:

        async def get(size: int) -> typing.Tuple[str, bool]:
            response = await pool.request("GET", endpoint.url(f"/bytes/{size}"))
            assert len(pool.connections) <= 10
            return connection_id(response), response.content == pattern(size)

        answers = await client.gather(get, range(1000, 1100))
    assert all(right for _, right in answers)
    assert 1 <= len({connection for connection, _ in answers}) <= 10


@every_transport
async def test_all_connections_of_the_limit_work_at_the_same_time(client: Client, endpoint: Endpoint) -> None:
    """The server answers nobody before ten requests are there at once."""
    async with client.pool(endpoint, max_connections=10) as pool:

        async def meet(group: int) -> int:
            response = await pool.request("GET", endpoint.url(f"/barrier/10/{group // 10}"))
            return int(json_of(response)["together"])

        # Thirty requests over ten connections: each server-side group of ten must come together.
        assert await client.gather(meet, [0] * 30) == [10] * 30


@every_transport
async def test_requests_queue_for_the_only_connection(client: Client, endpoint: Endpoint) -> None:
    async with client.pool(endpoint, max_connections=1) as pool:

        async def get(_: int) -> str:
            return connection_id(await pool.request("GET", endpoint.url("/slow/1")))

        assert len(set(await client.gather(get, range(20)))) == 1


@every_transport
async def test_pool_timeout_when_all_connections_are_taken(client: Client, endpoint: Endpoint) -> None:
    async with client.pool(endpoint, max_connections=1) as pool:
        async with pool.stream("GET", endpoint.url("/bytes/10")) as held:
            with pytest.raises(httpcore.PoolTimeout):
                await pool.request("GET", endpoint.url("/bytes/10"), extensions={"timeout": {"pool": 0.05}})
            with pytest.raises(httpcore.PoolTimeout):
                await pool.request("GET", endpoint.url("/bytes/10"), extensions={"timeout": {"pool": 0}})
            assert await held.aread() == pattern(10)
        response = await pool.request("GET", endpoint.url("/bytes/10"), extensions={"timeout": {"pool": 0.05}})
        assert connection_id(response) == connection_id(held)


@every_transport
async def test_response_closed_early_frees_its_place(client: Client, endpoint: Endpoint, fleet: Fleet) -> None:
    async with client.pool(endpoint, max_connections=1) as pool:
        async with pool.stream("GET", endpoint.url("/chunked/10000000")) as first:
            async for part in first.aiter_stream():
                assert part
                break
        second = await pool.request("GET", endpoint.url("/bytes/10"))
        assert connection_id(second) != connection_id(first), "half-read HTTP/1.1 connections cannot be reused"
    await client.until(lambda: open_connections(fleet, endpoint) == 0)


@every_transport
async def test_closing_the_pool_closes_its_connections(client: Client, endpoint: Endpoint, fleet: Fleet) -> None:
    async with client.pool(endpoint, max_connections=5) as pool:

        async def meet(_: int) -> typing.Any:
            return await pool.request("GET", endpoint.url("/barrier/5/closing"))

        await client.gather(meet, range(5))
        assert open_connections(fleet, endpoint) == 5
    await client.until(lambda: open_connections(fleet, endpoint) == 0)


@every_transport
async def test_connection_close_is_honoured(client: Client, endpoint: Endpoint) -> None:
    async with client.pool(endpoint) as pool:
        first = await pool.request("GET", endpoint.url("/close"))
        assert first.content == b"bye"
        assert pool.connections == []
        second = await pool.request("GET", endpoint.url("/bytes/10"))
    assert connection_id(first) != connection_id(second)


@every_transport
@pytest.mark.parametrize("path", ["/hang-up", "/reset"])
async def test_idle_connection_that_the_server_ended_is_not_used(
    client: Client, endpoint: Endpoint, fleet: Fleet, path: str
) -> None:
    async with client.pool(endpoint) as pool:
        for _ in range(3):
            async with pool.stream("GET", endpoint.url(path)) as ended:
                # The body is there, whatever becomes of the connection afterwards: no read is needed beyond it.
                assert ended.status == 200
                if path == "/hang-up":
                    assert await ended.aread() == b"bye"
            await client.until(lambda: open_connections(fleet, endpoint) == 0)
            # A POST, which must never be sent twice: it can only succeed on a connection known to be alive.
            response = await pool.request("POST", endpoint.url("/digest"), content=client.body(b"once"))
            assert json_of(response)["length"] == 4
            assert connection_id(response) != connection_id(ended)


@pytest.mark.parametrize("endpoint", ["nginx-short_idle", "nginx-short_idle_tls"], indirect=True)
async def test_server_that_ends_idle_connections_after_a_while(
    client: Client, endpoint: Endpoint, fleet: Fleet
) -> None:
    """The event loop is kept busy meanwhile, and may not have seen the end when the next request comes."""
    async with client.pool(endpoint) as pool:
        seen = []
        for _ in range(3):
            seen.append(connection_id(await pool.request("POST", endpoint.url("/digest"), content=b"body")))
            fleet.nginx.wait_no_connections()
    assert len(set(seen)) == 3


@pytest.mark.parametrize("endpoint", ["nginx-few_requests", "apache-few_requests"], indirect=True)
async def test_server_that_ends_connections_by_count(client: Client, endpoint: Endpoint) -> None:
    async with client.pool(endpoint) as pool:
        seen = []
        for _ in range(10):
            response = await pool.request("POST", endpoint.url("/digest"), content=b"body")
            assert json_of(response)["length"] == 4
            seen.append(connection_id(response))
    # Three requests a connection at nginx; Apache counts those that follow the first.
    assert 3 <= len(set(seen)) <= 4


@pytest.mark.parametrize("endpoint", ["nginx-few_requests", "apache-few_requests"], indirect=True)
async def test_concurrent_requests_to_a_server_that_ends_connections_by_count(
    client: Client, endpoint: Endpoint
) -> None:
    async with client.pool(endpoint, max_connections=5) as pool:

        async def post(_: int) -> int:
            response = await pool.request("POST", endpoint.url("/digest"), content=b"body")
            return int(json_of(response)["length"])

        assert await client.gather(post, range(60)) == [4] * 60


async def test_one_pool_for_many_servers(client: Client, fleet: Fleet) -> None:
    names = ("node-tcp", "nginx-tcp", "apache-tcp", "haproxy-tcp", "hypercorn-tcp")
    endpoints = [fleet.endpoint(name) for name in names]
    async with client.pool(max_connections=4) as pool:

        async def get(index: int) -> bool:
            response = await pool.request("GET", endpoints[index % 5].url(f"/bytes/{index}"))
            assert len(pool.connections) <= 4
            return bool(response.content == pattern(index))

        assert all(await client.gather(get, range(100)))


@every_transport
async def test_keepalive_expiry(client: Client, endpoint: Endpoint) -> None:
    async with client.pool(endpoint, keepalive_expiry=0.0) as pool:
        seen = [connection_id(await pool.request("GET", endpoint.url("/bytes/1"))) for _ in range(3)]
    assert len(set(seen)) == 3


def test_one_pool_under_one_event_loop_after_another(fleet: Fleet) -> None:
    """A connection of a loop that is gone must neither be used nor be awaited."""
    endpoint = fleet.endpoint("node-tcp")
    pool = httpcore.AsyncConnectionPool(**endpoint.options())

    async def twice() -> typing.Set[str]:
        return {connection_id(await pool.request("GET", endpoint.url("/bytes/1"))) for _ in range(2)}

    seen = [asyncio.run(twice()) for _ in range(3)]
    asyncio.run(pool.aclose())
    assert [len(each) for each in seen] == [1, 1, 1]
    assert len(set.union(*seen)) == 3
