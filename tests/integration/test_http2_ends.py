"""Streams and connections that the server ends: resets, GOAWAY, early answers, silence, and floods to be answered."""

from __future__ import annotations

import typing

import pytest
from client_kinds import Client
from servers.content import connection_id, json_of, pattern, receive
from servers.endpoint import Endpoint
from servers.fleet import Fleet

import httpcore

#: RFC 9113 § 7.
CODES = {
    0: "NO_ERROR",
    1: "PROTOCOL_ERROR",
    2: "INTERNAL_ERROR",
    5: "STREAM_CLOSED",
    7: "REFUSED_STREAM",
    8: "CANCEL",
    11: "ENHANCE_YOUR_CALM",
    13: "HTTP_1_1_REQUIRED",
}

on_both = pytest.mark.parametrize("endpoint", ["node2-h2", "node2-h2c"], indirect=True)


@on_both
@pytest.mark.parametrize("code", sorted(CODES))
async def test_reset_within_the_body(client: Client, endpoint: Endpoint, code: int) -> None:
    async with client.pool(endpoint, max_connections=1) as pool:
        received: typing.List[bytes] = []
        async with pool.stream("GET", endpoint.url(f"/reset/{code}")) as response:
            with pytest.raises(httpcore.RemoteProtocolError) as caught:
                await receive(response, received)
        assert b"".join(received) in (b"", b"a beginning")
        assert CODES[code] in str(caught.value)
        # The stream is gone, the connection is not.
        response = await pool.request("GET", endpoint.url("/bytes/10"))
        assert (response.content, response.extensions["stream_id"]) == (pattern(10), 3)


@on_both
@pytest.mark.parametrize("code", [1, 2, 8, 11])
async def test_reset_instead_of_a_response(client: Client, endpoint: Endpoint, code: int) -> None:
    async with client.pool(endpoint, max_connections=1) as pool:
        with pytest.raises(httpcore.RemoteProtocolError) as caught:
            await pool.request("GET", endpoint.url(f"/reset-unanswered/{code}"))
        assert CODES[code] in str(caught.value)
        assert (await pool.request("GET", endpoint.url("/bytes/10"))).content == pattern(10)


@on_both
async def test_refused_stream_is_replayed(client: Client, endpoint: Endpoint) -> None:
    name = f"{endpoint.name}-{client.name}"
    async with client.pool(endpoint) as pool:
        response = await pool.request("POST", endpoint.url(f"/refuse-once/{name}-bytes"), content=b"body")
        assert json_of(response)["length"] == 4
        response = await pool.request("GET", endpoint.url(f"/refuse-once/{name}-none"))
        assert json_of(response)["length"] == 0


@on_both
async def test_consumed_body_is_never_replayed_in_part(client: Client, endpoint: Endpoint) -> None:
    name = f"{endpoint.name}-{client.name}"
    async with client.pool(endpoint) as pool:
        content = client.body(*[b"x" * 1000] * 100)
        try:
            response = await pool.request("POST", endpoint.url(f"/refuse-once/{name}-parts"), content=content)
        except httpcore.RemoteProtocolError as error:
            assert "REFUSED_STREAM" in str(error)
        else:
            assert json_of(response)["length"] == 100000


@on_both
@pytest.mark.parametrize("path", ["/goaway-finish", "/goaway-twice"])
async def test_goaway_lets_earlier_streams_finish(client: Client, endpoint: Endpoint, path: str) -> None:
    async with client.pool(endpoint) as pool:
        for _ in range(3):
            first = await pool.request("GET", endpoint.url(path))
            assert json_of(first)["finished"] == first.extensions["stream_id"]
            second = await pool.request("POST", endpoint.url("/digest"), content=client.body(b"once"))
            assert json_of(second)["length"] == 4
            assert connection_id(second) != connection_id(first)


