"""Every route, one pipeline: direct, forwarded, tunnelled, SOCKS, by what arrives at the proxy and at the origin."""

from __future__ import annotations

import asyncio
import pathlib
import re
import socket
import sys
import traceback
import typing

import pytest
from client_kinds import Client
from proxy_peers import ScriptedProxy, basic, origin_server, proxy_server
from servers.certificates import ALIAS, certificates

import httpcore

Options = typing.Dict[str, typing.Any]
# Where reaching the origin takes a handshake with the proxy; a forwarding one is a server like any other.
HANDSHAKES = [
    (kind, scheme)
    for kind in ("http", "https", "socks5", "socks5h")
    for scheme in ("http", "https")
    if scheme == "https" or kind.startswith("socks5")
]
PROXIES = ("http", "https", "socks5", "socks5h")
SCHEMES = ("http", "https", "ws", "wss")
REQUEST_HEADERS = {"X-Test": "1"}


def through(proxy: ScriptedProxy, **options: typing.Any) -> Options:
    """The options of a pool that goes through `proxy` and trusts what it shows."""
    if proxy.kind == "https":
        options["ssl_context"] = certificates().context()
    return {
        "proxy": httpcore.Proxy(proxy.url, **options),
        "ssl_context": certificates().context(),
        **({} if proxy.uds is None else {"uds": proxy.uds}),
    }


async def ended(client: Client, proxy: ScriptedProxy) -> bool:
    """Wait, without stopping the event loop, until a connection to the proxy has ended; False if it does not."""

    def wait() -> bool:
        return proxy.ended.acquire(timeout=10)

    if client.name == "sync":
        return wait()
    if client.name == "trio":
        import trio

        return await trio.to_thread.run_sync(wait)
    return await asyncio.get_running_loop().run_in_executor(None, wait)


def is_tls(first_bytes: bytes) -> bool:
    return first_bytes[:2] == b"\x16\x03"


# --- which bytes arrive where ------------------------------------


@pytest.mark.parametrize("scheme", SCHEMES)
async def test_direct(client: Client, scheme: str) -> None:
    with origin_server() as origin:
        async with client.pool(ssl_context=certificates().context()) as pool:
            response = await pool.request("GET", origin.url(scheme, "/a"))
    assert response.content == b"/a"
    assert is_tls(origin.first_bytes[0]) == (scheme in ("https", "wss"))


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("kind", PROXIES)
async def test_through_a_proxy(client: Client, kind: str, scheme: str) -> None:
    """Clear text to `http` and `ws` origins only, whatever the proxy; what the proxy reads is for it."""
    secure = scheme in ("https", "wss")
    with origin_server() as origin, proxy_server(kind) as proxy:
        async with client.pool(**through(proxy)) as pool:
            for path in ("/a", "/b"):
                response = await pool.request("GET", origin.url(scheme, path), headers=REQUEST_HEADERS)
                assert response.status == 200
                assert response.content.endswith(path.encode())
                assert b"X-Proxy" not in dict(response.headers)
            shown = repr(pool.connections)
    assert is_tls(origin.first_bytes[0]) == secure
    assert len(origin.first_bytes) == len(proxy.heads) == 1
    assert origin.server_names == (["localhost"] if secure else [])
    assert proxy.server_names == (["localhost"] if kind == "https" else [])
    target = f"localhost:{origin.port}".encode()
    prefix = "" if client.name == "sync" else "Async"
    if kind.startswith("socks5"):
        assert proxy.heads == [b"\x05\x01\x00\x05\x01\x00\x03\x09localhost" + origin.port.to_bytes(2, "big")]
        assert f"<{prefix}Socks5Connection ['{scheme}://localhost:{origin.port}', HTTP/1.1, IDLE" in shown
    elif scheme == "http":
        head = b"GET http://%b/a HTTP/1.1\r\nHost: %b\r\nX-Test: 1\r\n\r\n" % (target, target)
        assert proxy.heads == [head]
        assert f"<{prefix}ForwardHTTPConnection ['{kind}://localhost:{proxy.port}', HTTP/1.1, IDLE" in shown
    else:
        assert proxy.heads == [b"CONNECT %b HTTP/1.1\r\nHost: %b\r\nAccept: */*\r\n\r\n" % (target, target)]
        assert f"<{prefix}TunnelHTTPConnection ['{scheme}://localhost:{origin.port}', HTTP/1.1, IDLE" in shown
    if not (scheme == "http" and kind in ("http", "https")):
        assert origin.requests[0].startswith(b"GET /a HTTP/1.1\r\nHost: " + target)


