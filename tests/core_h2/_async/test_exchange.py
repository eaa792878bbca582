"""One exchange at a time: what is sent, what comes back, and what the connection says of itself."""

from __future__ import annotations

import gc
from typing import Any, AsyncIterator, List, Tuple

import pytest

from core_backends import (
    AsyncMockStream,
    ConnectionNotAvailable,
    LocalProtocolError,
    Origin,
    ReadError,
    RemoteProtocolError,
    Request,
)
from core_h2 import AsyncHTTP2Connection

from ..peer import OK, Exchange, Peer
from .pipe import ORIGIN, URL, connected


async def test_a_get() -> None:
    peer = Peer({})
    connection, pipe = connected(peer)
    async with connection.stream("GET", URL + "path?query") as response:
        assert (response.status, response.headers) == (200, [(b"content-type", b"text/plain")])
        assert response.extensions["http_version"] == b"HTTP/2"
        assert response.extensions["stream_id"] == 1
        assert response.extensions["network_stream"] is pipe
        assert await response.aread() == b"hello"
    assert peer.exchanges[1].headers == [
        (b":method", b"GET"),
        (b":scheme", b"https"),
        (b":authority", b"example.com"),
        (b":path", b"/path?query"),
    ]
    assert peer.exchanges[1].ended


async def test_a_small_request_leaves_in_one_write_from_the_first_byte_on() -> None:
    peer = Peer({})
    connection, pipe = connected(peer)
    for number in range(1, 4):
        assert (await connection.request("POST", URL, content=b"small")).content == b"hello"
        exchange = peer.exchanges[2 * number - 1]
        assert bytes(exchange.body) == b"small"
        assert exchange.frames == 1 and exchange.ended
    # The second write acknowledges the server's settings, which does not wait for another request.
    assert len(pipe.writes) == 4


async def test_a_body_from_an_iterator() -> None:
    class AsyncPieces:
        def __init__(self) -> None:
            self.left = [b"one", b"", b"two" * 10_000, bytearray(b"three")]

        def __aiter__(self) -> AsyncPieces:
            return self

        async def __anext__(self) -> bytes:
            if not self.left:
                raise StopAsyncIteration
            return self.left.pop(0)

    peer = Peer({})
    connection, _ = connected(peer)
    assert (await connection.request("PUT", URL, content=AsyncPieces())).status == 200
    assert bytes(peer.exchanges[1].body) == b"one" + b"two" * 10_000 + b"three"
    assert (b"transfer-encoding", b"chunked") not in peer.exchanges[1].headers


async def test_settings_are_acknowledged_without_another_request() -> None:
    peer = Peer({3: 5})
    connection, _ = connected(peer)
    await connection.request("GET", URL)
    assert peer.acknowledged == 1
    peer.on_end = lambda stream_id, exchange: (  # type: ignore[assignment]
        peer.send(bytes.fromhex("000008060000000000") + b"question"),
        peer.respond(stream_id, b"hello"),
    )
    await connection.request("GET", URL)
    assert peer.pongs == [b"question"]


async def test_states_and_texts() -> None:
    peer = Peer({})
    connection, pipe = connected(peer)
    name = type(connection).__name__
    assert repr(connection) == f"<{name} ['https://example.com:443', IDLE, Request Count: 0]>"
    assert connection.info() == "'https://example.com:443', HTTP/2, IDLE, Request Count: 0"
    assert connection.is_idle() and connection.is_available() and not connection.is_closed()
    assert not connection.has_expired()
    assert connection.can_handle_request(Origin(b"https", b"example.com", 443))
    assert not connection.can_handle_request(Origin(b"http", b"example.com", 443))
    async with connection.stream("GET", URL):
        assert repr(connection) == f"<{name} ['https://example.com:443', ACTIVE, Request Count: 1]>"
        assert connection.is_available() and not connection.is_idle()
    assert connection.info() == "'https://example.com:443', HTTP/2, IDLE, Request Count: 1"
    await connection.aclose()
    assert repr(connection) == f"<{name} ['https://example.com:443', CLOSED, Request Count: 1]>"
    assert connection.is_closed() and not connection.is_available() and not connection.is_idle() and pipe.closed
    assert peer.goaways == [(0, 0)]
    with pytest.raises(ConnectionNotAvailable):
        await connection.request("GET", URL)


