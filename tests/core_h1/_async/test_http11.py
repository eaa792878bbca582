"""An exchange on a connection: what is written, what comes back, and what becomes of the connection."""

from __future__ import annotations

from typing import Any, List

import pytest

from core_backends import (
    AsyncNetworkStream,
    ConnectionNotAvailable,
    LocalProtocolError,
    Origin,
    ReadError,
    ReadTimeout,
    RemoteProtocolError,
    Request,
    WriteError,
    WriteTimeout,
)
from core_h1 import AsyncHTTP11Connection

from .fakes import OK, ORIGIN, AsyncPieces, AsyncScriptedStream, connected

URL = "https://example.com/"


async def test_get() -> None:
    connection, stream = connected(OK)
    response = await connection.request("GET", URL, headers={"X-A": "b"})
    assert stream.written == [b"GET / HTTP/1.1\r\nHost: example.com\r\nX-A: b\r\n\r\n"]
    assert (response.status, response.content, response.headers) == (200, b"hello", [(b"Content-Length", b"5")])
    assert response.extensions == {"http_version": b"HTTP/1.1", "reason_phrase": b"OK", "network_stream": stream}
    assert connection.is_idle() and stream.is_open


async def test_states_as_they_read() -> None:
    connection, _ = connected(OK)
    name = type(connection).__name__
    assert repr(connection) == f"<{name} ['https://example.com:443', NEW, Request Count: 0]>"
    assert connection.is_available() and not connection.is_idle() and not connection.has_expired()
    async with connection.stream("GET", URL) as response:
        assert connection.info() == "'https://example.com:443', HTTP/1.1, ACTIVE, Request Count: 1"
        assert not connection.is_available() and not connection.is_idle()
        await response.aread()
        assert repr(connection) == f"<{name} ['https://example.com:443', IDLE, Request Count: 1]>"
    assert connection.is_idle() and connection.is_available() and not connection.is_closed()
    await connection.aclose()
    assert repr(connection) == f"<{name} ['https://example.com:443', CLOSED, Request Count: 1]>"
    assert connection.is_closed() and not connection.is_available() and not connection.has_expired()


async def test_one_request_at_a_time() -> None:
    connection, _ = connected()
    assert connection.max_concurrent_requests == 1


async def test_context_manager_closes() -> None:
    connection, stream = connected()
    async with connection as entered:
        assert entered is connection
    assert connection.is_closed() and stream.closed == 1


async def test_requests_follow_each_other_on_one_stream() -> None:
    connection, stream = connected(OK, OK, OK)
    for _ in range(3):
        assert (await connection.request("GET", URL)).content == b"hello"
    assert len(stream.written) == 3 and connection.info().endswith("IDLE, Request Count: 3")


async def test_another_origin_is_refused_and_costs_nothing() -> None:
    connection, _ = connected(OK)
    with pytest.raises(RuntimeError, match=r"https://other\.com:443 on connection to https://example\.com:443"):
        await connection.request("GET", "https://other.com/")
    assert not connection.can_handle_request(Origin(b"https", b"other.com", 443))
    assert connection.can_handle_request(ORIGIN)
    assert (await connection.request("GET", URL)).status == 200


async def test_busy_or_closed_is_not_available() -> None:
    connection, _ = connected(OK)
    async with connection.stream("GET", URL) as response:
        with pytest.raises(ConnectionNotAvailable):
            await connection.request("GET", URL)
        assert await response.aread() == b"hello"
    await connection.aclose()
    with pytest.raises(ConnectionNotAvailable):
        await connection.request("GET", URL)


async def test_small_body_rides_with_the_head() -> None:
    connection, stream = connected(OK)
    await connection.request("POST", URL, content=b"x" * 65536)
    (written,) = stream.written
    assert written.endswith(b"Content-Length: 65536\r\n\r\n" + b"x" * 65536)


async def test_large_body_is_handed_on_as_it_is() -> None:
    buffers: List[Any] = []

    class Recorder(AsyncScriptedStream):
        async def write(self, buffer: bytes, timeout: Any = None) -> None:
            buffers.append(buffer)

    body = b"x" * 65537
    connection = AsyncHTTP11Connection(ORIGIN, Recorder([OK]))
    await connection.request("POST", URL, content=body)
    assert len(buffers) == 2 and buffers[1] is body


