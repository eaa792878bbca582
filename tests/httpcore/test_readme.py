"""The examples in the README do what they show."""

from __future__ import annotations

import http.server
import pathlib
import re
import threading
from typing import Iterator

import pytest

README = pathlib.Path(__file__).resolve().parents[2] / "packages" / "httpcore" / "README.md"


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", "5")
        self.end_headers()
        self.wfile.write(b"hello")

    def log_message(self, format: str, *args: object) -> None:
        """Quiet."""


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True


@pytest.fixture
def port() -> Iterator[int]:
    with Server(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server.server_address[1]
        server.shutdown()
        thread.join()


@pytest.mark.parametrize("number, printed", [(0, "200 hello\n5\n"), (1, "[200, 200, 200, 200, 200]\n")])
def test_the_example(number: int, printed: str, port: int, capsys: pytest.CaptureFixture[str]) -> None:
    examples = re.findall(r"```python\n(.*?)```", README.read_text(encoding="utf-8"), re.DOTALL)
    assert len(examples) == 2 and "8000" in examples[number]
    code = compile(examples[number].replace("8000", str(port)), str(README), "exec", dont_inherit=True)
    exec(code, {"__name__": "example"})
    assert capsys.readouterr().out == printed