async def test_the_connection_is_free_as_soon_as_the_body_has_been_read() -> None:
    connection, _ = connected(Peer({}))
    response = await connection.handle_async_request(Request("GET", URL))
    assert await response.aread() == b"hello"
    assert connection.is_idle()
    await response.aclose()
    assert connection.is_idle()


async def test_the_private_names_that_others_read() -> None:
    connection, _ = connected(Peer({3: 7}))
    assert connection._max_streams == 100
    await connection.request("GET", URL)
    assert connection._max_streams == connection.max_concurrent_requests == 7
    assert connection._h2_state.remote_settings.max_concurrent_streams == 7
    assert connection._h2_state.local_settings.enable_push == 0
    assert connection.READ_NUM_BYTES > 0
    assert connection.CONFIG.client_side


async def test_another_origin_is_refused() -> None:
    connection, _ = connected(Peer({}))
    with pytest.raises(RuntimeError, match=r"Attempted to send request to https://other\.com:443 on connection to"):
        await connection.request("GET", "https://other.com/")
    assert connection.is_idle()


async def test_what_may_not_be_sent_is_refused_and_leaves_the_connection_alone() -> None:
    connection, _ = connected(Peer({}))
    with pytest.raises(LocalProtocolError, match=r"Illegal header value b'\\x00'"):
        await connection.request("GET", URL, headers={"x": "\x00"})
    with pytest.raises(LocalProtocolError, match="Too much data"):
        await connection.request("POST", URL, headers={"content-length": "1"}, content=b"12")
    assert connection.is_idle()
    assert (await connection.request("GET", URL)).status == 200


async def test_a_body_that_is_not_what_its_length_says_is_given_up() -> None:
    class AsyncOne:
        def __init__(self) -> None:
            self.left = [b"12345"]

        def __aiter__(self) -> AsyncOne:
            return self

        async def __anext__(self) -> bytes:
            if not self.left:
                raise StopAsyncIteration
            return self.left.pop()

    peer = Peer({})
    connection, _ = connected(peer)
    for length, text in (("3", "Too much data"), ("9", "Too little data")):
        with pytest.raises(LocalProtocolError, match=text):
            await connection.request("POST", URL, headers={"content-length": length}, content=AsyncOne())
    assert [exchange.reset for exchange in peer.exchanges.values()] == [8, 8]
    assert connection.is_idle()


async def test_a_generator_that_is_not_asked_for_the_rest_is_ended_in_time() -> None:
    ended = []

    async def pieces() -> AsyncIterator[bytes]:
        try:
            yield b"12345"
            yield b"67890"
        finally:
            ended.append(True)

    peer = Peer({})
    connection, _ = connected(peer)
    with pytest.raises(LocalProtocolError):
        await connection.request("POST", URL, headers={"content-length": "3"}, content=pieces())
    gc.collect()
    assert ended == [True]


async def test_the_callers_own_error_passes_and_ends_the_stream() -> None:
    class AsyncBroken:
        def __aiter__(self) -> AsyncBroken:
            return self

        async def __anext__(self) -> bytes:
            raise KeyError("mine")

    peer = Peer({})
    connection, _ = connected(peer)
    with pytest.raises(KeyError, match="mine"):
        await connection.request("POST", URL, content=AsyncBroken())
    assert peer.exchanges[1].reset == 8 and connection.is_idle()