@pytest.mark.parametrize("kind", ["http", "https"])
async def test_http_origins_may_be_tunnelled(client: Client, kind: str) -> None:
    with origin_server() as origin, proxy_server(kind) as proxy:
        async with client.pool(**through(proxy, tunnel=True)) as pool:
            await pool.request("GET", origin.url("http"))
    assert proxy.heads[0].startswith(b"CONNECT ")
    assert origin.first_bytes[0].startswith(b"GET / ")


@pytest.mark.parametrize("scheme", ["http", "https"])
@pytest.mark.parametrize("kind", PROXIES)
async def test_ipv6_origins(client: Client, kind: str, scheme: str) -> None:
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError:
        pytest.skip("no IPv6 on the loopback interface")
    with origin_server("::1") as origin, proxy_server(kind, origin_host="::1") as proxy:
        async with client.pool(**through(proxy)) as pool:
            await pool.request("GET", origin.url(scheme, host="[::1]"))
    authority = f"[::1]:{origin.port}".encode()
    if kind.startswith("socks5"):
        assert proxy.heads[0][3:] == b"\x05\x01\x00\x04" + bytes(15) + b"\x01" + origin.port.to_bytes(2, "big")
    elif scheme == "http":
        assert proxy.heads[0].startswith(b"GET http://%b/ HTTP/1.1\r\nHost: %b\r\n" % (authority, authority))
    else:
        assert proxy.heads[0].startswith(b"CONNECT %b HTTP/1.1\r\nHost: %b\r\n" % (authority, authority))
    assert b"Host: " + authority in origin.requests[0]


# --- options hold on every route ------------------------------------


@pytest.mark.parametrize(("kind", "scheme"), [*HANDSHAKES, ("https", "http")])
async def test_retries(client: Client, kind: str, scheme: str) -> None:
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
@pytest.mark.parametrize("scheme", ["http", "https"])
@pytest.mark.parametrize("kind", PROXIES)
async def test_local_address(client: Client, kind: str, scheme: str) -> None:
    with origin_server() as origin, proxy_server(kind) as proxy:
        async with client.pool(local_address="127.0.0.9", **through(proxy)) as pool:
            await pool.request("GET", origin.url(scheme))
    assert [peer[0] for peer in proxy.peers] == ["127.0.0.9"]


@pytest.mark.parametrize("scheme", ["http", "https"])
@pytest.mark.parametrize("kind", PROXIES)
async def test_socket_options(client: Client, kind: str, scheme: str) -> None:
    options = [(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)]
    with origin_server() as origin, proxy_server(kind) as proxy:
        async with client.pool(socket_options=options, **through(proxy)) as pool:
            async with pool.stream("GET", origin.url(scheme)) as response:
                sock = response.extensions["network_stream"].get_extra_info("socket")
                assert sock.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)
                assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
                await response.aread()


@pytest.mark.skipif(not hasattr(socket, "AF_UNIX"), reason="no unix sockets here")
@pytest.mark.parametrize("scheme", ["http", "https"])
@pytest.mark.parametrize("kind", PROXIES)
async def test_a_proxy_on_a_unix_socket(client: Client, kind: str, scheme: str, tmp_path: pathlib.Path) -> None:
    with origin_server() as origin, proxy_server(kind, uds=str(tmp_path / "proxy")) as proxy:
        async with client.pool(**through(proxy)) as pool:
            assert (await pool.request("GET", origin.url(scheme))).status == 200
    assert len(proxy.heads) == 1


