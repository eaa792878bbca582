"""What every stream has to do, as checks that run on any implementation.

Rules that hold here:

* A check gets a fresh pair of connected streams: the one under test, and its peer, which may be of another kind.
* Only the contract's methods are used. What a stream may leave open (`get_extra_info` that knows nothing) passes.
* A stream may offer more: `write_some(buffer, timeout)` and `write_some_nowait(buffer)`, which return how many bytes
  they have written, and the first at least one. When that times out or is cancelled, and when the other returns 0,
  nothing counts as written; the next write, of whatever kind, begins with all these bytes, and they are sent once.
* `write_some_unless_readable(buffer, timeout)` is such a `write_some` which does not wait while there is something to
  read: it returns 0 then. One that has nothing to wait for writes. Nobody else reads from the stream meanwhile.
* A failure is an `AssertionError` that says which rule was broken.
"""

from __future__ import annotations

import math
import time
from typing import Any, Awaitable, Callable, Tuple

from ..._backend import AsyncNetworkStream
from ..._exceptions import ReadError, ReadTimeout, WriteError, WriteTimeout
from .._background import AsyncBackground

__all__ = ["AsyncMakePair", "check_async_stream"]

AsyncMakePair = Callable[[], Awaitable[Tuple[AsyncNetworkStream, AsyncNetworkStream]]]
Stream = AsyncNetworkStream

# What no check should come near to: seconds for an operation that is expected to succeed.
PATIENCE = 20.0

LARGE = 8 * 1024 * 1024

# More than the buffers of two sockets, so a peer that does not read makes a write wait.
OVERFLOWING = 48 * 1024 * 1024

PART = 65536


async def check_async_stream(make_pair: AsyncMakePair) -> None:
    """Check a stream against the contract; `make_pair` returns a connected stream and its peer, new ones each time.

    Raises `AssertionError` for the first rule that is broken.
    """
    for check in _checks:
        stream, peer = await make_pair()
        try:
            await check(stream, peer)
        except Exception as exc:
            raise AssertionError(f"{check.__name__.lstrip('_')}: {type(exc).__name__}: {exc}") from exc
        finally:
            await peer.aclose()
            await stream.aclose()


async def _raises(expected: Any, function: Callable[..., Awaitable[Any]], *args: Any) -> None:
    try:
        result = await function(*args)
    except expected:
        return
    raise AssertionError(f"{expected.__name__} was expected, {result!r} came")


async def _read_exactly(stream: Stream, size: int) -> bytes:
    received = bytearray()
    while len(received) < size:
        data = await stream.read(65536, PATIENCE)
        assert data, f"the stream ended after {len(received)} of {size} bytes"
        assert len(data) <= 65536, "a read returned more than was asked for"
        received += data
    assert len(received) == size, "more arrived than was written"
    return bytes(received)


async def _read_to_end(stream: Stream) -> bytes:
    received = bytearray()
    while True:
        data = await stream.read(65536, PATIENCE)
        if not data:
            return bytes(received)
        received += data


