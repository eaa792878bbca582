"""Closing while somebody is connecting: he is told at once, whatever he is waiting for."""

from __future__ import annotations

import socket
import threading
from typing import Any, Iterator, List

import pytest

from core_backends import ConnectError, Origin
from core_backends.lowlevel import AsyncEvent
from core_backends.testing import AsyncBackground, AsyncScriptedBackend, AsyncScriptedStream
from core_pool import AsyncConnectionPool, AsyncHTTPConnection, ConnectionPool, HTTPConnection

from .waiting import LIMIT, async_until, until


async def hang(operation: str) -> None:
    await AsyncEvent().wait(LIMIT)


@pytest.mark.parametrize("where", ["connect_tcp", "start_tls", "retry"])
async def test_closing_an_async_pool_fails_who_connects(where: str) -> None:
    stream = AsyncScriptedStream(hook=hang if where == "start_tls" else None)
    streams: List[Any] = [ConnectError("no")] * 3 if where == "retry" else [stream]

    class Backend(AsyncScriptedBackend):
        async def sleep(self, seconds: float) -> None:
            await super().sleep(seconds)
            await hang("sleep")

    backend = Backend(streams, hook=hang if where == "connect_tcp" else None)
    pool = AsyncConnectionPool(
        lambda origin: AsyncHTTPConnection(origin, http2=True, retries=3, network_backend=backend), max_connections=1
    )
    async with AsyncBackground() as background:
        requests = [background.start(pool.request, "GET", "https://a/")]
        await async_until(
            lambda: stream.timeouts or len(backend.pauses) == 1 or (backend.calls and where == "connect_tcp")
        )
        requests.append(background.start(pool.request, "GET", "https://a/"))
        await async_until(lambda: pool._plan.leases == 2)
        requests.append(background.start(pool.request, "GET", "https://b/"))
        await async_until(lambda: pool._plan.waiting == 1)
        await pool.aclose()
        for request in requests:
            with pytest.raises(ConnectError, match="was closed while"):
                await request.wait()
    assert not pool.connections
    assert len(backend.calls) == 1
    if where == "start_tls":
        assert stream.closed


@pytest.fixture
def silent() -> Iterator[socket.socket]:
    """A listening socket on which nobody answers."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        yield listener


def test_closing_a_pool_fails_the_thread_that_connects(silent: socket.socket) -> None:
    pool = ConnectionPool(HTTPConnection, max_connections=1)
    url = f"https://127.0.0.1:{silent.getsockname()[1]}/"
    failures: List[BaseException] = []

    def get() -> None:
        try:
            pool.request("GET", url)
        except BaseException as exc:
            failures.append(exc)

    threads = [threading.Thread(target=get) for _ in range(3)]
    for thread in threads:
        thread.start()
    accepted, _ = silent.accept()
    with accepted:
        assert accepted.recv(1) != b"", "the handshake has begun"
        until(lambda: pool._plan.waiting == 2)
        pool.close()
        for thread in threads:
            thread.join(LIMIT)
    assert [type(failure) for failure in failures] == [ConnectError] * 3
    assert not pool.connections


def test_closing_a_pool_ends_the_pause_before_another_attempt() -> None:
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        port = nobody.getsockname()[1]
    pool = ConnectionPool(lambda origin: HTTPConnection(origin, retries=30))
    failures: List[BaseException] = []
    pausing = threading.Event()

    def get() -> None:
        def trace(name: str, info: Any) -> None:
            if name == "connection.retry.complete":
                pausing.set()

        try:
            pool.request("GET", f"http://127.0.0.1:{port}/", extensions={"trace": trace})
        except BaseException as exc:
            failures.append(exc)

    thread = threading.Thread(target=get)
    thread.start()
    assert pausing.wait(LIMIT)
    pool.close()
    thread.join(LIMIT)
    assert not thread.is_alive()
    assert [str(failure) for failure in failures] == [
        f"The connection to http://127.0.0.1:{port} was closed while it was being established."
    ]


async def test_a_connection_that_is_closed_before_anybody_connects_fails_who_comes_then() -> None:
    """Closing may come between somebody's decision to connect and his first step."""
    backend = AsyncScriptedBackend([AsyncScriptedStream()])
    connection = AsyncHTTPConnection(Origin(b"http", b"a", 80), network_backend=backend)
    original = connection._run

    async def close_first(attempt: Any, request: Any) -> Any:
        connection._closed = True
        return await original(attempt, request)

    connection._run = close_first  # type: ignore[method-assign]
    with pytest.raises(ConnectError, match="was closed while it was being established"):
        await connection.request("GET", "http://a/")
    assert backend.calls == []
