"""Every route, one pipeline: what arrives at the proxy and at the origin, and that options hold on every way there."""

from __future__ import annotations

import contextlib
import pathlib
import socket
import sys
import typing

import pytest
from client_kinds import Client
from proxy_peers import origin_server, proxy_server
from proxy_routes import HANDSHAKES, PROXIES, ROUTES, SCHEMES, SECURE, route_to, speaks_socks, through, watching
from servers.certificates import ALIAS, certificates
from servers.requirement import require_ipv6, require_unix_sockets

import httpcore

every_route = pytest.mark.parametrize("kind", ROUTES)
every_proxy = pytest.mark.parametrize("kind", PROXIES)
REQUEST_HEADERS = {"X-Test": "1"}


def is_tls(first_bytes: bytes) -> bool:
    return first_bytes[:2] == b"\x16\x03"


# --- which bytes arrive where ------------------------------------


@pytest.mark.parametrize("scheme", SCHEMES)
@every_route
async def test_first_bytes(client: Client, kind: str, scheme: str) -> None:
    """Clear text to `http` and `ws` origins only, whatever the route; what the proxy reads is for it."""
    secure = scheme in SECURE
    with route_to(kind) as route:
        origin, proxy = route.origin, route.proxy
        async with client.pool(**route.options) as pool:
            for path in ("/a", "/b"):
                response = await pool.request("GET", origin.url(scheme, path), headers=REQUEST_HEADERS)
                assert (response.status, response.content) == (200, path.encode())
                assert b"X-Proxy" not in dict(response.headers)
            shown = repr(pool.connections)
    target = b"localhost:%d" % origin.port
    assert len(origin.first_bytes) == len(route.peers) == 1
    assert is_tls(origin.first_bytes[0]) == secure
    assert secure or origin.first_bytes[0].startswith(b"GET /a")
    assert origin.server_names == (["localhost"] if secure else [])
    assert [head.partition(b"\r\nX-")[0] for head in origin.requests] == [
        b"GET %b HTTP/1.1\r\nHost: %b" % (path, target) for path in (b"/a", b"/b")
    ]
    name, shown_origin = "HTTPConnection", f"{scheme}://localhost:{origin.port}"
    if proxy is not None:
        assert proxy.server_names == (["localhost"] if kind == "https" else [])
        assert [is_tls(hello) for hello in proxy.hellos] == ([True] if kind == "https" else [])
        if speaks_socks(kind):
            name = "Socks5Connection"
            assert proxy.heads == [socks_request(kind, origin.port)]
        elif scheme == "http":
            name, shown_origin = "ForwardHTTPConnection", f"{kind}://localhost:{proxy.port}"
            line = b"GET http://%b%b HTTP/1.1\r\nHost: %b\r\nX-Test: 1\r\n\r\n"
            assert proxy.heads == [line % (target, path, target) for path in (b"/a", b"/b")]
        else:
            name = "TunnelHTTPConnection"
            assert proxy.heads == [b"CONNECT %b HTTP/1.1\r\nHost: %b\r\nAccept: */*\r\n\r\n" % (target, target)]
    prefix = "" if client.name == "sync" else "Async"
    assert shown.startswith(f"[<{prefix}{name} ['{shown_origin}', HTTP/1.1, IDLE")


def socks_request(kind: str, port: int) -> bytes:
    """What a SOCKS proxy without authentication is told: the name, or with `socks4` the address."""
    number = port.to_bytes(2, "big")
    if kind == "socks4":
        return b"\x04\x01" + number + b"\x7f\x00\x00\x01\x00"
    if kind == "socks4a":
        return b"\x04\x01" + number + b"\x00\x00\x00\xff\x00localhost\x00"
    return b"\x05\x01\x00\x05\x01\x00\x03\x09localhost" + number


