"""Interrupting what another thread or task is waiting in, and what was interrupted before it began."""

from __future__ import annotations

import contextlib
import socket
import sys
from pathlib import Path
from typing import Any, List, Tuple

import pytest

import core_backends._sockets
from core_backends import SyncBackend, SyncStream
from core_backends._interrupt import pause
from core_backends.lowlevel import AsyncEvent, AsyncInterrupt, Event, Interrupt, Interrupted, register_socket
from core_backends.testing import AsyncBackground, Background


def test_what_is_not_interrupted_returns_or_raises_as_it_would() -> None:
    interrupt = Interrupt()
    assert interrupt.run(lambda x: x + 1, 1) == 2
    with pytest.raises(KeyError):
        interrupt.run({}.__getitem__, "k")


def test_what_is_fired_before_never_runs() -> None:
    interrupt = Interrupt()
    interrupt.fire()
    with pytest.raises(Interrupted):
        interrupt.run(pytest.fail, "it ran")


def test_a_registered_socket_wakes(pair: Tuple[socket.socket, socket.socket]) -> None:
    here, _ = pair
    interrupt = Interrupt()

    def wait() -> bytes:
        register_socket(here)
        return here.recv(1)

    with Background() as background:
        waiting = background.start(interrupt.run, wait)
        interrupt.fire()
        with pytest.raises(Interrupted):
            waiting.wait()


def test_a_tls_handshake_with_a_silent_server_is_interrupted(listener: socket.socket, tls: Any) -> None:
    interrupt = Interrupt()
    plain = SyncBackend().connect_tcp(host="127.0.0.1", port=listener.getsockname()[1], timeout=20)
    server, _ = listener.accept()
    with server, Background() as background:
        waiting = background.start(interrupt.run, lambda: plain.start_tls(tls.client, "localhost", timeout=20))
        server.settimeout(20)
        assert server.recv(1)  # The handshake has begun.
        interrupt.fire()
        with pytest.raises(Interrupted):
            waiting.wait()
    assert isinstance(plain, SyncStream)
    assert plain._sock.fileno() == -1


def test_a_socket_that_is_registered_too_late_is_not_used(pair: Tuple[socket.socket, socket.socket]) -> None:
    """Where one address after another is tried, shutting down the socket of the first begins the second."""
    here, _ = pair
    interrupt = Interrupt()
    reached: List[str] = []

    def connect() -> None:
        interrupt.fire()
        register_socket(here)
        reached.append("the next attempt")

    with pytest.raises(Interrupted):
        interrupt.run(connect)
    assert reached == []


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="elsewhere a full backlog refuses")
def test_waiting_for_room_in_the_backlog_of_a_unix_socket_is_interrupted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = str(tmp_path / "socket")
    interrupt, waits = Interrupt(), Event()

    def noticed(seconds: float) -> None:
        waits.set()
        pause(seconds)

    monkeypatch.setattr(core_backends._sockets, "pause", noticed)
    with contextlib.ExitStack() as stack:
        listening = stack.enter_context(contextlib.closing(socket.socket(socket.AF_UNIX)))
        listening.bind(path)
        listening.listen(0)
        while True:
            filling = stack.enter_context(contextlib.closing(socket.socket(socket.AF_UNIX)))
            filling.setblocking(False)
            try:
                filling.connect(path)
            except BlockingIOError:
                break
        background = stack.enter_context(Background())
        waiting = background.start(interrupt.run, lambda: SyncBackend().connect_unix_socket(path=path))
        assert waits.wait(20)
        interrupt.fire()
        with pytest.raises(Interrupted):
            waiting.wait()


def test_a_pause_is_interrupted() -> None:
    interrupt = Interrupt()
    reached: List[str] = []

    def sleep() -> None:
        SyncBackend().sleep(60)
        reached.append("what was waited for")

    with Background() as background:
        waiting = background.start(interrupt.run, sleep)
        interrupt.fire()
        with pytest.raises(Interrupted):
            waiting.wait()
    assert reached == []


def test_what_comes_of_an_interrupted_run_is_closed() -> None:
    class Stream:
        aborted = False

        def abort(self) -> None:
            self.aborted = True

    stream = Stream()
    interrupt = Interrupt()

    def connect() -> Stream:
        interrupt.fire()
        return stream

    with pytest.raises(Interrupted):
        interrupt.run(connect)
    assert stream.aborted


def test_an_async_wait_is_interrupted(run: Any) -> None:
    async def main() -> None:
        interrupt = AsyncInterrupt()
        async with AsyncBackground() as background:
            waiting = background.start(interrupt.run, AsyncEvent().wait)
            await background.settle()
            interrupt.fire()
            with pytest.raises(Interrupted):
                await waiting.wait()
        with pytest.raises(Interrupted):
            await interrupt.run(AsyncEvent().wait)

    run(main)


def test_a_cancellation_is_not_taken_for_an_interrupt(run: Any) -> None:
    async def main() -> None:
        interrupt = AsyncInterrupt()
        async with AsyncBackground() as background:
            waiting = background.start(interrupt.run, AsyncEvent().wait)
            await background.settle()
            waiting.cancel()
            await waiting.wait_cancelled()

    run(main)


def test_an_interrupted_task_goes_on_undisturbed(run: Any) -> None:
    async def main() -> None:
        async def interrupted_then_waits(event: AsyncEvent) -> bool:
            with pytest.raises(Interrupted):
                await interrupt.run(AsyncEvent().wait)
            return await event.wait(20)

        interrupt = AsyncInterrupt()
        event = AsyncEvent()
        async with AsyncBackground() as background:
            task = background.start(interrupted_then_waits, event)
            await background.settle()
            interrupt.fire()
            await background.settle()
            event.set()
            assert await task.wait()

    run(main)
