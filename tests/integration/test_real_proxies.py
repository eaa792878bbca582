"""Real proxies: every scheme, many requests at a time, HTTP/2 inside, and how each says no."""

from __future__ import annotations

import socket
import typing

import pytest
from client_kinds import Client
from proxy_peers import basic, origin_server
from real_proxies import AUTH, PROXIES, SECURED, RealProxies
from servers.certificates import certificates
from servers.content import pattern
from servers.endpoint import Endpoint

import httpcore

every_proxy = pytest.mark.parametrize("name", sorted(PROXIES))


@pytest.fixture(scope="module")
def proxies() -> typing.Iterator[RealProxies]:
    started = RealProxies()
    yield started
    started.stop()


def options(proxies: RealProxies, name: str, auth: typing.Optional[typing.Tuple[str, str]] = None) -> typing.Any:
    if auth is None and PROXIES[name][1]:
        auth = AUTH
    return {"proxy": proxies.proxy(name, auth), "ssl_context": certificates().context()}


@pytest.mark.parametrize("scheme", ["http", "https", "ws", "wss"])
@every_proxy
async def test_requests_share_a_connection(client: Client, proxies: RealProxies, name: str, scheme: str) -> None:
    with origin_server() as origin:
        async with client.pool(**options(proxies, name)) as pool:
            for number in range(3):
                response = await pool.request("GET", origin.url(scheme, f"/{number}", host="127.0.0.1"))
                assert (response.status, response.content) == (200, b"/%d" % number)
            if not (name.startswith("tinyproxy") and scheme == "http"):
                # Tinyproxy closes the connection after every request that it forwards.
                assert len(pool.connections) == 1
    assert all(first[:2] == b"\x16\x03" for first in origin.first_bytes) == (scheme in ("https", "wss"))
    for request in origin.requests:
        assert basic(*AUTH) not in request
        assert b"s3cret" not in request


@pytest.mark.parametrize("scheme", ["http", "https"])
@every_proxy
async def test_a_hundred_requests_at_a_time(client: Client, proxies: RealProxies, name: str, scheme: str) -> None:
    with origin_server() as origin:
        async with client.pool(max_connections=20, **options(proxies, name)) as pool:

            async def one(number: int) -> bytes:
                response = await pool.request("GET", origin.url(scheme, f"/{number}", host="127.0.0.1"))
                content: bytes = response.content
                return content

            assert await client.gather(one, range(100)) == [b"/%d" % number for number in range(100)]
            assert len(pool.connections) <= 20


@pytest.mark.parametrize("endpoint", ["node2-h2"], indirect=True)
@every_proxy
async def test_http2_inside(client: Client, proxies: RealProxies, name: str, endpoint: Endpoint) -> None:
    async with client.pool(endpoint, proxy=options(proxies, name)["proxy"]) as pool:

        async def one(number: int) -> bytes:
            response = await pool.request("GET", endpoint.url(f"/bytes/{1000 + number}"))
            assert response.extensions["http_version"] == b"HTTP/2"
            content: bytes = response.content
            return content

        assert await client.gather(one, range(20)) == [pattern(1000 + number) for number in range(20)]
        assert len(pool.connections) == 1


@every_proxy
async def test_an_origin_that_is_not_there(client: Client, proxies: RealProxies, name: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    async with client.pool(**options(proxies, name)) as pool:
        with pytest.raises(httpcore.ProxyError) as caught:
            await pool.request("GET", f"https://127.0.0.1:{port}/")
        assert pool.connections == []
    if PROXIES[name][0].startswith("socks"):
        assert str(caught.value) == "Proxy Server could not connect: Connection refused."
    else:
        response: typing.Any = caught.value.response
        assert str(caught.value).startswith(f"{response.status} ")
        assert response.status in (500, 502, 503)
        assert 0 < len(response.content) <= 64 * 1024


@pytest.mark.parametrize("name", SECURED)
async def test_wrong_credentials(client: Client, proxies: RealProxies, name: str) -> None:
    async with client.pool(**options(proxies, name, auth=("ann", "wr0ng"))) as pool:
        with pytest.raises(httpcore.ProxyError) as caught:
            await pool.request("GET", "https://127.0.0.1:9/")
        assert pool.connections == []
    if PROXIES[name][0].startswith("socks"):
        assert str(caught.value) == "Invalid username/password"
    else:
        response: typing.Any = caught.value.response
        assert response.status in (401, 407)
        assert b"authenticate" in b" ".join(field for field, _ in response.headers).lower()
    assert "wr0ng" not in str(caught.value)


@pytest.mark.parametrize("name", ["squid-auth"])
async def test_a_challenge_answered_by_a_hook(client: Client, proxies: RealProxies, name: str) -> None:
    asked = []

    async def answer(request: httpcore.Request, response: httpcore.Response) -> typing.Dict[str, bytes]:
        asked.append(response.status)
        return {"Proxy-Authorization": basic(*AUTH)}

    def answer_sync(request: httpcore.Request, response: httpcore.Response) -> typing.Dict[str, bytes]:
        asked.append(response.status)
        return {"Proxy-Authorization": basic(*AUTH)}

    proxy = proxies.proxy(name, ("ann", "wr0ng"))
    proxy.on_challenge = answer_sync if client.name == "sync" else answer
    with origin_server() as origin:
        async with client.pool(proxy=proxy, ssl_context=certificates().context()) as pool:
            response = await pool.request("GET", origin.url("https", "/a", host="127.0.0.1"))
    assert response.content == b"/a"
    assert asked == [407]


@pytest.mark.parametrize("endpoint", ["node-tls"], indirect=True)
@every_proxy
async def test_large_bodies_both_ways(client: Client, proxies: RealProxies, name: str, endpoint: Endpoint) -> None:
    body = pattern(2_000_000)
    async with client.pool(endpoint, proxy=options(proxies, name)["proxy"]) as pool:
        response = await pool.request("POST", endpoint.url("/echo"), content=body)
    assert response.content == body
