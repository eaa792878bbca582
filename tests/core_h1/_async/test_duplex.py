"""Responses that begin before the request has ended: whoever reads them sends the rest meanwhile."""

from __future__ import annotations

import gc
from typing import Any, AsyncIterator, Dict, List, Optional

import pytest

from core_backends import (
    LocalProtocolError,
    ReadError,
    ReadTimeout,
    RemoteProtocolError,
    Request,
    Response,
    WriteError,
    WriteTimeout,
)
from core_h1 import AsyncHTTP11Connection

from .fakes import OK, ORIGIN, AsyncEchoStream, AsyncPieces

URL = "https://example.com/"
CHUNKED_HEAD = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
LARGE = bytes(range(256)) * 800
PARTS = [LARGE[at : at + 2500] for at in range(0, len(LARGE), 2500)]


def echoing(head: bytes = CHUNKED_HEAD, room: int = 1000) -> Any:
    stream = AsyncEchoStream(head, room)
    return AsyncHTTP11Connection(ORIGIN, stream), stream


class AsyncAnswerStream(AsyncEchoStream):
    """A server that answers `head`, and no more; it takes `takes` bytes of the request in all, then as `end` says."""

    def __init__(self, head: bytes, takes: Optional[int] = None, end: Optional[Exception] = None) -> None:
        super().__init__(head, 10**9)
        self.takes = takes
        self.most = 10**9  # at a time
        self.end = end
        self.limits: List[Any] = []
        # What comes, or is raised, when all that was answered has been read.
        self.later: List[Any] = []
        self.later_after = 0

    def go_on(self) -> None:
        self.arrived.clear()

    async def read(self, max_bytes: int, timeout: Optional[float] = None) -> bytes:
        if self.answered or not self.later:
            return await super().read(max_bytes, timeout)
        step = self.later.pop(0)
        if isinstance(step, Exception):
            raise step
        data: bytes = step
        return data

    async def write_some_unless_readable(self, buffer: bytes, timeout: Optional[float] = None) -> int:
        self.limits.append(timeout)
        if self.takes is not None and self.sent >= self.takes:
            if self.get_extra_info("is_readable"):
                return 0
            raise self.end or AssertionError("The server takes nothing and gives nothing.")
        size = min(len(buffer), self.most if self.takes is None else self.takes - self.sent)
        self.take(bytes(memoryview(buffer)[:size]))
        return size

    def get_extra_info(self, info: str) -> Any:
        if info == "is_readable" and self.later and self.sent >= self.later_after:
            return True
        return super().get_extra_info(info)


def answering(head: bytes, takes: Optional[int] = None, end: Optional[Exception] = None) -> Any:
    stream = AsyncAnswerStream(head, takes, end)
    return AsyncHTTP11Connection(ORIGIN, stream), stream


class Recorder:
    def __init__(self, fail_at: str = "") -> None:
        self.names: List[str] = []
        self.fail_at = fail_at

    async def __call__(self, name: str, info: Any) -> None:
        self.names.append(name.partition(".")[2])
        if self.names[-1] == self.fail_at:
            raise ZeroDivisionError(name)


class Generated:
    """A body from a generator, and what has become of that."""

    def __init__(self, *parts: Any, endless: bool = False) -> None:
        self.parts = list(parts)
        self.endless = endless
        self.given = 0
        self.ended = False

    async def __aiter__(self) -> AsyncIterator[bytes]:
        try:
            while self.endless or self.given < len(self.parts):
                part = self.parts[self.given % len(self.parts)]
                self.given += 1
                if isinstance(part, BaseException):
                    raise part
                yield part
        finally:
            self.ended = True


def post(content: Any, **timeouts: Any) -> Request:
    headers = [("Host", "example.com")]
    if isinstance(content, bytes):
        headers.append(("Content-Length", str(len(content))))
    else:
        headers.append(("Transfer-Encoding", "chunked"))
    extensions: Dict[str, Any] = {"timeout": timeouts} if timeouts else {}
    return Request("POST", URL, headers=headers, content=content, extensions=extensions)


