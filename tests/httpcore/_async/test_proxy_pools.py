"""Pools through proxies, as httpcore 1.0.9 has them: their arguments in its order, their connections' names, chains."""

from __future__ import annotations

import importlib.util
import ssl
from typing import Any

import pytest

import core_proxy
import httpcore
from core_backends import AsyncDirectConnector
from core_backends.testing import AsyncScriptedBackend, AsyncScriptedStream

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"
CONSENT = b"HTTP/1.1 200 Connection established\r\n\r\n"
SOCKS_CONSENT = b"\x05\x00\x00\x01\x7f\x00\x00\x01\x04\xd2"
AUTHORIZATION = b"\r\nProxy-Authorization: Basic YW5uOnMzY3JldA==\r\n"
OPTIONS = [(1, 2, 3)]


@pytest.mark.skipif(importlib.util.find_spec("core_h2") is None, reason="core-h2 is not installed")
async def test_the_arguments_of_an_http_proxy() -> None:
    streams = [httpcore.ConnectError("down"), AsyncScriptedStream([CONSENT, OK])]
    backend = AsyncScriptedBackend(streams)
    context, proxy_context = ssl.create_default_context(), ssl.create_default_context()
    pool = httpcore.AsyncHTTPProxy(
        "https://proxy.example:3129", ("ann", "s3cret"), {"X-Proxy": "1"}, context, proxy_context,
        1, 1, 30.0, True, True, 1, "192.0.2.9", None, backend, OPTIONS,
    )  # fmt: skip
    assert pool._proxy_url == httpcore.URL("https://proxy.example:3129")
    assert pool._proxy_headers == [(b"Proxy-Authorization", b"Basic YW5uOnMzY3JldA=="), (b"X-Proxy", b"1")]
    async with pool:
        connection = pool.create_connection(httpcore.Origin(b"https", b"example.com", 443))
        assert repr(connection) == f"<{type(connection).__name__} [CONNECTING]>"
        assert type(connection).__name__.endswith("TunnelHTTPConnection")
        assert (await pool.request("GET", "https://example.com/")).content == b"hello"
        assert repr(pool.connections[0]) == (
            f"<{type(connection).__name__} ['https://example.com:443', HTTP/1.1, IDLE, Request Count: 1]>"
        )
    call = {"host": "proxy.example", "port": 3129, "timeout": None, "local_address": "192.0.2.9"}
    assert backend.calls == [{**call, "socket_options": OPTIONS}] * 2
    stream: Any = streams[1]
    assert stream.written.startswith(b"CONNECT example.com:443 HTTP/1.1\r\n")
    assert stream.written.count(AUTHORIZATION + b"X-Proxy: 1\r\n\r\n") == 1
    assert stream.tls == ["proxy.example", "example.com"]
    assert stream.alpn_protocols == [["http/1.1"], ["h2", "http/1.1"]]


async def test_an_http_proxy_on_a_unix_socket() -> None:
    stream = AsyncScriptedStream([OK])
    backend = AsyncScriptedBackend([stream])
    pool = httpcore.AsyncHTTPProxy("http://proxy.example", uds="/run/proxy", network_backend=backend)
    async with pool:
        assert (await pool.request("GET", "http://example.com/")).content == b"hello"
        name = type(pool.connections[0]).__name__
        assert name.endswith("ForwardHTTPConnection")
        assert repr(pool.connections[0]) == f"<{name} ['http://proxy.example:80', HTTP/1.1, IDLE, Request Count: 1]>"
    assert backend.calls == [{"path": "/run/proxy", "timeout": None, "socket_options": None}]


async def test_the_arguments_of_a_socks_proxy() -> None:
    pytest.importorskip("socksio")
    streams = [httpcore.ConnectError("down"), AsyncScriptedStream([b"\x05\x02", b"\x01\x00", SOCKS_CONSENT, OK])]
    backend = AsyncScriptedBackend(streams)
    pool = httpcore.AsyncSOCKSProxy(
        "socks5://proxy.example", ("ann", "s3cret"), ssl.create_default_context(),
        1, 1, 30.0, True, True, 1, backend,
    )  # fmt: skip
    assert pool._proxy_url == httpcore.URL("socks5://proxy.example")
    async with pool:
        assert (await pool.request("GET", "https://example.com/")).content == b"hello"
        name = type(pool.connections[0]).__name__
        assert name.endswith("Socks5Connection")
        assert repr(pool.connections[0]) == f"<{name} ['https://example.com:443', HTTP/1.1, IDLE, Request Count: 1]>"
    assert [(call["host"], call["port"]) for call in backend.calls] == [("proxy.example", 1080)] * 2
    stream: Any = streams[1]
    assert stream.written.startswith(b"\x05\x01\x02\x01\x03ann\x06s3cret\x05\x01\x00\x03\x0bexample.com\x01\xbb")
    assert stream.tls == ["example.com"]
    assert stream.alpn_protocols == [["h2", "http/1.1"]]


