"""A TLS server that answers each connection once, says whether its session was resumed, and closes."""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
from typing import Any, Iterator, List, Optional

import trustme

__all__ = ["TLSPeer", "tls_peer"]


class TLSPeer:
    """Where it listens, what it shows, and which of the connections that it served were resumed."""

    def __init__(self, port: int, *names: str) -> None:
        self.port = port
        self.url = f"https://localhost:{port}/"
        self.authority = trustme.CA()
        self._certificate = self.authority.issue_cert(*names)
        self.demand = ssl.CERT_NONE
        self.version: Optional[ssl.TLSVersion] = None
        self.resumed: List[bool] = []
        self.start()

    def start(self) -> None:
        """Begin with new keys for tickets and an empty cache, as a server does that has been started again."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._certificate.configure_cert(context)
        self.authority.configure_trust(context)
        context.verify_mode = self.demand
        if self.version is not None:
            context.minimum_version = context.maximum_version = self.version
        self.context = context

    def trusted(self, *, identity: Optional[str] = None) -> ssl.SSLContext:
        """Return a client's context that trusts this server, and shows a certificate of `identity` if there is one."""
        context = ssl.create_default_context()
        self.authority.configure_trust(context)
        if identity is not None:
            self.authority.issue_cert(identity).configure_cert(context)
        return context

    def answer(self, connection: socket.socket) -> None:
        with self.context.wrap_socket(connection, server_side=True) as secured:
            resumed = bool(secured.session_reused)
            self.resumed.append(resumed)
            head = b""
            while not head.endswith(b"\r\n\r\n"):
                data = secured.recv(65536)
                if not data:
                    return
                head += data
            certificate: Any = secured.getpeercert()
            names = [name for _, name in certificate.get("subjectAltName", ())] if certificate else []
            body = " ".join(["resumed" if resumed else "full", *names]).encode()
            secured.sendall(b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
            # Until the client has closed; it owes nobody a close_notify.
            with contextlib.suppress(OSError):
                secured.recv(1)


@contextlib.contextmanager
def tls_peer(*names: str) -> Iterator[TLSPeer]:
    """Serve until the block is left, each connection in a thread of its own, with a certificate for `names`."""
    with contextlib.closing(socket.create_server(("127.0.0.1", 0), backlog=64)) as listener:
        listener.settimeout(20)
        peer = TLSPeer(listener.getsockname()[1], *(names or ("localhost",)))
        threads: List[threading.Thread] = []
        stopped = threading.Event()

        def serve(connection: socket.socket) -> None:
            with contextlib.closing(connection):
                connection.settimeout(20)
                # A client that refuses the certificate goes away in the middle.
                with contextlib.suppress(OSError):
                    peer.answer(connection)

        def accept() -> None:
            while not stopped.is_set():
                connection, _ = listener.accept()
                threads.append(threading.Thread(target=serve, args=(connection,), daemon=True))
                threads[-1].start()

        accepting = threading.Thread(target=accept, daemon=True)
        accepting.start()
        yield peer
        stopped.set()
        socket.create_connection(listener.getsockname()).close()
        for thread in [accepting, *threads]:
            thread.join(20)
            assert not thread.is_alive()
