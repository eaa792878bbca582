"""A request that could not be served is freed at once: nothing that it leaves behind holds it in a cycle."""

from __future__ import annotations

import contextlib
import gc
import threading
import weakref
from typing import Any, Callable, Iterator

import pytest

from core_backends import ConnectError, ConnectTimeout, NetworkStream, Origin, Request, UnsupportedProtocol
from core_backends.testing import Background, ScriptedStream
from core_pool import ConnectionPool, HTTPConnection

from ._sync.fakes import FakeNetwork
from .waiting import until


class Connector:
    """Connects as it is told."""

    def __init__(self, connect: Callable[[], NetworkStream]) -> None:
        self._connect = connect

    def connect(self, origin: Origin, extensions: Any) -> NetworkStream:
        return self._connect()


def refuse() -> NetworkStream:
    raise ConnectError("refused")


def wait() -> NetworkStream:
    raise ConnectTimeout("slow")


@contextlib.contextmanager
def without_collector() -> Iterator[None]:
    gc.collect()
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


def ended(pool: ConnectionPool, expected: Any) -> Any:
    """Send a request that fails, and return a reference to it."""
    request = Request("GET", "http://h/", headers={"Host": "h"})
    with pytest.raises(expected):
        pool.handle_request(request)
    return weakref.ref(request)


@pytest.mark.parametrize(
    ("connect", "expected"),
    [(refuse, ConnectError), (wait, ConnectTimeout), (lambda: ScriptedStream([]), UnsupportedProtocol)],
)
def test_a_request_whose_connection_cannot_be_established(connect: Any, expected: Any) -> None:
    with ConnectionPool(lambda origin: HTTPConnection(origin, connector=Connector(connect))) as pool:
        with without_collector():
            assert ended(pool, expected)() is None


def test_a_request_that_waits_while_its_pool_is_closed() -> None:
    release = threading.Event()

    def block() -> NetworkStream:
        release.wait(20)
        raise ConnectError("refused")

    pool = ConnectionPool(lambda origin: HTTPConnection(origin, connector=Connector(block)), max_connections=1)
    with Background() as background, without_collector():
        first = background.start(pool.request, "GET", "http://h/")
        until(lambda: len(pool._requests) == 1)
        second = background.start(ended, pool, ConnectError)
        until(lambda: len(pool._requests) == 2)
        pool.close()
        assert second.wait()() is None
        release.set()
        with pytest.raises(ConnectError):
            first.wait()


def test_a_pool_that_is_dropped_goes_at_once_with_its_connections() -> None:
    """As with httpcore 1.0.9: a program that makes a pool for each request has no more sockets than it uses."""
    network = FakeNetwork()
    with without_collector():
        pool = network.pool()
        assert pool.request("GET", "http://h/").status == 200
        reference, connection = weakref.ref(pool), network.connections[0]
        del pool
        assert reference() is None and connection.closed
        connection_reference = weakref.ref(network.connections.pop())
        del connection
        assert connection_reference() is None