async def test_headers_that_others_have_added_on_the_way() -> None:
    peer = Peer({})
    connection, _ = connected(peer)
    for _ in range(2):
        request = Request("GET", URL)
        request.headers.append([b"X-Added", b"later"])  # type: ignore[arg-type]
        response = await connection.handle_async_request(request)
        await response.aread()
    assert [exchange.headers[-1] for exchange in peer.exchanges.values()] == [(b"x-added", b"later")] * 2


async def test_a_body_of_the_wrong_kind_is_named() -> None:
    class Neither:
        pass

    connection, _ = connected(Peer({}))
    request = Request("POST", URL)
    request.stream = Neither()  # type: ignore[assignment]
    with pytest.raises(RuntimeError, match="is a Neither, but an "):
        await connection.handle_async_request(request)
    assert connection.is_idle()


async def test_trailers_are_not_a_second_response() -> None:
    class Trailing(Peer):
        def on_end(self, stream_id: int, exchange: Exchange) -> None:
            self.head(stream_id)
            self.data(stream_id, b"content")
            self.head(stream_id, [(b"grpc-status", b"0")], end=True)

    connection, _ = connected(Trailing({}))
    async with connection.stream("GET", URL) as response:
        assert "trailing_headers" not in response.extensions
        assert await response.aread() == b"content"
    assert response.extensions["trailing_headers"] == [(b"grpc-status", b"0")]
    assert response.headers == [(b"content-type", b"text/plain")]


async def test_informational_responses_are_passed_over() -> None:
    class Hinting(Peer):
        def on_end(self, stream_id: int, exchange: Exchange) -> None:
            self.head(stream_id, [(b":status", b"100")])
            self.head(stream_id, [(b":status", b"103"), (b"link", b"</style.css>")])
            self.respond(stream_id, b"final")

    connection, _ = connected(Hinting({}))
    response = await connection.request("GET", URL)
    assert (response.status, response.content) == (200, b"final")


async def test_a_response_to_head_has_a_length_and_no_content() -> None:
    class Heading(Peer):
        def on_end(self, stream_id: int, exchange: Exchange) -> None:
            self.head(stream_id, [*OK, (b"content-length", b"1000")], end=True)

    connection, _ = connected(Heading({}))
    response = await connection.request("HEAD", URL)
    assert response.content == b"" and (b"content-length", b"1000") in response.headers


async def test_content_other_than_its_length_is_the_servers_fault() -> None:
    class Lying(Peer):
        def on_end(self, stream_id: int, exchange: Exchange) -> None:
            self.head(stream_id, [*OK, (b"content-length", b"4")])
            self.data(stream_id, b"abc" if stream_id == 1 else b"abcde", end=True)

    connection, _ = connected(Lying({}))
    for text in ("3 bytes of content where content-length is 4", "more content than content-length says"):
        with pytest.raises(RemoteProtocolError, match=text):
            await connection.request("GET", URL)
    assert connection.is_idle()


async def test_a_mock_stream_serves() -> None:
    peer = Peer({})
    peer.respond(1, b"mocked")
    connection = AsyncHTTP2Connection(ORIGIN, AsyncMockStream([bytes(peer.out)], http2=True))
    assert (await connection.request("GET", URL)).content == b"mocked"
    with pytest.raises(RemoteProtocolError) as caught:
        await connection.request("GET", URL)
    # It had served, nothing has come, and GET may be repeated: whoever pools connections tries another.
    assert connection.is_closed() and caught.value.closed_before_response


async def test_no_response_on_a_fresh_connection() -> None:
    connection = AsyncHTTP2Connection(ORIGIN, AsyncMockStream([]))
    with pytest.raises(RemoteProtocolError, match=r"^Server disconnected without sending a response\.$"):
        await connection.request("GET", URL)
    assert connection.is_closed()