@pytest.mark.parametrize("kind", PROXIES)
async def test_the_server_name_is_the_origins(client: Client, kind: str) -> None:
    with origin_server() as origin, proxy_server(kind) as proxy:
        async with client.pool(**through(proxy)) as pool:
            await pool.request("GET", origin.url("https"), extensions={"sni_hostname": ALIAS})
            await pool.request("GET", origin.url("http"), extensions={"sni_hostname": ALIAS})
    assert origin.server_names == [ALIAS]
    assert set(proxy.server_names) <= {"localhost"}


@pytest.mark.parametrize("kind", PROXIES)
async def test_the_target_is_the_origins(client: Client, kind: str) -> None:
    with origin_server() as origin, proxy_server(kind) as proxy:
        async with client.pool(**through(proxy)) as pool:
            for scheme in ("https", "http"):
                response = await pool.request("GET", origin.url(scheme), extensions={"target": b"/%7e?x=[]"})
                assert response.content.endswith(b"/%7e?x=[]")
    assert b"%7e" not in proxy.heads[0]


@pytest.mark.parametrize("kind", ["http", "https"])
async def test_a_target_of_another_host_is_refused(client: Client, kind: str) -> None:
    with origin_server() as origin, proxy_server(kind) as proxy:
        async with client.pool(**through(proxy)) as pool:
            with pytest.raises(httpcore.LocalProtocolError):
                await pool.request("GET", origin.url("http"), extensions={"target": b"@evil.test/"})
    assert proxy.heads == []


