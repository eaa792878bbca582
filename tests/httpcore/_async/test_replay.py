"""A real server that closes the kept connection as the next request arrives on it."""

from __future__ import annotations

import socket
import threading
from types import TracebackType
from typing import List, Optional, Type

import pytest

import httpcore


class ClosingServer:
    """Answers the first request of each connection, and closes when it has read the beginning of the second."""

    def __enter__(self) -> ClosingServer:
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.listener.settimeout(20)
        self.url = f"http://127.0.0.1:{self.listener.getsockname()[1]}/"
        self.requests: List[bytes] = []
        self.connections = 0
        self.stopped = False
        self.thread = threading.Thread(target=self.serve)
        self.thread.start()
        return self

    def serve(self) -> None:
        while True:
            peer, _ = self.listener.accept()
            if self.stopped:
                peer.close()
                return
            self.connections += 1
            with peer:
                self.peer = peer
                peer.settimeout(20)
                self.requests.append(peer.recv(65536))
                peer.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello")
                self.requests.append(peer.recv(65536))

    def __exit__(
        self,
        exc_type: Optional[Type[BaseException]] = None,
        exc_value: Optional[BaseException] = None,
        traceback: Optional[TracebackType] = None,
    ) -> None:
        self.stopped = True
        try:
            # The event loop may have no turn left in which to close the client's side.
            self.peer.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass  # Closed already.
        with socket.create_connection(self.listener.getsockname()):
            self.thread.join()
        self.listener.close()


async def test_a_get_succeeds_and_nobody_notices() -> None:
    with ClosingServer() as server:
        async with httpcore.AsyncConnectionPool() as pool:
            for _ in range(3):
                assert (await pool.request("GET", server.url)).content == b"hello"
            assert server.connections == 3 and pool.replays == 2


async def test_a_post_fails_and_is_seen_once() -> None:
    with ClosingServer() as server:
        async with httpcore.AsyncConnectionPool() as pool:
            await pool.request("GET", server.url)
            with pytest.raises((httpcore.ReadError, httpcore.RemoteProtocolError, httpcore.WriteError)):
                await pool.request("POST", server.url, content=b"pay")
            assert server.connections == 1
            assert (await pool.request("GET", server.url)).content == b"hello"
        assert sum(request.startswith(b"POST") for request in server.requests) == 1


async def test_switched_off_the_failure_is_the_callers() -> None:
    with ClosingServer() as server:
        async with httpcore.AsyncConnectionPool(replay=False) as pool:
            await pool.request("GET", server.url)
            with pytest.raises((httpcore.ReadError, httpcore.RemoteProtocolError, httpcore.WriteError)):
                await pool.request("GET", server.url)
            assert server.connections == 1