async def test_a_truncated_body() -> None:
    class Cut(Peer):
        def on_end(self, stream_id: int, exchange: Exchange) -> None:
            self.head(stream_id)
            self.data(stream_id, b"part")

    connection, pipe = connected(Cut({}))
    pipe.end()
    response = await connection.handle_async_request(Request("GET", URL))
    body = response.stream.__aiter__()  # type: ignore[union-attr]
    assert await body.__anext__() == b"part"
    with pytest.raises(RemoteProtocolError, match=r"before the response was complete \(stream 1\)"):
        await body.__anext__()
    assert connection.is_closed() and pipe.closed


async def test_a_broken_connection() -> None:
    class Cut(Peer):
        def on_end(self, stream_id: int, exchange: Exchange) -> None:
            self.head(stream_id)

    connection, pipe = connected(Cut({}))
    pipe.fail(ReadError("reset by peer"))
    response = await connection.handle_async_request(Request("GET", URL))
    with pytest.raises(ReadError, match="reset by peer"):
        await response.aread()
    assert connection.is_closed() and connection._exchanges == 0


async def test_what_a_strange_stream_raises_is_mapped() -> None:
    connection, pipe = connected(Peer({}))
    pipe.fail(KeyError("strange"))
    pipe.peer.out.clear()
    pipe.peer.on_end = lambda stream_id, exchange: None  # type: ignore[method-assign]
    with pytest.raises(ReadError, match="strange"):
        await connection.request("GET", URL)


async def test_closing_the_connection_ends_a_body() -> None:
    class Slow(Peer):
        def on_end(self, stream_id: int, exchange: Exchange) -> None:
            self.head(stream_id)
            self.data(stream_id, b"part")

    connection, _ = connected(Slow({}))
    response = await connection.handle_async_request(Request("GET", URL))
    await connection.aclose()
    body = response.stream.__aiter__()  # type: ignore[union-attr]
    assert await body.__anext__() == b"part"
    with pytest.raises(ReadError):
        await body.__anext__()


async def test_events() -> None:
    events: List[Tuple[str, Any]] = []

    async def trace(name: str, info: Any) -> None:
        events.append((name, info))

    connection, _ = connected(Peer({}))
    request = Request("POST", URL, content=b"x", extensions={"trace": trace})
    response = await connection.handle_async_request(request)
    await response.aread()
    await response.aclose()
    with_stream = {"request": request, "stream_id": 1}
    assert [event for event in events if "receive_remote_settings" not in event[0]] == [
        ("http2.send_connection_init.started", {"request": request}),
        ("http2.send_connection_init.complete", {"return_value": None}),
        ("http2.send_request_headers.started", with_stream),
        ("http2.send_request_headers.complete", {"return_value": None}),
        ("http2.send_request_body.started", with_stream),
        ("http2.send_request_body.complete", {"return_value": None}),
        ("http2.receive_response_headers.started", with_stream),
        ("http2.receive_response_headers.complete", {"return_value": (200, [(b"content-type", b"text/plain")])}),
        ("http2.receive_response_body.started", with_stream),
        ("http2.receive_response_body.complete", {"return_value": None}),
        ("http2.response_closed.started", {"stream_id": 1}),
        ("http2.response_closed.complete", {"return_value": None}),
    ]
    settings = [event for event in events if "receive_remote_settings" in event[0]]
    assert [name for name, _ in settings] == [
        "http2.receive_remote_settings.started",
        "http2.receive_remote_settings.complete",
    ]
    assert events.index(settings[0]) == 7


async def test_events_of_a_failure() -> None:
    events: List[str] = []

    async def trace(name: str, info: Any) -> None:
        events.append(name)

    peer = Peer({})
    peer.on_end = lambda stream_id, exchange: peer.reset(stream_id, 2)  # type: ignore[method-assign]
    connection, _ = connected(peer)
    with pytest.raises(RemoteProtocolError, match="reset stream 1: INTERNAL_ERROR"):
        await connection.request("GET", URL, extensions={"trace": trace})
    assert events[-3:] == [
        "http2.receive_response_headers.failed",
        "http2.response_closed.started",
        "http2.response_closed.complete",
    ]
