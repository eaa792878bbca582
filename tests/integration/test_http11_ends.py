"""Servers that do not play along: each fault gives a documented exception, and leaves the pool usable."""

from __future__ import annotations

import sys
import typing

import pytest
from client_kinds import Client
from servers.content import LARGE, header, json_of, pattern, receive
from servers.endpoint import Endpoint
from servers.fleet import Fleet
from servers.listeners import full_backlog, silent_listener

import httpcore

NODE = ("node-tcp", "node-tls", "node-unix")

every_transport = pytest.mark.parametrize("endpoint", NODE, indirect=True)


async def assert_usable(pool: typing.Any, endpoint: Endpoint) -> None:
    """The one place of the pool is free again."""
    assert pool.connections == []
    response = await pool.request("GET", endpoint.url("/bytes/10"), extensions={"timeout": {"pool": 0}})
    assert response.content == pattern(10)


@every_transport
async def test_read_timeout_before_the_response(client: Client, endpoint: Endpoint) -> None:
    async with client.pool(endpoint, max_connections=1) as pool:
        with pytest.raises(httpcore.ReadTimeout):
            await pool.request("GET", endpoint.url("/silent"), extensions={"timeout": {"read": 0.05}})
        await assert_usable(pool, endpoint)


@pytest.mark.parametrize("endpoint", ["nginx-tcp", "apache-tls", "haproxy-tls", "hypercorn-tls"], indirect=True)
async def test_read_timeout_at_other_servers(client: Client, endpoint: Endpoint) -> None:
    async with client.pool(endpoint, max_connections=1) as pool:
        with pytest.raises(httpcore.ReadTimeout):
            await pool.request("GET", endpoint.url("/silent"), extensions={"timeout": {"read": 0.05}})
        await assert_usable(pool, endpoint)


@every_transport
async def test_read_timeout_within_the_body(client: Client, endpoint: Endpoint) -> None:
    async with client.pool(endpoint, max_connections=1) as pool:
        extensions = {"timeout": {"read": 0.05}}
        received: typing.List[bytes] = []
        async with pool.stream("GET", endpoint.url("/stall"), extensions=extensions) as response:
            with pytest.raises(httpcore.ReadTimeout):
                await receive(response, received)
        assert b"".join(received) == b"a beginning"
        await assert_usable(pool, endpoint)


@every_transport
async def test_write_timeout(client: Client, endpoint: Endpoint) -> None:
    """A body far beyond what the socket buffers between the two hold."""
    async with client.pool(endpoint, max_connections=1) as pool:
        extensions = {"timeout": {"write": 0.1, "read": 0.1}}
        with pytest.raises(httpcore.WriteTimeout):
            await pool.request("POST", endpoint.url("/deaf"), content=b"x" * 5 * LARGE, extensions=extensions)
        await assert_usable(pool, endpoint)


async def test_connect_timeout(client: Client, fleet: Fleet) -> None:
    endpoint = fleet.endpoint("node-tcp")
    with full_backlog() as deaf:
        async with client.pool(max_connections=1) as pool:
            with pytest.raises(httpcore.ConnectTimeout):
                await pool.request("GET", deaf.url("/"), extensions={"timeout": {"connect": 0.1}})
            await assert_usable(pool, endpoint)


async def test_connect_timeout_in_the_tls_handshake(client: Client, fleet: Fleet) -> None:
    endpoint = fleet.endpoint("node-tcp")
    with silent_listener() as deaf:
        async with client.pool(max_connections=1) as pool:
            with pytest.raises(httpcore.ConnectTimeout):
                await pool.request("GET", f"https://{deaf.authority}/", extensions={"timeout": {"connect": 0.1}})
            await assert_usable(pool, endpoint)


async def test_refused(client: Client, fleet: Fleet) -> None:
    endpoint = fleet.endpoint("node-tcp")
    with silent_listener() as gone:
        pass
    async with client.pool(max_connections=1) as pool:
        with pytest.raises(httpcore.ConnectError):
            await pool.request("GET", gone.url("/"))
        await assert_usable(pool, endpoint)


async def test_unix_socket_that_is_not_there(client: Client, fleet: Fleet) -> None:
    endpoint = fleet.endpoint("node-unix")
    async with client.pool(uds=str(endpoint.uds) + ".absent") as pool:
        with pytest.raises(httpcore.ConnectError):
            await pool.request("GET", endpoint.url("/"))
        assert pool.connections == []