async def answered(connection: AsyncHTTP11Connection, content: Any, **timeouts: Any) -> Response:
    """Send `content` until there is a response to it, its body unread."""
    response = await connection.handle_async_request(post(content, **timeouts))
    assert response.status == 200 and connection._life.state.value == "ACTIVE"
    return response


@pytest.mark.parametrize("traced", [False, True], ids=["", "traced"])
@pytest.mark.parametrize("whole", [False, True], ids=["in parts", "at once"])
@pytest.mark.parametrize("kind", ["memory", "parts", "one part"])
async def test_an_echo_larger_than_every_buffer(kind: str, whole: bool, traced: bool) -> None:
    head = CHUNKED_HEAD if kind != "memory" else b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(LARGE)
    connection, stream = echoing(head)
    trace = Recorder()
    for _ in range(2):
        content = {"memory": LARGE, "parts": AsyncPieces(*PARTS), "one part": AsyncPieces(LARGE)}[kind]
        request = post(content)
        request.extensions = {"trace": trace} if traced else {}
        response = await connection.handle_async_request(request)
        assert stream.sent < len(LARGE) / 10, "The response is there as soon as its head is."
        if whole:
            assert await response.aread() == LARGE
        else:
            assert b"".join([part async for part in response.aiter_stream()]) == LARGE
        assert connection.is_idle() and stream.most_held <= 3 * stream.room
        stream.in_head, stream.sent = True, 0
    if traced:
        steps = ["send_request_headers", "send_request_body", "receive_response_headers", "receive_response_body"]
        expected = [f"{step}.{end}" for step in [*steps, "response_closed"] for end in ("started", "complete")]
        assert trace.names == expected * 2


async def test_the_next_part_may_depend_on_the_answer_to_the_last() -> None:
    """It is empty while there is none."""
    connection, _ = echoing()
    pongs: List[bytes] = []
    pings: List[bytes] = []

    class AsyncPlayer:
        def __aiter__(self) -> AsyncPlayer:
            return self

        async def __anext__(self) -> bytes:
            if len(pongs) == 10:
                raise StopAsyncIteration
            if len(pings) > len(pongs):
                return b""
            pings.append(b"ping %d" % len(pings))
            return pings[-1]

    took = pongs.append  # What is sent next depends on it.
    async with connection.stream("POST", URL, content=AsyncPlayer()) as response:
        async for pong in response.aiter_stream():
            took(pong)
    assert pings == pongs == [b"ping %d" % number for number in range(10)]
    assert connection.is_idle()


async def test_no_part_is_asked_for_while_there_is_something_to_read() -> None:
    connection, stream = echoing(room=50)
    asked_while_readable: List[int] = []

    class AsyncWatched(AsyncPieces):
        async def __anext__(self) -> bytes:
            asked_while_readable.append(len(stream.answered))
            return await super().__anext__()

    response = await answered(connection, AsyncWatched(*PARTS))
    del asked_while_readable[:]
    assert await response.aread() == LARGE
    assert len(asked_while_readable) == len(PARTS) and not any(asked_while_readable)


@pytest.mark.parametrize("kind", ["memory", "parts"])
async def test_the_last_data_is_there_before_the_rest_is_sent(kind: str) -> None:
    connection, stream = answering(OK, takes=3000)
    content: Any = LARGE if kind == "memory" else AsyncPieces(*PARTS)
    body = (await answered(connection, content)).stream.__aiter__()  # type: ignore[union-attr]
    stream.takes = None
    sent = stream.sent
    assert await body.__anext__() == b"hello" and stream.sent == sent <= 3000
    with pytest.raises(StopAsyncIteration):
        await body.__anext__()
    assert stream.sent > len(LARGE) and connection.is_idle()


@pytest.mark.parametrize(
    "head",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 204 No\r\n\r\n",
        CHUNKED_HEAD + b"0\r\n\r\n",
    ],
    ids=["length", "status", "chunk"],
)
async def test_behind_a_response_without_a_body_the_rest_is_sent_first(head: bytes) -> None:
    connection, stream = answering(head)
    content = AsyncPieces(*PARTS)
    response = await connection.handle_async_request(post(content))
    assert not content.pieces and stream.sent > len(LARGE)
    await response.aclose()
    assert connection.is_idle()


