"""The demo's own servers: HTTP/1.1 and HTTP/2, in clear text and with TLS, and an HTTP proxy, each in a thread."""

from __future__ import annotations

import contextlib
import http.server
import select
import socket
import socketserver
import ssl
import threading
import time
from typing import Any, Iterator, Optional

import h2.config
import h2.connection
import h2.events
import trustme

LINE = b"The quick brown fox jumps over the lazy dog. "


class Handler(http.server.BaseHTTPRequestHandler):
    """Answers `/` at once, `/stream` in pieces with pauses, and opens tunnels for CONNECT."""

    protocol_version = "HTTP/1.1"
    timeout = 10
    disable_nagle_algorithm = True

    def do_GET(self) -> None:
        self.send_response(200)
        if self.path == "/stream":
            self.send_header("Transfer-Encoding", "chunked")
            self.end_headers()
            for _ in range(5):
                self.wfile.write(b"%x\r\n%b\r\n" % (len(LINE), LINE))
                time.sleep(0.02)
            self.wfile.write(b"0\r\n\r\n")
            return
        body = f"connection from port {self.client_address[1]}".encode()
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_POST(self) -> None:
        received = 0
        while True:
            size = int(self.rfile.readline(), 16)
            received += len(self.rfile.read(size))
            self.rfile.readline()
            if not size:
                break
        body = f"{received} bytes received".encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_CONNECT(self) -> None:
        host, _, port = self.path.rpartition(":")
        with socket.create_connection((host.strip("[]"), int(port)), timeout=10) as origin:
            self.send_response(200)
            self.end_headers()
            ends = {self.connection: origin, origin: self.connection}
            while True:
                readable, _, _ = select.select(list(ends), [], [], 10)
                for end in readable:
                    data = end.recv(65536)
                    if not data:
                        return
                    ends[end].sendall(data)
                if not readable:
                    return

    def log_message(self, format: str, *args: Any) -> None:
        pass


class HTTP2Handler(socketserver.BaseRequestHandler):
    """Answers every HTTP/2 request with its stream's number."""

    def handle(self) -> None:
        protocol = h2.connection.H2Connection(h2.config.H2Configuration(client_side=False))
        protocol.initiate_connection()
        while True:
            self.request.sendall(protocol.data_to_send())
            data = self.request.recv(65536)
            if not data:
                return
            for event in protocol.receive_data(data):
                if isinstance(event, h2.events.StreamEnded):
                    protocol.send_headers(event.stream_id, [(":status", "200")])
                    protocol.send_data(event.stream_id, f"stream {event.stream_id}".encode(), end_stream=True)


class Server(socketserver.ThreadingTCPServer):
    """A server whose connections may end as they like."""

    daemon_threads = True
    request_queue_size = 100

    def handle_error(self, request: Any, client_address: Any) -> None:
        pass  # A client that has seen enough closes; that is not worth a traceback in a demo.


@contextlib.contextmanager
def serving(handler: Any, context: Optional[ssl.SSLContext] = None) -> Iterator[int]:
    """Serve on a free loopback port, and give the port."""
    with Server(("127.0.0.1", 0), handler) as server:
        if context is not None:
            server.socket = context.wrap_socket(server.socket, server_side=True)
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        thread.start()
        try:
            yield server.server_address[1]
        finally:
            server.shutdown()
            thread.join()


def certificates() -> Any:
    """Return a server's context for HTTP/1.1, another for HTTP/2, and a client's that trusts both."""
    authority = trustme.CA()
    certificate = authority.issue_cert("localhost", "127.0.0.1")
    contexts = []
    for protocol in ("http/1.1", "h2"):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        certificate.configure_cert(context)
        context.set_alpn_protocols([protocol])
        contexts.append(context)
    client = ssl.create_default_context()
    authority.configure_trust(client)
    return (*contexts, client)
