"""A proxy that answers CONNECT and moves bytes, nothing more; run as `python -m harness.relay`, prints its port.

Its own cost falls on the servers' core, so it shows in wall time, not in a client's CPU time.
"""

from __future__ import annotations

import contextlib
import selectors
import socket
import subprocess
import sys
import threading
from pathlib import Path
from typing import Iterator, Optional

from .machine import pinned

__all__ = ["relay"]

_CHUNK = 65536


def _tunnel(client: socket.socket) -> None:
    with client:
        head = b""
        while b"\r\n\r\n" not in head:
            received = client.recv(_CHUNK)
            if not received:
                return
            head += received
        target = head.split(b" ", 2)[1].decode("ascii")
        host, _, port = target.rpartition(":")
        with socket.create_connection((host, int(port))) as origin:
            client.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
            _move(client, origin)


def _move(client: socket.socket, origin: socket.socket) -> None:
    other = {client: origin, origin: client}
    with selectors.DefaultSelector() as selector:
        for sock in other:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            selector.register(sock, selectors.EVENT_READ, sock)
        while True:
            for key, _ in selector.select():
                try:
                    received = key.data.recv(_CHUNK)
                except ConnectionError:
                    return
                if not received:
                    return
                other[key.data].sendall(received)


def main() -> None:
    with socket.create_server(("127.0.0.1", 0), backlog=1024) as listener:
        print(listener.getsockname()[1], flush=True)
        while True:
            client, _ = listener.accept()
            threading.Thread(target=_tunnel, args=(client,), daemon=True).start()


@contextlib.contextmanager
def relay(core: Optional[int]) -> Iterator[str]:
    """URL of a running relay, stopped by its process id on leaving."""
    command = [sys.executable, "-m", "harness.relay"]
    with pinned(core):
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=Path(__file__).parents[1])
    try:
        assert process.stdout is not None
        yield f"http://127.0.0.1:{int(process.stdout.readline())}"
    finally:
        process.terminate()
        process.wait(20)


if __name__ == "__main__":
    main()