async def test_the_rest_of_a_long_head_is_sent_too() -> None:
    """Nobody answers half a head; but if one did, the other half would not be forgotten, nor the body."""
    connection, stream = answering(OK)
    stream.in_head, stream.answered, stream.takes = False, bytearray(OK), 100
    content = AsyncPieces(b"a", b"b")
    headers = [("Host", "h"), ("Content-Length", "2"), ("X", "y" * 1000)]
    request = Request("POST", URL, headers=headers, content=content)
    response = await connection.handle_async_request(request)
    assert len(content.pieces) == 2 and stream.sent == 100
    stream.takes = None
    assert await response.aread() == b"hello"
    assert not content.pieces and stream.sent > 1000 and connection.is_idle()


@pytest.mark.parametrize("kind", ["memory", "parts"])
@pytest.mark.parametrize("end", [WriteError("reset"), WriteTimeout("slow"), OSError("broken")])
async def test_a_response_that_is_whole_survives_what_ends_the_sending(end: Exception, kind: str) -> None:
    connection, stream = answering(OK, takes=6000, end=end)
    generated = Generated(*PARTS)
    content: Any = LARGE if kind == "memory" else generated
    assert await (await answered(connection, content)).aread() == b"hello"
    assert generated.ended is (kind == "parts") and connection.is_closed() and stream.closed == 1


async def test_what_comes_is_read_while_the_server_takes_all() -> None:
    """It is delivered although there is room for more of the request, behind the write that it came with."""
    connection, stream = answering(CHUNKED_HEAD, takes=1000)
    body = (await answered(connection, LARGE)).aiter_stream()
    stream.most, stream.takes = 1000, None
    stream.later, stream.later_after = [b"2\r\nhi\r\n", b"0\r\n\r\n"], 50000
    assert await body.__anext__() == b"hi"
    assert 50000 <= stream.sent < 52000
    stream.later_after = 10**9
    with pytest.raises(StopAsyncIteration):
        await body.__anext__()
    assert stream.sent > len(LARGE) and connection.is_idle()


@pytest.mark.parametrize("more", [b"", b"HTTP/1.1 200 OK\r\n\r\n", ReadError("reset")])
async def test_behind_a_whole_response_anything_that_comes_ends_the_sending(more: Any) -> None:
    connection, stream = answering(OK)
    stream.later, stream.later_after = [more], 10000
    content = Generated(*PARTS, endless=True)
    assert await (await answered(connection, content)).aread() == b"hello"
    assert content.ended and 10000 <= stream.sent < 20000
    assert connection.is_closed() and stream.closed == 1


@pytest.mark.parametrize("end", [WriteError("reset"), OSError("broken")])
async def test_a_response_goes_on_where_the_server_takes_no_more(end: Exception) -> None:
    connection, stream = answering(CHUNKED_HEAD + b"3\r\nhel\r\n", takes=6000, end=end)
    content = Generated(*PARTS)
    body = (await answered(connection, content)).aiter_stream()
    assert await body.__anext__() == b"hel"
    stream.later, stream.later_after = [b"2\r\nlo\r\n", b"0\r\n\r\n"], 10**9
    stream.takes, writes = stream.sent, len(stream.limits)
    assert [part async for part in body] == [b"lo"]
    assert len(stream.limits) == writes + 1, "It is not tried again."
    assert content.ended and connection.is_closed() and stream.closed == 1


@pytest.mark.parametrize("rest, error", [(b"", RemoteProtocolError), (ReadError("reset"), ReadError)])
async def test_a_response_that_is_cut_is_an_error(rest: Any, error: Any) -> None:
    connection, stream = answering(CHUNKED_HEAD + b"3\r\nhel\r\n", takes=6000, end=WriteError("reset"))
    body = (await answered(connection, LARGE)).aiter_stream()
    assert await body.__anext__() == b"hel"
    stream.later, stream.later_after = [rest], 10**9
    with pytest.raises(error):
        await body.__anext__()
    assert connection.is_closed() and not stream.is_open