@pytest.mark.parametrize("kind", [kind for kind in PROXIES if speaks_socks(kind)])
async def test_a_socks_proxy_behind_tls(client: Client, kind: str) -> None:
    context = certificates().context()
    with origin_server() as origin, proxy_server(kind, tls=True) as proxy:
        async with client.pool(**through(proxy, ssl_context=context)) as pool:
            for scheme in SCHEMES:
                assert (await pool.request("GET", origin.url(scheme))).status == 200
    assert [is_tls(hello) for hello in proxy.hellos] == [True] * 4
    assert proxy.server_names == ["localhost"] * 4
    assert proxy.heads == [socks_request(kind, origin.port)] * 4
    assert [is_tls(first) for first in origin.first_bytes] == [False, True, False, True]


@every_route
async def test_ipv6_origins(client: Client, kind: str) -> None:
    require_ipv6()
    with route_to(kind, host="::1") as route:
        for scheme in SCHEMES:
            async with client.pool(**route.options) as pool:
                url = route.origin.url(scheme, host="[::1]")
                if kind.startswith("socks4"):
                    with pytest.raises(httpcore.UnsupportedProtocol, match="no IPv6 addresses"):
                        await pool.request("GET", url)
                else:
                    assert (await pool.request("GET", url)).status == 200
    if kind.startswith("socks4"):
        assert route.peers == []
        return
    authority = b"[::1]:%d" % route.origin.port
    assert [b"\r\nHost: %b\r\n" % authority in request for request in route.origin.requests] == [True] * 4
    if kind.startswith("socks5"):
        request = b"\x05\x01\x00\x05\x01\x00\x04" + bytes(15) + b"\x01" + route.origin.port.to_bytes(2, "big")
        assert route.proxy is not None
        assert route.proxy.heads == [request] * 4
    elif route.proxy is not None:
        forwarded, *tunnelled = route.proxy.heads
        assert forwarded.startswith(b"GET http://%b/ HTTP/1.1\r\nHost: %b\r\n" % (authority, authority))
        connect = b"CONNECT %b HTTP/1.1\r\nHost: %b\r\nAccept: */*\r\n\r\n" % (authority, authority)
        assert tunnelled == [connect] * 3


@pytest.mark.parametrize("kind", ["http", "https"])
async def test_http_origins_may_be_tunnelled(client: Client, kind: str) -> None:
    with origin_server() as origin, proxy_server(kind) as proxy:
        async with client.pool(**through(proxy, tunnel=True)) as pool:
            await pool.request("GET", origin.url("http"))
    assert proxy.heads[0].startswith(b"CONNECT ")
    assert origin.first_bytes[0].startswith(b"GET / ")


@pytest.mark.parametrize("kind", ["socks5", "socks4a"])
async def test_names_may_be_resolved_here(client: Client, kind: str) -> None:
    with origin_server() as origin, proxy_server(kind) as proxy:
        async with client.pool(**through(proxy, resolve_locally=True)) as pool:
            for scheme in SCHEMES:
                assert (await pool.request("GET", origin.url(scheme))).status == 200
    assert len(proxy.heads) == 4
    assert all(b"localhost" not in head for head in proxy.heads)
    assert origin.server_names == ["localhost"] * 2


# --- options hold on every route ------------------------------------


@every_route
async def test_retries(client: Client, kind: str) -> None:
    with route_to(kind) as route:
        first_stop = ("localhost", route.origin.port if route.proxy is None else route.proxy.port)
        for scheme in SCHEMES:
            async with client.pool(retries=1, **route.options) as pool:
                asked = watching(client, pool, failures=1)
                assert (await pool.request("GET", route.origin.url(scheme))).status == 200
            assert asked == [first_stop] * 2
            async with client.pool(**route.options) as pool:
                asked = watching(client, pool, failures=1)
                with pytest.raises(httpcore.ConnectError, match="not this time"):
                    await pool.request("GET", route.origin.url(scheme))
                assert pool.connections == []
            assert asked == [first_stop]


