"""The three worlds that a request can be made in, behind one shape: threads, asyncio and trio."""

from __future__ import annotations

import asyncio
from typing import Any, Callable, Coroutine, Iterator, List

import trio

import httpcore

WORLDS = ["threads", "asyncio", "trio"]

DOCUMENTED = (
    httpcore.TimeoutException,
    httpcore.NetworkError,
    httpcore.ProtocolError,
    httpcore.ProxyError,
    httpcore.UnsupportedProtocol,
)


def run_async(world: str, function: Callable[[], Coroutine[Any, Any, Any]]) -> Any:
    """Return what `function` returns, run by an event loop of its own."""
    if world == "trio":
        return trio.run(function)
    loop = asyncio.new_event_loop()
    faults: List[Any] = []
    loop.set_exception_handler(lambda _, context: faults.append(context))
    try:
        result = loop.run_until_complete(_and_let_go(function))
        left = asyncio.all_tasks(loop)
        assert not left, left
    finally:
        loop.close()
    assert not faults, faults
    return result


async def _and_let_go(function: Callable[[], Coroutine[Any, Any, Any]]) -> Any:
    try:
        return await function()
    finally:
        # A transport that was aborted lets go of its socket in one of the loop's next turns.
        for _ in range(3):
            await asyncio.sleep(0)


class Chunks:
    """A body that is iterated, from sync and from async code."""

    def __init__(self, *chunks: Any) -> None:
        self._chunks = list(chunks)

    def __iter__(self) -> Iterator[bytes]:
        return iter(self._chunks)

    def __aiter__(self) -> AsyncChunks:
        return AsyncChunks(self._chunks)


class AsyncChunks:
    def __init__(self, chunks: List[Any]) -> None:
        self._chunks = list(chunks)

    def __aiter__(self) -> AsyncChunks:
        return self

    async def __anext__(self) -> Any:
        if not self._chunks:
            raise StopAsyncIteration
        return self._chunks.pop(0)
