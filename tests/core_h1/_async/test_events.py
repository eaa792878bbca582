"""The trace events and log records of an exchange."""

from __future__ import annotations

import logging
from typing import Any, List, Tuple

import pytest

from core_backends import LocalProtocolError, ReadTimeout, RemoteProtocolError, Request, WriteError

from .fakes import OK, AsyncPieces, connected

URL = "https://example.com/"
SENT = ["send_request_headers", "send_request_body"]
EXCHANGE = [*SENT, "receive_response_headers", "receive_response_body", "response_closed"]


class AsyncRecorder:
    def __init__(self, fail_at: str = "") -> None:
        self.events: List[Tuple[str, Any]] = []
        self.fail_at = fail_at

    async def __call__(self, name: str, info: Any) -> None:
        self.events.append((name, info))
        if name == self.fail_at:
            raise ZeroDivisionError(name)

    @property
    def names(self) -> List[str]:
        assert all(name.startswith("http11.") for name, _ in self.events)
        return [name[len("http11.") :] for name, _ in self.events]


def pairs(*events: str) -> List[str]:
    return [f"{event}.{part}" for event in events for part in ("started", "complete")]


@pytest.mark.parametrize("content", [None, b"small", b"x" * 100000])
@pytest.mark.parametrize("reads", [[OK], [OK[:-2], OK[-2:]]])
async def test_a_whole_exchange(content: Any, reads: Any) -> None:
    connection, _ = connected(*reads)
    trace = AsyncRecorder()
    await connection.request("POST", URL, content=content, extensions={"trace": trace})
    assert trace.names == pairs(*EXCHANGE)
    for name, info in trace.events:
        if name.endswith(".started") and "closed" not in name:
            assert set(info) == {"request"} and isinstance(info["request"], Request)
        elif name == "http11.receive_response_headers.complete":
            assert info == {"return_value": (b"HTTP/1.1", 200, b"OK", [(b"Content-Length", b"5")])}
            assert type(info["return_value"]) is tuple
        else:
            assert info in ({"return_value": None}, {})


async def test_an_iterated_body() -> None:
    connection, _ = connected(OK)
    trace = AsyncRecorder()
    await connection.request("POST", URL, content=AsyncPieces(b"a", b"b"), extensions={"trace": trace})
    assert trace.names == pairs(*EXCHANGE)


async def test_an_empty_body_closed_unread() -> None:
    connection, _ = connected(b"HTTP/1.1 204 No Content\r\n\r\n")
    trace = AsyncRecorder()
    async with connection.stream("GET", URL, extensions={"trace": trace}):
        pass
    assert trace.names == pairs(*EXCHANGE)


async def test_a_body_closed_early() -> None:
    connection, stream = connected(OK[:-2])
    trace = AsyncRecorder()
    async with connection.stream("GET", URL, extensions={"trace": trace}) as response:
        await response.aiter_stream().__anext__()
        await response.aclose()
    assert trace.names == [
        *pairs(*EXCHANGE[:3]),
        "receive_response_body.started",
        *pairs("response_closed"),
    ]
    assert not stream.is_open


@pytest.mark.parametrize(
    ("content", "reads", "writes", "error", "failed"),
    [
        (b"", [OK], [], LocalProtocolError, "send_request_headers"),
        (7, [OK], [], TypeError, "send_request_body"),
        (b"", [b""], [], RemoteProtocolError, "receive_response_headers"),
        (b"", [ReadTimeout("slow")], [], ReadTimeout, "receive_response_headers"),
        (b"", [OK[:-2], b""], [], RemoteProtocolError, "receive_response_body"),
    ],
)
async def test_a_failing_step_is_failed_and_then_closed(
    content: Any, reads: Any, writes: Any, error: Any, failed: str
) -> None:
    connection, stream = connected(*reads, writes=writes)
    trace = AsyncRecorder()
    content = AsyncPieces(content) if isinstance(content, int) else content
    headers = [("X", "\x00")] if failed == "send_request_headers" else []
    with pytest.raises(error) as caught:
        await connection.request("POST", URL, headers=headers, content=content, extensions={"trace": trace})
    before = EXCHANGE[: EXCHANGE.index(failed)]
    assert trace.names == [*pairs(*before), f"{failed}.started", f"{failed}.failed", *pairs("response_closed")]
    assert dict(trace.events)[f"http11.{failed}.failed"] == {"exception": caught.value}
    assert not stream.is_open


async def test_an_early_answer() -> None:
    connection, _ = connected(OK, writes=[None, WriteError("reset")])
    trace = AsyncRecorder()
    await connection.request("POST", URL, content=b"x" * 100000, extensions={"trace": trace})
    assert trace.names == [
        *pairs("send_request_headers"),
        "send_request_body.started",
        "send_request_body.failed",
        *pairs(*EXCHANGE[2:]),
    ]


@pytest.mark.parametrize("fail_at", [f"http11.{name}" for name in pairs(*EXCHANGE)])
async def test_what_a_hook_raises_passes_and_leaves_no_connection_half_used(fail_at: str) -> None:
    connection, stream = connected(OK, OK)
    with pytest.raises(ZeroDivisionError, match=fail_at):
        await connection.request("GET", URL, extensions={"trace": AsyncRecorder(fail_at)})
    assert connection.is_closed() is not stream.is_open
    if connection.is_idle():
        assert (await connection.request("GET", URL)).content == b"hello"
    else:
        assert connection.is_closed()


@pytest.mark.parametrize("fail_at", ["http11.receive_response_body.complete", "http11.response_closed.started"])
async def test_what_a_hook_raises_at_the_end_does_not_keep_the_stream_open(fail_at: str) -> None:
    connection, stream = connected(b"HTTP/1.0 204 No\r\n\r\n")
    with pytest.raises(ZeroDivisionError):
        await connection.request("GET", URL, extensions={"trace": AsyncRecorder(fail_at)})
    assert connection.is_closed() and not stream.is_open


async def test_what_a_hook_raises_on_closing_early_does_not_keep_the_stream_open() -> None:
    connection, stream = connected(OK[:-2])
    trace = AsyncRecorder("http11.response_closed.started")
    with pytest.raises(ZeroDivisionError):
        async with connection.stream("GET", URL, extensions={"trace": trace}):
            pass
    assert connection.is_closed() and not stream.is_open


async def test_a_switch_of_protocols_is_closed_once() -> None:
    connection, _ = connected(b"HTTP/1.1 101 Switching\r\nUpgrade: x\r\n\r\n")
    trace = AsyncRecorder()
    headers = [("Connection", "upgrade"), ("Upgrade", "x")]
    async with connection.stream("GET", URL, headers=headers, extensions={"trace": trace}) as response:
        pass
    await response.aclose()
    assert trace.names == pairs(*EXCHANGE[:3], "response_closed")


async def test_log_records(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, logger="httpcore.http11")
    connection, _ = connected(OK)
    await connection.request("GET", URL)
    assert [record.getMessage() for record in caplog.records] == [
        "send_request_headers.started request=<Request [b'GET']>",
        "send_request_headers.complete",
        "send_request_body.started request=<Request [b'GET']>",
        "send_request_body.complete",
        "receive_response_headers.started request=<Request [b'GET']>",
        "receive_response_headers.complete return_value=(b'HTTP/1.1', 200, b'OK', [(b'Content-Length', b'5')])",
        "receive_response_body.started request=<Request [b'GET']>",
        "receive_response_body.complete",
        "response_closed.started",
        "response_closed.complete",
    ]
    assert {record.levelno for record in caplog.records} == {logging.DEBUG}
