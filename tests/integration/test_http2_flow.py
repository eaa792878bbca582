"""Bodies larger than every window, in both directions, alone and side by side."""

from __future__ import annotations

import typing

import pytest
from client_kinds import Client
from servers.content import json_of, pattern, receive, sha256
from servers.endpoint import Endpoint

import httpcore

MEGABYTE = 1000 * 1000


@pytest.mark.parametrize("endpoint", ["node2-h2"], indirect=True)
async def test_a_hundred_megabytes_down(client: Client, endpoint: Endpoint) -> None:
    async with client.pool(endpoint) as pool:
        received: typing.List[bytes] = []
        async with pool.stream("GET", endpoint.url(f"/bytes/{100 * MEGABYTE}")) as response:
            await receive(response, received)
    assert sha256(b"".join(received)) == dict(response.headers)[b"x-sha256"].decode()


@pytest.mark.parametrize("endpoint", ["node2-h2", "nginx-h2"], indirect=True)
@pytest.mark.parametrize("kind", ["bytes", "parts"])
async def test_fifty_megabytes_up(client: Client, endpoint: Endpoint, kind: str) -> None:
    piece = pattern(MEGABYTE)
    async with client.pool(endpoint) as pool:
        content = piece * 50 if kind == "bytes" else client.body(*[piece] * 50)
        answer = json_of(await pool.request("POST", endpoint.url("/digest"), content=content))
    assert (answer["length"], answer["sha256"]) == (50 * MEGABYTE, sha256(piece * 50))


@pytest.mark.parametrize("endpoint", ["node2-h2", "node2-h2c", "nginx-h2", "apache-h2", "haproxy-h2"], indirect=True)
async def test_six_uploads_at_once(client: Client, endpoint: Endpoint) -> None:
    async with client.pool(endpoint, max_connections=1) as pool:

        async def upload(index: int) -> bool:
            body = bytes([index]) * 2 * MEGABYTE
            content = body if index % 2 else client.body(*[body[:100000]] * 20)
            answer = json_of(await pool.request("POST", endpoint.url("/digest"), content=content))
            return bool(answer["sha256"] == sha256(body))

        assert await client.gather(upload, range(6)) == [True] * 6
        assert len(pool.connections) == 1


@pytest.mark.parametrize("endpoint", ["node2-h2", "hypercorn-h2", "nghttpx-h2"], indirect=True)
async def test_uploads_and_downloads_at_once(client: Client, endpoint: Endpoint) -> None:
    body = pattern(MEGABYTE)
    async with client.pool(endpoint, max_connections=1) as pool:

        async def move(index: int) -> bool:
            if index % 2:
                answer = json_of(await pool.request("POST", endpoint.url("/digest"), content=body))
                return bool(answer["sha256"] == sha256(body))
            return bool((await pool.request("GET", endpoint.url(f"/bytes/{MEGABYTE}"))).content == body)

        assert all(await client.gather(move, range(12)))


@pytest.mark.parametrize(
    ("endpoint", "size"),
    [
        ("node2-window_1", 300),
        ("node2-window_1000", MEGABYTE),
        ("node2-window_16m", 20 * MEGABYTE),
        ("node2-large_frames", 20 * MEGABYTE),
    ],
    indirect=["endpoint"],
)
async def test_windows_and_frames_of_every_size(client: Client, endpoint: Endpoint, size: int) -> None:
    body = pattern(size)
    async with client.pool(endpoint) as pool:
        # The first request may be on its way before the server's settings are known.
        for content in (body, client.body(body), body):
            answer = json_of(await pool.request("POST", endpoint.url("/digest"), content=content))
            assert (answer["length"], answer["sha256"]) == (size, sha256(body))


@pytest.mark.parametrize("endpoint", ["node2-h2", "node2-h2c"], indirect=True)
@pytest.mark.parametrize("window", [100, 1000])
async def test_window_lowered_during_an_upload(client: Client, endpoint: Endpoint, window: int) -> None:
    """The window goes below zero, and comes back with the server's WINDOW_UPDATEs (RFC 9113 § 6.9.2)."""
    body = pattern(200000)
    async with client.pool(endpoint, max_connections=1) as pool:
        answer = json_of(await pool.request("POST", endpoint.url(f"/shrink-window/{window}"), content=body))
        assert (answer["length"], answer["sha256"]) == (200000, sha256(body))


@pytest.mark.parametrize("endpoint", ["node2-h2", "nginx-h2", "apache-h2", "nghttpx-h2"], indirect=True)
async def test_an_unread_response_does_not_hold_up_the_others(client: Client, endpoint: Endpoint) -> None:
    async with client.pool(endpoint, max_connections=1) as pool:
        async with pool.stream("GET", endpoint.url(f"/bytes/{20 * MEGABYTE}")) as unread:

            async def get(_: int) -> bool:
                response = await pool.request("GET", endpoint.url(f"/bytes/{MEGABYTE}"))
                return bool(response.content == pattern(MEGABYTE))

            assert await client.gather(get, range(30)) == [True] * 30
            assert await unread.aread() == pattern(20 * MEGABYTE)
        assert len(pool.connections) == 1


@pytest.mark.parametrize("endpoint", ["node2-h2", "node2-h2c"], indirect=True)
async def test_server_that_stops_reading(client: Client, endpoint: Endpoint) -> None:
    async with client.pool(endpoint, max_connections=1) as pool:
        extensions = {"timeout": {"write": 0.1, "read": 0.1}}
        with pytest.raises(httpcore.WriteTimeout):
            await pool.request("POST", endpoint.url("/deaf"), content=b"x" * MEGABYTE, extensions=extensions)
        answer = json_of(await pool.request("POST", endpoint.url("/digest"), content=pattern(MEGABYTE)))
        assert answer["sha256"] == sha256(pattern(MEGABYTE))
