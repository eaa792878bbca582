"""TLS sessions that a pool resumes: with nginx, by tickets and its cache, and on every route."""

from __future__ import annotations

import ssl
import typing

import pytest
from client_kinds import Client
from proxy_peers import origin_server, proxy_server
from proxy_routes import PROXIES, ROUTES, route_to, speaks_socks, through
from servers.certificates import certificates
from servers.fleet import Fleet

VERSIONS = (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3)
REQUESTS = 4
FIRST = [False] + [True] * (REQUESTS - 1)

each_version = pytest.mark.parametrize("version", VERSIONS, ids=lambda version: version.name)


@each_version
@pytest.mark.parametrize("transport", ["resuming", "h2_resuming"])
async def test_nginx_resumes(client: Client, fleet: Fleet, transport: str, version: ssl.TLSVersion) -> None:
    """It closes each connection after one request; what it says of each is checked against what the client knows."""
    endpoint = fleet.endpoint("nginx-" + transport)
    for resuming in (True, False):
        context = certificates().context(version=version)
        told, known, protocols = [], [], set()
        async with client.pool(endpoint, ssl_context=context, tls_session_resumption=resuming) as pool:
            for _ in range(REQUESTS):
                async with pool.stream("GET", endpoint.url("/files/small")) as response:
                    secured = response.extensions["network_stream"].get_extra_info("ssl_object")
                    known.append(secured.session_reused)
                    told.append(
                        dict(response.headers)[b"X-Session-Reused" if not endpoint.http2 else b"x-session-reused"]
                    )
                    protocols.add(response.extensions["http_version"])
                    assert await response.aread() == b"a small file"
        assert protocols == {b"HTTP/2" if endpoint.http2 else b"HTTP/1.1"}
        assert known == (FIRST if resuming else [False] * REQUESTS)
        assert told == [b"r" if reused else b"." for reused in known]


async def test_nginx_resumes_a_crowd_that_reconnects(client: Client, fleet: Fleet) -> None:
    """As many sessions have been left as there were connections at a time, and each is offered once."""
    endpoint = fleet.endpoint("nginx-resuming")
    crowd = 8
    async with client.pool(endpoint, max_connections=crowd, tls_session_resumption=True) as pool:

        async def request(_: int) -> bytes:
            response = await pool.request("GET", endpoint.url("/files/small"))
            return typing.cast(bytes, dict(response.headers)[b"X-Session-Reused"])

        told = [said for _ in range(4) for said in await client.gather(request, range(crowd))]
    assert len(told) == 4 * crowd
    assert told.count(b".") <= crowd
    assert told.count(b"r") == len(told) - told.count(b".")


@pytest.mark.parametrize("kind", ROUTES)
async def test_every_route_resumes(client: Client, kind: str) -> None:
    """TLS to the origin on each of them, and TLS to the proxy where that speaks it."""
    with route_to(kind) as route:
        for resuming in (True, False):
            async with client.pool(**route.options, tls_session_resumption=resuming) as pool:
                for _ in range(REQUESTS):
                    url = route.origin.url("https")
                    assert (await pool.request("GET", url, headers={"Connection": "close"})).status == 200
    expected = FIRST + [False] * REQUESTS
    assert route.origin.resumed == expected
    if route.proxy is not None:
        assert route.proxy.resumed == (expected if kind == "https" else [])


async def test_a_proxy_that_forwards_is_resumed(client: Client) -> None:
    with route_to("https") as route:
        async with client.pool(**route.options, tls_session_resumption=True) as pool:
            for _ in range(REQUESTS):
                response = await pool.request("GET", route.origin.url("http"), headers={"Connection": "close"})
                assert response.status == 200
    assert route.proxy is not None
    assert route.proxy.resumed == FIRST
    assert route.origin.resumed == []


@pytest.mark.parametrize("kind", [kind for kind in PROXIES if speaks_socks(kind)])
async def test_a_socks_proxy_behind_tls_is_resumed(client: Client, kind: str) -> None:
    context = certificates().context()
    with origin_server() as origin, proxy_server(kind, tls=True) as proxy:
        async with client.pool(**through(proxy, ssl_context=context), tls_session_resumption=True) as pool:
            for _ in range(REQUESTS):
                response = await pool.request("GET", origin.url("https"), headers={"Connection": "close"})
                assert response.status == 200
    assert proxy.resumed == FIRST
    assert origin.resumed == FIRST
