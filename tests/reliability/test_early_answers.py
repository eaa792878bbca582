"""Servers that answer while the request is still being sent: the answer is heard at once, whatever they do then.

No request here has a time limit. A server that keeps its connection open does so until the client has its answer, and
says so where that did not come: an answer that is only found when something fails would be found too late.
"""

from __future__ import annotations

import contextlib
import select
import socket
import ssl
import struct
import sys
import threading
from typing import Any, AsyncIterator, Callable, Dict, Iterator, List, Optional, Tuple

import pytest

import httpcore

from .nothing_left import NothingLeft
from .peers import PATIENCE, SMALL_BUFFER, HTTPProxy, Peer, Reader
from .routes import Network
from .worlds import WORLDS, run_async

PIECE = bytes(range(256)) * 256
WHOLE = PIECE * 64
REFUSAL = b"HTTP/1.1 413 Content Too Large\r\nContent-Length: 9\r\n\r\ntoo large"
HEADERS = [("Host", "test"), ("Transfer-Encoding", "chunked")]

ROUTES = ["direct", "tls", "tunnel", "tls-in-tls"]
# What the server does behind its answer. The last two end the connection under what the client is sending.
ENDINGS = ["stops reading", "half-closes", "reads on", "closes", "resets"]


class EarlyServer(Peer):
    """Answers each request by `serve_request`, once its head has arrived; that one tells whether another may follow."""

    def __init__(self, tls: Optional[ssl.SSLContext] = None) -> None:
        self.client_has_answer = threading.Event()
        self.serve_request: Callable[[EarlyServer, Any, Reader], bool]
        super().__init__(tls)

    def serve(self, stream: socket.socket) -> None:
        reader = Reader(stream, bytearray(), False)
        while True:
            _, _, self.headers = reader.head()
            if not self.serve_request(self, stream, reader):
                return

    def hold(self) -> None:
        """Keep the connection as it is until the client has its answer."""
        if not self.client_has_answer.wait(PATIENCE):
            raise AssertionError("The client has not heard the answer.")


def refusing(ending: str) -> Callable[[EarlyServer, Any, Reader], bool]:
    def serve(server: EarlyServer, stream: Any, reader: Reader) -> bool:
        stream.sendall(REFUSAL)
        if ending == "half-closes":
            # Not the method of an SSLSocket, which would end TLS in both directions.
            socket.socket.shutdown(stream, socket.SHUT_WR)
        elif ending == "reads on":
            while stream.recv(65536):
                pass
        elif ending == "resets":
            stream.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        if ending in ("stops reading", "half-closes"):
            server.hold()
        return False

    return serve


class TwoWayProxy(HTTPProxy):
    """Passes on what the origin says while the origin takes nothing."""

    def relay(self, client: socket.socket, host: str, port: int, consent: bytes) -> None:
        with socket.create_connection((host, port), PATIENCE) as origin:
            origin.setblocking(False)
            client.sendall(consent)
            pending = b""
            answering = True
            while True:
                if not pending and isinstance(client, ssl.SSLSocket) and client.pending():
                    ready: List[Any] = [client]
                else:
                    sources = [origin] * answering + [client] * (not pending)
                    readable, writable, _ = select.select(sources, [origin] * bool(pending), [], PATIENCE)
                    ready = readable + writable
                if not ready:
                    raise AssertionError("Nothing was relayed for too long.")
                if client in ready:
                    pending = client.recv(65536)
                    if not pending:
                        return
                elif pending and origin in writable:
                    pending = pending[origin.send(pending) :]
                else:
                    data = origin.recv(65536)
                    if data:
                        client.sendall(data)
                    else:
                        answering = False
                        socket.socket.shutdown(client, socket.SHUT_WR)


class Endless:
    """A body without an end, and whether it was told that nobody wants more of it."""

    def __init__(self) -> None:
        self.closed = False

    def __iter__(self) -> Iterator[bytes]:
        try:
            while True:
                yield PIECE
        finally:
            self.closed = True

    async def __aiter__(self) -> AsyncIterator[bytes]:
        try:
            while True:
                yield PIECE
        finally:
            self.closed = True


class Finite:
    def __iter__(self) -> Iterator[bytes]:
        for _ in range(64):
            yield PIECE

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for _ in range(64):
            yield PIECE