async def test_name_that_does_not_resolve(client: Client, fleet: Fleet) -> None:
    endpoint = fleet.endpoint("node-tcp")
    async with client.pool(max_connections=1) as pool:
        # RFC 6761 § 6.4: "invalid" never resolves.
        with pytest.raises(httpcore.ConnectError):
            await pool.request("GET", "http://name.invalid/")
        await assert_usable(pool, endpoint)


@every_transport
@pytest.mark.parametrize("path", ["/truncated", "/truncated-chunked"])
async def test_truncated_body(client: Client, endpoint: Endpoint, path: str) -> None:
    async with client.pool(endpoint, max_connections=1) as pool:
        received: typing.List[bytes] = []
        async with pool.stream("GET", endpoint.url(path)) as response:
            with pytest.raises(httpcore.RemoteProtocolError):
                await receive(response, received)
        assert b"".join(received) == b"a beginning"
        await assert_usable(pool, endpoint)


@every_transport
async def test_connection_ended_without_a_response(client: Client, endpoint: Endpoint) -> None:
    async with client.pool(endpoint, max_connections=1) as pool:
        with pytest.raises(httpcore.RemoteProtocolError) as caught:
            await pool.request("GET", endpoint.url("/hang-up-unanswered"))
        assert str(caught.value) == "Server disconnected without sending a response."
        await assert_usable(pool, endpoint)


@every_transport
@pytest.mark.parametrize("kind", ["bytes", "parts"])
@pytest.mark.parametrize("path", ["/reject-and-drain", "/reject-and-reset", "/reject-and-ignore"])
async def test_response_before_the_upload_ends(client: Client, endpoint: Endpoint, path: str, kind: str) -> None:
    if path == "/reject-and-reset" and sys.platform != "linux":
        pytest.skip("what was received before a reset stays readable on Linux only")
    if path == "/reject-and-reset" and client.name == "asyncio-anyio":
        pytest.skip("anyio's streams give up what the kernel still holds when a write fails")
    if path == "/reject-and-ignore" and "anyio" in client.name:
        pytest.skip("on anyio's streams the answer is looked for when a write fails or times out")
    piece = b"x" * 100000
    async with client.pool(endpoint, max_connections=1) as pool:
        content = piece * 500 if kind == "bytes" else client.body(*[piece] * 500)
        response = await pool.request("POST", endpoint.url(path), content=content)
        assert (response.status, response.content) == (413, b"rejected: too large")
        await assert_usable(pool, endpoint)


@pytest.mark.parametrize("endpoint", ["nginx-tcp", "nginx-tls", "nginx-unix"], indirect=True)
@pytest.mark.parametrize("kind", ["bytes", "parts"])
async def test_upload_over_the_limit_of_nginx(client: Client, endpoint: Endpoint, kind: str) -> None:
    piece = b"x" * 100000
    async with client.pool(endpoint, max_connections=1) as pool:
        content = piece * 100 if kind == "bytes" else client.body(*[piece] * 100)
        response = await pool.request("POST", endpoint.url("/limited/digest"), content=content)
        assert response.status == 413
        assert b"Too Large" in response.content
        await assert_usable(pool, endpoint)


@pytest.mark.parametrize("endpoint", [*NODE, "haproxy-tcp", "haproxy-tls"], indirect=True)
async def test_informational_responses_are_passed_over(client: Client, endpoint: Endpoint) -> None:
    async with client.pool(endpoint) as pool:
        for _ in range(2):
            assert json_of(await pool.request("GET", endpoint.url("/early-hints"))) == {"after": "hints"}
        assert len(pool.connections) == 1


@every_transport
async def test_trailers_do_not_disturb(client: Client, endpoint: Endpoint) -> None:
    async with client.pool(endpoint) as pool:
        for _ in range(2):
            assert (await pool.request("GET", endpoint.url("/trailers"))).content == b"body"
        assert len(pool.connections) == 1


@pytest.mark.parametrize("endpoint", ["nginx-tcp", "nginx-tls"], indirect=True)
async def test_not_modified_file(client: Client, endpoint: Endpoint) -> None:
    async with client.pool(endpoint) as pool:
        first = await pool.request("GET", endpoint.url("/files/small"))
        assert first.content == b"a small file"
        headers = {"If-None-Match": header(first, "ETag")}
        second = await pool.request("GET", endpoint.url("/files/small"), headers=headers)
        assert (second.status, second.content) == (304, b"")
        large = await pool.request("GET", endpoint.url("/files/large"))
        assert large.content == pattern(LARGE)
        assert len(pool.connections) == 1
