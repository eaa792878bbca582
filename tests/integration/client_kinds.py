"""One way to write a test, four ways to run it: threads, asyncio (native and anyio), trio.

A test is an `async def` that uses `httpcore`'s asynchronous spelling (`await pool.request(…)`, `await
response.aread()`).  On the asynchronous kinds it talks to `httpcore` itself.  On the sync kind the same spelling is
answered by adapters whose coroutines never suspend: each method calls its blocking twin and returns.  A coroutine
that never suspends needs no event loop, so the sync side is tested as its users run it: on plain threads.
"""

from __future__ import annotations

import asyncio
import inspect
import sys
import threading
import time
import traceback
import types
import typing

from servers.endpoint import Endpoint
from servers.requirement import require_module

import httpcore

__all__ = ["CLIENT_KINDS", "Client", "make_client"]

#: Seconds after which a test is taken to hang.
TEST_SECONDS = 60.0

#: Seconds within which a server notices what a client did.
WAIT_SECONDS = 10.0

#: Put into every request that does not say otherwise, so that a hang is an exception with a traceback.
TIMEOUTS = {"connect": 10.0, "read": 10.0, "write": 10.0, "pool": 10.0}

TestFunction = typing.Callable[..., typing.Coroutine[typing.Any, typing.Any, None]]
Pool = typing.Any
T = typing.TypeVar("T")
R = typing.TypeVar("R")


class Client:
    """What a test gets as `client`: pools of one kind, and concurrency in the manner of that kind."""

    name = ""

    def __init__(self) -> None:
        self._backend: typing.Optional[httpcore.AsyncNetworkBackend] = None

    def run(self, function: TestFunction, **arguments: typing.Any) -> None:
        """Run one test to its end; fail it when it hangs."""
        raise NotImplementedError

    def pool(self, endpoint: typing.Optional[Endpoint] = None, **options: typing.Any) -> Pool:
        """A connection pool that trusts, and reaches, `endpoint`; `options` are the pool's own."""
        merged = {**(endpoint.options() if endpoint is not None else {}), **options}
        if self._backend is not None:
            merged.setdefault("network_backend", self._backend)
        return _Patient(self._make_pool(merged))

    def body(self, *parts: bytes) -> typing.Any:
        """Request content of unknown length."""
        return _AsyncParts(parts)

    async def gather(
        self, function: typing.Callable[[T], typing.Coroutine[typing.Any, typing.Any, R]], items: typing.Iterable[T]
    ) -> typing.List[R]:
        """`function` of every item at the same time; the results in order, or the first exception."""
        raise NotImplementedError

    async def until(self, condition: typing.Callable[[], bool]) -> None:
        """Poll `condition` until it holds, then let the event loop see what has happened to its sockets meanwhile."""
        deadline = time.monotonic() + WAIT_SECONDS
        while not condition():
            assert time.monotonic() < deadline, "the condition did not come true"
            await self._pause(0.005)
        await self._pause(0.001)

    async def _pause(self, seconds: float) -> None:
        raise NotImplementedError

    def _make_pool(self, options: typing.Dict[str, typing.Any]) -> Pool:
        return httpcore.AsyncConnectionPool(**options)


