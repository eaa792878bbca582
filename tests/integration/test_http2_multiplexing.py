"""Many streams on few connections: slots, limits that change, neighbours that fail or are given up."""

from __future__ import annotations

import typing

import pytest
from client_kinds import Client
from servers.content import connection_id, json_of, pattern
from servers.endpoint import Endpoint
from servers.fleet import Fleet

import httpcore

EVERY = (
    "nginx-h2",
    "nginx-h2_few_streams",
    "apache-h2",
    "apache-h2_few_streams",
    "haproxy-h2",
    "hypercorn-h2",
    "nghttpx-h2",
    "nghttpd-h2",
    "node2-h2",
    "node2-one_stream",
    "node2-ten_streams",
    "node2-small_table",
)


@pytest.mark.parametrize("endpoint", EVERY, indirect=True)
async def test_five_hundred_requests_on_one_connection(client: Client, endpoint: Endpoint) -> None:
    async with client.pool(endpoint, max_connections=1) as pool:

        async def get(_: int) -> typing.Tuple[bool, int]:
            response = await pool.request("GET", endpoint.url("/bytes/1000"))
            return response.content == pattern(1000), response.extensions["stream_id"]

        answers = await client.gather(get, range(500))
        assert len(pool.connections) == 1
    assert all(right for right, _ in answers)
    assert len({stream for _, stream in answers}) == 500, "all on one connection, no stream twice"


@pytest.mark.parametrize(("listener", "limit"), [("one_stream", 1), ("ten_streams", 10)])
async def test_the_server_never_sees_more_than_it_allows(
    client: Client, fleet: Fleet, listener: str, limit: int
) -> None:
    endpoint = fleet.endpoint("node2-" + listener)
    async with client.pool(endpoint, max_connections=1) as pool:

        async def get(_: int) -> int:
            return int((await pool.request("GET", endpoint.url("/slow/1"))).status)

        assert await client.gather(get, range(60)) == [200] * 60
    assert fleet.node2.counts(listener)["mostUnanswered"] == limit


@pytest.mark.parametrize("endpoint", ["node2-h2", "node2-h2c"], indirect=True)
async def test_a_hundred_streams_without_a_limit_from_the_server(client: Client, endpoint: Endpoint) -> None:
    """The server answers nobody before all are there, on the only connection."""
    async with client.pool(endpoint, max_connections=1) as pool:
        await pool.request("GET", endpoint.url("/bytes/1"))

        async def meet(_: int) -> typing.Any:
            return json_of(await pool.request("GET", endpoint.url(f"/barrier/100/{client.name}")))["together"]

        assert await client.gather(meet, range(100)) == [100] * 100


@pytest.mark.parametrize("endpoint", ["node2-one_stream"], indirect=True)
async def test_saturated_connection_gets_company(client: Client, endpoint: Endpoint) -> None:
    async with client.pool(endpoint, max_connections=3) as pool:
        await pool.request("GET", endpoint.url("/bytes/1"))

        async def meet(_: int) -> typing.Any:
            response = await pool.request("GET", endpoint.url("/barrier/3/company"))
            return json_of(response)["together"], connection_id(response)

        answers = await client.gather(meet, range(3))
        assert len({connection for _, connection in answers}) == 3


@pytest.mark.parametrize("endpoint", ["node2-one_stream"], indirect=True)
async def test_waiting_for_a_slot_is_bounded_by_the_pool_timeout(client: Client, endpoint: Endpoint) -> None:
    async with client.pool(endpoint, max_connections=1) as pool:
        await pool.request("GET", endpoint.url("/bytes/1"))
        async with pool.stream("GET", endpoint.url("/stall")) as held:
            assert held.status == 200
            with pytest.raises(httpcore.PoolTimeout):
                await pool.request("GET", endpoint.url("/bytes/1"), extensions={"timeout": {"pool": 0.05}})
        assert (await pool.request("GET", endpoint.url("/bytes/1"))).content == pattern(1)
        assert len(pool.connections) == 1


@pytest.mark.parametrize("endpoint", ["node2-h2"], indirect=True)
async def test_limit_lowered_and_raised_with_streams_in_flight(client: Client, endpoint: Endpoint) -> None:
    async with client.pool(endpoint, max_connections=1) as pool:

        async def get(index: int) -> int:
            path = "/limit-streams/2" if index == 10 else "/limit-streams/50" if index == 60 else "/slow/2"
            return int((await pool.request("GET", endpoint.url(path))).status)

        assert await client.gather(get, range(100)) == [200] * 100

        async def meet(_: int) -> typing.Any:
            return json_of(await pool.request("GET", endpoint.url("/barrier/40/raised")))["together"]

        await pool.request("GET", endpoint.url("/limit-streams/50"))
        assert await client.gather(meet, range(40)) == [40] * 40
        assert len(pool.connections) == 1


