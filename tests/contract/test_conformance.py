"""The conformance kit on every stream and backend there is, and on minimal ones as a user would write them."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import pathlib
import select
import socket
import ssl
import tempfile
import threading
import time
from typing import Any, Awaitable, Callable, Dict, Iterator, List, Optional, Tuple

import pytest
import trio
import trustme

import core_backends
import core_backends.lowlevel
from core_backends import ConnectError, ReadError, ReadTimeout, WriteError, WriteTimeout, testing
from core_backends._async.tls_layer import AsyncTLSLayerStream
from core_backends._deadline import Deadline
from core_backends._sync.tls_layer import TLSLayerStream
from core_backends._threads import SyncStream

Run = Callable[[Callable[[], Awaitable[None]]], None]


def run_asyncio(function: Callable[[], Awaitable[None]]) -> None:
    async def main() -> None:
        await function()

    asyncio.run(main())


RUNS: Dict[str, Run] = {"asyncio": run_asyncio, "trio": trio.run}
ASYNC_BACKENDS = [
    ("AsyncioBackend", "asyncio"),
    ("AnyIOBackend", "asyncio"),
    ("AnyIOBackend", "trio"),
    ("TrioBackend", "trio"),
]


class TLS:
    """A certificate authority, and what both sides need of it."""

    def __init__(self) -> None:
        authority = trustme.CA()
        self.server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        authority.issue_cert("localhost", "127.0.0.1").configure_cert(self.server)
        self.client = ssl.create_default_context()
        authority.configure_trust(self.client)


@pytest.fixture(scope="session")
def tls() -> TLS:
    return TLS()


@pytest.fixture(autouse=True)
def accounted() -> Iterator[None]:
    """A socket that a check has left open warns now, and not in the middle of another test."""
    yield
    gc.collect()


def tls_server_side(stream: Any, context: ssl.SSLContext) -> TLSLayerStream:
    layer = TLSLayerStream(stream)
    layer._object = context.wrap_bio(layer._incoming, layer._outgoing, server_side=True)
    layer._do_handshake(Deadline(20))
    return layer


def accept(listener: socket.socket, context: ssl.SSLContext, depth: int) -> Any:
    """The server's side of the next connection, with `depth` layers of TLS."""
    sock, _ = listener.accept()
    stream: Any = SyncStream(sock)
    for _ in range(depth):
        stream = tls_server_side(stream, context)
    return stream


class InThread:
    """The server's side of a pair, for async tests: a stream of threads, used from worker threads."""

    def __init__(self, stream: Any) -> None:
        self._stream = stream

    async def read(self, max_bytes: int, timeout: Optional[float] = None) -> Any:
        return await in_thread(self._stream.read, max_bytes, timeout)

    async def write(self, buffer: bytes, timeout: Optional[float] = None) -> None:
        await in_thread(self._stream.write, buffer, timeout)

    async def aclose(self) -> None:
        await in_thread(self._stream.close)


async def in_thread(function: Callable[..., Any], *args: Any) -> Any:
    try:
        loop = asyncio.get_running_loop()
    except RuntimeError:
        return await trio.to_thread.run_sync(function, *args)
    return await loop.run_in_executor(None, function, *args)


@contextlib.contextmanager
def listening() -> Iterator[Tuple[socket.socket, int]]:
    with contextlib.closing(socket.socket(socket.AF_INET, socket.SOCK_STREAM)) as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(16)
        yield listener, listener.getsockname()[1]


# Streams as a user would write them: the contract's methods, and nothing of ours.


class MinimalStream(core_backends.NetworkStream):
    def __init__(self, sock: socket.socket) -> None:
        self.sock = sock
        self.closed = False
        sock.setblocking(False)

    def read(self, max_bytes: int, timeout: Optional[float] = None) -> bytes:
        try:
            self.wait(timeout, ReadTimeout, [self.sock], [])
            data = self.sock.recv(max_bytes)
        except (OSError, ValueError) as exc:
            raise ReadError(str(exc)) from exc
        if self.closed:
            raise ReadError("closed")
        return data

    def write(self, buffer: bytes, timeout: Optional[float] = None) -> None:
        view = memoryview(buffer)
        try:
            while view:
                self.wait(timeout, WriteTimeout, [], [self.sock])
                view = view[self.sock.send(view) :]
        except (OSError, ValueError) as exc:
            raise WriteError(str(exc)) from exc

    def wait(self, timeout: Optional[float], expired: Any, readers: Any, writers: Any) -> None:
        limit = None if timeout is None or timeout > 1000 else timeout
        if not any(select.select(readers, writers, [], limit)):
            raise expired("time is up")

    def close(self) -> None:
        if not self.closed:
            self.closed = True
            with contextlib.suppress(OSError):
                self.sock.shutdown(socket.SHUT_RDWR)
            self.sock.close()

    def start_tls(self, ssl_context: Any, server_hostname: Any = None, timeout: Any = None) -> Any:
        return TLSLayerStream.handshake(self, ssl_context, server_hostname, timeout, None)


