"""Giving a stream or connection up: at once, without waiting, whatever it is, and never with an exception."""

from __future__ import annotations

import logging
from typing import Any, List

import pytest

from core_backends.lowlevel import abandon


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