@pytest.mark.parametrize(
    "read, write, limit, error",
    [
        (3.0, 5.0, 3.0, ReadTimeout),
        (5.0, 3.0, 3.0, WriteTimeout),
        (3.0, 3.0, 3.0, ReadTimeout),
        (None, 3.0, 3.0, WriteTimeout),
        (3.0, None, 3.0, ReadTimeout),
    ],
)
async def test_waiting_for_both_directions_takes_the_shorter_time(
    read: Any, write: Any, limit: float, error: Any
) -> None:
    connection, stream = answering(CHUNKED_HEAD, takes=6000, end=WriteTimeout("slow"))
    response = await answered(connection, LARGE, read=read, write=write)
    stream.limits.clear()
    with pytest.raises(error):
        await response.aread()
    assert stream.limits == [limit] and connection.is_closed() and not stream.is_open


@pytest.mark.parametrize("part", [ValueError("mine"), WriteError("mine"), ReadTimeout("mine"), BaseException("mine")])
@pytest.mark.parametrize("head", [CHUNKED_HEAD, OK], ids=["incomplete", "whole"])
async def test_what_the_iterator_raises_leaves_unchanged(head: bytes, part: Any) -> None:
    connection, stream = answering(head)
    response = await answered(connection, AsyncPieces(*PARTS[:3], part))
    with pytest.raises(type(part)) as caught:
        await response.aread()
    assert caught.value is part
    assert connection.is_closed() and not stream.is_open


async def test_parts_of_another_type_are_a_type_error() -> None:
    connection, stream = answering(CHUNKED_HEAD)
    response = await answered(connection, AsyncPieces(b"a", b"b", "text"))
    with pytest.raises(TypeError, match="bytes-like"):
        await response.aread()
    assert connection.is_closed() and not stream.is_open


@pytest.mark.parametrize("parts", [[b"a", b"b", b"c"], [b"a", b"b", b"c", b"d", b"e"]], ids=["short", "long"])
async def test_a_body_that_is_not_as_long_as_it_says(parts: List[bytes]) -> None:
    connection, stream = answering(OK)
    headers = [("Host", "h"), ("Content-Length", "4")]
    response = await connection.handle_async_request(Request("POST", URL, headers=headers, content=AsyncPieces(*parts)))
    with pytest.raises(LocalProtocolError, match="declared Content-Length"):
        await response.aread()
    assert connection.is_closed() and not stream.is_open


@pytest.mark.parametrize("pieces_read", [0, 1])
@pytest.mark.parametrize("traced", [False, True], ids=["", "traced"])
async def test_closing_early_cuts_the_request_short(traced: bool, pieces_read: int) -> None:
    connection, stream = answering(OK)
    content = Generated(b"x" * 1000, endless=True)
    request = post(content)
    trace = Recorder()
    request.extensions = {"trace": trace} if traced else {}
    response = await connection.handle_async_request(request)
    body = response.aiter_stream()
    for _ in range(pieces_read):
        await body.__anext__()
    assert not content.ended
    await response.aclose()
    assert content.ended and connection.is_closed() and stream.closed == 1
    assert not traced or trace.names[-2:] == ["response_closed.started", "response_closed.complete"]
    with pytest.raises((ReadError, RuntimeError)):
        await body.__anext__()
    sent = stream.sent
    await response.aclose()
    assert stream.sent == sent and stream.closed == 1


async def test_a_dropped_response_cuts_the_request_short() -> None:
    connection, stream = answering(OK)
    content = Generated(b"x" * 1000, endless=True)
    response = await answered(connection, content)
    del response
    gc.collect()
    assert content.ended and connection.is_closed() and not stream.is_open


async def test_an_iterator_of_the_callers_is_not_closed() -> None:
    class AsyncOwn(AsyncPieces):
        closed = False

        async def aclose(self) -> None:
            self.closed = True

    connection, _ = answering(OK)
    own = AsyncOwn(*PARTS)
    await (await answered(connection, own)).aclose()
    assert own.pieces and not own.closed


