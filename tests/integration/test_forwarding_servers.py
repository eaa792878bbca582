"""Web servers and OpenSSH in the part of a proxy: Apache, nginx, HAProxy, and `ssh -D`."""

from __future__ import annotations

import socket
import typing

import pytest
from client_kinds import Client
from servers.certificates import certificates
from servers.content import LARGE, json_of, pattern, sha256
from servers.endpoint import Endpoint
from servers.fleet import Fleet

import httpcore

#: Proxy and the origin's endpoint: nginx and HAProxy have no CONNECT, and so no way to an https origin.
ROUTES = (
    ("apache", "node-application"),
    ("apache", "node-tls"),
    ("apache", "node2-h2"),
    ("nginx", "node-application"),
    ("haproxy", "node-application"),
    ("openssh", "node-application"),
    ("openssh", "node-tls"),
    ("openssh", "node2-h2"),
)
every_route = pytest.mark.parametrize(("proxy", "endpoint"), ROUTES, indirect=True)


@pytest.fixture
def proxy(request: pytest.FixtureRequest, fleet: Fleet) -> httpcore.Proxy:
    name = request.param
    return httpcore.Proxy(fleet.openssh.url if name == "openssh" else fleet.forward_proxy(name).url)


@every_route
async def test_requests_share_a_connection(client: Client, proxy: httpcore.Proxy, endpoint: Endpoint) -> None:
    async with client.pool(endpoint, proxy=proxy) as pool:
        for size in (0, 10, 100000):
            response = await pool.request("GET", endpoint.url(f"/bytes/{size}"))
            assert (response.status, response.content) == (200, pattern(size))
        assert len(pool.connections) == 1


@every_route
async def test_a_hundred_requests_at_a_time(client: Client, proxy: httpcore.Proxy, endpoint: Endpoint) -> None:
    async with client.pool(endpoint, proxy=proxy, max_connections=10) as pool:

        async def get(size: int) -> bool:
            return bool((await pool.request("GET", endpoint.url(f"/bytes/{size}"))).content == pattern(size))

        assert all(await client.gather(get, range(100)))
        assert len(pool.connections) <= 10


# OpenSSH sends the small answers to each window of an HTTP/2 upload with a delay: seconds for these bodies.
@pytest.mark.parametrize(
    ("proxy", "endpoint"), [route for route in ROUTES if route != ("openssh", "node2-h2")], indirect=True
)
async def test_ten_megabytes_each_way(client: Client, proxy: httpcore.Proxy, endpoint: Endpoint) -> None:
    body = pattern(LARGE)
    async with client.pool(endpoint, proxy=proxy) as pool:
        for content in (body, client.body(*[body[:100000]] * 100)):
            answer = json_of(await pool.request("POST", endpoint.url("/digest"), content=content))
            assert answer["length"] == LARGE
        response = await pool.request("GET", endpoint.url(f"/bytes/{LARGE}"))
        assert sha256(response.content) == sha256(body)


@pytest.mark.parametrize("name", ["apache", "openssh"])
@pytest.mark.parametrize("scheme", ["https", "wss"])
async def test_an_origin_that_is_not_there(client: Client, fleet: Fleet, name: str, scheme: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    url = fleet.openssh.url if name == "openssh" else fleet.forward_proxy(name).url
    async with client.pool(proxy=httpcore.Proxy(url), ssl_context=certificates().context()) as pool:
        for origin in (f"127.0.0.1:{port}", "name.invalid:443"):
            with pytest.raises((httpcore.ProxyError, httpcore.ConnectError)):
                await pool.request("GET", f"{scheme}://{origin}/")
            assert pool.connections == []


@pytest.mark.parametrize("name", ["nginx", "haproxy"])
async def test_proxy_that_has_no_connect(client: Client, fleet: Fleet, name: str) -> None:
    endpoint = fleet.endpoint("node-tls")
    async with client.pool(endpoint, proxy=httpcore.Proxy(fleet.forward_proxy(name).url)) as pool:
        with pytest.raises(httpcore.ProxyError) as caught:
            await pool.request("GET", endpoint.url("/bytes/1"))
        assert str(caught.value)[:1] in ("4", "5"), "status and reason of the refusal"
        assert pool.connections == []


@pytest.mark.parametrize(
    ("proxy", "endpoint"), [("apache", "node-tls"), ("openssh", "node-application")], indirect=True
)
async def test_read_timeout_behind_a_proxy(client: Client, proxy: httpcore.Proxy, endpoint: Endpoint) -> None:
    async with client.pool(endpoint, proxy=proxy, max_connections=1) as pool:
        with pytest.raises(httpcore.ReadTimeout):
            await pool.request("GET", endpoint.url("/silent"), extensions={"timeout": {"read": 0.1}})
        assert pool.connections == []
        assert (await pool.request("GET", endpoint.url("/bytes/1"))).content == pattern(1)


@pytest.mark.parametrize("endpoint", ["node-wrong_host", "node-expired", "node-unknown"], indirect=True)
@pytest.mark.parametrize("name", ["apache", "openssh"])
async def test_unacceptable_certificate_of_the_origin(
    client: Client, fleet: Fleet, endpoint: Endpoint, name: str
) -> None:
    url = fleet.openssh.url if name == "openssh" else fleet.forward_proxy(name).url
    listener = endpoint.name.partition("-")[2]
    before = fleet.node.counts(listener)["requests"]
    async with client.pool(endpoint, proxy=httpcore.Proxy(url)) as pool:
        with pytest.raises(httpcore.ConnectError):
            await pool.request("POST", endpoint.url("/digest"), content=b"secret")
        assert pool.connections == []
    assert fleet.node.counts(listener)["requests"] == before


@pytest.mark.parametrize(("proxy", "endpoint"), [("apache", "node-tls"), ("openssh", "node-tls")], indirect=True)
async def test_upgrade_behind_a_proxy(client: Client, proxy: httpcore.Proxy, endpoint: Endpoint) -> None:
    headers = {
        "Connection": "Upgrade",
        "Upgrade": "websocket",
        "Sec-WebSocket-Key": "AAAAAAAAAAAAAAAAAAAAAA==",
        "Sec-WebSocket-Version": "13",
    }
    async with client.pool(endpoint, proxy=proxy) as pool:
        async with pool.stream("GET", endpoint.url("/websocket"), headers=headers) as response:
            assert response.status == 101
            stream: typing.Any = response.extensions["network_stream"]
            received = b""
            while len(received) < 9:
                received += await stream.read(100, timeout=10.0)
            assert received == b"\x81\x07welcome"