@pytest.mark.parametrize(
    ("arguments", "fault"),
    [
        ({"proxy_url": 3}, "proxy_url must be a URL, bytes, or str, but got int."),
        ({"proxy_auth": (3, "s3cret")}, "proxy_auth must be bytes or str, but got int."),
        ({"proxy_auth": ("ann", "s\u00e9cret")}, "proxy_auth strings may not include unicode characters."),
        ({"proxy_headers": 3}, "proxy_headers must be a mapping or sequence of two-tuples, but got int."),
    ],
)
async def test_a_wrong_argument_is_called_by_its_name(arguments: Any, fault: str) -> None:
    with pytest.raises(TypeError) as raised:
        httpcore.AsyncHTTPProxy(**{"proxy_url": "http://proxy.example", **arguments})
    assert str(raised.value) == fault
    if "proxy_headers" not in arguments:
        pytest.importorskip("socksio")
        with pytest.raises(TypeError) as raised:
            httpcore.AsyncSOCKSProxy(**{"proxy_url": "socks5://proxy.example", **arguments})
        assert str(raised.value) == fault


@pytest.mark.parametrize("url", ["http://proxy.example", "http://proxy.example:8080"])
async def test_an_http_proxy_has_no_ssl_context(url: str) -> None:
    context = ssl.create_default_context()
    with pytest.raises(RuntimeError, match="`proxy_ssl_context` argument is not allowed for the http scheme"):
        httpcore.AsyncHTTPProxy(url, proxy_ssl_context=context)
    with pytest.raises(RuntimeError, match="`proxy_ssl_context` argument is not allowed for the http scheme"):
        httpcore.AsyncConnectionPool(proxy=httpcore.Proxy(url, ssl_context=context))


async def test_an_option_that_means_nothing_to_the_proxy_is_refused() -> None:
    pytest.importorskip("socksio")
    with pytest.raises(RuntimeError, match="'resolve_locally' is for SOCKS proxies"):
        httpcore.AsyncConnectionPool(proxy=httpcore.Proxy("http://proxy.example", resolve_locally=True))
    with pytest.raises(RuntimeError, match="'on_challenge' is for HTTP proxies"):
        httpcore.AsyncConnectionPool(proxy=httpcore.Proxy("socks5://proxy.example", on_challenge=print))


async def test_a_pool_that_goes_through_two_proxies() -> None:
    """`create_connection` is where a route of one's own begins."""
    pytest.importorskip("socksio")
    stream = AsyncScriptedStream([b"\x05\x00", SOCKS_CONSENT, CONSENT, OK, OK])
    backend = AsyncScriptedBackend([stream])
    socks = core_proxy.AsyncSocksConnector(
        httpcore.Origin(b"socks5", b"socks.example", 1080), connector=AsyncDirectConnector(backend)
    )
    tunnel = core_proxy.AsyncTunnelConnector(
        httpcore.Origin(b"http", b"proxy.example", 3128), httpcore.AsyncHTTP11Connection, connector=socks
    )

    class Pool(httpcore.AsyncConnectionPool):
        def create_connection(self, origin: httpcore.Origin) -> httpcore.AsyncConnectionInterface:
            return httpcore.AsyncHTTPConnection(origin, connector=tunnel)

    async with Pool() as pool:
        for _ in range(2):
            assert (await pool.request("GET", "https://example.com/")).content == b"hello"
    assert [call["host"] for call in backend.calls] == ["socks.example"]
    assert stream.written.startswith(b"\x05\x01\x00\x05\x01\x00\x03\x0dproxy.example\x0c\x38CONNECT example.com:443 ")
    assert stream.tls == ["example.com"]
