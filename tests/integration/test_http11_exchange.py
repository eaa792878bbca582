"""One request, one response: every method and framing, against every server and transport."""

from __future__ import annotations

import typing

import pytest
from client_kinds import Client
from servers.content import LARGE, header, json_of, pattern, sha256
from servers.endpoint import Endpoint

SERVERS = (
    "node-tcp",
    "node-tls",
    "node-unix",
    "node-ipv6",
    "nginx-tcp",
    "nginx-tls",
    "nginx-unix",
    "nginx-ipv6",
    "apache-tcp",
    "apache-tls",
    "haproxy-tcp",
    "haproxy-tls",
    "haproxy-unix",
    "hypercorn-tcp",
    "hypercorn-tls",
    "hypercorn-unix",
)

pytestmark = pytest.mark.parametrize("endpoint", SERVERS, indirect=True)


async def test_get(client: Client, endpoint: Endpoint) -> None:
    async with client.pool(endpoint) as pool:
        response = await pool.request("GET", endpoint.url("/bytes/1000"))
    assert response.status == 200
    assert response.extensions["http_version"] == b"HTTP/1.1"
    assert header(response, "Content-Length") == "1000"
    assert response.content == pattern(1000)


async def test_get_chunked(client: Client, endpoint: Endpoint) -> None:
    async with client.pool(endpoint) as pool:
        response = await pool.request("GET", endpoint.url("/chunked/200000"))
        again = await pool.request("GET", endpoint.url("/bytes/10"))
    assert header(response, "Content-Length") is None
    assert response.content == pattern(200000)
    assert again.content == pattern(10)


async def test_head_has_no_body(client: Client, endpoint: Endpoint) -> None:
    async with client.pool(endpoint) as pool:
        for _ in range(2):
            response = await pool.request("HEAD", endpoint.url("/bytes/1000"))
            assert (response.status, response.content) == (200, b"")
            assert header(response, "Content-Length") == "1000"
        assert len(pool.connections) == 1


@pytest.mark.parametrize("status", [204, 304])
async def test_status_without_body(client: Client, endpoint: Endpoint, status: int) -> None:
    async with client.pool(endpoint) as pool:
        for _ in range(2):
            response = await pool.request("GET", endpoint.url(f"/status/{status}"))
            assert (response.status, response.content) == (status, b"")
        assert len(pool.connections) == 1


async def test_post_with_content_length(client: Client, endpoint: Endpoint) -> None:
    body = pattern(3000)
    async with client.pool(endpoint) as pool:
        answer = json_of(await pool.request("POST", endpoint.url("/digest"), content=body))
    assert (answer["method"], answer["length"], answer["sha256"]) == ("POST", 3000, sha256(body))


async def test_post_chunked(client: Client, endpoint: Endpoint) -> None:
    parts = [pattern(size) for size in (1, 70000, 10, 3)]
    async with client.pool(endpoint) as pool:
        content = client.body(*parts)
        answer = json_of(await pool.request("POST", endpoint.url("/digest"), content=content))
        again = await pool.request("GET", endpoint.url("/bytes/10"))
    assert (answer["length"], answer["sha256"]) == (70014, sha256(b"".join(parts)))
    assert again.content == pattern(10)


async def test_empty_posts(client: Client, endpoint: Endpoint) -> None:
    contents: typing.List[typing.Any] = [b"", client.body(), None]
    async with client.pool(endpoint) as pool:
        for content in contents:
            headers = [("Content-Length", "0")] if content is None else []
            response = await pool.request("POST", endpoint.url("/digest"), headers=headers, content=content)
            assert json_of(response)["length"] == 0


async def test_ten_megabytes_down(client: Client, endpoint: Endpoint) -> None:
    async with client.pool(endpoint) as pool:
        url = endpoint.url(f"/chunked/{LARGE}")
        async with pool.stream("GET", url) as response:
            parts = [part async for part in response.aiter_stream()]
    body = b"".join(parts)
    assert len(parts) > 10, "a large body comes in parts, as it arrives"
    assert all(parts)
    assert (len(body), sha256(body)) == (LARGE, header(response, "X-Sha256"))


async def test_ten_megabytes_up_and_down(client: Client, endpoint: Endpoint) -> None:
    body = pattern(LARGE)
    async with client.pool(endpoint) as pool:
        response = await pool.request("POST", endpoint.url("/echo"), content=body)
    assert (len(response.content), sha256(response.content)) == (LARGE, sha256(body))


async def test_ten_megabytes_up_chunked(client: Client, endpoint: Endpoint) -> None:
    piece = pattern(100000)
    async with client.pool(endpoint) as pool:
        content = client.body(*[piece] * (LARGE // len(piece)))
        answer = json_of(await pool.request("POST", endpoint.url("/digest"), content=content))
    assert (answer["length"], answer["sha256"]) == (LARGE, sha256(piece * (LARGE // len(piece))))
