"""One way to write a test, three ways to run it: threads, asyncio, trio.

A test is a plain function. It builds connectors and fakes from its world, and has them called by it.
"""

from __future__ import annotations

import asyncio
import types
from typing import Any, Callable, Coroutine, Generator, List

import core_proxy

from ._async import scripted as async_scripted
from ._async.exchange import async_exchange
from ._sync import scripted as sync_scripted
from ._sync.exchange import exchange

__all__ = ["ASYNC_WORLDS", "WORLDS", "Clock", "World", "single_bytes", "steps_of"]


class World:
    """What differs between threads and async."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.prefix = prefix = "" if name == "sync" else "Async"
        scripted = sync_scripted if name == "sync" else async_scripted
        self.Stream: Any = getattr(scripted, prefix + "ScriptedStream")
        self.Connector: Any = getattr(scripted, prefix + "ScriptedConnector")
        self.Connection: Any = getattr(scripted, prefix + "TinyConnection")
        self.exchange: Any = exchange if name == "sync" else async_exchange
        self.Socks: Any = getattr(core_proxy, prefix + "SocksConnector")
        self.Tunnel: Any = getattr(core_proxy, prefix + "TunnelConnector")
        self.Forward: Any = getattr(core_proxy, prefix + "ForwardHTTPConnection")

    def call(self, function: Callable[..., Any], *args: Any) -> Any:
        """Return what `function(*args)` returns, run to its end."""
        if self.name == "sync":
            return function(*args)
        if self.name == "trio":
            import trio

            return trio.run(function, *args)

        async def main() -> Any:
            return await function(*args)

        return asyncio.run(main())

    def hook(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """Return `function` as a hook of this world."""
        if self.name == "sync":
            return function

        async def async_hook(*args: Any) -> Any:
            return function(*args)

        return async_hook


WORLDS = ("sync", "asyncio", "trio")
ASYNC_WORLDS = ("asyncio", "trio")


class Clock:
    """Stands in for the `time` module: it goes when it is told to."""

    def __init__(self) -> None:
        self.now = 1000.0

    def monotonic(self) -> float:
        return self.now


def single_bytes(data: bytes) -> List[bytes]:
    """What a peer says byte by byte."""
    return [data[at : at + 1] for at in range(len(data))]


@types.coroutine
def _suspend() -> Generator[None, None, None]:
    yield


def steps_of(start: Callable[[Callable[[], Any]], Coroutine[Any, Any, Any]], error: BaseException) -> List[int]:
    """Throw `error` into a coroutine at its first suspension, in a new one at its second, and so on to the end.

    `start` makes a coroutine anew, given what to suspend with. Returns the numbers of the suspensions.
    """

    async def suspend() -> None:
        await _suspend()

    steps: List[int] = []
    while True:
        coroutine = start(suspend)
        try:
            for _ in range(len(steps) + 1):
                coroutine.send(None)
        except StopIteration:
            return steps
        try:
            coroutine.throw(error)
        except BaseException as raised:
            assert raised is error
        else:
            raise AssertionError("the coroutine went on")
        steps.append(len(steps))