class MinimalBackend(core_backends.NetworkBackend):
    def connect_tcp(self, host, port, timeout=None, local_address=None, socket_options=None):  # type: ignore[no-untyped-def]
        limit = None if timeout is None or timeout > 1000 else timeout
        source = None if local_address is None else (local_address, 0)
        sock = None
        try:
            sock = socket.create_connection((host, port), limit or (None if limit is None else 0.001), source)
            for option in [(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1), *(socket_options or [])]:
                sock.setsockopt(*option)
        except socket.timeout as exc:
            raise core_backends.ConnectTimeout("too slow") from exc
        except (OSError, ValueError) as exc:
            if sock is not None:
                sock.close()
            raise ConnectError(str(exc)) from exc
        return MinimalStream(sock)


class MinimalAsyncStream(core_backends.AsyncNetworkStream):
    def __init__(self, sock: socket.socket) -> None:
        self.sock = sock
        self.closed = False
        sock.setblocking(False)

    async def read(self, max_bytes: int, timeout: Optional[float] = None) -> bytes:
        end = None if timeout is None else time.monotonic() + timeout
        while not self.closed:
            try:
                return self.sock.recv(max_bytes)
            except BlockingIOError:
                if end is not None and time.monotonic() >= end:
                    raise ReadTimeout("time is up") from None
                await self.pause()
            except OSError as exc:
                raise ReadError(str(exc)) from exc
        raise ReadError("closed")

    async def write(self, buffer: bytes, timeout: Optional[float] = None) -> None:
        view = memoryview(buffer)
        end = None if timeout is None else time.monotonic() + timeout
        while not self.closed:
            try:
                view = view[self.sock.send(view) :]
                if not view:
                    return
                end = None if timeout is None else time.monotonic() + timeout
            except BlockingIOError:
                if end is not None and time.monotonic() >= end:
                    raise WriteTimeout("time is up") from None
                await self.pause()
            except OSError as exc:
                raise WriteError(str(exc)) from exc
        raise WriteError("closed")

    async def pause(self) -> None:
        """Poll once a millisecond: as simple as a stream can be."""
        if core_backends.lowlevel.current_async_library() == "trio":
            await trio.sleep(0.001)
        else:
            await asyncio.sleep(0.001)

    async def aclose(self) -> None:
        self.closed = True
        self.sock.close()

    async def start_tls(self, ssl_context: Any, server_hostname: Any = None, timeout: Any = None) -> Any:
        return await AsyncTLSLayerStream.handshake(self, ssl_context, server_hostname, timeout, None)


class MinimalAsyncBackend(core_backends.AsyncNetworkBackend):
    async def connect_tcp(self, host, port, timeout=None, local_address=None, socket_options=None):  # type: ignore[no-untyped-def]
        stream = await in_thread(MinimalBackend().connect_tcp, host, port, timeout, local_address, socket_options)
        return MinimalAsyncStream(stream.sock)

    async def sleep(self, seconds: float) -> None:
        await in_thread(time.sleep, seconds)


SYNC_BACKENDS: Dict[str, Any] = {"SyncBackend": core_backends.SyncBackend, "minimal": MinimalBackend}


def async_backend(name: str) -> Any:
    return MinimalAsyncBackend() if name == "minimal" else getattr(core_backends, name)()


ALL_ASYNC = [
    *ASYNC_BACKENDS,
    ("AutoBackend", "asyncio"),
    ("AutoBackend", "trio"),
    ("minimal", "asyncio"),
    ("minimal", "trio"),
]


@pytest.mark.parametrize("depth", [0, 1, 2], ids=["tcp", "tls", "tls-in-tls"])
@pytest.mark.parametrize("name", sorted(SYNC_BACKENDS))
def test_streams_of_threads_conform(name: str, depth: int, tls: TLS) -> None:
    backend = SYNC_BACKENDS[name]()
    with listening() as (listener, port):

        def make_pair() -> Any:
            with testing.Background() as background:
                accepting = background.start(accept, listener, tls.server, depth)
                stream = backend.connect_tcp(host="127.0.0.1", port=port, timeout=20)
                for _ in range(depth):
                    stream = stream.start_tls(tls.client, server_hostname="localhost", timeout=20)
                return stream, accepting.wait()

        testing.check_stream(make_pair)