@pytest.mark.parametrize(("kind", "scheme"), [*HANDSHAKES, ("https", "http")])
async def test_handshakes_are_retried(client: Client, kind: str, scheme: str) -> None:
    with origin_server() as origin, proxy_server(kind) as proxy:
        proxy.drops = 1
        async with client.pool(retries=1, **through(proxy)) as pool:
            assert (await pool.request("GET", origin.url(scheme))).status == 200
        assert len(proxy.peers) == 2
        proxy.drops = 2
        async with client.pool(retries=0, **through(proxy)) as pool:
            with pytest.raises(httpcore.ConnectError):
                await pool.request("GET", origin.url(scheme))
            assert pool.connections == []


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has all of 127.0.0.0/8 without configuration")
@every_route
async def test_local_address(client: Client, kind: str) -> None:
    with route_to(kind) as route:
        async with client.pool(local_address="127.0.0.9", **route.options) as pool:
            for scheme in SCHEMES:
                await pool.request("GET", route.origin.url(scheme))
    assert [peer[0] for peer in route.peers] == ["127.0.0.9"] * 4


@every_route
async def test_socket_options(client: Client, kind: str) -> None:
    options = [(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)]
    with route_to(kind) as route:
        async with client.pool(socket_options=options, **route.options) as pool:
            for scheme in SCHEMES:
                async with pool.stream("GET", route.origin.url(scheme)) as response:
                    sock = response.extensions["network_stream"].get_extra_info("socket")
                    assert sock.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)
                    assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
                    await response.aread()


@every_route
async def test_a_unix_socket_to_the_first_stop(client: Client, kind: str, tmp_path: pathlib.Path) -> None:
    require_unix_sockets()
    with route_to(kind, uds=str(tmp_path / "s")) as route:
        async with client.pool(**route.options) as pool:
            for scheme in SCHEMES:
                assert (await pool.request("GET", route.origin.url(scheme))).status == 200
    assert len(route.peers) == 4


@every_route
async def test_the_server_name_is_the_origins(client: Client, kind: str) -> None:
    with route_to(kind) as route:
        async with client.pool(**route.options) as pool:
            for scheme in SCHEMES:
                await pool.request("GET", route.origin.url(scheme), extensions={"sni_hostname": ALIAS})
    assert route.origin.server_names == [ALIAS] * 2
    if route.proxy is not None:
        assert route.proxy.server_names == (["localhost"] * 4 if kind == "https" else [])


@every_route
async def test_the_target_is_the_origins(client: Client, kind: str) -> None:
    with route_to(kind) as route:
        async with client.pool(**route.options) as pool:
            for scheme in SCHEMES:
                response = await pool.request("GET", route.origin.url(scheme), extensions={"target": b"/%7e?x=[]"})
                assert response.content == b"/%7e?x=[]"
    if route.proxy is not None:
        told = [head for head in route.proxy.heads if b"%7e" in head]
        assert [head.partition(b"localhost")[0] for head in told] == ([] if speaks_socks(kind) else [b"GET http://"])


@pytest.mark.parametrize("http2", [False, True])
@every_route
async def test_what_is_offered_by_alpn(client: Client, kind: str, http2: bool) -> None:
    """HTTP/2, the preferred one, to the origin alone: proxies are spoken to in HTTP/1.1."""
    with route_to(kind) as route:
        async with client.pool(http2=http2, **route.options) as pool:
            for scheme in SECURE:
                response = await pool.request("GET", route.origin.url(scheme))
                assert response.extensions["http_version"] == b"HTTP/1.1"
    http1_alone = b"\x00\x10\x00\x0b\x00\x09\x08http/1.1"
    with_http2 = b"\x00\x10\x00\x0e\x00\x0c\x02h2\x08http/1.1"
    offered = with_http2 if http2 else http1_alone
    assert [offered in hello for hello in route.origin.first_bytes] == [True] * 2
    if route.proxy is not None:
        assert [http1_alone in hello for hello in route.proxy.hellos] == [True] * (2 if kind == "https" else 0)


