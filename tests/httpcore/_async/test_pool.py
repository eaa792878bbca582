"""Whole requests through httpcore on mocks: pools, routes, events, logs, what is patched and overridden."""

from __future__ import annotations

import importlib
import logging
from typing import Any, List, Tuple

import pytest

import httpcore
from core_backends.testing import AsyncScriptedBackend, AsyncScriptedStream

OK = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 5\r\n\r\nhello"
HTTPS = "https://example.com/"

EVENTS = [
    "connection.connect_tcp",
    "connection.start_tls",
    "http11.send_request_headers",
    "http11.send_request_body",
    "http11.receive_response_headers",
    "http11.receive_response_body",
    "http11.response_closed",
]


def mock(*parts: bytes, http2: bool = False) -> httpcore.AsyncMockBackend:
    return httpcore.AsyncMockBackend(list(parts), http2=http2)


async def test_a_request_and_what_the_pool_shows_of_it() -> None:
    async with httpcore.AsyncConnectionPool(network_backend=mock(OK, OK)) as pool:
        response = await pool.request("GET", HTTPS)
        assert (response.status, response.content) == (200, b"hello")
        assert response.headers == [(b"Content-Type", b"text/plain"), (b"Content-Length", b"5")]
        assert response.extensions["http_version"] == b"HTTP/1.1"
        assert response.extensions["reason_phrase"] == b"OK"
        name = type(pool.connections[0]).__name__
        assert repr(pool.connections[0]) == f"<{name} ['https://example.com:443', HTTP/1.1, IDLE, Request Count: 1]>"
        assert pool.connections[0].info() == "'https://example.com:443', HTTP/1.1, IDLE, Request Count: 1"
        async with pool.stream("GET", HTTPS):
            assert pool.connections[0].info() == "'https://example.com:443', HTTP/1.1, ACTIVE, Request Count: 2"
            assert repr(pool) == (
                f"<{type(pool).__name__} [Requests: 1 active, 0 queued | Connections: 1 active, 0 idle]>"
            )
            assert len(pool._requests) == len(pool._connections) == 1
        assert pool.connections == []


async def test_http2_where_it_is_installed() -> None:
    pytest.importorskip("core_h2")
    frames = pytest.importorskip("hyperframe.frame")
    hpack = pytest.importorskip("hpack")
    buffer = [
        frames.SettingsFrame().serialize(),
        frames.HeadersFrame(
            stream_id=1,
            data=hpack.Encoder().encode([(b":status", b"200"), (b"content-type", b"text/plain")]),
            flags=["END_HEADERS"],
        ).serialize(),
        frames.DataFrame(stream_id=1, data=b"hello", flags=["END_STREAM"]).serialize(),
    ]
    async with httpcore.AsyncConnectionPool(http2=True, network_backend=mock(*buffer, http2=True)) as pool:
        response = await pool.request("GET", HTTPS)
        assert (response.status, response.content) == (200, b"hello")
        assert response.extensions["http_version"] == b"HTTP/2"
        assert response.extensions["stream_id"] == 1
        assert "HTTP/2" in repr(pool.connections[0])


async def test_the_events_of_a_plain_https_get() -> None:
    events: List[Tuple[str, Any]] = []

    async def trace(name: str, info: Any) -> None:
        events.append((name, info))

    async with httpcore.AsyncConnectionPool(network_backend=mock(OK)) as pool:
        await pool.request("GET", HTTPS, extensions={"trace": trace})
    expected = [f"{event}.{phase}" for event in EVENTS for phase in ("started", "complete")]
    assert [name for name, _ in events] == expected
    info = dict(events)
    assert set(info["connection.connect_tcp.started"]) == {
        "host",
        "port",
        "local_address",
        "timeout",
        "socket_options",
    }
    assert set(info["connection.start_tls.started"]) == {"ssl_context", "server_hostname", "timeout"}
    version, status, reason, headers = info["http11.receive_response_headers.complete"]["return_value"]
    assert (version, status, reason) == (b"HTTP/1.1", 200, b"OK")
    assert headers == [(b"Content-Type", b"text/plain"), (b"Content-Length", b"5")]
    for event in EVENTS[2:6]:
        assert repr(info[f"{event}.started"]["request"]) == "<Request [b'GET']>"


