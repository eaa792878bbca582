"""A SOCKS5 proxy on a free port that plays the origin itself: what is asked for is a TLS server that greets."""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
from typing import Iterator, List

__all__ = ["GREETING", "SocksServer", "socks_server"]

GREETING = b"* OK ready\r\n"


class SocksServer:
    """Where it listens, and what it was asked."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.asked: List[bytes] = []
        self.server_names: List[str] = []
        self.failures: List[BaseException] = []


@contextlib.contextmanager
def socks_server(context: ssl.SSLContext) -> Iterator[SocksServer]:
    """Serve one connection, whose user is `user` with `password`."""
    listener = socket.create_server(("127.0.0.1", 0))
    listener.settimeout(20)
    server = SocksServer(listener.getsockname()[1])

    def serve() -> None:
        try:
            connection, _ = listener.accept()
            with connection:
                connection.settimeout(20)
                speak_socks(connection)
                with context.wrap_socket(connection, server_side=True) as secure:
                    secure.sendall(GREETING)
                    # Until the client has closed; it owes nobody a close_notify.
                    with contextlib.suppress(OSError):
                        secure.recv(1)
        except BaseException as exc:
            server.failures.append(exc)

    def speak_socks(connection: socket.socket) -> None:
        def take(count: int) -> bytes:
            data = b""
            while len(data) < count:
                part = connection.recv(count - len(data))
                assert part, "the client hung up"
                data += part
            return data

        assert take(3) == b"\x05\x01\x02"
        connection.sendall(b"\x05\x02")
        assert take(15) == b"\x01\x04user\x08password"
        connection.sendall(b"\x01\x00")
        assert take(4) == b"\x05\x01\x00\x03"
        server.asked.append(take(take(1)[0]) + b":%d" % int.from_bytes(take(2), "big"))
        connection.sendall(b"\x05\x00\x00\x01\x7f\x00\x00\x01\x04\xd2")

    def server_name(_: object, name: str, __: object) -> None:
        server.server_names.append(name)

    context.sni_callback = server_name
    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield server
        thread.join(20)
        assert not thread.is_alive()
        assert server.failures == []
    finally:
        listener.close()
