"""A local HTTP/1.1 server whose answers a test writes as a function, and what that function may do with a request."""

from __future__ import annotations

import contextlib
import http.server
import json
import socket
import ssl
import threading
from types import TracebackType
from typing import Any, Callable, Iterable, List, NamedTuple, Optional, Set, Type
from urllib.parse import urlsplit


class Seen(NamedTuple):
    """A request as it reached the server; `peer` is the client's port, so one number is one connection."""

    method: str
    target: str
    headers: Any
    body: bytes
    peer: int

    @property
    def path(self) -> str:
        return urlsplit(self.target).path


class Exchange(http.server.BaseHTTPRequestHandler):
    """One request, and the ways to answer it."""

    protocol_version = "HTTP/1.1"
    server: Listener
    seen: Seen

    def serve(self) -> None:
        self.seen = Seen(self.command, self.path, self.headers, self._read_body(), self.client_address[1])
        self.server.seen.append(self.seen)
        self.server.application(self)

    do_GET = do_HEAD = do_POST = do_PUT = do_DELETE = serve  # noqa: N815

    def _read_body(self) -> bytes:
        if self.headers.get("Transfer-Encoding") != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length", "0")))
        body = b""
        while True:
            size = int(self.rfile.readline(), 16)
            body += self.rfile.read(size)
            self.rfile.readline()
            if not size:
                return body

    def answer(self, status: int = 200, body: bytes = b"", **headers: str) -> None:
        """Answer at once; keyword names are header names with underscores for hyphens."""
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        if status != 304:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def answer_json(self, value: Any, status: int = 200, **headers: str) -> None:
        self.answer(status, json.dumps(value).encode(), Content_Type="application/json", **headers)

    def answer_pieces(self, pieces: Iterable[bytes], **headers: str) -> None:
        """Answer in chunks, each sent when `pieces` yields it."""
        self.send_response(200)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        for piece in pieces:
            self.wfile.write(b"%x\r\n%s\r\n" % (len(piece), piece))
            self.wfile.flush()
        self.wfile.write(b"0\r\n\r\n")

    def drop(self) -> None:
        """Close the connection without an answer."""
        self.close_connection = True
        self.connection.shutdown(socket.SHUT_RDWR)

    def hang(self) -> None:
        """Answer nothing for as long as the server stands."""
        self.server.stopping.wait()
        self.close_connection = True

    def log_message(self, format: str, *args: object) -> None:
        """Quiet: pytest shows what failed."""


class Listener(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, application: Callable[[Exchange], None], context: Optional[ssl.SSLContext]) -> None:
        super().__init__(("127.0.0.1", 0), Exchange)
        self.application = application
        self.seen: List[Seen] = []
        self.connections: Set[socket.socket] = set()
        self.stopping = threading.Event()
        if context is not None:
            self.socket = context.wrap_socket(self.socket, server_side=True)

    def process_request(self, request: Any, client_address: Any) -> None:
        self.connections.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        self.connections.discard(request)
        super().shutdown_request(request)

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that goes away in the middle is part of the tests."""


class Server:
    """Serves `application` on a free port while its `with` block runs."""

    def __init__(self, application: Callable[[Exchange], None], context: Optional[ssl.SSLContext] = None) -> None:
        self._listener = Listener(application, context)
        self._thread = threading.Thread(target=self._listener.serve_forever, kwargs={"poll_interval": 0.01})
        self.port = self._listener.server_address[1]
        self.url = f"{'http' if context is None else 'https'}://127.0.0.1:{self.port}"

    @property
    def seen(self) -> List[Seen]:
        return self._listener.seen

    def __enter__(self) -> Server:
        self._thread.start()
        return self

    def stop(self) -> None:
        """Refuse connections from now on, and end those there are."""
        self._listener.stopping.set()
        self._listener.shutdown()
        self._listener.server_close()
        self._thread.join()
        for connection in list(self._listener.connections):
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def __exit__(
        self,
        kind: Optional[Type[BaseException]],
        error: Optional[BaseException],
        traceback: Optional[TracebackType],
    ) -> None:
        if self._thread.is_alive():
            self.stop()
