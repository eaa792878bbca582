"""What an async stream has to do when a task that uses it is cancelled; threads have no such thing.

The rules are those of `check_stream`.
"""

from __future__ import annotations

from typing import Any

from .._backend import AsyncNetworkStream
from ._async.streams import PART, PATIENCE, AsyncMakePair
from ._background import AsyncBackground

__all__ = ["check_async_cancellation"]

ROUNDS = 20


async def check_async_cancellation(make_pair: AsyncMakePair) -> None:
    """Check what cancelling leaves of a stream; `make_pair` is as for `check_async_stream`.

    A read that is cancelled has consumed nothing, whenever that happens; a write that is cancelled leaves a stream that
    can be closed, and a `write_some`, of either kind, one that can be written to. Raises `AssertionError` where a rule
    is broken.
    """
    await _a_cancelled_read_has_consumed_nothing(make_pair)
    await _cancelling_while_data_arrives_loses_nothing(make_pair)
    await _after_a_cancelled_write_the_stream_can_be_closed(make_pair)
    for name in ("write_some", "write_some_unless_readable"):
        await _a_cancelled_write_some_loses_nothing_and_sends_nothing_twice(make_pair, name)


async def _a_cancelled_read_has_consumed_nothing(make_pair: AsyncMakePair) -> None:
    for limit in (None, PATIENCE):
        stream, peer = await make_pair()
        async with AsyncBackground() as background:
            reading = background.start(stream.read, 100, limit)
            await background.settle()
            reading.cancel()
            await reading.wait_cancelled()
            await peer.write(b"hello", PATIENCE)
            received = b""
            while len(received) < 5:
                received += await stream.read(100, limit)
            assert received == b"hello", f"{received!r} is left of b'hello' after a cancelled read"
        await stream.aclose()
        await peer.aclose()


async def _cancelling_while_data_arrives_loses_nothing(make_pair: AsyncMakePair) -> None:
    stream, peer = await make_pair()
    async with AsyncBackground() as background:
        for number in range(ROUNDS):
            reading = background.start(stream.read, 1, PATIENCE)
            if number % 2:
                await background.settle()
            await peer.write(b"%c" % number, PATIENCE)
            reading.cancel()
            try:
                received = await reading.wait()
            except Exception as exc:
                raise AssertionError(f"a cancelled read raised {exc!r}") from exc
            except BaseException:
                received = await stream.read(1, PATIENCE)
            assert received == b"%c" % number, f"{received!r} arrived where {number} was sent"
    await stream.aclose()
    await peer.aclose()


async def _after_a_cancelled_write_the_stream_can_be_closed(make_pair: AsyncMakePair) -> None:
    stream, peer = await make_pair()
    async with AsyncBackground() as background:
        writing = background.start(stream.write, bytes(48 * 1024 * 1024), None)
        await background.settle()
        writing.cancel()
        await writing.wait_cancelled()
        await stream.aclose()
    await peer.aclose()


async def _a_cancelled_write_some_loses_nothing_and_sends_nothing_twice(make_pair: AsyncMakePair, name: str) -> None:
    stream, peer = await make_pair()
    write_some: Any = getattr(stream, name, None)
    if write_some is not None:
        content = memoryview(bytes(range(251)) * 200_000)
        sent = cancelled = 0
        async with AsyncBackground() as background:
            while cancelled < ROUNDS:
                writing = background.start(write_some, content[sent : sent + PART], PATIENCE)
                await background.settle()
                writing.cancel()
                try:
                    sent += await writing.wait()
                except Exception as exc:
                    raise AssertionError(f"a cancelled {name} raised {exc!r}") from exc
                except BaseException:
                    cancelled += 1
            end = sent + 1024 * 1024
            reading = background.start(_take, peer, end)
            while sent < end:
                sent += await write_some(content[sent : min(end, sent + PART)], PATIENCE)
            assert await reading.wait() == content[:end], "what arrived is not what was written"
    await stream.aclose()
    await peer.aclose()


async def _take(peer: AsyncNetworkStream, size: int) -> bytes:
    received = bytearray()
    while len(received) < size:
        received += await peer.read(65536, PATIENCE)
    return bytes(received)