def _pattern(size: int) -> bytes:
    return (bytes(range(251)) * (size // 251 + 1))[:size]


async def _a_read_returns_what_arrived(stream: Stream, peer: Stream) -> None:
    await peer.write(b"hello", PATIENCE)
    assert await _read_exactly(stream, 5) == b"hello"


async def _a_read_returns_bytes_objects(stream: Stream, peer: Stream) -> None:
    await peer.write(b"hello", PATIENCE)
    data = await stream.read(5, PATIENCE)
    assert type(data) is bytes, f"a read returned {type(data).__name__}"


async def _a_read_leaves_what_is_beyond_max_bytes(stream: Stream, peer: Stream) -> None:
    await peer.write(b"abcdef", PATIENCE)
    received = b""
    while len(received) < 6:
        data = await stream.read(1, PATIENCE)
        assert len(data) == 1, f"a read of 1 byte returned {len(data)}"
        received += data
    assert received == b"abcdef"


async def _a_read_at_the_end_returns_nothing_again_and_again(stream: Stream, peer: Stream) -> None:
    await peer.write(b"last words", PATIENCE)
    await peer.aclose()
    assert await _read_to_end(stream) == b"last words"
    assert await stream.read(1, PATIENCE) == b""
    assert await stream.read(65536, None) == b""


async def _a_large_write_arrives_whole(stream: Stream, peer: Stream) -> None:
    content = _pattern(LARGE)
    async with AsyncBackground() as background:
        reading = background.start(_read_exactly, peer, LARGE)
        await stream.write(content, PATIENCE)
        assert await reading.wait() == content


async def _a_large_read_arrives_whole(stream: Stream, peer: Stream) -> None:
    content = _pattern(LARGE)
    async with AsyncBackground() as background:
        writing = background.start(peer.write, content, PATIENCE)
        assert await _read_exactly(stream, LARGE) == content
        await writing.wait()


async def _reading_and_writing_go_on_at_the_same_time(stream: Stream, peer: Stream) -> None:
    size = LARGE // 2
    content = _pattern(size)
    async with AsyncBackground() as background:
        others = [
            background.start(_read_exactly, stream, size),
            background.start(_read_exactly, peer, size),
            background.start(peer.write, content, PATIENCE),
        ]
        await stream.write(content, None)
        assert await others[0].wait() == content
        assert await others[1].wait() == content
        await others[2].wait()


async def _a_write_takes_any_buffer(stream: Stream, peer: Stream) -> None:
    content = _pattern(300000)
    small: Any = bytearray(b"56789")
    large: Any = bytearray(content)
    view: Any = memoryview(content)
    async with AsyncBackground() as background:
        reading = background.start(_read_exactly, peer, 10 + 2 * len(content))
        await stream.write(b"01234", PATIENCE)
        await stream.write(small, PATIENCE)
        await stream.write(large, PATIENCE)
        # A write that has returned has no more use for the buffer.
        large[:] = bytes(len(large))
        await stream.write(view, PATIENCE)
        assert await reading.wait() == b"0123456789" + content + content


async def _a_write_of_nothing_writes_nothing(stream: Stream, peer: Stream) -> None:
    await stream.write(b"", PATIENCE)
    await stream.write(b"x", PATIENCE)
    assert await peer.read(10, PATIENCE) == b"x"


async def _limits_of_none_and_infinity_do_not_end(stream: Stream, peer: Stream) -> None:
    for limit in (None, math.inf, 1e10):
        await peer.write(b"a", limit)
        assert await stream.read(1, limit) == b"a"
        await stream.write(b"b", limit)
        assert await peer.read(1, limit) == b"b"


async def _a_read_that_times_out_has_consumed_nothing(stream: Stream, peer: Stream) -> None:
    before = time.monotonic()
    await _raises(ReadTimeout, stream.read, 100, 0.05)
    assert time.monotonic() - before >= 0.04, "the read ended before its time"
    await peer.write(b"late", PATIENCE)
    assert await _read_exactly(stream, 4) == b"late"
    await _raises(ReadTimeout, stream.read, 100, 0.05)
    await peer.write(b"later", PATIENCE)
    assert await _read_exactly(stream, 5) == b"later"


async def _a_limit_of_zero_takes_what_is_there_already(stream: Stream, peer: Stream) -> None:
    await _raises(ReadTimeout, stream.read, 100, 0)
    await stream.write(b"x", 0)
    assert await peer.read(1, PATIENCE) == b"x"
    await peer.write(b"ab", PATIENCE)
    assert await stream.read(1, PATIENCE) == b"a"
    assert await stream.read(1, 0) == b"b"


async def _a_write_times_out_when_the_peer_takes_nothing(stream: Stream, peer: Stream) -> None:
    await _raises(WriteTimeout, stream.write, bytes(OVERFLOWING), 0.1)


async def _a_write_that_makes_progress_does_not_time_out(stream: Stream, peer: Stream) -> None:
    content = _pattern(LARGE)
    async with AsyncBackground() as background:
        writing = background.start(stream.write, content, 5.0)
        received = bytearray()
        while len(received) < LARGE:
            received += await peer.read(65536, PATIENCE)
        await writing.wait()
        assert bytes(received) == content


async def _writing_some_by_some_writes_all(stream: Stream, peer: Stream) -> None:
    if not hasattr(stream, "write_some"):
        return
    content = _pattern(LARGE)
    async with AsyncBackground() as background:
        reading = background.start(_read_exactly, peer, LARGE)
        assert await _write_by_parts(stream, memoryview(content), PATIENCE) == LARGE
        assert await reading.wait() == content


async def _writing_some_that_times_out_loses_nothing_and_sends_nothing_twice(stream: Stream, peer: Stream) -> None:
    if not hasattr(stream, "write_some"):
        return
    content = memoryview(_pattern(OVERFLOWING))
    sent = 0
    if hasattr(stream, "write_some_nowait"):
        while True:
            written = stream.write_some_nowait(content[sent : sent + PART])
            if not written:
                break
            sent += written
    for _ in range(2):
        sent += await _write_by_parts(stream, content[sent:], 0.05)
    assert sent < OVERFLOWING, "48 MB were written to a peer that does not read"
    end = min(OVERFLOWING, sent + 1024 * 1024)
    async with AsyncBackground() as background:
        reading = background.start(_read_exactly, peer, end)
        assert await _write_by_parts(stream, content[sent:end], PATIENCE) == end - sent
        assert await reading.wait() == content[:end], "what arrived is not what was written"


async def _after_writing_some_that_timed_out_the_rest_can_be_written(stream: Stream, peer: Stream) -> None:
    if not hasattr(stream, "write_some"):
        return
    content = memoryview(_pattern(OVERFLOWING))
    sent = await _write_by_parts(stream, content, 0.05)
    end = min(OVERFLOWING, sent + 1024 * 1024)
    async with AsyncBackground() as background:
        reading = background.start(_read_exactly, peer, end)
        rest: Any = content[sent:end]
        await stream.write(rest, PATIENCE)
        assert await reading.wait() == content[:end], "what arrived is not what was written"


async def _write_by_parts(stream: Any, view: memoryview, limit: float) -> int:
    """Write `view` by `write_some`, and return how much of it was written when that timed out."""
    sent = 0
    while sent < len(view):
        try:
            written = await stream.write_some(view[sent : sent + PART], limit)
        except WriteTimeout:
            break
        assert 0 < written <= PART, f"{written} bytes were written of {PART}"
        sent += written
    return sent


async def _writing_unless_readable_writes_all(stream: Stream, peer: Stream) -> None:
    function = getattr(stream, "write_some_unless_readable", None)
    if function is None:
        return
    content = memoryview(_pattern(LARGE))
    async with AsyncBackground() as background:
        reading = background.start(_read_exactly, peer, LARGE)
        sent = 0
        while sent < LARGE:
            written = await function(content[sent : sent + PART], PATIENCE)
            assert 0 < written <= PART, f"{written} bytes were written of {PART}, with nothing to be read"
            sent += written
        assert await reading.wait() == content


async def _what_arrives_ends_the_wait_of_a_writer(stream: Stream, peer: Stream) -> None:
    function = getattr(stream, "write_some_unless_readable", None)
    if function is None:
        return
    content = memoryview(_pattern(OVERFLOWING))
    sent = 0
    async with AsyncBackground() as background:
        # Once while it waits, and once before.
        for answer in (b"first", b"second"):
            if answer == b"first":
                writing = background.start(_write_until_readable, stream, content)
                await background.settle()
                await peer.write(answer, PATIENCE)
                sent += await writing.wait()
            else:
                await peer.write(answer, PATIENCE)
                await _until_readable(stream)
                sent += await _write_until_readable(stream, content[sent:])
            assert sent < OVERFLOWING, "48 MB were written to a peer that does not read"
            assert await _read_exactly(stream, len(answer)) == answer
        end = min(OVERFLOWING, sent + 1024 * 1024)
        reading = background.start(_read_exactly, peer, end)
        rest: Any = content[sent:end]
        await stream.write(rest, PATIENCE)
        assert await reading.wait() == content[:end], "what arrived is not what was written"


async def _the_end_of_the_stream_ends_the_wait_of_a_writer(stream: Stream, peer: Stream) -> None:
    function = getattr(stream, "write_some_unless_readable", None)
    if function is None:
        return
    content = memoryview(bytes(OVERFLOWING))
    async with AsyncBackground() as background:
        writing = background.start(_write_until_readable, stream, content)
        await background.settle()
        await peer.aclose()
        try:
            assert await writing.wait() < OVERFLOWING, "48 MB were written to a peer that does not read"
        except WriteError:
            pass  # Where something was left unread, closing is a reset, which may be told either way.


async def _writing_unless_readable_times_out_as_any_write(stream: Stream, peer: Stream) -> None:
    function = getattr(stream, "write_some_unless_readable", None)
    if function is None:
        return
    content = memoryview(_pattern(OVERFLOWING))
    sent = 0
    try:
        while sent < OVERFLOWING:
            written = await function(content[sent : sent + PART], 0.05)
            assert written, "nothing was written, with nothing to be read"
            sent += written
    except WriteTimeout:
        pass
    assert sent < OVERFLOWING, "48 MB were written to a peer that does not read"
    end = min(OVERFLOWING, sent + 1024 * 1024)
    async with AsyncBackground() as background:
        reading = background.start(_read_exactly, peer, end)
        while sent < end:
            sent += await function(content[sent : min(end, sent + PART)], PATIENCE)
        assert await reading.wait() == content[:end], "what arrived is not what was written"


async def _write_until_readable(stream: Any, view: memoryview) -> int:
    """Write `view` as far as that goes before there is something to read, and return how far."""
    sent = 0
    while sent < len(view):
        written = await stream.write_some_unless_readable(view[sent : sent + PART], PATIENCE)
        if not written:
            break
        sent += written
    return sent


async def _a_closed_stream_does_not_write_some(stream: Stream, peer: Stream) -> None:
    for name in ("write_some", "write_some_unless_readable", "write_some_nowait"):
        function = getattr(stream, name, None)
        if function is not None:
            await stream.aclose()
            try:
                result = function(b"x")
                if hasattr(result, "__await__"):
                    await result
            except WriteError:
                continue
            raise AssertionError(f"{name} has written to a closed stream")


async def _closing_twice_is_closing_once(stream: Stream, peer: Stream) -> None:
    await stream.aclose()
    await stream.aclose()


async def _a_closed_stream_neither_reads_nor_writes(stream: Stream, peer: Stream) -> None:
    await peer.write(b"unread", PATIENCE)
    await stream.aclose()
    await _raises(ReadError, stream.read, 100, PATIENCE)
    await _raises(WriteError, stream.write, b"x", PATIENCE)
    await _raises(ReadError, stream.read, 100, 0)


async def _closing_tells_the_peer(stream: Stream, peer: Stream) -> None:
    # A socket that is closed with something unread, a session ticket even, may take back what it has sent.
    await peer.write(b"x", PATIENCE)
    assert await stream.read(1, PATIENCE) == b"x"
    await stream.write(b"bye", PATIENCE)
    await stream.aclose()
    assert await _read_to_end(peer) == b"bye"


async def _closing_ends_a_read(stream: Stream, peer: Stream) -> None:
    async with AsyncBackground() as background:
        reading = background.start(stream.read, 100, PATIENCE)
        await background.settle()
        await stream.aclose()
        await _raises(ReadError, reading.wait)


async def _closing_ends_a_write(stream: Stream, peer: Stream) -> None:
    async with AsyncBackground() as background:
        writing = background.start(stream.write, bytes(OVERFLOWING), PATIENCE)
        await background.settle()
        await stream.aclose()
        await _raises(WriteError, writing.wait)


async def _writing_to_a_peer_that_has_gone_fails(stream: Stream, peer: Stream) -> None:
    await peer.aclose()
    try:
        for _ in range(100):
            await stream.write(bytes(1024 * 1024), PATIENCE)
    except WriteError:
        return
    raise AssertionError("100 MB were written to nobody")


async def _is_readable_tells_data_and_the_end(stream: Stream, peer: Stream) -> None:
    if stream.get_extra_info("is_readable") is None:
        return
    # Whatever a handshake left behind is read with the first data.
    await peer.write(b"x", PATIENCE)
    assert await stream.read(1, PATIENCE) == b"x"
    assert not stream.get_extra_info("is_readable"), "an idle stream is called readable"
    await peer.write(b"data", PATIENCE)
    await _until_readable(stream)
    assert stream.get_extra_info("is_readable"), "asking has changed the answer"
    assert await _read_exactly(stream, 4) == b"data", "asking has taken data away"
    assert not stream.get_extra_info("is_readable"), "a stream that was read empty is called readable"
    await peer.aclose()
    await _until_readable(stream)
    assert await stream.read(1, PATIENCE) == b""
    assert stream.get_extra_info("is_readable"), "a stream at its end is called idle"


async def _a_closed_stream_is_readable(stream: Stream, peer: Stream) -> None:
    if stream.get_extra_info("is_readable") is None:
        return
    await stream.aclose()
    assert stream.get_extra_info("is_readable"), "a closed stream is called idle"


async def _until_readable(stream: Stream) -> None:
    end = time.monotonic() + PATIENCE
    async with AsyncBackground() as background:
        while not stream.get_extra_info("is_readable"):
            assert time.monotonic() < end, "what arrived does not make the stream readable"
            await background.settle()


async def _extra_info_of_an_unknown_name_is_none(stream: Stream, peer: Stream) -> None:
    assert stream.get_extra_info("no such thing") is None
    for name in ("ssl_object", "client_addr", "server_addr", "socket"):
        stream.get_extra_info(name)
    await stream.aclose()
    for name in ("client_addr", "server_addr"):
        stream.get_extra_info(name)


_checks = [
    _a_read_returns_what_arrived,
    _a_read_returns_bytes_objects,
    _a_read_leaves_what_is_beyond_max_bytes,
    _a_read_at_the_end_returns_nothing_again_and_again,
    _a_large_write_arrives_whole,
    _a_large_read_arrives_whole,
    _reading_and_writing_go_on_at_the_same_time,
    _a_write_takes_any_buffer,
    _a_write_of_nothing_writes_nothing,
    _limits_of_none_and_infinity_do_not_end,
    _a_read_that_times_out_has_consumed_nothing,
    _a_limit_of_zero_takes_what_is_there_already,
    _a_write_times_out_when_the_peer_takes_nothing,
    _a_write_that_makes_progress_does_not_time_out,
    _writing_some_by_some_writes_all,
    _writing_some_that_times_out_loses_nothing_and_sends_nothing_twice,
    _after_writing_some_that_timed_out_the_rest_can_be_written,
    _writing_unless_readable_writes_all,
    _what_arrives_ends_the_wait_of_a_writer,
    _the_end_of_the_stream_ends_the_wait_of_a_writer,
    _writing_unless_readable_times_out_as_any_write,
    _a_closed_stream_does_not_write_some,
    _closing_twice_is_closing_once,
    _a_closed_stream_neither_reads_nor_writes,
    _closing_tells_the_peer,
    _closing_ends_a_read,
    _closing_ends_a_write,
    _writing_to_a_peer_that_has_gone_fails,
    _is_readable_tells_data_and_the_end,
    _a_closed_stream_is_readable,
    _extra_info_of_an_unknown_name_is_none,
]
