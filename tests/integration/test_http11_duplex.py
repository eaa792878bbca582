"""Servers that answer while they read, and stop reading while their answer is not taken."""

from __future__ import annotations

import hashlib

import pytest
from client_kinds import Client
from servers.content import pattern
from servers.endpoint import Endpoint

#: More than the two sides, the system and any proxy between them hold.
SIZE = 64 * 1024 * 1024
PIECE = pattern(64 * 1024)

pytestmark = pytest.mark.parametrize(
    "endpoint", ["node-tcp", "node-tls", "haproxy-tcp", "haproxy-tls", "hypercorn-tcp", "hypercorn-tls"], indirect=True
)


def skip_where_answers_are_not_heard(client: Client) -> None:
    if client.name == "asyncio-anyio":
        pytest.skip("anyio's streams do not tell of an answer while they write")


async def test_a_mirror(client: Client, endpoint: Endpoint) -> None:
    skip_where_answers_are_not_heard(client)
    count = SIZE // len(PIECE)
    digest = hashlib.sha256()
    async with client.pool(endpoint, max_connections=1) as pool:
        content = client.body(*[PIECE] * count)
        async with pool.stream("POST", endpoint.url("/mirror"), content=content) as response:
            assert response.status == 200
            async for part in response.aiter_stream():
                digest.update(part)
        again = await pool.request("GET", endpoint.url("/bytes/10"))
        assert len(pool.connections) == 1
    assert digest.digest() == hashlib.sha256(PIECE * count).digest()
    assert again.content == pattern(10)


async def test_a_mirror_of_what_is_in_memory(client: Client, endpoint: Endpoint) -> None:
    skip_where_answers_are_not_heard(client)
    body = pattern(16 * 1024 * 1024)
    async with client.pool(endpoint, max_connections=1) as pool:
        response = await pool.request("POST", endpoint.url("/mirror"), content=body)
        assert response.content == body
        assert (await pool.request("GET", endpoint.url("/bytes/10"))).content == pattern(10)


async def test_a_mirror_that_is_left(client: Client, endpoint: Endpoint) -> None:
    skip_where_answers_are_not_heard(client)
    async with client.pool(endpoint, max_connections=1) as pool:
        content = client.body(*[PIECE] * (SIZE // len(PIECE)))
        async with pool.stream("POST", endpoint.url("/mirror"), content=content) as response:
            async for part in response.aiter_stream():
                assert part
                break
        assert (await pool.request("GET", endpoint.url("/bytes/10"))).content == pattern(10)