async def test_the_events_of_a_failing_step() -> None:
    events: List[str] = []

    async def trace(name: str, info: Any) -> None:
        events.append(name)

    async with httpcore.AsyncConnectionPool(network_backend=mock()) as pool:
        with pytest.raises(httpcore.RemoteProtocolError, match="Server disconnected without sending a response"):
            await pool.request("GET", HTTPS, extensions={"trace": trace})
    assert events[-4:] == [
        "http11.receive_response_headers.started",
        "http11.receive_response_headers.failed",
        "http11.response_closed.started",
        "http11.response_closed.complete",
    ]


async def test_what_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    async with httpcore.AsyncConnectionPool(network_backend=mock(OK)) as pool:
        await pool.request("GET", "http://example.com/")
    records = [(record.name, record.levelname, record.getMessage()) for record in caplog.records]
    ours = [(name, text) for name, level, text in records if name.startswith("httpcore.")]
    assert {level for name, level, _ in records if name.startswith("httpcore.")} == {"DEBUG"}
    stream = repr(httpcore.AsyncMockStream([]))
    headers = "[(b'Content-Type', b'text/plain'), (b'Content-Length', b'5')]"
    assert ours[:10] == [
        (
            "httpcore.connection",
            "connect_tcp.started host='example.com' port=80 local_address=None timeout=None socket_options=None",
        ),
        ("httpcore.connection", f"connect_tcp.complete return_value={stream}"),
        ("httpcore.http11", "send_request_headers.started request=<Request [b'GET']>"),
        ("httpcore.http11", "send_request_headers.complete"),
        ("httpcore.http11", "send_request_body.started request=<Request [b'GET']>"),
        ("httpcore.http11", "send_request_body.complete"),
        ("httpcore.http11", "receive_response_headers.started request=<Request [b'GET']>"),
        (
            "httpcore.http11",
            f"receive_response_headers.complete return_value=(b'HTTP/1.1', 200, b'OK', {headers})",
        ),
        ("httpcore.http11", "receive_response_body.started request=<Request [b'GET']>"),
        ("httpcore.http11", "receive_response_body.complete"),
    ]


async def test_the_making_of_connections_may_be_overridden() -> None:
    origins = []

    class Pool(httpcore.AsyncConnectionPool):
        def create_connection(self, origin: httpcore.Origin) -> httpcore.AsyncConnectionInterface:
            origins.append(origin)
            return httpcore.AsyncHTTP11Connection(origin=origin, stream=httpcore.AsyncMockStream([OK, OK]))

    async with Pool() as pool:
        for _ in range(2):
            assert (await pool.request("GET", HTTPS)).content == b"hello"
    assert origins == [httpcore.Origin(b"https", b"example.com", 443)]


async def test_handling_may_be_overridden_and_wrapped(monkeypatch: pytest.MonkeyPatch) -> None:
    class Pool(httpcore.AsyncConnectionPool):
        async def handle_async_request(self, request: httpcore.Request) -> httpcore.Response:
            request.headers.append((b"X-Added", b"yes"))
            return await super().handle_async_request(request)

    stream = AsyncScriptedStream([OK, OK])
    async with Pool(network_backend=AsyncScriptedBackend([stream])) as pool:
        await pool.request("GET", "http://example.com/")
        assert stream.written == b"GET / HTTP/1.1\r\nHost: example.com\r\nX-Added: yes\r\n\r\n"
        seen = []
        original = httpcore.AsyncConnectionPool.handle_async_request

        async def recorded(self: Any, request: httpcore.Request) -> httpcore.Response:
            seen.append(request.url.host)
            return await original(self, request=request)

        module = importlib.import_module("httpcore._async.connection_pool")
        monkeypatch.setattr(module.AsyncConnectionPool, "handle_async_request", recorded)
        assert (await pool.request("GET", "http://example.com/")).content == b"hello"
        assert seen == [b"example.com"]