@on_both
async def test_goaway_with_many_streams_in_flight(client: Client, endpoint: Endpoint) -> None:
    async with client.pool(endpoint) as pool:

        async def get(index: int) -> int:
            path = "/goaway-twice" if index % 10 == 5 else f"/slow/{index % 7}"
            return int((await pool.request("GET", endpoint.url(path))).status)

        assert await client.gather(get, range(60)) == [200] * 60


@on_both
async def test_unprocessed_stream_is_replayed_on_another_connection(client: Client, endpoint: Endpoint) -> None:
    name = f"{endpoint.name}-{client.name}"
    async with client.pool(endpoint) as pool:
        first = await pool.request("GET", endpoint.url("/bytes/1"))
        second = await pool.request("POST", endpoint.url(f"/goaway-unprocessed/{name}"), content=b"body")
        assert json_of(second)["length"] == 4
        assert connection_id(second) != connection_id(first)


@pytest.mark.parametrize("listener", ["h2", "h2c"])
@pytest.mark.parametrize("path", ["/goaway-idle", "/hang-up"])
async def test_connection_that_the_server_ended_is_not_used(
    client: Client, fleet: Fleet, listener: str, path: str
) -> None:
    endpoint = fleet.endpoint("node2-" + listener)
    async with client.pool(endpoint) as pool:
        for _ in range(3):
            first = await pool.request("GET", endpoint.url(path))
            await client.until(lambda: fleet.node2.counts(listener)["open"] == 0)
            second = await pool.request("POST", endpoint.url("/digest"), content=client.body(b"once"))
            assert json_of(second)["length"] == 4
            assert connection_id(second) != connection_id(first)


@on_both
@pytest.mark.parametrize("kind", ["bytes", "parts"])
async def test_response_before_the_upload_ends(client: Client, endpoint: Endpoint, kind: str) -> None:
    piece = b"x" * 100000
    async with client.pool(endpoint, max_connections=1) as pool:
        for _ in range(3):
            content = piece * 100 if kind == "bytes" else client.body(*[piece] * 100)
            response = await pool.request("POST", endpoint.url("/reject"), content=content)
            assert (response.status, response.content) == (413, b"rejected: too large")
        assert (await pool.request("GET", endpoint.url("/bytes/10"))).content == pattern(10)


@pytest.mark.parametrize("endpoint", ["nginx-h2"], indirect=True)
@pytest.mark.parametrize("kind", ["bytes", "parts"])
async def test_upload_over_the_limit_of_nginx(client: Client, endpoint: Endpoint, kind: str) -> None:
    piece = b"x" * 100000
    async with client.pool(endpoint, max_connections=1) as pool:
        for _ in range(3):
            content = piece * 50 if kind == "bytes" else client.body(*[piece] * 50)
            response = await pool.request("POST", endpoint.url("/limited/digest"), content=content)
            assert response.status == 413
            assert b"Too Large" in response.content


@on_both
@pytest.mark.parametrize("path", ["/pings/200", "/settings/200"])
async def test_pings_and_settings_are_acknowledged(client: Client, endpoint: Endpoint, path: str) -> None:
    async with client.pool(endpoint) as pool:
        assert json_of(await pool.request("GET", endpoint.url(path))) == {"error": None}
        assert (await pool.request("GET", endpoint.url("/bytes/10"))).content == pattern(10)
        assert len(pool.connections) == 1


@on_both
async def test_read_timeout(client: Client, endpoint: Endpoint) -> None:
    extensions = {"timeout": {"read": 0.05}}
    async with client.pool(endpoint, max_connections=1) as pool:
        with pytest.raises(httpcore.ReadTimeout):
            await pool.request("GET", endpoint.url("/silent"), extensions=extensions)
        received: typing.List[bytes] = []
        async with pool.stream("GET", endpoint.url("/stall"), extensions=extensions) as response:
            with pytest.raises(httpcore.ReadTimeout):
                await receive(response, received)
        assert b"".join(received) == b"a beginning"
        assert (await pool.request("GET", endpoint.url("/bytes/10"))).content == pattern(10)