# --- credentials ------------------------------------


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("kind", PROXIES)
async def test_credentials_go_to_the_proxy_alone(
    client: Client, kind: str, scheme: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    socks = kind.startswith("socks5")
    secret = b"\x01\x03ann\x06s3cret" if socks else basic("ann", "s3cret")
    with origin_server() as origin, proxy_server(kind, auth=socks) as proxy:
        options = through(proxy, auth=("ann", "s3cret"), headers={"X-Proxy-Only": "1"})
        async with client.pool(**options) as pool:
            await pool.request("GET", origin.url(scheme))
            shown = repr(pool) + repr(pool.connections) + repr(options)
    assert secret in proxy.heads[0]
    assert b"Proxy-Authorization" not in origin.requests[0]
    assert b"s3cret" not in origin.requests[0]
    for text in (shown, caplog.text):
        assert "s3cret" not in text
        assert basic("ann", "s3cret").decode() not in text


async def test_the_proxys_headers_stand_in_front_and_the_requests_win(client: Client) -> None:
    with origin_server() as origin, proxy_server("http") as proxy:
        headers = {"X-Both": "proxy", "X-Proxy": "1"}
        async with client.pool(**through(proxy, auth=("ann", "x"), headers=headers)) as pool:
            await pool.request("GET", origin.url("http"), headers={"x-both": "request"})
            await pool.request("GET", origin.url("https"), headers={"x-both": "request"})
    # HTTP/1.1 puts Host first, wherever it stands in the request.
    lines = proxy.heads[0].split(b"\r\n")[1:-2]
    authorization = b"Proxy-Authorization: " + basic("ann", "x")
    assert lines == [b"Host: localhost:%d" % origin.port, authorization, b"X-Proxy: 1", b"x-both: request"]
    lines = proxy.heads[1].split(b"\r\n")[3:-2]
    assert lines == [authorization, b"X-Both: proxy", b"X-Proxy: 1"]


# --- refusals ------------------------------------

REFUSAL = b"HTTP/1.1 403 Permission Denied\r\nX-Why: rule 7\r\nContent-Length: 7\r\n\r\nbecause"
CHALLENGE = b"HTTP/1.1 407 Who\r\nProxy-Authenticate: Digest nonce=1\r\nContent-Length: 4\r\n\r\nwho?"


@pytest.mark.parametrize("kind", ["http", "https"])
async def test_a_refused_tunnel(client: Client, kind: str) -> None:
    with origin_server() as origin, proxy_server(kind) as proxy:
        proxy.answers = [REFUSAL]
        async with client.pool(**through(proxy, auth=("ann", "s3cret"))) as pool:
            with pytest.raises(httpcore.ProxyError) as caught:
                await pool.request("GET", origin.url("https"))
            assert pool.connections == []
            # The next request is not impressed.
            assert (await pool.request("GET", origin.url("https"))).status == 200
        assert await ended(client, proxy)
    error = caught.value
    assert str(error) == "403 Permission Denied"
    response: typing.Any = error.response
    assert (response.status, response.content) == (403, b"because")
    assert (b"X-Why", b"rule 7") in response.headers
    shown = "".join(traceback.format_exception(type(error), error, error.__traceback__)) + repr(vars(response))
    assert "s3cret" not in shown
    assert basic("ann", "s3cret").decode() not in shown


@pytest.mark.parametrize("kind", ["http", "https"])
async def test_a_challenge_is_answered_on_the_same_connection(client: Client, kind: str) -> None:
    asked = []

    async def answer(request: httpcore.Request, response: httpcore.Response) -> typing.Dict[str, str]:
        asked.append((request.url.target, response.status, response.content))
        return {"Proxy-Authorization": f"Digest answer={len(asked)}"}

    def answer_sync(request: httpcore.Request, response: httpcore.Response) -> typing.Dict[str, str]:
        asked.append((request.url.target, response.status, response.content))
        return {"Proxy-Authorization": f"Digest answer={len(asked)}"}

    with origin_server() as origin, proxy_server(kind) as proxy:
        proxy.answers = [CHALLENGE, CHALLENGE]
        hook = answer_sync if client.name == "sync" else answer
        async with client.pool(**through(proxy, on_challenge=hook)) as pool:
            assert (await pool.request("GET", origin.url("https"))).status == 200
    assert asked == [(b"localhost:%d" % origin.port, 407, b"who?")] * 2
    assert len(proxy.peers) == 1
    assert [re.findall(rb"answer=\d", head) for head in proxy.heads] == [[], [b"answer=1"], [b"answer=2"]]


async def test_a_proxy_that_refuses_to_forward_is_the_response(client: Client) -> None:
    with origin_server() as origin, proxy_server("http") as proxy:
        proxy.answers = [CHALLENGE]
        async with client.pool(**through(proxy)) as pool:
            response = await pool.request("GET", origin.url("http"))
    assert (response.status, response.content) == (407, b"who?")


# --- what dies, hangs, or lies leaves nothing behind ------------------------------------


@pytest.mark.parametrize(("kind", "scheme"), HANDSHAKES)
async def test_a_proxy_that_is_silent(client: Client, kind: str, scheme: str) -> None:
    with proxy_server(kind) as proxy:
        proxy.garbage = b""
        async with client.pool(**through(proxy)) as pool:
            with pytest.raises(httpcore.ConnectTimeout):
                await pool.request("GET", f"{scheme}://localhost:9/", extensions={"timeout": {"connect": 0.2}})
            assert pool.connections == []
            assert await ended(client, proxy)


@pytest.mark.parametrize("kind", PROXIES)
async def test_a_proxy_that_talks_nonsense(client: Client, kind: str) -> None:
    with proxy_server(kind) as proxy:
        proxy.garbage = b"SSH-2.0-nonsense\r\n\r\n"
        async with client.pool(**through(proxy)) as pool:
            with pytest.raises(httpcore.ProxyError):
                await pool.request("GET", "https://localhost:9/")
            assert pool.connections == []
            assert await ended(client, proxy)


@pytest.mark.parametrize("kind", PROXIES)
async def test_a_proxy_that_is_not_there(client: Client, kind: str) -> None:
    with proxy_server(kind) as proxy:
        options = through(proxy)
    async with client.pool(**options) as pool:
        for scheme in ("http", "https"):
            with pytest.raises(httpcore.ConnectError):
                await pool.request("GET", f"{scheme}://localhost:9/")
        assert pool.connections == []


@pytest.mark.parametrize("kind", ["http", "https"])
async def test_garbage_inside_the_tunnel(client: Client, kind: str) -> None:
    """TLS to the origin fails behind a tunnel that stands: slot and descriptor are free again."""
    with proxy_server(kind) as proxy:
        proxy.behind = b"this is no TLS at all" * 10
        async with client.pool(max_connections=1, **through(proxy)) as pool:
            for _ in range(3):
                with pytest.raises(httpcore.ConnectError):
                    await pool.request("GET", "https://localhost:9/", extensions={"timeout": {"pool": 2.0}})
                assert pool.connections == []
                assert await ended(client, proxy)


@pytest.mark.parametrize("kind", ["http", "https"])
async def test_silence_inside_the_tunnel(client: Client, kind: str) -> None:
    with proxy_server(kind) as proxy:
        proxy.behind = b""
        async with client.pool(max_connections=1, **through(proxy)) as pool:
            with pytest.raises(httpcore.ConnectTimeout):
                await pool.request("GET", "https://localhost:9/", extensions={"timeout": {"connect": 0.3}})
            assert pool.connections == []
            assert await ended(client, proxy)


@pytest.mark.parametrize("kind", PROXIES)
async def test_a_certificate_of_someone_else_inside_the_tunnel(client: Client, kind: str) -> None:
    with origin_server() as origin, proxy_server(kind) as proxy:
        async with client.pool(**through(proxy)) as pool:
            with pytest.raises(httpcore.ConnectError, match=r"(?i)certificate|hostname"):
                await pool.request("GET", origin.url("https"), extensions={"sni_hostname": "elsewhere.example"})
            assert pool.connections == []
            assert await ended(client, proxy)


@pytest.mark.parametrize(
    ("kind", "step"),
    [("https", "TLS to the proxy"), *((kind, "handshake") for kind in PROXIES), ("http", "TLS"), ("https", "TLS")],
)
async def test_cancelling_while_connecting_frees_slot_and_descriptor(client: Client, kind: str, step: str) -> None:
    if client.name == "sync":
        pytest.skip("threads cannot be cancelled")
    if client.name == "asyncio-anyio" and sys.version_info < (3, 10):
        pytest.skip("while anyio connects, a task's cancellation can get lost on 3.8 and 3.9: it takes it for its own")
    with proxy_server(kind) as proxy:
        proxy.deaf = step == "TLS to the proxy"
        proxy.garbage = b"" if step == "handshake" else None
        proxy.behind = b"" if step == "TLS" else None
        async with client.pool(max_connections=1, **through(proxy)) as pool:
            for _ in range(2):
                await cancelled(client, lambda: pool.request("GET", "https://localhost:9/"), proxy)
                assert pool.connections == []
                assert await ended(client, proxy)


async def cancelled(client: Client, request: typing.Callable[[], typing.Any], proxy: ScriptedProxy) -> None:
    """Cancel `request` when the proxy has said all that it will say."""
    if client.name == "trio":
        import trio

        async with trio.open_nursery() as nursery:
            nursery.start_soon(request)
            await trio.to_thread.run_sync(proxy.silent.acquire)
            nursery.cancel_scope.cancel()
        return
    task = asyncio.ensure_future(request())
    await asyncio.get_running_loop().run_in_executor(None, proxy.silent.acquire)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


# --- what else stays as it is ------------------------------------


@pytest.mark.parametrize(
    ("kind", "scheme", "expected"),
    [
        ("http", "http", ["connection.connect_tcp"]),
        ("https", "http", ["connection.connect_tcp", "connection.start_tls"]),
        ("http", "https", ["connection.connect_tcp", "http11", "proxy.start_tls"]),
        ("https", "https", ["connection.connect_tcp", "connection.start_tls", "http11", "proxy.start_tls"]),
        ("socks5", "http", ["socks.connect_tcp", "socks.setup_socks5_connection"]),
        ("socks5", "https", ["socks.connect_tcp", "socks.setup_socks5_connection", "socks.start_tls"]),
    ],
)
async def test_trace_events(client: Client, kind: str, scheme: str, expected: typing.List[str]) -> None:
    names: typing.List[str] = []

    async def trace(name: str, info: typing.Any) -> None:
        names.append(name)

    with origin_server() as origin, proxy_server(kind) as proxy:
        async with client.pool(**through(proxy)) as pool:
            await pool.request("GET", origin.url(scheme), extensions={"trace": trace})
    assert not [name for name in names if name.endswith(".failed")]
    completed = [name[: -len(".complete")] for name in names if name.endswith(".complete")]
    # The exchange of CONNECT, and at the end the request's own.
    exchange = ["http11.send_request_headers", "http11.send_request_body", "http11.receive_response_headers"]
    wanted = []
    for name in expected:
        wanted += exchange if name == "http11" else [name]
    end = ["http11.receive_response_body", "http11.response_closed"]
    assert completed[: len(wanted) + len(exchange)] == wanted + exchange
    assert [name for name in completed if name.startswith("http11.re")][-2:] == end


async def test_one_forwarding_connection_per_remote_origin(client: Client) -> None:
    with origin_server() as one, origin_server() as two, proxy_server("http") as proxy:
        async with client.pool(**through(proxy)) as pool:
            for _ in range(2):
                for origin in (one, two):
                    await pool.request("GET", origin.url("http"))
            assert len(pool.connections) == 2
    assert len(proxy.peers) == 2


@pytest.mark.parametrize("scheme", ["http", "https"])
@pytest.mark.parametrize("kind", PROXIES)
async def test_many_requests_at_a_time(client: Client, kind: str, scheme: str) -> None:
    with origin_server() as origin, proxy_server(kind) as proxy:
        async with client.pool(max_connections=10, **through(proxy)) as pool:

            async def one(number: int) -> bytes:
                response = await pool.request("GET", origin.url(scheme, f"/{number}"))
                content: bytes = response.content
                return content

            contents = await client.gather(one, range(100))
            assert len(pool.connections) <= 10
    assert [content.rpartition(b"/")[2] for content in contents] == [b"%d" % number for number in range(100)]
    assert len(proxy.peers) <= 10


@pytest.mark.parametrize("kind", PROXIES)
async def test_a_users_own_backend_is_asked_for_the_proxy(client: Client, kind: str) -> None:
    """It may be set after the pool was made, as guards against forbidden addresses do."""
    asked = []

    class Backend(httpcore.NetworkBackend):
        def __init__(self, inner: httpcore.NetworkBackend) -> None:
            self.inner = inner

        def connect_tcp(self, host: str, port: int, *args: typing.Any, **options: typing.Any) -> httpcore.NetworkStream:
            asked.append((host, port))
            return self.inner.connect_tcp(host, port, *args, **options)

    class AsyncBackend(httpcore.AsyncNetworkBackend):
        def __init__(self, inner: httpcore.AsyncNetworkBackend) -> None:
            self.inner = inner

        async def connect_tcp(
            self, host: str, port: int, *args: typing.Any, **options: typing.Any
        ) -> httpcore.AsyncNetworkStream:
            asked.append((host, port))
            return await self.inner.connect_tcp(host, port, *args, **options)

    with origin_server() as origin, proxy_server(kind) as proxy:
        async with client.pool(**through(proxy)) as pool:
            inner = pool.wrapped._pool if client.name == "sync" else pool.wrapped
            backend = Backend if client.name == "sync" else AsyncBackend
            inner._network_backend = backend(inner._network_backend)
            await pool.request("GET", origin.url("http"))
            await pool.request("GET", origin.url("https"))
    assert asked == [("localhost", proxy.port)] * 2