async def test_a_stream_assigned_on_the_way_is_what_is_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    original = httpcore.AsyncHTTPConnection.handle_async_request

    async def rewrite(self: Any, request: httpcore.Request) -> httpcore.Response:
        request.stream = httpcore.ByteStream(b"other")
        return await original(self, request)

    module = importlib.import_module("httpcore._async.connection")
    monkeypatch.setattr(module.AsyncHTTPConnection, "handle_async_request", rewrite)
    stream = AsyncScriptedStream([OK])
    async with httpcore.AsyncConnectionPool(network_backend=AsyncScriptedBackend([stream])) as pool:
        await pool.request("POST", "http://example.com/", content=b"first")
    assert stream.written.endswith(b"\r\n\r\nother")


async def test_the_backend_may_be_replaced_at_any_time() -> None:
    async with httpcore.AsyncConnectionPool(network_backend=mock(OK)) as pool:
        await pool.request("GET", "http://first.example/")
        second = AsyncScriptedBackend([AsyncScriptedStream([OK])])
        pool._network_backend = second
        await pool.request("GET", "http://second.example/")
        assert [call["host"] for call in second.calls] == ["second.example"]


async def test_options_reach_the_network() -> None:
    options: Any = [(6, 4, 30)]
    backend = AsyncScriptedBackend([httpcore.ConnectError("no"), AsyncScriptedStream([OK])])
    async with httpcore.AsyncConnectionPool(
        network_backend=backend, retries=1, local_address="127.0.0.7", socket_options=options
    ) as pool:
        await pool.request("GET", "http://example.com/", extensions={"timeout": {"connect": 3.0}})
    assert backend.calls == 2 * [
        {
            "host": "example.com",
            "port": 80,
            "timeout": 3.0,
            "local_address": "127.0.0.7",
            "socket_options": options,
        }
    ]
    assert backend.pauses == [0]


async def test_a_request_that_nobody_has_seen_is_sent_again_unless_that_is_switched_off() -> None:
    """The server closes the kept connection as the request arrives on it."""
    for replay in (True, False):
        streams = [AsyncScriptedStream([OK]), AsyncScriptedStream([OK])]
        backend = AsyncScriptedBackend(streams)
        async with httpcore.AsyncConnectionPool(network_backend=backend, replay=replay) as pool:
            await pool.request("GET", "http://example.com/")
            if replay:
                assert (await pool.request("GET", "http://example.com/")).content == b"hello"
                assert pool.replays == 1
                continue
            with pytest.raises(httpcore.RemoteProtocolError, match="Server disconnected"):
                await pool.request("GET", "http://example.com/")
            assert pool.replays == 0


async def test_a_forwarded_request_is_sent_again_too() -> None:
    streams = [AsyncScriptedStream([OK]), AsyncScriptedStream([OK])]
    backend = AsyncScriptedBackend(streams)
    async with httpcore.AsyncHTTPProxy("http://proxy.example:8080", network_backend=backend) as pool:
        for _ in range(2):
            assert (await pool.request("GET", "http://example.com/")).content == b"hello"
        assert pool.replays == 1
    assert [call["host"] for call in backend.calls] == ["proxy.example"] * 2
    assert streams[1].written.startswith(b"GET http://example.com/ HTTP/1.1\r\n")


async def test_a_post_is_not_sent_again() -> None:
    backend = AsyncScriptedBackend([AsyncScriptedStream([OK]), AsyncScriptedStream([OK])])
    async with httpcore.AsyncConnectionPool(network_backend=backend) as pool:
        await pool.request("GET", "http://example.com/")
        with pytest.raises(httpcore.RemoteProtocolError):
            await pool.request("POST", "http://example.com/", content=b"pay")
        assert len(backend.calls) == 1


async def test_at_least_one_protocol_has_to_be_allowed() -> None:
    with pytest.raises(ValueError, match="At least one of 'http1' and 'http2'"):
        httpcore.AsyncConnectionPool(http1=False)


@pytest.mark.parametrize("url", ["ftp://proxy.example/", "proxy.example"])
async def test_a_proxy_has_to_be_one(url: str) -> None:
    with pytest.raises(ValueError, match="URL must start with"):
        httpcore.AsyncConnectionPool(proxy=httpcore.Proxy(url))
    with pytest.raises(ValueError, match="URL must start with"):
        httpcore.AsyncHTTPProxy(url)
    with pytest.raises(ValueError, match="URL must start with"):
        httpcore.AsyncSOCKSProxy(url)
