"""Servers for the command line's tests: each connection is given to a function of the test."""

from __future__ import annotations

import contextlib
import pathlib
import socket
import ssl
import threading
from typing import Callable, Iterator, List, Optional, Tuple

import trustme

__all__ = ["Answers", "Peer", "Tls", "answer", "hang_up", "peer", "read_body", "read_head", "tls_material"]

Answers = Callable[[socket.socket], None]
PATIENCE = 30


class Peer:
    """Where it listens; `url` has its scheme, and `failures` is what its connections raised."""

    def __init__(self, port: int, scheme: str) -> None:
        self.port = port
        self.url = f"{scheme}://localhost:{port}/"
        self.failures: List[BaseException] = []


@contextlib.contextmanager
def peer(function: Answers, context: Optional[ssl.SSLContext] = None, uds: Optional[str] = None) -> Iterator[Peer]:
    """Serve each connection by `function` on a thread of its own, over TLS with `context`."""
    if uds is None:
        listener = socket.create_server(("127.0.0.1", 0))
        server = Peer(listener.getsockname()[1], "http" if context is None else "https")
    else:
        listener = socket.socket(socket.AF_UNIX)
        listener.bind(uds)
        listener.listen()
        server = Peer(0, "http")
    listener.settimeout(0.01)
    stopping = threading.Event()
    threads: List[threading.Thread] = []

    def serve(connection: socket.socket) -> None:
        try:
            connection.settimeout(PATIENCE)
            with connection:
                if context is None:
                    function(connection)
                    return
                with context.wrap_socket(connection, server_side=True) as secure:
                    function(secure)
        except OSError as exc:
            # The client may leave early, or refuse the certificate: that is for the test to know.
            server.failures.append(exc)

    def accept() -> None:
        # Closing a listener does not wake whoever waits for it everywhere.
        while not stopping.is_set():
            try:
                connection, _ = listener.accept()
            except socket.timeout:
                continue
            threads.append(threading.Thread(target=serve, args=(connection,), daemon=True))
            threads[-1].start()

    thread = threading.Thread(target=accept, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        stopping.set()
        thread.join(PATIENCE)
        listener.close()
        for started in threads:
            started.join(PATIENCE)


def read_head(connection: socket.socket) -> bytes:
    """Return a request's head, with the empty line; what came with it of the body is lost unless it comes later."""
    data = b""
    while not data.endswith(b"\r\n\r\n"):
        data += _some(connection, 1)
    return data


def read_body(connection: socket.socket, head: bytes) -> bytes:
    """Return the body that `head` announces, chunks and all where it is chunked."""
    lines = dict(line.lower().split(b": ", 1) for line in head.split(b"\r\n")[1:-2])
    data = b""
    if b"transfer-encoding" in lines:
        while not data.endswith(b"0\r\n\r\n"):
            data += _some(connection, 1)
        return data
    while len(data) < int(lines.get(b"content-length", b"0")):
        data += _some(connection, 65536)
    return data


def _some(connection: socket.socket, size: int) -> bytes:
    data = connection.recv(size)
    if not data:
        raise ConnectionError("the client has hung up")
    return data


def answer(text: bytes, status: bytes = b"200 OK", heads: Optional[List[bytes]] = None) -> Answers:
    """Return a function that notes the request in `heads` and answers it with `text`."""

    def function(connection: socket.socket) -> None:
        head = read_head(connection)
        if heads is not None:
            heads.append(head + read_body(connection, head))
        body = b"" if head.startswith(b"HEAD ") else text
        connection.sendall(b"HTTP/1.1 %b\r\nX-One: 1\r\nContent-Length: %d\r\n\r\n%b" % (status, len(text), body))

    return function


def hang_up(connection: socket.socket) -> None:
    """Read a request and say nothing."""
    read_body(connection, read_head(connection))


class Tls:
    """Certificates in files, and contexts for servers that show the good one."""

    def __init__(self, folder: pathlib.Path) -> None:
        authority = trustme.CA()
        self._leaf = authority.issue_cert("localhost", "alias.example")
        self._authority = authority
        self.ca_bundle = str(folder / "ca.pem")
        self.other_ca_bundle = str(folder / "other.pem")
        self.client = str(folder / "client.pem")
        self.client_chain = str(folder / "client.crt")
        self.client_key = str(folder / "client.key")
        client = authority.issue_cert("client@example.org")
        authority.cert_pem.write_to_path(self.ca_bundle)
        trustme.CA().cert_pem.write_to_path(self.other_ca_bundle)
        client.private_key_and_cert_chain_pem.write_to_path(self.client)
        client.cert_chain_pems[0].write_to_path(self.client_chain)
        client.private_key_pem.write_to_path(self.client_key)

    def context(self, ask: bool = False, alpn: Tuple[str, ...] = ()) -> ssl.SSLContext:
        """Return a server's context; `ask` demands a client certificate."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._leaf.configure_cert(context)
        if alpn:
            context.set_alpn_protocols(list(alpn))
        if ask:
            self._authority.configure_trust(context)
            context.verify_mode = ssl.CERT_REQUIRED
        return context


def tls_material(folder: pathlib.Path) -> Tls:
    """Return certificates in files under `folder`."""
    return Tls(folder)
