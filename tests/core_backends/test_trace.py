"""Trace events and log records: their order, their names, and that no secret is in them."""

from __future__ import annotations

import logging
from typing import Any, List

import pytest

from core_backends.lowlevel import async_tracer, tracer

logger = logging.getLogger("httpcore.testing")


def test_without_a_listener_there_is_no_tracer() -> None:
    assert tracer(logger, {}) is None
    assert async_tracer(logger, {}) is None


def test_a_call_is_started_and_complete() -> None:
    events: List[Any] = []
    trace = tracer(logger, {"trace": lambda name, info: events.append((name, info))})
    assert trace is not None
    assert trace.call("step", {"a": 1}, lambda x: x + 1, 2) == 3
    assert events == [("testing.step.started", {"a": 1}), ("testing.step.complete", {"return_value": 3})]


def test_a_call_that_raises_is_failed() -> None:
    events: List[Any] = []
    trace = tracer(logger, {"trace": lambda name, info: events.append((name, info))})
    error = ValueError("x")

    def fail() -> None:
        raise error

    assert trace is not None
    with pytest.raises(ValueError, match="x"):
        trace.call("step", {}, fail)
    assert events[-1] == ("testing.step.failed", {"exception": error})


def test_the_wrong_kind_of_hook_is_a_type_error(run: Any) -> None:
    async def asynchronous(name: str, info: Any) -> None:
        raise AssertionError("not reached")

    trace = tracer(logger, {"trace": asynchronous})
    assert trace is not None
    with pytest.raises(TypeError, match="trace"):
        trace.event("step.started", {})

    async def main() -> None:
        trace = async_tracer(logger, {"trace": lambda name, info: None})
        assert trace is not None
        with pytest.raises(TypeError, match="trace"):
            await trace.event("step.started", {})

    run(main)


def test_an_async_call_is_reported_the_same(run: Any) -> None:
    events: List[Any] = []

    async def hook(name: str, info: Any) -> None:
        events.append((name, info))

    async def double(value: int) -> int:
        return 2 * value

    async def fail() -> None:
        raise KeyError("k")

    async def main() -> None:
        trace = async_tracer(logger, {"trace": hook})
        assert trace is not None
        assert await trace.call("step", {}, double, 4) == 8
        with pytest.raises(KeyError):
            await trace.call("other", {}, fail)

    run(main)
    assert [name for name, _ in events] == [
        "testing.step.started",
        "testing.step.complete",
        "testing.other.started",
        "testing.other.failed",
    ]


def test_log_records_read_as_documented(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, logger="httpcore.testing")
    trace = tracer(logger, {})
    assert trace is not None
    trace.call("step", {"host": "h", "port": 1}, lambda: b"result")
    trace.call("plain", {}, lambda: None)
    assert [record.getMessage() for record in caplog.records] == [
        "step.started host='h' port=1",
        "step.complete return_value=b'result'",
        "plain.started",
        "plain.complete",
    ]
    assert {record.levelno for record in caplog.records} == {logging.DEBUG}


FIELDS = [
    (b"Content-Type", b"text/plain"),
    (b"Set-Cookie", b"session=hunter2; Secure"),
    (b"set-cookie", b"other=hunter2"),
    (b"Authentication-Info", b'nextnonce="hunter2"'),
    (b"WWW-Authenticate", b"Negotiate hunter2"),
    (b"Proxy-Authenticate", b"NTLM"),
]
SHOWN = (
    "[(b'Content-Type', b'text/plain'), (b'Set-Cookie', b'[secure]'), (b'set-cookie', b'[secure]'), "
    "(b'Authentication-Info', b'[secure]'), (b'WWW-Authenticate', b'Negotiate [secure]'), "
    "(b'Proxy-Authenticate', b'NTLM')]"
)


def test_a_hook_gets_all_and_the_log_no_secrets(run: Any, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, logger="httpcore.testing")
    told: List[Any] = []

    def hook(name: str, info: Any) -> None:
        told.append(info)

    async def async_hook(name: str, info: Any) -> None:
        told.append(info)

    async def answer() -> Any:
        return 200, FIELDS

    async def main() -> None:
        trace = async_tracer(logger, {"trace": async_hook})
        assert trace is not None
        await trace.call("receive", {}, answer)

    run(main)
    trace = tracer(logger, {"trace": hook})
    assert trace is not None
    trace.call("receive", {}, lambda: (b"HTTP/1.1", 401, b"Unauthorized", FIELDS))
    assert told == [
        {},
        {"return_value": (200, FIELDS)},
        {},
        {"return_value": (b"HTTP/1.1", 401, b"Unauthorized", FIELDS)},
    ]
    assert [record.getMessage() for record in caplog.records] == [
        "receive.started",
        f"receive.complete return_value=(200, {SHOWN})",
        "receive.started",
        f"receive.complete return_value=(b'HTTP/1.1', 401, b'Unauthorized', {SHOWN})",
    ]


def test_headers_that_are_sent_are_not_logged_either(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, logger="httpcore.testing")
    trace = tracer(logger, {})
    assert trace is not None
    names = (b"Authorization", b"Proxy-Authorization", b"Cookie", b"Proxy-Authentication-Info")
    trace.event("send.started", {"headers": [(name, b"hunter2") for name in names], "of": (b"name", "hunter")})
    assert "hunter2" not in caplog.text and caplog.text.count("[secure]") == 4 and "'hunter'" in caplog.text
