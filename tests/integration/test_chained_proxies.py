"""A pool whose connections lead through several proxies: TLS inside TLS on every backend, many requests at a time."""

from __future__ import annotations

import contextlib
import typing

import pytest
from client_kinds import Client
from proxy_peers import ScriptedProxy, origin_server, proxy_server
from proxy_routes import SCHEMES, SECURE
from servers.certificates import certificates

import core_backends
import core_proxy
import httpcore

CHAINS = [("http", "socks5"), ("socks5", "http"), ("https", "https"), ("https", "socks5", "https", "https")]


def lead_through(client: Client, pool: typing.Any, proxies: typing.List[ScriptedProxy]) -> None:
    """Have `pool` connect through `proxies`, the first one first."""
    prefix = "" if client.name == "sync" else "Async"
    inner = pool.wrapped._pool if client.name == "sync" else pool.wrapped
    connector = getattr(core_backends, prefix + "DirectConnector")(inner._network_backend)
    for proxy in proxies:
        origin = httpcore.Origin(proxy.kind.encode(), b"localhost", proxy.port)
        if proxy.kind.startswith("socks"):
            connector = getattr(core_proxy, prefix + "SocksConnector")(origin, connector=connector)
        else:
            connector = getattr(core_proxy, prefix + "TunnelConnector")(
                origin,
                getattr(httpcore, prefix + "HTTP11Connection"),
                connector=connector,
                proxy_ssl_context=certificates().context() if proxy.kind == "https" else None,
            )
    connection = getattr(httpcore, prefix + "HTTPConnection")
    context = certificates().context()
    inner.create_connection = lambda origin: connection(origin, ssl_context=context, connector=connector)


@pytest.mark.parametrize("kinds", CHAINS, ids="-".join)
async def test_requests_share_a_connection_through_a_chain(client: Client, kinds: typing.Tuple[str, ...]) -> None:
    with contextlib.ExitStack() as stack:
        origin = stack.enter_context(origin_server())
        proxies = [stack.enter_context(proxy_server(kind)) for kind in kinds]
        async with client.pool() as pool:
            lead_through(client, pool, proxies)
            for scheme in SCHEMES:
                for path in ("/a", "/b"):
                    assert (await pool.request("GET", origin.url(scheme, path))).content == path.encode()
            assert len(pool.connections) == len(SCHEMES)
    assert [len(proxy.heads) for proxy in proxies] == [len(SCHEMES)] * len(proxies)
    assert [first[:2] == b"\x16\x03" for first in origin.first_bytes] == [scheme in SECURE for scheme in SCHEMES]


@pytest.mark.parametrize("kinds", CHAINS, ids="-".join)
async def test_many_requests_at_a_time_through_a_chain(client: Client, kinds: typing.Tuple[str, ...]) -> None:
    with contextlib.ExitStack() as stack:
        origin = stack.enter_context(origin_server())
        proxies = [stack.enter_context(proxy_server(kind)) for kind in kinds]
        async with client.pool(max_connections=5) as pool:
            lead_through(client, pool, proxies)

            async def one(number: int) -> bytes:
                response = await pool.request("GET", origin.url("https", f"/{number}"))
                content: bytes = response.content
                return content

            assert await client.gather(one, range(50)) == [b"/%d" % number for number in range(50)]
    assert [len(proxy.peers) <= 5 for proxy in proxies] == [True] * len(proxies)


@pytest.mark.parametrize("dead", range(3))
async def test_any_proxy_of_a_chain_may_be_away(client: Client, dead: int) -> None:
    """The first that cannot be reached ends it, and nothing is left open on the way to it."""
    with contextlib.ExitStack() as stack:
        proxies = [stack.enter_context(proxy_server(kind)) for kind in ("https", "socks5", "https")]
        proxies[dead].dies_after = 0
        async with client.pool(max_connections=1) as pool:
            lead_through(client, pool, proxies)
            for _ in range(2):
                with pytest.raises(httpcore.ConnectError):
                    await pool.request("GET", "https://localhost:9/", extensions={"timeout": {"pool": 5.0}})
                assert pool.connections == []
    assert [len(proxy.peers) for proxy in proxies] == [2] * (dead + 1) + [0] * (2 - dead)
