"""Unix sockets, connected by each backend: in time, with their options, and without leaving a descriptor."""

from __future__ import annotations

import contextlib
import os
import socket
import sys
from pathlib import Path
from typing import Any, Callable, Iterator, List, Optional, Tuple

import pytest

import core_backends
from core_backends import ConnectError, ConnectTimeout, _unix

from .conftest import run_asyncio, run_trio

pytestmark = pytest.mark.skipif(not hasattr(socket, "AF_UNIX"), reason="this platform has no unix sockets")

# A request for keep-alives means nothing to a unix socket, and can be read back.
OPTION = (socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)

Connect = Callable[..., Any]


def _in_threads(path: str, use: Callable[[Any], None], **options: Any) -> None:
    stream = core_backends.SyncBackend().connect_unix_socket(path=path, **options)
    use(stream)
    stream.close()


def _in_tasks(name: str, run: Any) -> Connect:
    def connect(path: str, use: Callable[[Any], None], **options: Any) -> None:
        async def main() -> None:
            stream = await getattr(core_backends, name)().connect_unix_socket(path=path, **options)
            use(stream)
            await stream.aclose()

        run(main)

    return connect


KINDS = {
    "threads": _in_threads,
    "asyncio": _in_tasks("AsyncioBackend", run_asyncio),
    "anyio-asyncio": _in_tasks("AnyIOBackend", run_asyncio),
    "anyio-trio": _in_tasks("AnyIOBackend", run_trio),
    "trio": _in_tasks("TrioBackend", run_trio),
}


@pytest.fixture(params=sorted(KINDS))
def connect(request: pytest.FixtureRequest) -> Connect:
    for package in ("anyio", "trio"):
        if package in request.param:
            pytest.importorskip(package)
    return KINDS[request.param]


@pytest.fixture
def listening(tmp_path: Path) -> Iterator[Tuple[str, socket.socket]]:
    path = str(tmp_path / "s")
    with contextlib.closing(socket.socket(socket.AF_UNIX)) as listener:
        listener.bind(path)
        listener.listen(0)
        yield path, listener


def _descriptors() -> Optional[int]:
    return len(os.listdir("/proc/self/fd")) if os.path.isdir("/proc/self/fd") else None


def test_options_are_set_before_connecting(
    connect: Connect, listening: Tuple[str, socket.socket], monkeypatch: pytest.MonkeyPatch
) -> None:
    path, _ = listening
    found: List[int] = []
    again = _unix.UnixAttempts.again

    def looked_at(attempts: Any) -> Optional[float]:
        found.append(attempts.sock.getsockopt(*OPTION[:2]))
        return again(attempts)

    monkeypatch.setattr(_unix.UnixAttempts, "again", looked_at)
    connect(path, lambda stream: found.append(stream.get_extra_info("socket").fileno()), socket_options=[OPTION])
    assert found[0] != 0 and found[1] >= 0


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="elsewhere a full backlog refuses")
def test_a_listener_that_takes_nobody_is_waited_for_as_long_as_there_is_time(
    connect: Connect, listening: Tuple[str, socket.socket], monkeypatch: pytest.MonkeyPatch
) -> None:
    path, listener = listening
    with contextlib.ExitStack() as stack:
        waiting = 0
        while True:
            filling = stack.enter_context(contextlib.closing(socket.socket(socket.AF_UNIX)))
            filling.setblocking(False)
            try:
                filling.connect(path)
                waiting += 1
            except BlockingIOError:
                break
        before = _descriptors()
        with pytest.raises(ConnectTimeout):
            connect(path, lambda stream: None, timeout=0.02)
        assert _descriptors() == before

        again = _unix.UnixAttempts.again

        def made_room_for(attempts: Any) -> Optional[float]:
            pause = again(attempts)
            if pause is not None:
                for _ in range(waiting):
                    listener.accept()[0].close()
            return pause

        monkeypatch.setattr(_unix.UnixAttempts, "again", made_room_for)
        connected: List[Any] = []
        connect(path, connected.append, timeout=20)
        assert connected


def test_what_is_not_there_and_what_is_no_option_end_the_attempt(connect: Connect, tmp_path: Path) -> None:
    before = _descriptors()
    with pytest.raises(ConnectError, match="nobody"):
        connect(str(tmp_path / "nobody"), lambda stream: None)
    with pytest.raises(ConnectError):
        connect("nul\0" * 100, lambda stream: None)
    with pytest.raises(ConnectError):
        connect(str(tmp_path / "nobody"), lambda stream: None, socket_options=[(socket.SOL_SOCKET, -1, 1)])
    assert _descriptors() == before


def test_a_platform_without_them_is_told(connect: Connect, monkeypatch: pytest.MonkeyPatch) -> None:
    def connecting(*arguments: Any) -> _unix.UnixAttempts:
        with monkeypatch.context() as patched:
            patched.delattr(socket, "AF_UNIX")
            return attempts(*arguments)

    attempts = _unix.UnixAttempts
    for module in ("_sockets", "_unix"):
        monkeypatch.setattr(f"core_backends.{module}.UnixAttempts", connecting)
    with pytest.raises(ConnectError, match="no unix sockets"):
        connect("/s", lambda stream: None)
