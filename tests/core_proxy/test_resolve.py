"""Resolution on this side of the proxy."""

from __future__ import annotations

import asyncio
import socket
import threading
from typing import Any

import pytest

import core_proxy._resolve
from core_backends import ConnectError, ConnectTimeout
from core_proxy._resolve import async_resolve, resolve

from .worlds import World


def look_up(world: World, *args: Any) -> bytes:
    result: bytes = world.call(resolve if world.name == "sync" else async_resolve, *args)
    return result


@pytest.mark.parametrize("timeout", [None, 10.0])
def test_the_first_address(world: World, timeout: Any) -> None:
    assert look_up(world, b"localhost", 80, socket.AF_INET, timeout) == b"127.0.0.1"


@pytest.mark.parametrize("timeout", [None, 10.0])
def test_a_name_that_does_not_resolve(world: World, timeout: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*args: Any, **options: Any) -> Any:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", fail)
    with pytest.raises(ConnectError, match=r"'nowhere\.test' cannot be resolved: .*not known"):
        look_up(world, b"nowhere.test", 80, socket.AF_INET, timeout)


def test_a_name_without_an_address(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket, "getaddrinfo", lambda *args, **options: [])
    with pytest.raises(ConnectError, match=r"'nowhere\.test' has no address"):
        look_up(world, b"nowhere.test", 80, socket.AF_INET, None)


@pytest.mark.parametrize("timeout", [None, 10.0])
def test_a_name_that_idna_refuses(world: World, timeout: Any) -> None:
    """The resolver encodes names, and refuses labels that are too long, before it asks anybody."""
    with pytest.raises(ConnectError, match="cannot be resolved"):
        look_up(world, b"x" * 64 + b".test", 80, socket.AF_INET, timeout)


def test_a_resolver_that_takes_too_long(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    release = threading.Event()

    def hang(*args: Any, **options: Any) -> Any:
        if args[5:] and args[5] & socket.AI_NUMERICHOST:
            # Trio asks first, without a thread, whether the name is an address.
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        release.wait(30)
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", 80))]

    monkeypatch.setattr(socket, "getaddrinfo", hang)

    async def timed_out_and_then_released() -> None:
        # The event loop waits for its threads when it ends, so the thread is let go while it still runs.
        try:
            await async_resolve(b"slow.test", 80, socket.AF_INET, 0.05)
        finally:
            release.set()

    with pytest.raises(ConnectTimeout, match=r"'slow\.test' was not resolved in time"):
        if world.name == "sync":
            try:
                resolve(b"slow.test", 80, socket.AF_INET, 0.05)
            finally:
                release.set()
        else:
            world.call(timed_out_and_then_released)


def test_a_defect_in_the_thread_is_not_taken_for_an_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*args: Any) -> Any:
        raise ConnectError("as if")

    monkeypatch.setattr(core_proxy._resolve, "_lookup", broken)
    with pytest.raises(ConnectError, match="as if"):
        resolve(b"x.test", 80, socket.AF_INET, 5.0)


@pytest.mark.parametrize("answer", ["an address", "a failure"])
def test_a_cancellation_that_comes_with_the_answer_is_not_lost(answer: str) -> None:
    async def main() -> None:
        loop = asyncio.get_running_loop()
        found: asyncio.Future[Any] = loop.create_future()
        asked = asyncio.Event()

        async def getaddrinfo(*args: Any, **options: Any) -> Any:
            asked.set()
            return await found

        setattr(loop, "getaddrinfo", getaddrinfo)  # noqa: B010
        resolving = asyncio.ensure_future(async_resolve(b"x.test", 80, socket.AF_INET, 10.0))
        await asked.wait()
        if answer == "an address":
            found.set_result([(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", 80))])
        else:
            found.set_exception(socket.gaierror(socket.EAI_NONAME, "Name or service not known"))
        await asyncio.sleep(0)
        resolving.cancel()
        with pytest.raises(asyncio.CancelledError):
            await resolving

    asyncio.run(main())
