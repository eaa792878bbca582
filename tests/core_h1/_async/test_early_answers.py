"""Answers that come while a body is being sent, on a stream that can watch for them."""

from __future__ import annotations

from typing import Any, AsyncIterator, List, Optional, Sequence, Tuple, Union

import pytest

from core_backends import ReadError, RemoteProtocolError, WriteError
from core_h1 import AsyncHTTP11Connection

from .fakes import OK, ORIGIN, AsyncPieces, AsyncScriptedStream

URL = "https://example.com/"
REFUSAL = b"HTTP/1.1 413 Too Large\r\nContent-Length: 3\r\n\r\nbig"
HINTS = b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n"
LARGE = bytes(range(256)) * 1024

Step = Union[bytes, Exception]


class AsyncWatchingStream(AsyncScriptedStream):
    """Takes `room` bytes of a body while nothing has come, then says that something has; behind that it takes all.

    `arrives_after` says after which of its writes the next of `reads` makes the stream readable.
    """

    def __init__(self, reads: Any = (), room: Optional[int] = None, arrives_after: Sequence[int] = ()) -> None:
        super().__init__(reads)
        self.room = room
        self.arrives_after = arrives_after
        self.watched = 0

    async def read(self, max_bytes: int, timeout: Optional[float] = None) -> bytes:
        self.readable = False
        return await super().read(max_bytes, timeout)

    async def write_some_unless_readable(self, buffer: bytes, timeout: Optional[float] = None) -> int:
        self.watched += 1
        if self.room is not None and self.room < len(buffer):
            room, self.room = self.room, len(LARGE) if not self.room else 0
            if not room:
                return 0
            await self.write(memoryview(buffer)[:room], timeout)  # type: ignore[arg-type]
            return room
        await self.write(buffer, timeout)
        if len(self.written) in self.arrives_after:
            self.readable = True
        return len(buffer)


def watched(
    *reads: Step, room: Optional[int] = None, arrives_after: Sequence[int] = ()
) -> Tuple[AsyncHTTP11Connection, AsyncWatchingStream]:
    stream = AsyncWatchingStream(reads, room, arrives_after)
    return AsyncHTTP11Connection(ORIGIN, stream), stream


class Recorder:
    def __init__(self) -> None:
        self.names: List[str] = []

    async def __call__(self, name: str, info: Any) -> None:
        self.names.append(name.partition(".")[2])


def body_of(stream: AsyncScriptedStream) -> bytes:
    return b"".join(stream.written).partition(b"\r\n\r\n")[2]


@pytest.mark.parametrize("size", [20000, len(LARGE)])
async def test_a_refusal_ends_a_body_in_memory(size: int) -> None:
    connection, stream = watched(REFUSAL, room=1000)
    response = await connection.request("POST", URL, content=LARGE[:size])
    assert (response.status, response.content) == (413, b"big")
    assert len(b"".join(stream.written)) < size
    assert connection.is_closed() and not stream.is_open


async def test_a_small_body_is_one_write_that_watches_for_nothing() -> None:
    connection, stream = watched(OK)
    assert (await connection.request("POST", URL, content=b"x" * 1000)).content == b"hello"
    assert len(stream.written) == 1 and not stream.watched


@pytest.mark.parametrize("pieces", [[REFUSAL], [HINTS + REFUSAL], [HINTS, REFUSAL], [REFUSAL[:20], REFUSAL[20:]]])
async def test_a_refusal_ends_a_body_that_is_iterated(pieces: List[bytes]) -> None:
    asked: List[int] = []

    async def body() -> AsyncIterator[bytes]:
        try:
            for number in range(100):
                asked.append(number)
                yield b"x" * 1000
        finally:
            asked.append(-1)

    connection, stream = watched(*pieces, arrives_after=[3, 5])
    async with connection.stream("POST", URL, headers={"Content-Length": "100000"}, content=body()) as response:
        # Before the response is delivered, and not when somebody comes to collect the garbage.
        assert asked[-1] == -1 and len(asked) == 2 + (3 if len(pieces) == 1 else 5) - 1
        assert (response.status, await response.aread()) == (413, b"big")
    assert connection.is_closed() and not stream.is_open