@pytest.mark.parametrize("listener", ["h2", "ten_streams"])
async def test_responses_closed_early_give_their_slots_and_windows_back(
    client: Client, fleet: Fleet, listener: str
) -> None:
    endpoint = fleet.endpoint("node2-" + listener)
    cancelled = fleet.node2.counts(listener)["resets"].get("8", 0)
    async with client.pool(endpoint, max_connections=1) as pool:
        for path in ["/bytes/1000000", "/stall"] * 120:
            async with pool.stream("GET", endpoint.url(path)) as response:
                assert response.status == 200
        body = (await pool.request("GET", endpoint.url("/bytes/3000000"))).content
        assert body == pattern(3000000)
        assert len(pool.connections) == 1
        await client.until(lambda: fleet.node2.counts(listener)["concurrent"] == 0)
    assert fleet.node2.counts(listener)["resets"].get("8", 0) - cancelled >= 120, "CANCEL reached the server"


@pytest.mark.parametrize("endpoint", ["node2-h2", "node2-h2c"], indirect=True)
async def test_read_timeout_of_one_stream_leaves_the_others_alone(client: Client, endpoint: Endpoint) -> None:
    async with client.pool(endpoint, max_connections=1) as pool:

        async def one(index: int) -> str:
            path, read = (("/silent", 0.1), ("/stall", 0.1), ("/slow/400", 5.0), ("/bytes/1000000", 5.0))[index % 4]
            try:
                response = await pool.request("GET", endpoint.url(path), extensions={"timeout": {"read": read}})
            except httpcore.ReadTimeout:
                return "timeout"
            return str(response.status)

        assert await client.gather(one, range(20)) == ["timeout", "timeout", "200", "200"] * 5
        assert (await pool.request("GET", endpoint.url("/bytes/1"))).extensions["stream_id"] == 41


@pytest.mark.parametrize("endpoint", ["nginx-h2", "node2-h2", "hypercorn-h2", "haproxy-h2"], indirect=True)
async def test_thirty_two_tasks_share_one_pool(client: Client, endpoint: Endpoint) -> None:
    async with client.pool(endpoint, max_connections=2) as pool:

        async def work(worker: int) -> int:
            done = 0
            for turn in range(15):
                size = 1 + (worker * 37 + turn * 1009) % 50000
                async with pool.stream("GET", endpoint.url(f"/bytes/{size}")) as response:
                    if (worker + turn) % 5:
                        done += await response.aread() == pattern(size)
                    else:
                        done += response.status == 200
            return done

        assert await client.gather(work, range(32)) == [15] * 32
        assert len(pool.connections) <= 2


@pytest.mark.parametrize("endpoint", ["nginx-h2_few_requests"], indirect=True)
async def test_server_that_ends_connections_by_count(client: Client, endpoint: Endpoint) -> None:
    async with client.pool(endpoint) as pool:
        seen = []
        for _ in range(12):
            response = await pool.request("POST", endpoint.url("/digest"), content=b"body")
            assert json_of(response)["length"] == 4
            seen.append(connection_id(response))
    assert len(set(seen)) >= 3


@pytest.mark.parametrize("endpoint", ["nginx-h2_few_requests"], indirect=True)
@pytest.mark.parametrize("max_connections", [1, 5])
async def test_concurrent_requests_to_a_server_that_ends_connections_by_count(
    client: Client, endpoint: Endpoint, max_connections: int
) -> None:
    async with client.pool(endpoint, max_connections=max_connections) as pool:

        async def get(_: int) -> bool:
            return bool((await pool.request("GET", endpoint.url("/bytes/1000"))).content == pattern(1000))

        # Three on each connection: the last ones are refused more than thirty times.
        assert all(await client.gather(get, range(120)))


@pytest.mark.parametrize("endpoint", ["nginx-h2_short_idle"], indirect=True)
async def test_server_that_ends_idle_connections(client: Client, endpoint: Endpoint, fleet: Fleet) -> None:
    async with client.pool(endpoint) as pool:
        seen = []
        for _ in range(3):
            seen.append(connection_id(await pool.request("POST", endpoint.url("/digest"), content=b"body")))
            fleet.nginx.wait_no_connections()
    assert len(set(seen)) == 3
