"""What is for the proxy reaches the proxy alone, and what is for the origin the origin; nothing can be smuggled in."""

from __future__ import annotations

import typing
from itertools import product

import pytest
from client_kinds import Client
from proxy_peers import (
    CONSENT,
    SOCKS4_CONSENT,
    SOCKS5_CONSENT,
    Origin,
    basic,
    origin_server,
    proxy_server,
)
from proxy_routes import PROXIES, SCHEMES, acquired, speaks_socks, through
from servers.certificates import certificates

import httpcore

every_proxy = pytest.mark.parametrize("kind", PROXIES)


# --- credentials ------------------------------------


#: SOCKS4 has a user id and no password.
CREDENTIALS = {kind: ("s3cret", "") if kind.startswith("socks4") else ("ann", "s3cret") for kind in PROXIES}


def sent(kind: str) -> bytes:
    """How the credentials stand in what the proxy is told."""
    if kind.startswith("socks4"):
        return b"s3cret\x00"
    return b"\x01\x03ann\x06s3cret" if speaks_socks(kind) else basic("ann", "s3cret")


@pytest.mark.parametrize("scheme", SCHEMES)
@every_proxy
async def test_credentials_go_to_the_proxy_alone(
    client: Client, kind: str, scheme: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    with origin_server() as origin, proxy_server(kind, auth=kind.startswith("socks5")) as proxy:
        options = through(proxy, auth=CREDENTIALS[kind], headers={"X-Proxy-Only": "1"})
        async with client.pool(**options) as pool:
            await pool.request("GET", origin.url(scheme))
            shown = repr(pool) + repr(pool.connections) + repr(options)
    assert sent(kind) in proxy.heads[0]
    for secret in (b"Proxy-Authorization", b"s3cret", basic("ann", "s3cret")):
        assert secret not in origin.requests[0]
    for text in (shown, caplog.text):
        assert "s3cret" not in text
        assert basic("ann", "s3cret").decode() not in text


@pytest.mark.parametrize("kind", [kind for kind in PROXIES if kind != "http"])
async def test_a_proxy_that_shows_no_certificate_learns_nothing(client: Client, kind: str) -> None:
    """With an SSL context for the proxy there is TLS, or nothing: here it is a plain one that agrees to everything."""
    with proxy_server(kind, tls=False) as proxy:
        proxy.garbage = CONSENT if kind == "https" else b"\x05\x02\x01\x00" + SOCKS5_CONSENT
        async with client.pool(**through(proxy, auth=CREDENTIALS[kind], ssl_context=certificates().context())) as pool:
            with pytest.raises(httpcore.ConnectError, match="TLS handshake with 'localhost' failed"):
                await pool.request("GET", "https://localhost:9/")
            assert await acquired(client, proxy.ended)
    assert proxy.heard.startswith(b"\x16\x03")
    for secret in (b"s3cret", basic("ann", "s3cret")):
        assert secret not in proxy.heard


async def test_a_request_sent_again_on_another_route_takes_no_credentials_along(client: Client) -> None:
    """The same request, by hand: refused by one proxy, sent through another, and at last without any."""
    first_auth, second_auth = ("ann", "first"), ("ben", "second")
    with origin_server() as origin, proxy_server("http") as first, proxy_server("http") as second:
        first.answers = [b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n"]
        headers = [(b"Host", b"localhost:%d" % origin.port), (b"X-Own", b"1")]
        request = httpcore.Request("GET", origin.url("http"), headers=list(headers))
        statuses = []
        for options in (through(first, auth=first_auth), through(second, auth=second_auth), {}):
            async with client.pool(**options) as pool:
                statuses.append(await status_of(client, pool, request))
            assert (request.headers, request.url.target) == (headers, b"/")
    assert statuses == [502, 200, 200]
    assert [basic(*first_auth) in head for head in (*first.heads, *second.heads)] == [True, False]
    assert [basic(*second_auth) in head for head in (*first.heads, *second.heads)] == [False, True]
    assert all(b"Basic " not in head for head in origin.requests)


async def status_of(client: Client, pool: typing.Any, request: httpcore.Request) -> int:
    """Send `request` itself, as those do who keep requests."""
    if client.name == "sync":
        response = pool.wrapped._pool.handle_request(request)
        response.close()
    else:
        response = await pool.wrapped.handle_async_request(request)
        await response.aclose()
    return int(response.status)


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


# --- what is in the way cannot pass for the origin ------------------------------------

FORGED = b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil"
CONSENT_WITH_BODY = b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\nSet-Cookie: evil\r\n\r\nevil"


@pytest.mark.parametrize("scheme", ["https", "wss"])
@every_proxy
async def test_what_a_proxy_says_is_no_response_of_the_origin(client: Client, kind: str, scheme: str) -> None:
    """Forged responses: together with the proxy's consent, behind it, or as its body."""
    if kind.startswith("socks5"):
        said = [b"\x05\x00" + SOCKS5_CONSENT + FORGED]
    elif kind.startswith("socks4"):
        said = [SOCKS4_CONSENT + FORGED]
    else:
        said = [CONSENT + FORGED, CONSENT_WITH_BODY, CONSENT_WITH_BODY + FORGED]
    with origin_server() as origin, proxy_server(kind) as proxy:
        async with client.pool(**through(proxy)) as pool:
            for words in said:
                proxy.garbage = words
                with pytest.raises(httpcore.ConnectError):
                    await pool.request("GET", origin.url(scheme))
                assert pool.connections == []
                assert await acquired(client, proxy.ended)
    assert origin.requests == []


# --- nothing can be smuggled in ------------------------------------

EVIL = "\r\nX-Evil: 1\r\n\r\n"


def of_the_request(origin: Origin, scheme: str) -> typing.Dict[str, typing.Any]:
    """Requests that would say more than they should, by where they would."""
    url = origin.url(scheme)

    def url_with(**parts: typing.Any) -> httpcore.URL:
        return httpcore.URL(**{"scheme": scheme, "host": "localhost", "port": origin.port, "target": "/", **parts})

    return {
        "host": ("GET", url_with(host="localhost" + EVIL), {}),
        "target": ("GET", url_with(target="/ HTTP/1.1" + EVIL), {}),
        "target extension": ("GET", url, {"extensions": {"target": b"/ HTTP/1.1" + EVIL.encode()}}),
        "method": ("GET / HTTP/1.1" + EVIL, url, {}),
        "header value": ("GET", url, {"headers": {"X-A": "a" + EVIL}}),
        "header name": ("GET", url, {"headers": {"X-A" + EVIL: "a"}}),
    }


@every_proxy
async def test_nothing_is_smuggled_in_by_a_request(client: Client, kind: str) -> None:
    with origin_server() as origin, proxy_server(kind) as proxy:
        for scheme in SCHEMES:
            for where, (method, url, arguments) in of_the_request(origin, scheme).items():
                async with client.pool(**through(proxy)) as pool:
                    with pytest.raises((httpcore.LocalProtocolError, httpcore.UnsupportedProtocol)):
                        await pool.request(method, url, **arguments)
                    assert pool.connections == [], where
    # The way to the origin may have been found by then.
    assert b"Evil" not in b"".join(proxy.heads)
    assert origin.requests == []


@pytest.mark.parametrize(
    ("kind", "field"), [*((kind, "auth") for kind in PROXIES), *product(("http", "https"), ("name", "value"))]
)
async def test_nothing_is_smuggled_in_by_what_is_for_the_proxy(client: Client, kind: str, field: str) -> None:
    options: typing.Dict[str, typing.List[typing.Any]] = {
        "auth": [{"auth": ("ann" + EVIL, "")}, {"auth": ("ann", "s3cret" + EVIL)}, {"auth": ("ann\0", "")}],
        "name": [{"headers": {"X-A" + EVIL: "a"}}, {"headers": {"": "a"}}, {"headers": {"X A": "a"}}],
        "value": [{"headers": {"X-A": "a" + EVIL}}, {"headers": {"X-A": "a\0"}}, {"headers": {"X-A": "a\n b"}}],
    }
    with proxy_server(kind) as proxy:
        for given in options[field]:
            with pytest.raises(httpcore.LocalProtocolError) as caught:
                client.pool(**through(proxy, **given))
            assert "Evil" not in str(caught.value)
            assert "s3cret" not in str(caught.value)
    assert proxy.peers == []


@every_proxy
async def test_nothing_is_smuggled_in_by_the_host_of_the_proxy(client: Client, kind: str) -> None:
    proxy = httpcore.Proxy(httpcore.URL(scheme=kind, host="localhost" + EVIL, port=9, target="/"))
    with pytest.raises(httpcore.UnsupportedProtocol):
        client.pool(proxy=proxy)


@pytest.mark.parametrize("kind", ["http", "https"])
async def test_nothing_is_smuggled_in_by_the_answer_to_a_challenge(client: Client, kind: str) -> None:
    answers = [{"Proxy-Authorization": "Digest x" + EVIL}, {"Proxy-Authorization" + EVIL: "x"}]
    left = list(answers)

    async def answer(request: httpcore.Request, response: httpcore.Response) -> typing.Dict[str, str]:
        return left.pop()

    def answer_sync(request: httpcore.Request, response: httpcore.Response) -> typing.Dict[str, str]:
        return left.pop()

    hook = answer_sync if client.name == "sync" else answer
    with origin_server() as origin, proxy_server(kind) as proxy:
        async with client.pool(**through(proxy, on_challenge=hook)) as pool:
            for _ in answers:
                proxy.answers = [b"HTTP/1.1 407 Who\r\nContent-Length: 0\r\n\r\n"]
                with pytest.raises(httpcore.LocalProtocolError):
                    await pool.request("GET", origin.url("https"))
                assert pool.connections == []
    assert len(proxy.heads) == len(answers)
    assert b"Evil" not in b"".join(proxy.heads)
