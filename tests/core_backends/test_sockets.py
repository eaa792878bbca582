"""Connecting: happy eyeballs, options, budgets; each time for threads, asyncio and trio."""

from __future__ import annotations

import asyncio
import asyncio.proactor_events
import asyncio.selector_events
import contextlib
import errno
import math
import os
import socket
import time
from typing import Any, Callable, Iterator, List

import pytest

import core_backends._trio
from core_backends import ConnectError, ConnectTimeout, SyncBackend, _sockets
from core_backends._sockets import connection_error, interleaved, milliseconds, watch_readable, watch_writable

from .conftest import run_asyncio, run_trio

Connect = Callable[..., Any]


def in_runtime(run: Any, backend: str) -> Connect:
    def connect(**arguments: Any) -> Any:
        async def main() -> Any:
            stream = await getattr(core_backends, backend)().connect_tcp(**arguments)
            try:
                sock = stream.get_extra_info("socket")
                return sock.getpeername(), sock.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)
            finally:
                await stream.aclose()

        return run(main)

    return connect


def in_threads(**arguments: Any) -> Any:
    stream = SyncBackend().connect_tcp(**arguments)
    with contextlib.closing(stream):
        sock = stream.get_extra_info("socket")
        return sock.getpeername(), sock.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)


@pytest.fixture(params=["threads", "asyncio", "trio"])
def connect(request: pytest.FixtureRequest) -> Connect:
    if request.param == "threads":
        return in_threads
    if request.param == "asyncio":
        return in_runtime(run_asyncio, "AsyncioBackend")
    return in_runtime(run_trio, "TrioBackend")


def address(family: int, target: Any) -> Any:
    return (family, socket.SOCK_STREAM, socket.IPPROTO_TCP, "", target)


@pytest.fixture
def resolve_to(monkeypatch: pytest.MonkeyPatch) -> Callable[[List[Any]], None]:
    """Have every name resolve to these addresses, whoever asks."""

    def set_addresses(addresses: List[Any]) -> None:
        def getaddrinfo(host: Any, *args: Any, **kwargs: Any) -> List[Any]:
            return addresses

        async def async_getaddrinfo(*args: Any, **kwargs: Any) -> List[Any]:
            return addresses

        monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
        monkeypatch.setattr(asyncio.BaseEventLoop, "getaddrinfo", async_getaddrinfo)
        with contextlib.suppress(ImportError):
            import trio

            monkeypatch.setattr(trio.socket, "getaddrinfo", async_getaddrinfo)

    return set_addresses


@pytest.fixture
def silent() -> Iterator[Any]:
    """The address of a listener that answers no more attempts."""
    with contextlib.ExitStack() as stack:
        listener = stack.enter_context(contextlib.closing(socket.socket()))
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        for _ in range(8):
            sock = stack.enter_context(contextlib.closing(socket.socket()))
            sock.setblocking(False)
            sock.connect_ex(listener.getsockname())
        probe = stack.enter_context(contextlib.closing(socket.socket()))
        probe.settimeout(0.1)
        try:
            probe.connect(listener.getsockname())
        except socket.timeout:
            yield listener.getsockname()
        except OSError:
            pytest.skip("this system refuses connections to a full backlog")
        else:
            pytest.skip("this system has no full backlog")


@pytest.fixture
def refusing() -> Iterator[Any]:
    with contextlib.closing(socket.socket()) as sock:
        sock.bind(("127.0.0.1", 0))
        yield sock.getsockname()


def test_a_silent_first_address_costs_a_quarter_of_a_second(
    connect: Connect, resolve_to: Any, silent: Any, listener: socket.socket
) -> None:
    target = listener.getsockname()
    resolve_to([address(socket.AF_INET, silent), address(socket.AF_INET, target)])
    before = time.monotonic()
    assert connect(host="many.test", port=1, timeout=20)[0] == target
    assert 0.2 <= time.monotonic() - before < 5


