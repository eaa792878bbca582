"""The floor for blocking clients: one socket per thread and origin."""

from __future__ import annotations

import socket
from typing import Any, Dict, List, Tuple

from ..job import TIMEOUT, Job
from .raw_exchange import CHUNK, Route, address, body_start, content_length, request_head

__all__ = ["open_sync"]


class SyncClient:
    per_thread = True

    def __init__(self, job: Job) -> None:
        if job.http2 or job.proxy is not None:
            raise NotImplementedError("the floor speaks HTTP/1.1 to the origin only")
        self._ssl_context = job.ssl_context()
        self._closes = job.closes
        self._sockets: Dict[str, Any] = {}
        self._held: List[socket.socket] = []
        self._routes: Dict[str, Route] = {}

    def _connect(self, url: str) -> Any:
        host, port = address(url)
        sock = socket.create_connection((host, port), TIMEOUT)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return sock if self._ssl_context is None else self._ssl_context.wrap_socket(sock, server_hostname=host)

    def _socket(self, url: str) -> Any:
        if self._closes:
            return self._connect(url)
        if url not in self._sockets:
            self._sockets[url] = self._connect(url)
        return self._sockets[url]

    def _receive(self, sock: Any, known: int) -> Tuple[int, int]:
        """Length of head and body, reading until `known` bytes came, or until Content-Length says when it is 0."""
        head, expected, received, start = 0, known, 0, b""
        while not expected or received < expected:
            chunk = sock.recv(CHUNK)
            if not chunk:
                raise RuntimeError("the benchmark server closed the connection")
            received += len(chunk)
            if not expected:
                start += chunk
                head = body_start(start)
                expected = head + content_length(start[:head]) if head else 0
        return head, received - head

    def get(self, url: str) -> int:
        sock = self._socket(url)
        route = self._routes.get(url)
        if route is None:
            request = request_head("GET", url)
            sock.sendall(request)
            self._routes[url] = route = Route(request, *self._receive(sock, 0))
            received = route.body
        else:
            sock.sendall(route.request)
            received = self._receive(sock, route.head + route.body)[1] - route.head
        if self._closes:
            sock.close()
        return received

    def download(self, url: str) -> int:
        sock = self._socket(url)
        sock.sendall(request_head("GET", url))
        return self._receive(sock, 0)[1]

    def upload(self, url: str, data: bytes) -> int:
        sock = self._socket(url)
        sock.sendall(request_head("POST", url, len(data)))
        sock.sendall(data)
        return self._receive(sock, 0)[1]

    def hold(self, url: str) -> Any:
        sock = self._connect(url)
        self._held.append(sock)
        sock.sendall(request_head("GET", url))
        return sock

    def release(self, held: Any) -> int:
        return self._receive(held, 0)[1]

    def close(self) -> None:
        for sock in [*self._sockets.values(), *self._held]:
            sock.close()


def open_sync(job: Job) -> SyncClient:
    return SyncClient(job)
