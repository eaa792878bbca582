"""Some distributions together while others are absent: each file runs where what it is about is so."""

from __future__ import annotations

import http.server
import importlib.util
import threading
from typing import Iterator, List

import pytest


def present(name: str) -> bool:
    return importlib.util.find_spec(name) is not None


# What a file needs to be present, and absent. A file that does not apply is not collected, rather than skipped: the
# environment is what is chosen, and in an environment of its own such a file must run.
CONDITIONS = {
    "test_pool_with_h1.py": (("core_h1", "core_pool"), ("core_h2", "core_proxy", "httpcore")),
    "test_proxy_with_h1.py": (("core_h1", "core_proxy", "socksio"), ()),
    "test_without_anyio.py": (("httpcore",), ("anyio",)),
    "test_without_extras.py": (("httpcore",), ("anyio", "core_h2", "h2", "socksio", "trio")),
    "test_without_trio.py": (("httpcore",), ("trio",)),
}

collect_ignore: List[str] = [
    name
    for name, (needed, unwanted) in CONDITIONS.items()
    if not all(map(present, needed)) or any(map(present, unwanted))
]


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        body = f"GET {self.path}".encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Quiet: pytest shows what failed."""


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True


@pytest.fixture(scope="session")
def url() -> Iterator[str]:
    with Server(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()
        thread.join()