class Places:
    """The servers and proxies of all tests here."""

    def __init__(self, network: Network) -> None:
        self.client_tls = network.client_tls
        self.servers = {False: EarlyServer(), True: EarlyServer(network.server_tls)}
        self.proxies = {"tunnel": TwoWayProxy(), "tls-in-tls": TwoWayProxy(network.server_tls)}

    def close(self) -> None:
        for peer in (*self.servers.values(), *self.proxies.values()):
            peer.close()


@pytest.fixture(scope="module")
def places(network: Network) -> Iterator[Places]:
    with contextlib.closing(Places(network)) as places:
        yield places


def served(
    world: str,
    route: str,
    places: Places,
    serve_request: Callable[[EarlyServer, Any, Reader], bool],
    contents: List[Any],
) -> Tuple[EarlyServer, List[Tuple[int, bytes]], int]:
    """Send `contents`, one request each; return the server, the answers, and how many connections are kept."""
    server = places.servers[route != "direct"]
    server.serve_request = serve_request
    server.client_has_answer.clear()
    server.reset_counts()
    options: Dict[str, Any] = {
        "ssl_context": places.client_tls,
        "max_connections": 1,
        "socket_options": [(socket.SOL_SOCKET, socket.SO_SNDBUF, SMALL_BUFFER)],
    }
    proxy = places.proxies.get(route)
    if proxy is not None:
        scheme = "http" if route == "tunnel" else "https"
        tls = places.client_tls if scheme == "https" else None
        options["proxy"] = httpcore.Proxy(f"{scheme}://127.0.0.1:{proxy.port}", ssl_context=tls)
    with NothingLeft():
        url = f"{'http' if route == 'direct' else 'https'}://127.0.0.1:{server.port}/"
        answers: List[Tuple[int, bytes]] = []

        def in_threads() -> int:
            with httpcore.ConnectionPool(**options) as pool:
                for content in contents:
                    headers = None if isinstance(content, bytes) else HEADERS
                    response = pool.request("POST", url, headers=headers, content=content)
                    answers.append((response.status, response.content))
                server.client_has_answer.set()
                return len(pool.connections)

        async def in_tasks() -> int:
            async with httpcore.AsyncConnectionPool(**options) as pool:
                for content in contents:
                    headers = None if isinstance(content, bytes) else HEADERS
                    response = await pool.request("POST", url, headers=headers, content=content)
                    answers.append((response.status, response.content))
                server.client_has_answer.set()
                return len(pool.connections)

        kept = in_threads() if world == "threads" else run_async(world, in_tasks)
        server.wait_until_idle()
        if proxy is not None:
            proxy.wait_until_idle()
    return server, answers, kept


@pytest.mark.timeout(120)
@pytest.mark.parametrize("endless", [False, True], ids=["bytes", "endless"])
@pytest.mark.parametrize("ending", ENDINGS)
@pytest.mark.parametrize("route", ROUTES)
@pytest.mark.parametrize("world", WORLDS)
def test_a_refusal_ends_the_sending(world: str, route: str, ending: str, endless: bool, places: Places) -> None:
    if ending in ("closes", "resets") and (sys.platform != "linux" or route not in ("direct", "tls")):
        pytest.skip("what was received before a reset stays readable on Linux only, and not behind a relay")
    content: Any = Endless() if endless else WHOLE
    _, answers, kept = served(world, route, places, refusing(ending), [content])
    assert answers == [(413, b"too large")]
    assert kept == 0
    assert not endless or content.closed


def early(first: bytes, last: bytes) -> Callable[[EarlyServer, Any, Reader], bool]:
    """Send `first` when the head has come, and `last` behind the whole body."""

    def serve(server: EarlyServer, stream: Any, reader: Reader) -> bool:
        stream.sendall(first)
        assert reader.body_size(server.headers) == len(WHOLE)
        stream.sendall(last)
        return True

    return serve


@pytest.mark.timeout(120)
@pytest.mark.parametrize("content", [WHOLE, Finite()], ids=["bytes", "parts"])
@pytest.mark.parametrize("route", ROUTES)
@pytest.mark.parametrize("world", WORLDS)
@pytest.mark.parametrize(
    "first, last",
    [
        (b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n", b"ok"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", b""),
    ],
    ids=["hints", "head", "answer"],
)
def test_any_other_answer_leaves_the_request_whole(
    first: bytes, last: bytes, world: str, route: str, content: Any, places: Places
) -> None:
    server, answers, kept = served(world, route, places, early(first, last), [content, content])
    assert answers == [(200, b"ok"), (200, b"ok")]
    assert kept == 1 and server.accepted == 1
