"""The example of the README, on a socket, with nothing of the project but this package and its ground."""

from __future__ import annotations

import pathlib
import re
import socket
import threading
from typing import Iterator, Tuple

import pytest

from .peer import Peer

README = pathlib.Path(__file__).resolve().parents[2] / "packages" / "core-h2" / "README.md"


def serve(listener: socket.socket, peer: Peer) -> None:
    connection, _ = listener.accept()
    with connection:
        while True:
            connection.sendall(bytes(peer.out))
            peer.out.clear()
            data = connection.recv(65_536)
            if not data:
                return
            peer.receive(data)


@pytest.fixture
def server() -> Iterator[Tuple[Peer, int]]:
    peer = Peer({})
    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=serve, args=(listener, peer), daemon=True)
        thread.start()
        yield peer, listener.getsockname()[1]
        thread.join(10)
        assert not thread.is_alive()


def test_the_example(server: Tuple[Peer, int], capsys: pytest.CaptureFixture[str]) -> None:
    peer, port = server
    found = re.search(r"```python\n(.*?)```", README.read_text(encoding="utf-8"), re.DOTALL)
    assert found is not None
    exec(compile(found[1].replace("8000", str(port)), str(README), "exec"), {})
    assert capsys.readouterr().out == "200 hello\n"
    assert peer.exchanges[1].headers[0] == (b":method", b"GET")
