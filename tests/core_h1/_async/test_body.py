"""The body of a response as an iterator: when it ends, and what becomes of the connection then."""

from __future__ import annotations

import gc
import weakref

import pytest

from core_backends import ReadError, ReadTimeout, RemoteProtocolError, Request
from core_backends.lowlevel import AsyncWholeBody

from .fakes import OK, connected

URL = "https://example.com/"
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"


def get() -> Request:
    return Request("GET", URL, headers={"Host": "example.com"})


async def test_the_connection_is_free_as_soon_as_the_last_bytes_are_here() -> None:
    connection, _ = connected(OK[:-2], OK[-2:])
    response = await connection.handle_async_request(get())
    body = response.stream.__aiter__()  # type: ignore[union-attr]
    assert await body.__anext__() == b"hel"
    assert not connection.is_idle()
    assert await body.__anext__() == b"lo"
    assert connection.is_idle()
    for _ in range(2):
        with pytest.raises(StopAsyncIteration):
            await body.__anext__()


async def test_closing_a_body_that_was_read_leaves_the_next_exchange_alone() -> None:
    connection, stream = connected(OK, OK)
    first = await connection.handle_async_request(get())
    assert await first.aread() == b"hello"
    async with connection.stream("GET", URL) as second:
        await first.aclose()
        del first
        gc.collect()
        assert stream.is_open and await second.aread() == b"hello"


async def test_chunks_and_trailers() -> None:
    connection, _ = connected(CHUNKED, b"3\r\nhel\r\n2", b";x=y\r\nlo\r\n", b"0\r\nX-Sum: 1\r\n", b"\r\n", OK)
    response = await connection.request("GET", URL)
    assert response.content == b"hello"
    assert response.extensions["trailing_headers"] == [(b"X-Sum", b"1")]
    assert connection.is_idle()
    assert "trailing_headers" not in (await connection.request("GET", URL)).extensions


async def test_a_body_until_the_end_of_the_stream() -> None:
    connection, stream = connected(b"HTTP/1.1 200 OK\r\n\r\nhel", b"lo", b"")
    assert (await connection.request("GET", URL)).content == b"hello"
    assert connection.is_closed() and stream.closed == 1


@pytest.mark.parametrize("pieces_read", [0, 1])
async def test_closing_early_closes_the_connection(pieces_read: int) -> None:
    connection, stream = connected(OK[:-2], OK[-2:])
    async with connection.stream("GET", URL) as response:
        body = response.aiter_stream()
        for _ in range(pieces_read):
            await body.__anext__()
    assert connection.is_closed() and stream.closed == 1
    with pytest.raises(ReadError, match="closed before its body was read"):
        await body.__anext__()
    await response.aclose()
    assert stream.closed == 1


async def test_closing_an_empty_body_unread_keeps_the_connection() -> None:
    connection, stream = connected(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", CHUNKED + b"0\r\n\r\n", OK)
    for _ in range(2):
        async with connection.stream("GET", URL):
            pass
        assert connection.is_idle()
    assert (await connection.request("GET", URL)).content == b"hello" and stream.is_open


@pytest.mark.parametrize("failure", [ReadTimeout("slow"), ReadError("reset")])
async def test_a_failure_closes_and_is_not_repeated_as_an_end(failure: Exception) -> None:
    connection, stream = connected(OK[:-2], failure)
    response = await connection.handle_async_request(get())
    body = response.stream.__aiter__()  # type: ignore[union-attr]
    await body.__anext__()
    with pytest.raises(type(failure)) as caught:
        await body.__anext__()
    assert caught.value is failure and connection.is_closed() and stream.aborted == 1
    with pytest.raises(ReadError):
        await body.__anext__()


async def test_good_pieces_come_before_the_error_of_a_bad_one() -> None:
    connection, stream = connected(CHUNKED + b"5\r\nhello\r\nnonsense\r\n")
    response = await connection.handle_async_request(get())
    body = response.stream.__aiter__()  # type: ignore[union-attr]
    assert await body.__anext__() == b"hello"
    with pytest.raises(RemoteProtocolError, match="chunk header"):
        await body.__anext__()
    assert not stream.is_open


@pytest.mark.parametrize("pieces_read", [0, 1])
async def test_a_dropped_response_frees_its_stream(pieces_read: int) -> None:
    connection, stream = connected(OK[:-2], OK[-2:])
    response = await connection.handle_async_request(get())
    body = response.aiter_stream()
    for _ in range(pieces_read):
        await body.__anext__()
    gone = weakref.ref(response)
    del response, body
    gc.collect()
    assert gone() is None and connection.is_closed() and stream.aborted == 1 and stream.closed == 0


async def test_what_is_dropped_while_the_state_is_being_changed_does_not_wait_for_itself() -> None:
    connection, stream = connected(OK[:-2])
    response = await connection.handle_async_request(get())
    with connection._life._lock:
        del response
        gc.collect()
        assert connection.is_closed() and not stream.is_open


async def test_a_body_read_whole_ends_like_one_that_is_iterated_over() -> None:
    connection, stream = connected(OK[:-2], OK[-2:], OK)
    response = await connection.handle_async_request(get())
    body = response.stream
    assert isinstance(body, AsyncWholeBody)
    assert await body.read_whole() == b"hello" and connection.is_idle()
    assert await body.read_whole() == b""
    with pytest.raises(StopAsyncIteration):
        await body.__anext__()
    assert (await connection.request("GET", URL)).content == b"hello" and stream.is_open


async def test_reading_whole_what_was_begun_gives_the_rest() -> None:
    connection, _ = connected(OK[:-2], OK[-2:])
    body = (await connection.handle_async_request(get())).stream
    assert isinstance(body, AsyncWholeBody)
    assert await body.__anext__() == b"hel"
    assert await body.read_whole() == b"lo" and connection.is_idle()


@pytest.mark.parametrize("failure", [ReadTimeout("slow"), ReadError("reset")])
async def test_a_failure_while_reading_whole_closes_and_is_not_repeated_as_an_end(failure: Exception) -> None:
    connection, stream = connected(OK[:-2], failure)
    body = (await connection.handle_async_request(get())).stream
    assert isinstance(body, AsyncWholeBody)
    with pytest.raises(type(failure)) as caught:
        await body.read_whole()
    assert caught.value is failure and connection.is_closed() and stream.aborted == 1
    with pytest.raises(ReadError):
        await body.read_whole()


async def test_a_body_until_the_end_of_the_stream_read_whole_closes_it() -> None:
    connection, stream = connected(b"HTTP/1.1 200 OK\r\n\r\nhel", b"lo", b"")
    body = (await connection.handle_async_request(get())).stream
    assert isinstance(body, AsyncWholeBody)
    assert await body.read_whole() == b"hello"
    assert connection.is_closed() and stream.closed == 1


async def test_a_large_body_is_read_in_larger_pieces_and_the_next_head_is_not() -> None:
    body = b"x" * 1_000_000
    head = b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n"
    connection, stream = connected(head, body, OK)
    async with connection.stream("GET", URL) as response:
        sizes = [len(part) async for part in response.aiter_stream()]
    assert sum(sizes) == 1_000_000 and sizes[0] == 64 * 1024 and max(sizes) == 256 * 1024
    stream.most_asked = 0
    assert (await connection.request("GET", URL)).content == b"hello"
    assert stream.most_asked == 64 * 1024
