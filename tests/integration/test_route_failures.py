"""Proxies that refuse, die at any byte, fall silent or lie: what is raised, and that nothing is left behind."""

from __future__ import annotations

import asyncio
import re
import socket
import traceback
import typing

import pytest
from client_kinds import Client
from proxy_peers import (
    CONSENT,
    SOCKS4_CONSENT,
    SOCKS5_CONSENT,
    ScriptedProxy,
    basic,
    origin_server,
    proxy_server,
)
from proxy_routes import HANDSHAKES, PROXIES, SCHEMES, acquired, through

import httpcore

every_proxy = pytest.mark.parametrize("kind", PROXIES)


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
        assert await acquired(client, proxy.ended)
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

#: What each kind says in a handshake; `+auth` is with user name and password.
WORDS = {
    "http": CONSENT,
    "https": CONSENT,
    "socks5": b"\x05\x00" + SOCKS5_CONSENT,
    "socks5h+auth": b"\x05\x02\x01\x00" + SOCKS5_CONSENT,
    "socks4": SOCKS4_CONSENT,
    "socks4a": SOCKS4_CONSENT,
}


@pytest.mark.parametrize("resets", [False, True], ids=["hangs up", "resets"])
@pytest.mark.parametrize("kind", sorted(WORDS))
async def test_a_proxy_that_dies_at_any_byte(client: Client, kind: str, resets: bool) -> None:
    scheme, _, auth = kind.partition("+")
    with origin_server() as origin, proxy_server(scheme, auth=bool(auth)) as proxy:
        proxy.resets = resets
        options = through(proxy, auth=("ann", "s3cret") if auth else None)
        async with client.pool(max_connections=1, **options) as pool:
            for said in range(len(WORDS[kind])):
                proxy.dies_after = said
                with pytest.raises(httpcore.ConnectError):
                    await pool.request("GET", origin.url("wss"))
                assert pool.connections == []
            proxy.dies_after = None
            assert (await pool.request("GET", origin.url("wss"))).status == 200
    assert len(proxy.peers) == len(WORDS[kind]) + 1


@pytest.mark.parametrize(("kind", "scheme"), HANDSHAKES)
async def test_a_proxy_that_is_silent(client: Client, kind: str, scheme: str) -> None:
    with proxy_server(kind) as proxy:
        proxy.garbage = b""
        async with client.pool(**through(proxy)) as pool:
            with pytest.raises(httpcore.ConnectTimeout):
                await pool.request("GET", f"{scheme}://localhost:9/", extensions={"timeout": {"connect": 0.5}})
            assert pool.connections == []
            assert await acquired(client, proxy.ended)


@every_proxy
async def test_a_proxy_that_talks_nonsense(client: Client, kind: str) -> None:
    with proxy_server(kind) as proxy:
        proxy.garbage = b"SSH-2.0-nonsense\r\n\r\n"
        async with client.pool(**through(proxy)) as pool:
            with pytest.raises(httpcore.ProxyError):
                await pool.request("GET", "https://localhost:9/")
            assert pool.connections == []
            assert await acquired(client, proxy.ended)


@every_proxy
async def test_a_proxy_that_is_not_there(client: Client, kind: str) -> None:
    with proxy_server(kind) as proxy:
        options = through(proxy)
    async with client.pool(**options) as pool:
        for scheme in SCHEMES:
            with pytest.raises(httpcore.ConnectError):
                await pool.request("GET", f"{scheme}://localhost:9/")
        assert pool.connections == []


@every_proxy
async def test_a_proxy_whose_name_means_nothing(client: Client, kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_such_name(*_: typing.Any, **__: typing.Any) -> typing.NoReturn:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    with proxy_server(kind) as proxy:
        options = through(proxy)
        monkeypatch.setattr(socket, "getaddrinfo", no_such_name)
        async with client.pool(**options) as pool:
            for scheme in SCHEMES:
                with pytest.raises(httpcore.ConnectError, match="Name or service not known"):
                    await pool.request("GET", f"{scheme}://localhost:9/")
            assert pool.connections == []
    assert proxy.peers == []


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
                assert await acquired(client, proxy.ended)


@pytest.mark.parametrize("kind", ["http", "https"])
async def test_silence_inside_the_tunnel(client: Client, kind: str) -> None:
    with proxy_server(kind) as proxy:
        proxy.behind = b""
        async with client.pool(max_connections=1, **through(proxy)) as pool:
            with pytest.raises(httpcore.ConnectTimeout):
                await pool.request("GET", "https://localhost:9/", extensions={"timeout": {"connect": 0.3}})
            assert pool.connections == []
            assert await acquired(client, proxy.ended)


@every_proxy
async def test_a_certificate_of_someone_else_inside_the_tunnel(client: Client, kind: str) -> None:
    with origin_server() as origin, proxy_server(kind) as proxy:
        async with client.pool(**through(proxy)) as pool:
            with pytest.raises(httpcore.ConnectError, match=r"(?i)certificate|hostname"):
                await pool.request("GET", origin.url("https"), extensions={"sni_hostname": "elsewhere.example"})
            assert pool.connections == []
            assert await acquired(client, proxy.ended)


@pytest.mark.parametrize(
    ("kind", "step"),
    [("https", "TLS to the proxy"), *((kind, "handshake") for kind in PROXIES), ("http", "TLS"), ("https", "TLS")],
)
async def test_cancelling_while_connecting_frees_slot_and_descriptor(client: Client, kind: str, step: str) -> None:
    if client.name == "sync":
        pytest.skip("threads cannot be cancelled")
    with proxy_server(kind) as proxy:
        proxy.deaf = step == "TLS to the proxy"
        proxy.garbage = b"" if step == "handshake" else None
        proxy.behind = b"" if step == "TLS" else None
        async with client.pool(max_connections=1, **through(proxy)) as pool:
            for _ in range(2):
                await cancelled(client, lambda: pool.request("GET", "https://localhost:9/"), proxy)
                assert pool.connections == []
                assert await acquired(client, proxy.ended)


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
