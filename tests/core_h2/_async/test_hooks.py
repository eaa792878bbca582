"""Hooks that fail, and hooks that change what they are shown: neither costs anybody else anything."""

from __future__ import annotations

from typing import Any, List

import pytest

from core_backends import RemoteProtocolError, Request

from ..peer import Peer
from .pipe import URL, connected

EVENTS = [
    "send_connection_init.started",
    "send_request_headers.complete",
    "send_request_body.complete",
    "receive_response_headers.started",
    "receive_response_headers.complete",
    "receive_response_body.started",
    "receive_response_body.complete",
    "response_closed.started",
    "response_closed.complete",
]


@pytest.mark.parametrize("event", EVENTS)
async def test_a_hook_that_fails_leaves_no_stream_behind(event: str) -> None:
    async def trace(name: str, info: Any) -> None:
        if name == f"http2.{event}":
            raise LookupError(event)

    connection, _ = connected(Peer({}))
    with pytest.raises(LookupError, match=event):
        response = await connection.handle_async_request(Request("GET", URL, extensions={"trace": trace}))
        await response.aread()
    assert connection.is_idle() and not connection._h2_state.streams
    assert (await connection.request("GET", URL)).content == b"hello"


@pytest.mark.parametrize("event", ["receive_response_headers.failed", "response_closed.started"])
async def test_a_hook_that_fails_when_told_of_a_failure(event: str) -> None:
    async def trace(name: str, info: Any) -> None:
        if name == f"http2.{event}":
            raise LookupError(event)

    peer = Peer({})
    peer.on_end = lambda stream_id, exchange: peer.reset(stream_id, 2)  # type: ignore[method-assign]
    connection, _ = connected(peer)
    with pytest.raises(LookupError, match=event):
        await connection.handle_async_request(Request("GET", URL, extensions={"trace": trace}))
    assert connection.is_idle() and not connection._h2_state.streams


async def test_a_hook_that_fails_when_told_of_a_body_cut_short() -> None:
    async def trace(name: str, info: Any) -> None:
        if name == "http2.receive_response_body.failed":
            assert isinstance(info["exception"], RemoteProtocolError)
            raise LookupError(name)

    class Breaking(Peer):
        def on_end(self, stream_id: int, exchange: Any) -> None:
            self.head(stream_id)
            self.reset(stream_id, 2)

    connection, _ = connected(Breaking({}))
    response = await connection.handle_async_request(Request("GET", URL, extensions={"trace": trace}))
    with pytest.raises(LookupError):
        await response.aiter_stream().__anext__()
    assert connection.is_idle() and not connection._h2_state.streams


async def test_a_hook_that_changes_headers_changes_no_other_response() -> None:
    seen: List[Any] = []

    async def trace(name: str, info: Any) -> None:
        if name == "http2.receive_response_headers.complete":
            seen.append(list(info["return_value"][1]))
            info["return_value"][1].clear()

    connection, _ = connected(Peer({}))
    for _ in range(5):
        response = await connection.request("GET", URL, extensions={"trace": trace})
        assert response.headers == seen[-1] == [(b"content-type", b"text/plain")]
