"""Passing bytes on between two sockets, either of which may have TLS on it."""

from __future__ import annotations

import contextlib
import selectors
import socket
import ssl
import threading

__all__ = ["SECONDS", "relay", "send_at_once"]

#: How long a peer may be silent.
SECONDS = 20.0


def send_at_once(connection: socket.socket) -> None:
    """Without waiting for what was sent before to be acknowledged, which takes 40 ms."""
    if connection.family != getattr(socket, "AF_UNIX", None):
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)


def relay(client: socket.socket, origin: socket.socket) -> None:
    """Both ways, until either has ended."""

    def one_way(source: _Guarded, sink: _Guarded) -> None:
        with contextlib.suppress(OSError):
            while True:
                data = source.receive()
                if not data:
                    break
                sink.send(data)
        for end in (source, sink):
            with contextlib.suppress(OSError):
                socket.socket.shutdown(end.connection, socket.SHUT_RDWR)

    send_at_once(origin)
    there, behind = _Guarded(client), _Guarded(origin)
    back = threading.Thread(target=one_way, args=(behind, there), daemon=True)
    back.start()
    one_way(there, behind)
    back.join(SECONDS)


class _Guarded:
    """A socket for two threads, one that receives and one that sends: OpenSSL's objects are not made for that."""

    def __init__(self, connection: socket.socket) -> None:
        self.connection = connection
        self._lock = threading.Lock()
        connection.settimeout(0)

    def receive(self) -> bytes:
        while True:
            try:
                with self._lock:
                    return self.connection.recv(65536)
            except (BlockingIOError, ssl.SSLWantReadError):
                self._wait(for_reading=True)

    def send(self, data: bytes) -> None:
        view = memoryview(data)
        while view:
            try:
                with self._lock:
                    sent = self.connection.send(view)
            except (BlockingIOError, ssl.SSLWantWriteError):
                self._wait(for_reading=False)
            else:
                view = view[sent:]

    def _wait(self, *, for_reading: bool) -> None:
        with selectors.DefaultSelector() as selector:
            selector.register(self.connection, selectors.EVENT_READ if for_reading else selectors.EVENT_WRITE)
            if not selector.select(SECONDS):
                raise socket.timeout
