"""The examples in the README do what they show."""

from __future__ import annotations

import http.server
import importlib.util
import pathlib
import re
import threading
from typing import List

import pytest

README = pathlib.Path(__file__).resolve().parents[2] / "packages" / "core-pool" / "README.md"


def examples() -> List[str]:
    return re.findall(r"```python\n(.*?)```", README.read_text(encoding="utf-8"), re.DOTALL)


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


@pytest.mark.skipif(importlib.util.find_spec("core_h1") is None, reason="core-h1 is not installed")
def test_the_example_with_http(capsys: pytest.CaptureFixture[str]) -> None:
    code, _ = examples()
    assert "8000" in code
    with Server(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        code = code.replace("8000", str(server.server_address[1]))
        exec(compile(code, str(README), "exec", dont_inherit=True), {"__name__": "example"})
        server.shutdown()
        thread.join()
    assert capsys.readouterr().out == "200 1\n" * 3


def test_the_example_without_http(capsys: pytest.CaptureFixture[str]) -> None:
    _, code = examples()
    exec(compile(code, str(README), "exec", dont_inherit=True), {"__name__": "example"})
    assert capsys.readouterr().out == "42 1\n"
