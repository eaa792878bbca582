"""The direct connector: TCP or a unix socket, with the options it was made with, within the request's time."""

from __future__ import annotations

from typing import Any, List

import pytest

from core_backends import AsyncDirectConnector, DirectConnector, Origin, UnsupportedProtocol
from core_backends.testing import (
    AsyncScriptedBackend,
    AsyncScriptedStream,
    ScriptedBackend,
    ScriptedStream,
)

ORIGIN = Origin(b"https", b"example.com", 8443)
OPTIONS = [(1, 2, 3)]


def test_the_backend_is_told_everything_by_keyword() -> None:
    stream = ScriptedStream()
    backend = ScriptedBackend([stream])
    connector = DirectConnector(backend, local_address="127.0.0.1", socket_options=iter(OPTIONS))
    assert connector.connect(ORIGIN, {"timeout": {"connect": 3.0}}) is stream
    assert backend.calls == [
        {
            "host": "example.com",
            "port": 8443,
            "timeout": 3.0,
            "local_address": "127.0.0.1",
            "socket_options": OPTIONS,
        }
    ]


def test_a_unix_socket_stands_in_for_any_origin() -> None:
    backend = ScriptedBackend([ScriptedStream()])
    DirectConnector(backend, uds="/path").connect(ORIGIN, {})
    assert backend.calls == [{"path": "/path", "timeout": None, "socket_options": None}]


def test_an_origin_without_a_host_is_refused_before_connecting() -> None:
    backend = ScriptedBackend()
    with pytest.raises(UnsupportedProtocol):
        DirectConnector(backend).connect(Origin(b"http", b"", 80), {})
    assert backend.calls == []


def test_connecting_is_traced() -> None:
    events: List[Any] = []
    stream = ScriptedStream()
    extensions = {"trace": lambda name, info: events.append((name, info))}
    DirectConnector(ScriptedBackend([stream])).connect(ORIGIN, extensions)
    assert [name for name, _ in events] == ["connection.connect_tcp.started", "connection.connect_tcp.complete"]
    assert set(events[0][1]) == {"host", "port", "local_address", "timeout", "socket_options"}
    assert events[1][1] == {"return_value": stream}


def test_the_async_connector_does_the_same(run: Any) -> None:
    events: List[str] = []

    async def hook(name: str, info: Any) -> None:
        events.append(name)

    async def main() -> None:
        backend = AsyncScriptedBackend([AsyncScriptedStream(), AsyncScriptedStream()])
        await AsyncDirectConnector(backend).connect(ORIGIN, {"timeout": {"connect": 3.0}})
        await AsyncDirectConnector(backend, uds="/path").connect(ORIGIN, {"trace": hook})
        assert backend.calls[0]["timeout"] == 3.0
        assert backend.calls[1]["path"] == "/path"

    run(main)
    assert events == ["connection.connect_unix_socket.started", "connection.connect_unix_socket.complete"]