@every_route
async def test_a_users_own_backend_is_asked_for_the_first_stop(client: Client, kind: str) -> None:
    with route_to(kind) as route:
        first_stop = ("localhost", route.origin.port if route.proxy is None else route.proxy.port)
        async with client.pool(**route.options) as pool:
            asked = watching(client, pool)
            for scheme in SCHEMES:
                await pool.request("GET", route.origin.url(scheme))
    assert asked == [first_stop] * 4


@every_route
async def test_connecting_ends_with_its_timeout(client: Client, kind: str) -> None:
    """Whatever the route, when the first stop takes the connection and says nothing."""
    with socket.create_server(("127.0.0.1", 0)) as deaf:
        port = deaf.getsockname()[1]
        for scheme in SCHEMES:
            if (scheme not in SECURE and kind == "direct") or (kind, scheme) == ("http", "http"):
                continue  # Nothing has to be said before the connection stands.
            with contextlib.ExitStack() as stack:
                if kind == "direct":
                    options, url = {}, f"{scheme}://localhost:{port}/"
                else:
                    proxy = stack.enter_context(proxy_server(kind))
                    proxy.deaf = True
                    options, url = through(proxy), f"{scheme}://localhost:9/"
                async with client.pool(**options) as pool:
                    with pytest.raises(httpcore.ConnectTimeout):
                        await pool.request("GET", url, extensions={"timeout": {"connect": 0.1}})
                    assert pool.connections == []


# --- what else stays as it is ------------------------------------


@pytest.mark.parametrize("scheme", SCHEMES)
@every_route
async def test_trace_events(client: Client, kind: str, scheme: str) -> None:
    names: typing.List[str] = []

    async def trace(name: str, info: typing.Any) -> None:
        names.append(name)

    with route_to(kind) as route:
        async with client.pool(**route.options) as pool:
            await pool.request("GET", route.origin.url(scheme), extensions={"trace": trace})
    exchange = ["http11.send_request_headers", "http11.send_request_body", "http11.receive_response_headers"]
    to_first = ["connection.connect_tcp"]
    prefix = "connection"
    if speaks_socks(kind):
        prefix = "socks"
        to_first = ["socks.connect_tcp", f"socks.setup_{kind[:6]}_connection"]
    elif kind != "direct":
        to_first += ["connection.start_tls"] if kind == "https" else []
        if scheme != "http":
            prefix = "proxy"
            to_first += exchange
    to_origin = [f"{prefix}.start_tls"] if scheme in SECURE else []
    end = ["http11.receive_response_body", "http11.response_closed"]
    expected = [*to_first, *to_origin, *exchange, *end]
    own = [name for name in names if name.rpartition(".")[0] in expected]
    assert own == [f"{name}.{part}" for name in expected for part in ("started", "complete")]


async def test_one_forwarding_connection_per_remote_origin(client: Client) -> None:
    with origin_server() as one, origin_server() as two, proxy_server("http") as proxy:
        async with client.pool(**through(proxy)) as pool:
            for _ in range(2):
                for origin in (one, two):
                    await pool.request("GET", origin.url("http"))
            assert len(pool.connections) == 2
    assert len(proxy.peers) == 2


@pytest.mark.parametrize("scheme", ["http", "https"])
@every_proxy
async def test_many_requests_at_a_time(client: Client, kind: str, scheme: str) -> None:
    with origin_server() as origin, proxy_server(kind) as proxy:
        async with client.pool(max_connections=10, **through(proxy)) as pool:

            async def one(number: int) -> bytes:
                response = await pool.request("GET", origin.url(scheme, f"/{number}"))
                content: bytes = response.content
                return content

            contents = await client.gather(one, range(100))
            assert len(pool.connections) <= 10
    assert contents == [b"/%d" % number for number in range(100)]
    assert len(proxy.peers) <= 10