def test_a_refusing_first_address_costs_nothing(
    connect: Connect, resolve_to: Any, refusing: Any, listener: socket.socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    resolve_to([address(socket.AF_INET, refusing)] * 20 + [address(socket.AF_INET, listener.getsockname())])
    before = time.monotonic()
    assert connect(host="many.test", port=1, timeout=20)[0] == listener.getsockname()
    assert time.monotonic() - before < 4, "twenty refusals took as long as twenty attempts without an answer"


def test_a_refusal_is_not_waited_for_while_another_attempt_is_silent(
    connect: Connect, resolve_to: Any, silent: Any, refusing: Any, listener: socket.socket
) -> None:
    target = listener.getsockname()
    resolve_to([address(socket.AF_INET, each) for each in (silent, *[refusing] * 20, target)])
    before = time.monotonic()
    assert connect(host="many.test", port=1, timeout=20)[0] == target
    assert time.monotonic() - before < 4, "each refusal took as long as an attempt without an answer"


def test_one_budget_covers_all_addresses(connect: Connect, resolve_to: Any, silent: Any) -> None:
    resolve_to([address(socket.AF_INET, silent)] * 4)
    before = time.monotonic()
    with pytest.raises(ConnectTimeout, match=r"many\.test:1 .*0\.4 seconds"):
        connect(host="many.test", port=1, timeout=0.4)
    assert 0.35 <= time.monotonic() - before < 5


def test_when_all_refuse_the_first_failure_is_told(connect: Connect, resolve_to: Any, refusing: Any) -> None:
    resolve_to([address(socket.AF_INET, refusing)] * 3)
    with pytest.raises(ConnectError, match=r"many\.test:1: .*\[.* [0-9]+\]") as caught:
        connect(host="many.test", port=1, timeout=20)
    assert isinstance(caught.value.__cause__, OSError)


def test_a_host_without_addresses_is_a_connect_error(connect: Connect, resolve_to: Any) -> None:
    resolve_to([])
    with pytest.raises(ConnectError, match=r"none\.test:1"):
        connect(host="none.test", port=1, timeout=20)


def test_options_are_set_before_connecting(
    connect: Connect, listener: socket.socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    option = (socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    assert connect(host="127.0.0.1", port=listener.getsockname()[1], socket_options=[option])[1]


@pytest.mark.parametrize("port", [-1, 65536, 10**20])
def test_a_port_that_is_none_is_a_connect_error(connect: Connect, port: int) -> None:
    with pytest.raises(ConnectError):
        connect(host="127.0.0.1", port=port, timeout=5)


@pytest.mark.parametrize("addresses", [1, 2])
def test_an_option_that_is_none_is_the_callers_error(
    connect: Connect, resolve_to: Any, refusing: Any, addresses: int
) -> None:
    resolve_to([address(socket.AF_INET, refusing)] * addresses)
    with pytest.raises(TypeError):
        connect(host="x.test", port=1, timeout=20, socket_options=[(1, 2)])


def test_no_socket_is_left_when_the_caller_is_interrupted(
    resolve_to: Any, silent: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    resolve_to([address(socket.AF_INET, silent)] * 2)
    opened: List[socket.socket] = []

    def interrupted(connecting: Any, timeout: Any) -> Any:
        opened.extend(connecting)
        raise KeyboardInterrupt

    monkeypatch.setattr(_sockets, "_wait_for_any", interrupted)
    with pytest.raises(KeyboardInterrupt):
        SyncBackend().connect_tcp(host="many.test", port=1, timeout=5)
    assert [sock.fileno() for sock in opened] == [-1]


def test_families_take_turns() -> None:
    six = [address(socket.AF_INET6, (f"::{n}", 1, 0, 0)) for n in range(3)]
    four = [address(socket.AF_INET, (f"127.0.0.{n}", 1)) for n in range(1)]
    assert interleaved(six + four) == [six[0], four[0], six[1], six[2]]
    assert interleaved(four) == four
    assert interleaved([]) == []


def test_what_the_system_gave_up_is_a_timeout() -> None:
    assert isinstance(connection_error("h:1", OSError(errno.ETIMEDOUT, "x")), ConnectTimeout)
    assert isinstance(connection_error("h:1", OSError(errno.ECONNREFUSED, "x")), ConnectError)
    assert isinstance(connection_error("h:1", None), ConnectError)


def test_what_the_system_gave_up_is_a_timeout_everywhere(
    connect: Connect, resolve_to: Any, listener: socket.socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    connect_ex = socket.socket.connect_ex

    def begin(sock: socket.socket, address: Any) -> int:
        connect_ex(sock, address)
        return errno.EINPROGRESS

    def given_up(sock: Any) -> OSError:
        return OSError(errno.ETIMEDOUT, os.strerror(errno.ETIMEDOUT))

    async def give_up(loop: Any, sock: Any, address: Any) -> None:
        raise given_up(sock)

    monkeypatch.setattr(socket.socket, "connect_ex", begin)
    monkeypatch.setattr(_sockets, "failure_of", given_up)
    monkeypatch.setattr(core_backends._trio, "failure_of", given_up)
    for loops in (asyncio.selector_events.BaseSelectorEventLoop, asyncio.proactor_events.BaseProactorEventLoop):
        monkeypatch.setattr(loops, "sock_connect", give_up)
    resolve_to([address(socket.AF_INET, listener.getsockname())])
    with pytest.raises(ConnectTimeout):
        connect(host="gives.up.test", port=1, timeout=20)


def test_limits_become_what_poll_takes() -> None:
    assert [milliseconds(t) for t in (None, math.inf, 1e10, 1.5, 0, -1)] == [None, None, None, 1500.0, 0, 0]


@pytest.mark.parametrize("poll", [True, False], ids=["poll", "select"])
def test_waiting_tells_readable_and_writable(poll: bool, pair: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    if not poll:
        monkeypatch.delattr("select.poll")
    here, there = pair
    assert not watch_readable(here)(0)
    assert not watch_readable(here)(10)
    assert watch_writable(here)(None)
    there.sendall(b"x")
    assert watch_readable(here)(None)


@pytest.mark.parametrize("poll", [True, False], ids=["poll", "select"])
def test_a_connection_is_made_either_way(poll: bool, listener: socket.socket, monkeypatch: pytest.MonkeyPatch) -> None:
    if not poll:
        monkeypatch.delattr("select.poll")
    assert in_threads(host="127.0.0.1", port=listener.getsockname()[1], timeout=5)[0] == listener.getsockname()


class Narrow:
    """A socket that refuses what is larger than a limit, as macOS does from 2 GB on; for a limit that fits a test."""

    def __init__(self, sock: socket.socket, limit: int) -> None:
        self._sock, self._limit = sock, limit

    def send(self, data: Any) -> int:
        if len(data) > self._limit:
            raise OSError(errno.EINVAL, os.strerror(errno.EINVAL))
        return self._sock.send(data)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._sock, name)


@pytest.mark.parametrize("make", [bytes, bytearray, lambda data: memoryview(data)], ids=["bytes", "bytearray", "view"])
def test_no_more_is_given_to_a_socket_than_it_takes(make: Any, pair: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_sockets, "_LARGEST_SEND", 100)
    here, there = pair
    content = make(bytes(range(250)))

    def received(size: int) -> bytes:
        data = b""
        while len(data) < size:
            data += there.recv(size - len(data))
        return data

    stream = core_backends.SyncStream(here)
    stream._sock = Narrow(here, 100)  # type: ignore[assignment]
    stream.write(content, 20)
    assert received(250) == bytes(content)
    assert stream.write_some(content, 20) == stream.write_some_unless_readable(content, 20) == 100
    assert stream.write_some_nowait(content) == 100
    assert received(300) == 3 * bytes(content)[:100]
    stream.close()


def test_no_more_is_given_to_a_socket_than_it_takes_under_trio(pair: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_sockets, "_LARGEST_SEND", 100)
    here, there = pair
    there.settimeout(20)

    async def main() -> None:
        stream = core_backends.TrioStream(here)
        stream._sock = Narrow(here, 100)  # type: ignore[assignment]
        await stream.write(bytes(250), 20)
        assert await stream.write_some(bytes(250), 20) == stream.write_some_nowait(bytes(250)) == 100
        await stream.aclose()

    run_trio(main)
    assert len(there.makefile("rb").read()) == 450
