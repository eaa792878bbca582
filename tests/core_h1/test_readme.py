"""The example in the README does what it shows."""

from __future__ import annotations

import pathlib
import re
import socket
import threading

import pytest

README = pathlib.Path(__file__).resolve().parents[2] / "packages" / "core-h1" / "README.md"


def test_the_example(capsys: pytest.CaptureFixture[str]) -> None:
    (code,) = re.findall(r"```python\n(.*?)```", README.read_text(encoding="utf-8"), re.DOTALL)
    received = []

    def serve(listener: socket.socket) -> None:
        peer, _ = listener.accept()
        with peer:
            received.append(peer.recv(65536))
            peer.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello")
            peer.recv(1)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        server = threading.Thread(target=serve, args=(listener,))
        server.start()
        assert "8000" in code
        exec(compile(code.replace("8000", str(port)), str(README), "exec"), {"__name__": "example"})
        server.join(10)
    assert received == [b"GET / HTTP/1.1\r\nHost: 127.0.0.1:%d\r\n\r\n" % port]
    assert capsys.readouterr().out == "200 hello\n"