@pytest.mark.parametrize("depth", [0, 1, 2], ids=["tcp", "tls", "tls-in-tls"])
@pytest.mark.parametrize(("name", "library"), [pair for pair in ALL_ASYNC if pair[0] != "AutoBackend"])
def test_async_streams_conform(name: str, library: str, depth: int, tls: TLS) -> None:
    with listening() as (listener, port):

        async def make_pair() -> Any:
            async with testing.AsyncBackground() as background:
                accepting = background.start(in_thread, accept, listener, tls.server, depth)
                stream = await async_backend(name).connect_tcp(host="127.0.0.1", port=port, timeout=20)
                for _ in range(depth):
                    stream = await stream.start_tls(tls.client, server_hostname="localhost", timeout=20)
                return stream, InThread(await accepting.wait())

        async def check() -> None:
            await testing.check_async_stream(make_pair)
            await testing.check_async_cancellation(make_pair)

        RUNS[library](check)


class EchoServers:
    """Servers that return what they receive: TCP, TLS, and a unix socket where there are any."""

    def __init__(self, context: ssl.SSLContext, folder: pathlib.Path) -> None:
        self.context = context
        self.listeners: List[socket.socket] = []
        self.port = self.listen(socket.AF_INET, ("127.0.0.1", 0), 0)[1]
        self.tls_port = self.listen(socket.AF_INET, ("127.0.0.1", 0), 1)[1]
        self.path = self.listen(socket.AF_UNIX, str(folder / "echo"), 0) if hasattr(socket, "AF_UNIX") else None

    def listen(self, family: int, address: Any, depth: int) -> Any:
        listener = socket.socket(family, socket.SOCK_STREAM)
        listener.bind(address)
        listener.listen(16)
        self.listeners.append(listener)
        threading.Thread(target=self.serve, args=(listener, depth), daemon=True).start()
        return listener.getsockname()

    def serve(self, listener: socket.socket, depth: int) -> None:
        while True:
            try:
                sock, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=self.echo, args=(sock, depth), daemon=True).start()

    def echo(self, sock: socket.socket, depth: int) -> None:
        stream: Any = SyncStream(sock)
        try:
            if depth:
                stream = tls_server_side(stream, self.context)
            data = stream.read(65536, 20)
            while data:
                stream.write(data, 20)
                data = stream.read(65536, 20)
        except (OSError, core_backends.NetworkError, core_backends.TimeoutException):
            pass  # A check has broken the connection off, or its handshake.
        finally:
            stream.close()

    def stop(self) -> None:
        for listener in self.listeners:
            with contextlib.suppress(OSError):
                listener.shutdown(socket.SHUT_RDWR)
            listener.close()


@pytest.fixture(scope="module")
def servers(tls: TLS) -> Iterator[EchoServers]:
    with tempfile.TemporaryDirectory() as folder:
        running = EchoServers(tls.server, pathlib.Path(folder))
        yield running
        running.stop()


def arguments_for(servers: EchoServers, tls: TLS, name: str) -> Any:
    return {
        "host": "localhost" if name != "minimal" else "127.0.0.1",
        "port": servers.port,
        "path": None if name == "minimal" else servers.path,
        "tls_port": servers.tls_port,
        "ssl_context": tls.client,
        "server_hostname": "localhost",
    }


@pytest.mark.parametrize("name", sorted(SYNC_BACKENDS))
def test_backends_of_threads_conform(name: str, servers: EchoServers, tls: TLS) -> None:
    testing.check_backend(SYNC_BACKENDS[name](), **arguments_for(servers, tls, name))


@pytest.mark.parametrize(("name", "library"), ALL_ASYNC)
def test_async_backends_conform(name: str, library: str, servers: EchoServers, tls: TLS) -> None:
    async def check() -> None:
        await testing.check_async_backend(async_backend(name), **arguments_for(servers, tls, name))

    RUNS[library](check)


def test_the_kit_finds_a_stream_that_gives_more_than_was_asked_for() -> None:
    class Generous(MinimalStream):
        def read(self, max_bytes: int, timeout: Optional[float] = None) -> bytes:
            return super().read(65536, timeout)

    def make_pair() -> Any:
        here, there = socket.socketpair()
        return Generous(here), SyncStream(there)

    with pytest.raises(AssertionError, match="a_read_leaves_what_is_beyond_max_bytes"):
        testing.check_stream(make_pair)


def test_the_kit_finds_a_backend_that_lets_other_exceptions_out(servers: EchoServers, tls: TLS) -> None:
    class Leaky(MinimalBackend):
        def connect_tcp(self, host, port, timeout=None, local_address=None, socket_options=None):  # type: ignore[no-untyped-def]
            sock = socket.create_connection((host, port), 20)
            try:
                for option in [(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1), *(socket_options or [])]:
                    sock.setsockopt(*option)
            except BaseException:
                sock.close()
                raise
            return MinimalStream(sock)

    with pytest.raises(AssertionError, match=r"sets_socket_options: OSError"):
        testing.check_backend(Leaky(), **arguments_for(servers, tls, "minimal"))
