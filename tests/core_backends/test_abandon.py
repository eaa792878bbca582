"""Giving a stream or connection up: at once, without waiting, whatever it is, and never with an exception."""

from __future__ import annotations

import logging
from typing import Any, AsyncIterator, Coroutine, List

import pytest

from core_backends.lowlevel import abandon, async_next_turn, end_generator


class Closes:
    def __init__(self) -> None:
        self.calls: List[str] = []


def test_abort_is_preferred() -> None:
    class Stream(Closes):
        def abort(self) -> None:
            self.calls.append("abort")

        def close(self) -> None:
            self.calls.append("close")

    stream = Stream()
    abandon(stream)
    assert stream.calls == ["abort"]


def test_a_stream_with_close_only_is_closed() -> None:
    class Stream(Closes):
        def close(self) -> None:
            self.calls.append("close")

    stream = Stream()
    abandon(stream)
    assert stream.calls == ["close"]


class Suspends:
    def __await__(self) -> Any:
        yield


def test_an_async_close_runs_up_to_where_it_waits() -> None:
    class Stream(Closes):
        async def aclose(self) -> None:
            self.calls.append("closed")
            await Suspends()
            self.calls.append("waited")

    stream = Stream()
    abandon(stream)
    assert stream.calls == ["closed"]


class Compiled(Coroutine[Any, Any, None]):
    """A coroutine that is not of the interpreter's own type, as those are that Cython and mypyc make."""

    def __init__(self, coroutine: Coroutine[Any, Any, None]) -> None:
        self._coroutine = coroutine
        self.send = coroutine.send  # type: ignore[method-assign]
        self.throw = coroutine.throw  # type: ignore[method-assign,assignment]
        self.close = coroutine.close  # type: ignore[method-assign]

    def send(self, value: Any) -> Any:
        raise NotImplementedError()

    def throw(self, *exc_info: Any) -> Any:
        raise NotImplementedError()

    def __await__(self) -> Any:
        return self._coroutine.__await__()


def test_an_async_close_of_compiled_code_runs_as_well() -> None:
    class Stream(Closes):
        def aclose(self) -> Any:
            return Compiled(self._aclose())

        async def _aclose(self) -> None:
            self.calls.append("closed")
            await Suspends()
            self.calls.append("waited")

    stream = Stream()
    abandon(stream)
    assert stream.calls == ["closed"]


def test_nothing_is_raised(caplog: pytest.LogCaptureFixture) -> None:
    class Stream:
        def close(self) -> None:
            raise OSError("no")

    caplog.set_level(logging.DEBUG, logger="httpcore.connection")
    abandon(Stream())
    abandon(object())
    assert "no" in caplog.text


def test_an_async_close_that_refuses_to_end_is_left() -> None:
    class Stream:
        async def aclose(self) -> None:
            try:
                await Suspends()
            finally:
                await Suspends()

    abandon(Stream())


def test_a_generator_that_is_not_asked_again_cleans_up_as_far_as_that_does_not_wait(run: Any) -> None:
    ended: List[str] = []

    async def parts(wait: bool, fail: bool) -> AsyncIterator[bytes]:
        try:
            yield b"a"
            yield b"b"
        finally:
            ended.append("begun")
            if fail:
                raise ValueError("the generator's own")
            if wait:
                await sleep(0)
            ended.append("done")

    async def sleep(seconds: float) -> None:
        await async_next_turn()

    class Foreign:
        def __aiter__(self) -> Foreign:
            return self

        async def __anext__(self) -> bytes:
            return b"a"

        async def aclose(self) -> None:
            ended.append("foreign")

    async def main() -> None:
        for wait, fail in ((False, False), (True, False), (False, True)):
            body = parts(wait, fail)
            assert await body.__anext__() == b"a"
            end_generator(body)
            if not wait:  # CPython below 3.13 takes one that was ended while it waited for running still.
                with pytest.raises(StopAsyncIteration):
                    await body.__anext__()
            del body
        end_generator(Foreign())
        end_generator(iter([b"a"]))
        end_generator(None)

    run(main)
    assert ended == ["begun", "done", "begun", "begun"]