async def test_closing_the_connection_ends_the_reading_and_the_generator() -> None:
    connection, stream = echoing()
    content = Generated(*PARTS)
    response = await answered(connection, content)
    await connection.aclose()
    with pytest.raises(ReadError, match="closed"):
        await response.aread()
    assert content.ended and not stream.is_open


@pytest.mark.parametrize("head", [CHUNKED_HEAD, OK], ids=["incomplete", "whole"])
async def test_an_iterator_may_close_the_response(head: bytes) -> None:
    connection, stream = answering(head)
    responses: List[Response] = []
    ended: List[bool] = []

    async def body() -> AsyncIterator[bytes]:
        try:
            for number in range(5):
                if number == 3:
                    await responses[0].aclose()
                yield b"x" * 1000
        finally:
            ended.append(True)

    responses.append(await answered(connection, body()))
    if head == OK:
        # All of it had come; it is the request that was cut.
        assert await responses[0].aread() == b"hello"
    else:
        with pytest.raises(ReadError, match="closed"):
            await responses[0].aread()
    assert ended == [True] and connection.is_closed() and not stream.is_open


async def test_an_iterator_may_read_the_response() -> None:
    connection, stream = answering(CHUNKED_HEAD)
    # Not to be seen by a look: only who waits for it gets it.
    stream.later, stream.later_after = [b"4\r\npong\r\n", b"6\r\nbehind\r\n0\r\n\r\n"], 10**9
    bodies: List[Any] = []
    pongs: List[bytes] = []

    async def body() -> AsyncIterator[bytes]:
        yield b"ping"
        yield b"ping"
        pongs.append(await bodies[0].__anext__())
        yield b"ping"

    response = await answered(connection, body())
    bodies.append(response.stream.__aiter__())  # type: ignore[union-attr]
    assert [part async for part in bodies[0]] == [b"behind"]
    assert pongs == [b"pong"] and connection.is_idle()


async def test_an_iterator_that_reads_the_response_to_its_end_is_not_waited_for() -> None:
    connection, stream = answering(OK)
    bodies: List[Any] = []
    read: List[bytes] = []

    async def body() -> AsyncIterator[bytes]:
        yield b"a"
        yield b"b"
        read.extend([part async for part in bodies[0]])
        yield b"c"

    response = await answered(connection, body())
    bodies.append(response.stream.__aiter__())  # type: ignore[union-attr]
    assert [part async for part in bodies[0]] + read == [b"hello"]
    assert connection.is_closed() and not stream.is_open


async def test_what_a_hook_raises_before_the_response_is_there_ends_the_generator() -> None:
    connection, stream = answering(OK)
    content = Generated(b"x" * 1000, endless=True)
    request = post(content)
    request.extensions = {"trace": Recorder("receive_response_headers.started")}
    with pytest.raises(ZeroDivisionError):
        await connection.handle_async_request(request)
    assert connection.is_closed() and not stream.is_open
    del request
    gc.collect()
    assert content.ended


async def test_a_failure_while_reading_ends_the_generator() -> None:
    connection, stream = answering(CHUNKED_HEAD + b"no size\r\n")
    content = Generated(b"x" * 1000, endless=True)
    trace = Recorder()
    request = post(content)
    request.extensions = {"trace": trace}
    response = await connection.handle_async_request(request)
    with pytest.raises(RemoteProtocolError):
        await response.aread()
    del response, request
    gc.collect()
    assert content.ended and connection.is_closed() and not stream.is_open
    assert "receive_response_body.failed" in trace.names


async def test_data_that_had_come_with_the_head_is_there_at_once() -> None:
    connection, stream = answering(CHUNKED_HEAD + b"3\r\nhel\r\n")
    body = (await answered(connection, AsyncPieces(*PARTS))).aiter_stream()
    sent = stream.sent
    assert await body.__anext__() == b"hel" and stream.sent == sent