class AsyncioClient(Client):
    """asyncio with the backend that `httpcore` chooses there."""

    name = "asyncio"

    def run(self, function: TestFunction, **arguments: typing.Any) -> None:
        async def main() -> None:
            await asyncio.wait_for(function(**arguments), TEST_SECONDS)

        asyncio.run(main())

    async def gather(
        self, function: typing.Callable[[T], typing.Coroutine[typing.Any, typing.Any, R]], items: typing.Iterable[T]
    ) -> typing.List[R]:
        return list(await asyncio.gather(*[function(item) for item in items]))

    async def _pause(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


class AnyIOClient(AsyncioClient):
    """asyncio through anyio's streams."""

    name = "asyncio-anyio"

    def __init__(self) -> None:
        require_module("anyio")
        self._backend = httpcore.AnyIOBackend()


class TrioClient(Client):
    name = "trio"

    def __init__(self) -> None:
        super().__init__()
        require_module("trio")

    def run(self, function: TestFunction, **arguments: typing.Any) -> None:
        import trio

        async def main() -> None:
            with trio.fail_after(TEST_SECONDS):
                await function(**arguments)

        trio.run(main)

    async def gather(
        self, function: typing.Callable[[T], typing.Coroutine[typing.Any, typing.Any, R]], items: typing.Iterable[T]
    ) -> typing.List[R]:
        import trio

        results: typing.Dict[int, R] = {}
        failures: typing.List[BaseException] = []

        async def one(index: int, item: T) -> None:
            try:
                results[index] = await function(item)
            except Exception as error:
                failures.append(error)

        async with trio.open_nursery() as nursery:
            for index, item in enumerate(items):
                nursery.start_soon(one, index, item)
        if failures:
            raise failures[0]
        return [results[index] for index in sorted(results)]

    async def _pause(self, seconds: float) -> None:
        import trio

        await trio.sleep(seconds)


class SyncClient(Client):
    """Threads and blocking calls."""

    name = "sync"

    def run(self, function: TestFunction, **arguments: typing.Any) -> None:
        _in_threads([lambda: _drive(function(**arguments))], TEST_SECONDS)

    def body(self, *parts: bytes) -> typing.Any:
        return iter(parts)

    async def gather(
        self, function: typing.Callable[[T], typing.Coroutine[typing.Any, typing.Any, R]], items: typing.Iterable[T]
    ) -> typing.List[R]:
        return _in_threads([lambda item=item: _drive(function(item)) for item in items], TEST_SECONDS)

    async def _pause(self, seconds: float) -> None:
        time.sleep(seconds)  # noqa: ASYNC251 -- the coroutines of the sync side run on plain threads

    def _make_pool(self, options: typing.Dict[str, typing.Any]) -> Pool:
        return _SyncPool(httpcore.ConnectionPool(**options))


CLIENT_KINDS: typing.Dict[str, typing.Type[Client]] = {
    kind.name: kind for kind in (SyncClient, AsyncioClient, AnyIOClient, TrioClient)
}


def make_client(kind: str) -> Client:
    return CLIENT_KINDS[kind]()


# --- concurrency on the sync side ------------------------------------------------------------------------------------


def _drive(coroutine: typing.Coroutine[typing.Any, typing.Any, R]) -> R:
    """Run a coroutine that never suspends."""
    try:
        coroutine.send(None)
    except StopIteration as finished:
        return typing.cast(R, finished.value)
    coroutine.close()
    raise AssertionError("a coroutine of the sync side must not suspend")


def _in_threads(calls: typing.Sequence[typing.Callable[[], R]], seconds: float) -> typing.List[R]:
    """Each call in a thread of its own; the results in order, or the first exception."""
    results: typing.Dict[int, R] = {}
    failures: typing.List[BaseException] = []

    def one(index: int, call: typing.Callable[[], R]) -> None:
        try:
            results[index] = call()
        except BaseException as error:  # pytest's skip and fail derive from BaseException
            failures.append(error)

    threads = [threading.Thread(target=one, args=pair, daemon=True) for pair in enumerate(calls)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(seconds)
        if thread.is_alive():
            raise AssertionError("a thread hangs at\n" + _stack(thread))
    if failures:
        raise failures[0]
    return [results[index] for index in sorted(results)]


def _stack(thread: threading.Thread) -> str:
    frame = sys._current_frames().get(thread.ident or 0)
    return "".join(traceback.format_stack(frame)) if frame is not None else "(it ended just now)"


# --- pools with patience, on every side -------------------------------------------------------------------------------


class _Patient:
    """A pool whose requests have `TIMEOUTS` unless they bring their own."""

    def __init__(self, pool: Pool):
        self.wrapped = pool

    async def __aenter__(self) -> _Patient:
        await self.wrapped.__aenter__()
        return self

    async def __aexit__(
        self,
        exc_type: typing.Optional[typing.Type[BaseException]] = None,
        exc_value: typing.Optional[BaseException] = None,
        traceback: typing.Optional[types.TracebackType] = None,
    ) -> None:
        await self.wrapped.__aexit__(exc_type, exc_value, traceback)

    @property
    def connections(self) -> typing.List[typing.Any]:
        return list(self.wrapped.connections)

    def __repr__(self) -> str:
        return repr(self.wrapped)

    async def request(self, method: str, url: str, **arguments: typing.Any) -> typing.Any:
        return await self.wrapped.request(method, url, **self._bounded(arguments))

    def stream(self, method: str, url: str, **arguments: typing.Any) -> typing.Any:
        return self.wrapped.stream(method, url, **self._bounded(arguments))

    async def aclose(self) -> None:
        await self.wrapped.aclose()

    def _bounded(self, arguments: typing.Dict[str, typing.Any]) -> typing.Dict[str, typing.Any]:
        extensions = dict(arguments.get("extensions") or {})
        extensions["timeout"] = {**TIMEOUTS, **extensions.get("timeout", {})}
        return {**arguments, "extensions": extensions}


class _AsyncParts:
    """An asynchronous iterable that is not a generator: nothing to finalise when an upload is cut short."""

    def __init__(self, parts: typing.Sequence[bytes]):
        self._parts = iter(parts)

    def __aiter__(self) -> _AsyncParts:
        return self

    async def __anext__(self) -> bytes:
        for part in self._parts:
            return part
        raise StopAsyncIteration


# --- the sync API in asynchronous spelling ----------------------------------------------------------------------------


class _SyncPool:
    def __init__(self, pool: httpcore.ConnectionPool):
        self._pool = pool

    async def __aenter__(self) -> _SyncPool:
        self._pool.__enter__()
        return self

    async def __aexit__(self, *exception: typing.Any) -> None:
        self._pool.__exit__(*exception)

    def __repr__(self) -> str:
        return repr(self._pool)

    @property
    def connections(self) -> typing.List[typing.Any]:
        return list(self._pool.connections)

    async def request(self, method: str, url: str, **arguments: typing.Any) -> typing.Any:
        return _SyncResponse(self._pool.request(method, url, **_sync_hooks(arguments)))

    def stream(self, method: str, url: str, **arguments: typing.Any) -> typing.Any:
        return _SyncStreaming(self._pool.stream(method, url, **_sync_hooks(arguments)))

    async def aclose(self) -> None:
        self._pool.close()


class _SyncStreaming:
    def __init__(self, context: typing.ContextManager[httpcore.Response]):
        self._context = context

    async def __aenter__(self) -> _SyncResponse:
        return _SyncResponse(self._context.__enter__())

    async def __aexit__(self, *exception: typing.Any) -> None:
        self._context.__exit__(*exception)


class _SyncResponse:
    def __init__(self, response: httpcore.Response):
        self._response = response
        self.status = response.status
        self.headers = response.headers
        self.extensions = dict(response.extensions)
        if "network_stream" in self.extensions:
            self.extensions["network_stream"] = _SyncStream(self.extensions["network_stream"])

    @property
    def content(self) -> bytes:
        return self._response.content

    async def aread(self) -> bytes:
        return self._response.read()

    def aiter_stream(self) -> _SyncIterator:
        return _SyncIterator(self._response.iter_stream())

    async def aclose(self) -> None:
        self._response.close()


class _SyncIterator:
    def __init__(self, iterable: typing.Iterable[bytes]):
        self._iterator = iter(iterable)

    def __aiter__(self) -> _SyncIterator:
        return self

    async def __anext__(self) -> bytes:
        for part in self._iterator:
            return part
        raise StopAsyncIteration


class _SyncStream:
    def __init__(self, stream: httpcore.NetworkStream):
        self._stream = stream
        self.get_extra_info = stream.get_extra_info

    async def read(self, max_bytes: int, timeout: typing.Optional[float] = None) -> bytes:
        return self._stream.read(max_bytes, timeout)

    async def write(self, buffer: bytes, timeout: typing.Optional[float] = None) -> None:
        self._stream.write(buffer, timeout)

    async def aclose(self) -> None:
        self._stream.close()

    async def start_tls(self, *arguments: typing.Any, **options: typing.Any) -> _SyncStream:
        return _SyncStream(self._stream.start_tls(*arguments, **options))


def _sync_hooks(arguments: typing.Dict[str, typing.Any]) -> typing.Dict[str, typing.Any]:
    """`arguments` with an asynchronous trace hook turned into the plain function that the sync side calls."""
    extensions = dict(arguments.get("extensions") or {})
    hook = extensions.get("trace")
    if hook is not None and inspect.iscoroutinefunction(hook):
        extensions["trace"] = lambda name, info: _drive(hook(name, info))
    return {**arguments, "extensions": extensions}