@pytest.mark.parametrize("kind", [bytearray, memoryview])
async def test_buffers_are_bodies(kind: Any) -> None:
    connection, stream = connected(OK)
    await connection.request("POST", URL, content=kind(b"body"))
    assert b"".join(stream.written).endswith(b"Content-Length: 4\r\n\r\nbody")


async def test_iterated_body_with_a_length() -> None:
    connection, stream = connected(OK)
    body = AsyncPieces(b"he", b"", bytearray(b"ll"), memoryview(b"o"))
    await connection.request("POST", URL, headers={"Content-Length": "5"}, content=body)
    assert stream.written[1:] == [b"he", b"ll", b"o"]


async def test_iterated_body_in_chunks() -> None:
    connection, stream = connected(OK)
    await connection.request("POST", URL, content=AsyncPieces(b"hello", b"", b"x" * 70000))
    assert b"".join(stream.written[1:]) == b"5\r\nhello\r\n11170\r\n" + b"x" * 70000 + b"\r\n0\r\n\r\n"
    assert stream.written[1] == b"5\r\nhello\r\n"


@pytest.mark.parametrize("pieces", [[], [b""]])
async def test_iterated_body_without_bytes(pieces: List[bytes]) -> None:
    connection, stream = connected(OK)
    await connection.request("POST", URL, content=AsyncPieces(*pieces))
    assert stream.written[1:] == [b"0\r\n\r\n"]


async def test_headers_are_sent_as_given() -> None:
    connection, stream = connected(OK)
    headers = [(b"hOST", b"h"), (b"X-a", b"1"), (b"x-A", b"2"), (b"Empty", b"")]
    request = Request("GET", URL, headers=headers, extensions={"target": "*"})
    await (await connection.handle_async_request(request)).aclose()
    assert stream.written == [b"GET * HTTP/1.1\r\nhOST: h\r\nX-a: 1\r\nx-A: 2\r\nEmpty: \r\n\r\n"]


async def test_response_headers_keep_order_case_and_doubles() -> None:
    connection, _ = connected(b"HTTP/1.1 204 No\r\nX-b: 1\r\nx-A: 2\r\nSet-Cookie: a\r\nSet-Cookie: b\r\n\r\n")
    response = await connection.request("GET", URL)
    assert response.headers == [(b"X-b", b"1"), (b"x-A", b"2"), (b"Set-Cookie", b"a"), (b"Set-Cookie", b"b")]