async def test_an_iterator_of_the_callers_is_not_closed() -> None:
    class Own(AsyncPieces):
        closed = False

        async def aclose(self) -> None:
            self.closed = True

    own = Own(b"a", b"b", b"c", b"d")
    connection, _ = watched(REFUSAL, arrives_after=[3])
    headers = {"Content-Length": "4"}
    assert (await connection.request("POST", URL, headers=headers, content=own)).status == 413
    # The third was asked for before anything had come.
    assert own.pieces == [b"d"] and not own.closed


async def test_a_generator_is_closed_when_a_write_fails_too() -> None:
    closed: List[bool] = []

    async def body() -> AsyncIterator[bytes]:
        try:
            while True:
                yield b"x"
        finally:
            closed.append(True)

    connection, stream = watched(REFUSAL)
    stream.write_steps = [None, None, WriteError("reset")]
    response = await connection.request("POST", URL, content=body())
    assert response.status == 413 and closed == [True]


@pytest.mark.parametrize("early", [HINTS, OK[:-5], OK])
async def test_any_other_answer_leaves_the_request_whole(early: bytes) -> None:
    connection, stream = watched(*([early, OK] if early is HINTS else [early, OK[-5:]]), room=1000)
    assert (await connection.request("POST", URL, content=LARGE)).content == b"hello"
    assert body_of(stream) == LARGE
    if early != OK:
        stream.reads = [OK]
        assert connection.is_idle()
        assert (await connection.request("POST", URL, content=LARGE)).content == b"hello"


async def test_an_answer_between_two_parts_is_looked_for_once() -> None:
    connection, stream = watched(OK[:-5], OK[-5:], arrives_after=[2, 3])
    body = AsyncPieces(b"a", b"b", b"c")
    response = await connection.request("POST", URL, headers={"Content-Length": "3"}, content=body)
    assert response.content == b"hello" and body_of(stream) == b"abc"
    assert connection.is_idle()


async def test_a_switch_of_protocols_waits_for_the_rest_of_the_request() -> None:
    connection, stream = watched(b"HTTP/1.1 101 Switching\r\nUpgrade: x\r\n\r\n", room=1000)
    headers = {"Connection": "upgrade", "Upgrade": "x"}
    async with connection.stream("POST", URL, headers=headers, content=LARGE) as response:
        assert response.status == 101 and body_of(stream) == LARGE


@pytest.mark.parametrize("answer", [b"", b"garbage\r\n\r\n", ReadError("reset"), HINTS * 101])
async def test_what_is_no_answer_ends_the_sending_and_is_the_error(answer: Step) -> None:
    connection, stream = watched(answer, room=1000)
    trace = Recorder()
    expected = ReadError if isinstance(answer, ReadError) else RemoteProtocolError
    with pytest.raises(expected):
        await connection.request("POST", URL, content=LARGE, extensions={"trace": trace})
    assert "send_request_body.complete" in trace.names and "receive_response_headers.failed" in trace.names
    assert len(b"".join(stream.written)) < len(LARGE) and connection.is_closed() and not stream.is_open
    assert connection.closed_before_response is (answer == b"" or isinstance(answer, ReadError))


@pytest.mark.parametrize(
    "body", [LARGE, 20000 * b"x", AsyncPieces(*[b"x" * 1000] * 5)], ids=["large", "joined", "parts"]
)
async def test_a_body_that_an_answer_ended_is_complete_in_the_trace(body: Any) -> None:
    connection, _ = watched(REFUSAL, room=500)
    trace = Recorder()
    await connection.request("POST", URL, content=body, extensions={"trace": trace})
    steps = ["send_request_headers", "send_request_body", "receive_response_headers", "receive_response_body"]
    assert trace.names == [f"{step}.{end}" for step in [*steps, "response_closed"] for end in ("started", "complete")]


async def test_a_refusal_of_the_head_leaves_the_body_untouched() -> None:
    connection, _ = watched(REFUSAL.replace(b"413 Too Large", b"431 Too Large"), room=1000)
    body = AsyncPieces(b"a")
    headers = [("X", "y" * 5000), ("Content-Length", "1")]
    assert (await connection.request("POST", URL, headers=headers, content=body)).status == 431
    assert body.pieces == [b"a"]
