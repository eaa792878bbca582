"""What test support promises: scripted streams, and doing things at a time. The kit itself has its own tests."""

from __future__ import annotations

from typing import Any, List

import pytest

from core_backends import ReadError, ReadTimeout, WriteError, default_ssl_context
from core_backends.lowlevel import AsyncEvent
from core_backends.testing import (
    AsyncBackground,
    AsyncScriptedBackend,
    AsyncScriptedStream,
    Background,
    ScriptedBackend,
    ScriptedStream,
)


def test_a_script_is_played_in_order_and_writes_are_recorded() -> None:
    stream = ScriptedStream([b"abc", ReadTimeout("slow"), b"d"], extra={"is_readable": False})
    assert stream.read(2, 1.5) == b"ab"
    assert stream.read(2) == b"c"
    with pytest.raises(ReadTimeout):
        stream.read(2)
    assert [stream.read(2), stream.read(2)] == [b"d", b""]
    stream.write(b"x", 3)
    stream.write(memoryview(b"y"))  # type: ignore[arg-type]
    assert (stream.written, stream.writes) == (b"xy", [b"x", b"y"])
    assert stream.timeouts[0] == ("read", 1.5)
    assert stream.get_extra_info("is_readable") is False
    assert stream.get_extra_info("socket") is None
    assert stream.start_tls(default_ssl_context(), "name", 1, alpn_protocols=["h2"]) is stream
    assert (stream.tls, stream.alpn_protocols) == (["name"], [["h2"]])
    stream.close()
    with pytest.raises(ReadError):
        stream.read(1)
    with pytest.raises(WriteError):
        stream.write(b"z")


def test_what_is_cancelled_before_it_has_begun_has_ended(run: Any) -> None:
    async def main() -> None:
        async with AsyncBackground() as background:
            for _ in range(2):
                outcome = background.start(AsyncEvent().wait)
                outcome.cancel()
                await outcome.wait_cancelled()

    run(main)


def test_a_hook_stands_for_what_happens_meanwhile(run: Any) -> None:
    operations: List[str] = []

    async def hook(operation: str) -> None:
        operations.append(operation)
        if operation == "write":
            stream.abort()

    stream = AsyncScriptedStream([b"x"], hook=hook)

    async def main() -> None:
        assert await stream.read(1) == b"x"
        with pytest.raises(WriteError):
            await stream.write(b"y")
        await stream.aclose()

    run(main)
    assert operations == ["read", "write", "aclose"]
    assert stream.closed and stream.aborted


def test_a_scripted_backend_hands_out_streams_and_failures() -> None:
    stream = ScriptedStream()
    backend = ScriptedBackend([ReadError("first"), stream])
    with pytest.raises(ReadError, match="first"):
        backend.connect_tcp("h", 1)
    assert backend.connect_unix_socket("/p", timeout=2) is stream
    assert backend.calls[1]["timeout"] == 2
    with pytest.raises(AssertionError, match="more often"):
        backend.connect_tcp("h", 1)
    backend.sleep(100)
    assert backend.pauses == [100]


def test_an_async_scripted_backend_runs_its_hook(run: Any) -> None:
    operations: List[str] = []

    async def hook(operation: str) -> None:
        operations.append(operation)

    async def main() -> None:
        backend = AsyncScriptedBackend([AsyncScriptedStream()], hook=hook)
        await backend.connect_tcp("h", 1)
        await backend.sleep(1)

    run(main)
    assert operations == ["connect_tcp"]


def fail() -> None:
    raise KeyError("k")


def test_what_runs_in_the_background_returns_or_raises() -> None:
    with Background() as background:
        assert background.start(lambda a, b: a + b, 1, 2).wait() == 3
        with pytest.raises(KeyError):
            background.start(fail).wait()


def test_what_runs_in_a_task_returns_raises_or_is_cancelled(run: Any) -> None:
    async def value() -> int:
        return 3

    async def failing() -> None:
        fail()

    async def main() -> None:
        from core_backends.lowlevel import AsyncEvent

        async with AsyncBackground() as background:
            assert await background.start(value).wait() == 3
            with pytest.raises(KeyError):
                await background.start(failing).wait()
            waiting = background.start(AsyncEvent().wait)
            await background.settle()
            waiting.cancel()
            await waiting.wait_cancelled()
            done = background.start(value)
            with pytest.raises(AssertionError):
                await done.wait_cancelled()

    run(main)


def test_leaving_the_block_by_an_error_ends_the_tasks(run: Any) -> None:
    async def main() -> None:
        from core_backends.lowlevel import AsyncEvent

        try:
            async with AsyncBackground() as background:
                background.start(AsyncEvent().wait)
                raise KeyError("outer")
        except BaseException as exc:
            inner = getattr(exc, "exceptions", [exc])
            assert [type(each) for each in inner] == [KeyError]

    run(main)
