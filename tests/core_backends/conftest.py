"""What the tests of core-backends share: a certificate authority, listeners, and a way to run async code."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import socket
import ssl
import threading
from typing import Any, Callable, Iterator, List, Tuple

import pytest
import trustme


class TLS:
    """A certificate authority, and what both sides need of it."""

    def __init__(self) -> None:
        self.authority = trustme.CA()
        self.server = self.new_server("localhost", "127.0.0.1")
        self.client = self.new_client()

    def new_server(self, *names: str) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.authority.issue_cert(*names).configure_cert(context)
        return context

    def new_client(self) -> ssl.SSLContext:
        context = ssl.create_default_context()
        self.authority.configure_trust(context)
        return context


class InterruptedLock:
    """A lock after which, or before which, somebody else has his turn once."""

    def __init__(self, *, before: Any = None, after: Any = None) -> None:
        self._lock = threading.Lock()
        self._before, self._after = before, after
        self.acquire = self._lock.acquire
        self.release = self._lock.release
        self.locked = self._lock.locked

    def __enter__(self) -> None:
        turn, self._before = self._before, None
        if turn is not None:
            turn()
        self.acquire()

    def __exit__(self, *exc_info: Any) -> None:
        self.release()
        turn, self._after = self._after, None
        if turn is not None:
            turn()


@pytest.fixture(scope="session")
def tls() -> TLS:
    return TLS()


@pytest.fixture
def accounted() -> Iterator[None]:
    """A socket that the test has left open warns now, and not in the middle of another test."""
    yield
    gc.collect()


@pytest.fixture
def listener(accounted: None) -> Iterator[socket.socket]:
    with contextlib.closing(socket.socket(socket.AF_INET, socket.SOCK_STREAM)) as sock:
        sock.bind(("127.0.0.1", 0))
        sock.listen(16)
        yield sock


@pytest.fixture
def pair(accounted: None) -> Iterator[Tuple[socket.socket, socket.socket]]:
    """Two connected TCP sockets."""
    with contextlib.closing(socket.socket(socket.AF_INET, socket.SOCK_STREAM)) as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen(1)
        here = socket.create_connection(listening.getsockname())
        there, _ = listening.accept()
    with contextlib.closing(here), contextlib.closing(there):
        there.settimeout(20)
        yield here, there


@pytest.fixture
def serve(listener: socket.socket) -> Iterator[Callable[[Callable[[socket.socket], None]], int]]:
    """Have a function serve the next connection in a thread; returns the port. An error of it fails the test."""
    threads: List[threading.Thread] = []
    errors: List[BaseException] = []

    def start(function: Callable[[socket.socket], None]) -> int:
        def run() -> None:
            try:
                connection, _ = listener.accept()
                with contextlib.closing(connection):
                    connection.settimeout(20)
                    function(connection)
            except BaseException as exc:
                errors.append(exc)

        listener.settimeout(20)
        thread = threading.Thread(target=run, daemon=True)
        thread.start()
        threads.append(thread)
        port: int = listener.getsockname()[1]
        return port

    yield start
    for thread in threads:
        thread.join(20)
        assert not thread.is_alive()
    assert errors == []


def run_asyncio(function: Any) -> Any:
    return asyncio.run(function())


def run_trio(function: Any) -> Any:
    return pytest.importorskip("trio").run(function)


@pytest.fixture(params=["asyncio", "trio"])
def run(request: pytest.FixtureRequest) -> Callable[[Any], Any]:
    """Run an async function without arguments, under each runtime in turn."""
    return run_asyncio if request.param == "asyncio" else run_trio