@pytest.mark.parametrize(
    ("method", "head"),
    [
        ("HEAD", b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n"),
        ("HEAD", b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"),
        ("GET", b"HTTP/1.1 204 No Content\r\n\r\n"),
        ("GET", b"HTTP/1.1 304 Not Modified\r\nContent-Length: 10\r\n\r\n"),
        ("GET", b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"),
    ],
)
async def test_no_body_where_there_is_none(method: str, head: bytes) -> None:
    connection, _ = connected(head, OK)
    assert (await connection.request(method, URL)).content == b""
    assert connection.is_idle()
    assert (await connection.request("GET", URL)).content == b"hello"


# What a caller gets wrong.


@pytest.mark.parametrize(
    ("method", "target", "headers", "text"),
    [
        (b"GET", b"/", [(b"Host", b"h"), (b"A", b"\x00")], r"^Illegal header value b'\\x00'$"),
        (b"GET", b"/", [(b"Host", b"h"), (b"A", b"x\r\nEvil: 1")], "Illegal header value"),
        (b"GET", b"/", [(b"Host", b"h"), (b"A", b"x\nEvil: 1")], "Illegal header value"),
        (b"GET", b"/", [(b"Host", b"h"), (b"A\r\nEvil", b"1")], "Illegal header name"),
        (b"GET", b"/", [(b"Host", b"h"), (b"A B", b"1")], "Illegal header name"),
        (b"GET", b"/", [(b"Host", b"h"), (b"", b"1")], "Illegal header name"),
        (b"GET", b"/", [(b"Host", b"h"), (b"A:", b"1")], "Illegal header name"),
        (b"GET", b"/", [(b"Host", b"h"), (b"A\x00", b"1")], "Illegal header name"),
        (b"GET", b"/", [(b"Host", b"a"), (b"host", b"b")], "multiple Host"),
        (b"GET", b"/", [], "Missing mandatory Host"),
        (b"GET /x", b"/", [(b"Host", b"h")], "Illegal method"),
        (b"GET\r\n", b"/", [(b"Host", b"h")], "Illegal method"),
        (b"GET\x00", b"/", [(b"Host", b"h")], "Illegal method"),
        (b"", b"/", [(b"Host", b"h")], "Illegal method"),
        (b"GET", b"/ HTTP/1.1\r\nEvil: 1", [(b"Host", b"h")], "Illegal target"),
        (b"GET", b"/a b", [(b"Host", b"h")], "Illegal target"),
        (b"GET", b"/\x00", [(b"Host", b"h")], "Illegal target"),
        (b"GET", b"/\xff", [(b"Host", b"h")], "Illegal target"),
        (b"GET", b"", [(b"Host", b"h")], "Illegal target"),
        (b"POST", b"/", [(b"Host", b"h"), (b"Content-Length", b"-1")], "bad Content-Length"),
        (b"POST", b"/", [(b"Host", b"h"), (b"Content-Length", b"1, 2")], "conflicting Content-Length"),
        (b"POST", b"/", [(b"Host", b"h"), (b"Content-Length", b"1"), (b"Content-Length", b"2")], "conflicting"),
        (b"POST", b"/", [(b"Host", b"h"), (b"Transfer-Encoding", b"gzip, chunked")], "Transfer-Encoding: chunked"),
        (b"POST", b"/", [(b"Host", b"h"), (b"Content-Length", b"0"), (b"Transfer-Encoding", b"chunked")], "both"),
        (b"POST", b"/", [(b"Host", b"h"), (b"Content-Length", b"4")], "Too little data"),
        (b"GET", b"/", [(b"Host", b"h"), ("X", "caf\xe9")], "ascii"),
        (b"GET", b"/", [(b"Host", b"h"), (b"X", 1)], "bytes-like"),
        (b"GET", b"/", [(b"Host", b"h"), b"no pair"], "unpack"),
    ],
)
async def test_an_illegal_head_is_refused_before_anything_is_written(
    method: bytes, target: bytes, headers: Any, text: str
) -> None:
    connection, stream = connected(OK)
    request = Request("GET", URL)
    request.method, request.url.target, request.headers = method, target, headers
    with pytest.raises(LocalProtocolError, match=text):
        await connection.handle_async_request(request)
    assert stream.written == [] and not stream.is_open and connection.is_closed()


@pytest.mark.parametrize("name", ["Authorization", "Proxy-Authorization", "cookie", "Set-Cookie"])
@pytest.mark.parametrize("value", [b"secret\x00", b" secret\n"])
async def test_credentials_stand_in_no_error(name: str, value: bytes) -> None:
    connection, _ = connected(OK)
    with pytest.raises(LocalProtocolError, match="Illegal header value") as caught:
        await connection.request("GET", URL, headers=[(name.encode(), value)])
    assert "secret" not in repr(caught.value)
    assert caught.value.__cause__ is None and caught.value.__context__ is None


async def test_a_credential_in_a_header_name_is_not_repeated() -> None:
    connection, _ = connected(OK)
    with pytest.raises(LocalProtocolError, match="Illegal header name") as caught:
        await connection.request("GET", URL, headers=[(b"Authorization: Basic secret", b"")])
    assert "secret" not in repr(caught.value)


@pytest.mark.parametrize(
    ("length", "body", "text"),
    [("4", b"hello", "Too much data"), ("6", b"hello", "Too little data")],
)
async def test_a_body_in_memory_of_another_length_is_refused_before_anything_is_written(
    length: str, body: bytes, text: str
) -> None:
    connection, stream = connected(OK)
    with pytest.raises(LocalProtocolError, match=text):
        await connection.request("POST", URL, headers={"Content-Length": length}, content=body)
    assert stream.written == [] and not stream.is_open


@pytest.mark.parametrize(("length", "text"), [("4", "Too much data"), ("6", "Too little data")])
async def test_an_iterated_body_of_another_length_closes_the_connection(length: str, text: str) -> None:
    connection, stream = connected(OK)
    with pytest.raises(LocalProtocolError, match=text):
        await connection.request("POST", URL, headers={"Content-Length": length}, content=AsyncPieces(b"he", b"llo"))
    assert b"".join(stream.written[1:]) == (b"he" if length == "4" else b"hello")
    assert connection.is_closed() and not stream.is_open


async def test_a_body_without_framing_is_refused() -> None:
    connection, stream = connected(OK)
    request = Request("POST", URL, headers={"Host": "h"}, content=b"hello")
    with pytest.raises(LocalProtocolError, match="Too much data"):
        await connection.handle_async_request(request)
    assert stream.written == []


@pytest.mark.parametrize("piece", ["text", 7, None, [b"list"]])
async def test_a_piece_that_is_not_bytes_is_named(piece: Any) -> None:
    connection, stream = connected(OK)
    with pytest.raises(TypeError, match=f"bytes-like objects, but got {type(piece).__name__}"):
        await connection.request("POST", URL, content=AsyncPieces(piece))
    assert connection.is_closed() and not stream.is_open


async def test_a_body_that_cannot_be_iterated_here_is_named_before_the_connection_is_touched() -> None:
    connection, stream = connected(OK)
    request = Request("POST", URL, headers={"Host": "h", "Content-Length": "1"})
    request.stream = object()  # type: ignore[assignment]
    with pytest.raises(TypeError, match=r"must be bytes or an \w*Iterable of bytes, but got object"):
        await connection.handle_async_request(request)
    assert stream.written == [] and connection.is_available()


async def test_the_callers_own_exception_passes_and_closes() -> None:
    own = ZeroDivisionError("mine")
    connection, stream = connected(OK)
    with pytest.raises(ZeroDivisionError) as caught:
        await connection.request("POST", URL, content=AsyncPieces(b"one", own))
    assert caught.value is own and connection.is_closed() and not stream.is_open


@pytest.mark.parametrize("own", [WriteError("from elsewhere"), WriteTimeout("from elsewhere")])
async def test_a_write_error_of_the_callers_body_is_not_taken_for_ours(own: Exception) -> None:
    connection, _ = connected(OK)
    with pytest.raises(type(own)) as caught:
        await connection.request("POST", URL, content=AsyncPieces(own))
    assert caught.value is own and connection.is_closed()


# Early answers.


@pytest.mark.parametrize("failure", [WriteError("reset"), WriteTimeout("slow")])
@pytest.mark.parametrize("failing_write", [0, 1, 2])
async def test_an_early_answer_is_delivered_when_a_write_fails(failure: Exception, failing_write: int) -> None:
    early = b"HTTP/1.1 413 Too Large\r\nContent-Length: 3\r\n\r\nbig"
    connection, stream = connected(early, writes=[None] * failing_write + [failure])
    response = await connection.request("POST", URL, content=AsyncPieces(b"a", b"b", b"c"))
    assert (response.status, response.content) == (413, b"big")
    assert connection.is_closed() and not stream.is_open


async def test_an_early_answer_to_a_small_body_ends_the_connection_too() -> None:
    connection, stream = connected(OK, writes=[WriteError("reset")])
    assert (await connection.request("POST", URL, content=b"x")).content == b"hello"
    assert connection.is_closed() and not stream.is_open


@pytest.mark.parametrize("failure", [WriteError("reset"), WriteTimeout("slow")])
@pytest.mark.parametrize("answer", [b"", ReadError("reset"), ReadTimeout("silent"), b"garbage\r\n\r\n"])
async def test_a_failed_write_without_an_answer_is_the_error(failure: Exception, answer: Any) -> None:
    connection, stream = connected(answer, writes=[failure])
    with pytest.raises(type(failure)) as caught:
        await connection.request("POST", URL, content=b"x")
    assert caught.value is failure and caught.value.__cause__ is not None
    assert connection.is_closed() and not stream.is_open


async def test_after_a_write_timeout_the_answer_gets_no_more_time_than_the_write_had() -> None:
    connection, stream = connected(b"", writes=[WriteTimeout("slow")])
    with pytest.raises(WriteTimeout):
        await connection.request("GET", URL, extensions={"timeout": {"write": 2.0}})
    assert stream.timeouts == [("write", 2.0), ("read", 2.0)]


async def test_a_switch_of_protocols_after_a_failed_write_is_no_answer() -> None:
    switch = b"HTTP/1.1 101 Switching\r\nUpgrade: x\r\n\r\n"
    failure = WriteError("reset")
    connection, stream = connected(switch, writes=[failure])
    with pytest.raises(WriteError) as caught:
        await connection.request("GET", URL, headers={"Connection": "upgrade", "Upgrade": "x"})
    assert caught.value is failure and not stream.is_open


# What the server gets wrong, and what can be said about it.


async def test_disconnected_before_a_response() -> None:
    connection, stream = connected(b"")
    with pytest.raises(RemoteProtocolError, match=r"^Server disconnected without sending a response\.$"):
        await connection.request("GET", URL)
    assert connection.closed_before_response and connection.is_closed() and not stream.is_open


@pytest.mark.parametrize(
    ("reads", "writes", "expected"),
    [
        ([b""], [], True),
        ([ReadError("reset")], [], True),
        ([b""], [WriteError("reset")], True),
        ([ReadError("reset")], [WriteError("reset")], True),
        ([ReadTimeout("silent")], [], False),
        ([ReadTimeout("silent")], [WriteTimeout("slow")], False),
        ([b"H", b""], [], False),
        ([b"HTTP/1.1 100 Continue\r\n\r\n", b""], [], False),
        ([b"H", ReadError("reset")], [], False),
    ],
)
async def test_closed_before_response(reads: Any, writes: Any, expected: bool) -> None:
    connection, _ = connected(OK, *reads, writes=[None, *writes])
    await connection.request("GET", URL)
    assert not connection.closed_before_response
    with pytest.raises(Exception, match=r"\w") as caught:
        await connection.request("GET", URL)
    assert connection.closed_before_response is expected
    # The failure says so itself, for those who share a connection that is not theirs to ask.
    assert bool(getattr(caught.value, "closed_before_response", False)) is expected


async def test_a_truncated_body_is_an_error_after_what_came() -> None:
    connection, stream = connected(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhello", b"")
    async with connection.stream("GET", URL) as response:
        body = response.aiter_stream()
        assert await body.__anext__() == b"hello"
        with pytest.raises(RemoteProtocolError, match="received 5 bytes, expected 9"):
            await body.__anext__()
    assert connection.is_closed() and not stream.is_open


async def test_informational_responses_are_passed_over() -> None:
    early = b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: a\r\n\r\nHTTP/1.1 102 Processing\r\n\r\n"
    connection, _ = connected(early[:30], early[30:] + OK[:9], OK[9:])
    assert (await connection.request("GET", URL)).content == b"hello"
    assert connection.is_idle()


async def test_a_flood_of_informational_responses_ends() -> None:
    connection, stream = connected(b"HTTP/1.1 103 Early Hints\r\n\r\n" * 101 + OK)
    with pytest.raises(RemoteProtocolError, match="more than 100 informational"):
        await connection.request("GET", URL)
    assert not stream.is_open


async def test_head_limit_can_be_changed_on_a_subclass() -> None:
    class Small(AsyncHTTP11Connection):
        MAX_INCOMPLETE_EVENT_SIZE = 100
        READ_NUM_BYTES = 50

    stream = AsyncScriptedStream([b"HTTP/1.1 200 OK\r\nA: " + b"x" * 1000])
    with pytest.raises(RemoteProtocolError):
        await Small(ORIGIN, stream).request("GET", URL)
    (left,) = stream.reads
    assert isinstance(left, bytes) and len(left) == 1020 - 150 and not stream.is_open


async def test_an_endless_head_is_given_up() -> None:
    connection, stream = connected(b"HTTP/1.1 200 OK\r\n", *[b"A: " + b"x" * 60000 + b"\r\n"] * 100)
    with pytest.raises(RemoteProtocolError):
        await connection.request("GET", URL)
    assert len(stream.reads) > 90


# Timeouts.


async def test_each_operation_has_the_timeout_of_its_phase() -> None:
    connection, stream = connected(OK[:10], OK[10:40], OK[40:])
    timeout = {"write": 1.0, "read": 2.0, "connect": 3.0, "pool": 4.0}
    await connection.request("POST", URL, content=AsyncPieces(b"a"), extensions={"timeout": timeout})
    assert stream.timeouts == [("write", 1.0)] * 3 + [("read", 2.0)] * 3


async def test_a_read_timeout_in_the_body_closes() -> None:
    connection, stream = connected(OK[:-2], ReadTimeout("silent"))
    with pytest.raises(ReadTimeout):
        await connection.request("GET", URL)
    assert connection.is_closed() and not stream.is_open and not connection.closed_before_response


# Reuse.


@pytest.mark.parametrize(
    "response",
    [
        b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 5\r\n\r\nhello",
        b"HTTP/1.0 200 OK\r\nContent-Length: 5\r\n\r\nhello",
        b"HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 5\r\n\r\nhello",
        b"HTTP/1.1 200 OK\r\n\r\nhello",
        b"HTTP/1.1 200 OK\r\nKeep-Alive: timeout=5, max=0\r\nContent-Length: 5\r\n\r\nhello",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
        OK + b"\n",
        OK + OK,
    ],
)
async def test_no_reuse(response: bytes) -> None:
    connection, stream = connected(response, b"", OK)
    assert (await connection.request("GET", URL)).content == b"hello"
    assert connection.is_closed() and stream.closed == 1
    with pytest.raises(ConnectionNotAvailable):
        await connection.request("GET", URL)


async def test_the_callers_connection_close_is_heeded() -> None:
    connection, stream = connected(OK)
    await connection.request("GET", URL, headers={"Connection": "close"})
    assert connection.is_closed() and stream.closed == 1


async def test_server_closing_or_speaking_while_idle_ends_it() -> None:
    connection, stream = connected(OK, b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil")
    await connection.request("GET", URL)
    assert not connection.has_expired()
    stream.readable = True
    assert connection.has_expired()


async def test_unexpected_bytes_never_become_the_next_response() -> None:
    connection, stream = connected(OK, b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil")
    await connection.request("GET", URL)
    stream.readable = True
    with pytest.raises(ConnectionNotAvailable):
        await connection.request("GET", URL)
    assert connection.is_closed() and not stream.is_open and len(stream.written) == 1


async def test_keepalive_expiry() -> None:
    connection, _ = connected(OK, keepalive_expiry=0.0)
    assert not connection.has_expired()
    await connection.request("GET", URL)
    assert connection.has_expired()
    connection, _ = connected(OK, keepalive_expiry=60.0)
    await connection.request("GET", URL)
    assert not connection.has_expired()


async def test_the_servers_keep_alive_hint_bounds_idleness() -> None:
    connection, _ = connected(b"HTTP/1.1 204 No\r\nKeep-Alive: timeout=0\r\n\r\n", OK, keepalive_expiry=60.0)
    await connection.request("GET", URL)
    assert connection.has_expired()


# Closing.


async def test_abort_frees_the_stream_at_once() -> None:
    connection, stream = connected(OK)
    connection.abort()
    assert connection.is_closed() and stream.aborted == 1 and stream.closed == 0


async def test_closing_while_a_body_is_read_makes_it_a_read_error() -> None:
    connection, _ = connected(OK[:-2], b"lo")
    async with connection.stream("GET", URL) as response:
        body = response.aiter_stream()
        assert await body.__anext__() == b"hel"
        await connection.aclose()
        with pytest.raises(ReadError):
            await body.__anext__()


async def test_end_of_stream_after_our_own_close_is_not_the_servers() -> None:
    class ClosedUnderneath(AsyncScriptedStream):
        async def read(self, max_bytes: int, timeout: Any = None) -> bytes:
            data = await super().read(max_bytes, timeout)
            if not data:
                await connection.aclose()
            return data

    connection = AsyncHTTP11Connection(ORIGIN, ClosedUnderneath([b"HTTP/1.0 200 OK\r\n\r\nhel", b""]))
    with pytest.raises(ReadError):
        await connection.request("GET", URL)
    assert not connection.closed_before_response


@pytest.mark.parametrize("kind", [bytes, bytearray, memoryview])
async def test_a_stream_of_the_users_own_is_enough(kind: Any) -> None:
    class Minimal(AsyncNetworkStream):
        def __init__(self) -> None:
            self.reads = [kind(OK[:45]), kind(OK[45:])]
            self.closed = False

        async def read(self, max_bytes: int, timeout: Any = None) -> bytes:
            return self.reads.pop(0)

        async def write(self, buffer: bytes, timeout: Any = None) -> None:
            assert buffer.startswith(b"GET / HTTP/1.1\r\n")

        async def aclose(self) -> None:
            self.closed = True

    stream = Minimal()
    connection = AsyncHTTP11Connection(ORIGIN, stream)
    async with connection.stream("GET", URL) as response:
        pieces = [piece async for piece in response.aiter_stream()]
    assert b"".join(pieces) == b"hello" and {type(piece) for piece in pieces} == {bytes}
    assert not connection.has_expired()
    connection.abort()
    assert stream.closed
