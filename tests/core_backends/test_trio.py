"""What they are told who are cancelled, or interrupted from the keyboard, while the trio backend waits in nurseries."""

from __future__ import annotations

import contextlib
import signal
import socket
from typing import Any, Awaitable, Callable, Iterator

import pytest

import core_backends
import core_backends._trio

trio = pytest.importorskip("trio")
trio_testing = pytest.importorskip("trio.testing")

Wait = Callable[[], Awaitable[Any]]


@contextlib.contextmanager
def connecting() -> Iterator[Wait]:
    """Connecting to two addresses, neither of which answers."""
    with contextlib.ExitStack() as stack:
        addresses = []
        for _ in range(2):
            listener = stack.enter_context(contextlib.closing(socket.socket()))
            listener.bind(("127.0.0.1", 0))
            addresses.append((socket.AF_INET, socket.SOCK_STREAM, 0, "", listener.getsockname()))
        patch = stack.enter_context(pytest.MonkeyPatch.context())

        async def never(sock: Any) -> None:
            await trio.sleep_forever()

        async def getaddrinfo(*args: Any, **options: Any) -> Any:
            return addresses

        patch.setattr(trio.socket, "getaddrinfo", getaddrinfo)
        patch.setattr(trio.lowlevel, "wait_writable", never)
        patch.setattr(
            "core_backends._trio.start_connecting", lambda *args: (stack.enter_context(socket.socket()), False)
        )

        async def wait() -> None:
            await core_backends.TrioBackend().connect_tcp(host="two.test", port=1)

        yield wait


@contextlib.contextmanager
def writing() -> Iterator[Wait]:
    """Writing to a peer that takes nothing and says nothing."""
    here, there = socket.socketpair()
    with here, there:

        async def wait() -> None:
            stream: Any = core_backends._trio.TrioStream(here)
            while True:
                await stream.write_some_unless_readable(bytes(65536))

        yield wait


@pytest.fixture
def heeding_the_keyboard() -> Iterator[None]:
    """What a shell runs in the background begins with interrupts ignored, and trio leaves them so."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.fixture(params=[connecting, writing])
def waiting(request: pytest.FixtureRequest) -> Iterator[Wait]:
    with request.param() as wait:
        yield wait


def test_who_is_cancelled_is_told_so_by_that_alone(waiting: Wait) -> None:
    told = []

    async def main() -> None:
        with trio.CancelScope() as scope:
            async with trio.open_nursery() as nursery:

                async def cancel() -> None:
                    await trio_testing.wait_all_tasks_blocked()
                    scope.cancel()

                nursery.start_soon(cancel)
                try:
                    await waiting()
                except BaseException as exc:
                    told.append(type(exc))
                    raise
        assert scope.cancelled_caught

    trio.run(main)
    assert told == [trio.Cancelled]


@pytest.mark.usefixtures("heeding_the_keyboard")
def test_who_is_interrupted_from_the_keyboard_is_told_so_by_that_alone(waiting: Wait) -> None:
    async def interrupt() -> None:
        await trio_testing.wait_all_tasks_blocked()
        signal.raise_signal(signal.SIGINT)

    async def main() -> None:
        trio.lowlevel.spawn_system_task(interrupt)
        await waiting()

    with pytest.raises(KeyboardInterrupt):
        trio.run(main)
