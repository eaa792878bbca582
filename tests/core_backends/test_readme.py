"""The README's Python runs as it stands there, against a local server in place of the one that it names."""

from __future__ import annotations

import pathlib
import re
import socket
from typing import Any, List

import pytest

README = pathlib.Path(__file__).resolve().parents[2] / "packages" / "core-backends" / "README.md"


def blocks() -> List[str]:
    return re.findall(r"^```python\n(.*?)^```$", README.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)


def execute(block: str) -> None:
    exec(compile(block, str(README), "exec"), {"__name__": "__main__"})


def test_the_first_example_talks_to_a_server(serve: Any, capsys: pytest.CaptureFixture[str]) -> None:
    def server(connection: socket.socket) -> None:
        assert connection.recv(65536).startswith(b"GET / HTTP/1.0\r\n")
        connection.sendall(b"HTTP/1.0 200 OK\r\n\r\nhello")

    port = serve(server)
    execute(blocks()[0].replace("port=8000", f"port={port}").replace('host="localhost"', 'host="127.0.0.1"'))
    assert capsys.readouterr().out == "HTTP/1.0 200 OK\n"


def test_the_first_example_says_when_nobody_is_there() -> None:
    with socket.socket() as unlistened:
        unlistened.bind(("127.0.0.1", 0))
        block = blocks()[0].replace("port=8000", f"port={unlistened.getsockname()[1]}")
        with pytest.raises(SystemExit, match="nobody is there"):
            execute(block)


def test_the_second_example_checks_a_stream() -> None:
    execute(blocks()[1])


def test_the_first_example_has_ten_lines_at_most() -> None:
    assert len(blocks()[0].splitlines()) <= 10
