"""What the async backends owe beyond the conformance kit: each on the runtimes that it serves."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import os
import select
import socket
import struct
import sys
import threading
import weakref
from typing import Any, Deque, Tuple

import pytest

import core_backends
from core_backends import ConnectError, ConnectTimeout, ReadError, ReadTimeout, WriteError, WriteTimeout
from core_backends.testing import AsyncBackground

from .conftest import run_asyncio, run_trio

KINDS = {
    "asyncio": ("AsyncioBackend", run_asyncio),
    "anyio-asyncio": ("AnyIOBackend", run_asyncio),
    "anyio-trio": ("AnyIOBackend", run_trio),
    "trio": ("TrioBackend", run_trio),
    "auto-asyncio": ("AutoBackend", run_asyncio),
    "auto-trio": ("AutoBackend", run_trio),
}


@pytest.fixture(params=sorted(KINDS))
def kind(request: pytest.FixtureRequest) -> Tuple[Any, Any]:
    name, run = KINDS[request.param]
    for package in ("anyio", "trio"):
        if package in request.param:
            pytest.importorskip(package)
    return lambda: getattr(core_backends, name)(), run


def test_aborting_frees_the_descriptor_and_ends_a_read(kind: Any, listener: socket.socket) -> None:
    make, run = kind

    async def main() -> None:
        stream = await make().connect_tcp(host="127.0.0.1", port=listener.getsockname()[1], timeout=20)
        peer, _ = listener.accept()
        with peer:
            async with AsyncBackground() as background:
                reading = background.start(stream.read, 100, 20)
                await background.settle()
                stream.abort()
                stream.abort()
                with pytest.raises(ReadError):
                    await reading.wait()
            sock = stream.get_extra_info("socket")
            assert sock is None or sock.fileno() == -1
            peer.settimeout(20)
            assert peer.recv(1) == b""

    run(main)


def test_a_trio_stream_can_be_aborted_from_another_thread(listener: socket.socket) -> None:
    pytest.importorskip("trio")

    async def main() -> None:
        stream: Any = await core_backends.TrioBackend().connect_tcp(
            host="127.0.0.1", port=listener.getsockname()[1], timeout=20
        )
        peer, _ = listener.accept()
        with peer:
            async with AsyncBackground() as background:
                reading = background.start(stream.read, 100, 20)
                await background.settle()
                thread = threading.Thread(target=stream.abort)
                thread.start()
                thread.join(20)
                with pytest.raises(ReadError):
                    await reading.wait()

    run_trio(main)


def test_aborting_a_trio_stream_from_another_thread_leaves_the_descriptor_to_its_run(listener: socket.socket) -> None:
    """Freed under a send that is about to begin, the number could be another connection's by then."""
    trio = pytest.importorskip("trio")

    async def main() -> None:
        stream: Any = await core_backends.TrioBackend().connect_tcp(
            host="127.0.0.1", port=listener.getsockname()[1], timeout=20
        )
        peer, _ = listener.accept()
        with peer:
            thread = threading.Thread(target=stream.abort)
            thread.start()
            thread.join(20)
            assert stream._sock.fileno() != -1
            with pytest.raises(WriteError):
                await stream.write(b"x", 20)
            with trio.fail_after(20):
                while stream._sock.fileno() != -1:
                    await trio.lowlevel.checkpoint()

    run_trio(main)


def test_aborting_an_asyncio_stream_from_another_thread_takes_nothing_from_under_a_read(
    listener: socket.socket,
) -> None:
    class Buffer(Deque[Any]):
        """Found to have something in it, just before the stream is aborted."""

        def __bool__(self) -> bool:
            if not len(self):
                return False
            aborting = threading.Thread(target=stream.abort)
            aborting.start()
            aborting.join()
            return True

    stream: Any = None

    async def main() -> None:
        nonlocal stream
        stream = await core_backends.AsyncioBackend().connect_tcp(
            host="127.0.0.1", port=listener.getsockname()[1], timeout=20
        )
        stream._buffer = Buffer([b"data"])
        assert await stream.read(100, 20) == b"data"
        await asyncio.sleep(0)
        with pytest.raises(ReadError):
            await stream.read(100, 20)

    run_asyncio(main)


@pytest.mark.parametrize("backend", ["AsyncioBackend", "AnyIOBackend"])
def test_aborting_frees_the_descriptor_where_the_event_loop_has_been_closed(
    backend: str, listener: socket.socket
) -> None:
    if backend == "AnyIOBackend":
        pytest.importorskip("anyio")
    loop = asyncio.new_event_loop()
    try:
        stream: Any = loop.run_until_complete(
            getattr(core_backends, backend)().connect_tcp(host="127.0.0.1", port=listener.getsockname()[1], timeout=20)
        )
    finally:
        loop.close()
    sock = stream.get_extra_info("socket")
    stream.abort()
    assert sock.fileno() == -1
    # Nothing is left that a finaliser would warn of.
    del stream
    gc.collect()


def test_an_asyncio_stream_that_is_closed_is_freed_at_once(listener: socket.socket) -> None:
    async def used() -> Any:
        stream = await core_backends.AsyncioBackend().connect_tcp(
            host="127.0.0.1", port=listener.getsockname()[1], timeout=20
        )
        with pytest.raises(ReadTimeout):
            await stream.read(100, 0.001)
        await stream.aclose()
        return weakref.ref(stream)

    async def main() -> None:
        gc.collect()
        gc.disable()
        try:
            reference = await used()
            for _ in range(5):
                await asyncio.sleep(0)
            assert reference() is None
        finally:
            gc.enable()

    run_asyncio(main)


def test_nothing_is_read_past_a_loop_that_reads_ahead(listener: socket.socket) -> None:
    """Windows' event loop has begun a read that ends when data comes; this one only says that it is of that kind."""

    class Loop(asyncio.SelectorEventLoop):
        _proactor = None

    def wait_for(sock: socket.socket) -> None:
        assert select.select([sock], [], [], 20)[0]

    async def main() -> None:
        stream: Any = await core_backends.AsyncioBackend().connect_tcp(
            host="127.0.0.1", port=listener.getsockname()[1], timeout=20
        )
        peer, _ = listener.accept()
        with peer:
            sock = stream.get_extra_info("socket")
            peer.sendall(b"first")
            wait_for(sock)
            # What the loop has taken, and has not handed on yet.
            taken = sock.recv(100)
            assert not stream.get_extra_info("is_readable")
            peer.sendall(b"second")
            wait_for(sock)
            assert stream.get_extra_info("is_readable")
            assert stream.read_nowait(100) is None
            stream.get_buffer(-1)[: len(taken)] = taken
            stream.buffer_updated(len(taken))
            assert await stream.read(100, 20) == b"first"
            assert await stream.read(100, 20) == b"second"
            await stream.aclose()

    loop = Loop()
    try:
        loop.run_until_complete(main())
        loop.run_until_complete(asyncio.sleep(0))
    finally:
        loop.close()


def test_a_transport_that_shuts_the_socket_down_finds_it_open(listener: socket.socket) -> None:
    """As Windows' transports do, on CPython 3.8 without asking."""

    class Loop(asyncio.SelectorEventLoop):
        _proactor = None

    async def main() -> socket.socket:
        stream: Any = await core_backends.AsyncioBackend().connect_tcp(
            host="127.0.0.1", port=listener.getsockname()[1], timeout=20
        )
        sock: socket.socket = stream.get_extra_info("socket")
        ended, connection_lost = asyncio.Event(), stream.connection_lost

        def shutting_down(exc: Any) -> None:
            connection_lost(exc)
            sock.shutdown(socket.SHUT_RDWR)
            ended.set()

        stream.connection_lost = shutting_down
        await stream.aclose()
        await asyncio.wait_for(ended.wait(), 20)
        return sock

    loop = Loop()
    try:
        assert loop.run_until_complete(main()).fileno() == -1
    finally:
        loop.close()


@pytest.mark.parametrize("make", [bytearray, lambda data: memoryview(bytearray(data))], ids=["bytearray", "memoryview"])
def test_who_writes_without_waiting_may_use_the_buffer_again(make: Any, listener: socket.socket) -> None:
    async def main() -> None:
        stream: Any = await core_backends.AsyncioBackend().connect_tcp(
            host="127.0.0.1", port=listener.getsockname()[1], timeout=20
        )
        peer, _ = listener.accept()
        with peer:
            peer.setblocking(False)
            sent = 0
            while True:
                buffer = make(b"a" * 200000)
                written = stream.write_some_nowait(buffer)
                buffer[:] = b"b" * len(buffer)
                if not written:
                    break
                sent += written
            received = bytearray()
            while len(received) < sent:
                received += await asyncio.wait_for(asyncio.get_running_loop().sock_recv(peer, 1 << 20), 20)
            assert received == b"a" * sent
        await stream.aclose()

    run_asyncio(main)


async def failing_to_write(stream: Any) -> None:
    """Return when the peer's reset has been told to a write."""

    async def write() -> None:
        while True:
            await stream.write(b"too late", 20)
            await asyncio.sleep(0)

    with pytest.raises(WriteError):
        await asyncio.wait_for(write(), 20)
    await asyncio.sleep(0)


def test_the_peers_end_stays_the_end_when_a_write_fails_afterwards(listener: socket.socket) -> None:
    async def main() -> None:
        stream: Any = await core_backends.AsyncioBackend().connect_tcp(
            host="127.0.0.1", port=listener.getsockname()[1], timeout=20
        )
        ended, eof_received = asyncio.Event(), stream.eof_received

        def noticed() -> Any:
            ended.set()
            return eof_received()

        stream.eof_received = noticed
        peer, _ = listener.accept()
        with peer:
            await stream.write(b"never read", 20)
            peer.sendall(b"answer")
            peer.shutdown(socket.SHUT_WR)
            await asyncio.wait_for(ended.wait(), 20)
        await failing_to_write(stream)
        assert await stream.read(100, 20) == b"answer"
        assert await stream.read(100, 20) == b""
        assert await stream.read(100, 20) == b""
        await stream.aclose()
        with pytest.raises(ReadError):
            await stream.read(100, 20)

    run_asyncio(main)


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="elsewhere a reset takes what was received before it")
def test_what_arrived_before_a_write_failed_is_read(kind: Any, listener: socket.socket) -> None:
    make, run = kind

    async def main() -> None:
        stream = await make().connect_tcp(host="127.0.0.1", port=listener.getsockname()[1], timeout=20)
        peer, _ = listener.accept()
        with peer:
            await stream.write(b"never read", 20)
            peer.sendall(b"answer")
        # Closed with bytes that it has not read, the peer's system resets the connection when more come.
        with pytest.raises(WriteError):
            for _ in range(1000):
                await stream.write(bytes(65536), 20)
        assert await stream.read(100, 20) == b"answer"
        await stream.aclose()

    run(main)


def test_a_reset_is_not_taken_for_the_peers_end(listener: socket.socket) -> None:
    """Who writes first is told of the reset, and who reads after that, of an end: by the system, and not by us."""

    async def main() -> None:
        stream: Any = await core_backends.AsyncioBackend().connect_tcp(
            host="127.0.0.1", port=listener.getsockname()[1], timeout=20
        )
        peer, _ = listener.accept()
        peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        peer.close()
        await failing_to_write(stream)
        with pytest.raises(ReadError):
            await stream.read(100, 20)
        await stream.aclose()

    run_asyncio(main)


def test_aborting_with_unsent_bytes_does_not_wait_for_the_peer(kind: Any, listener: socket.socket) -> None:
    make, run = kind

    async def main() -> None:
        stream = await make().connect_tcp(host="127.0.0.1", port=listener.getsockname()[1], timeout=20)
        peer, _ = listener.accept()
        with peer:
            async with AsyncBackground() as background:
                writing = background.start(stream.write, bytes(64 * 1024 * 1024), 20)
                await background.settle()
                stream.abort()
                with pytest.raises(core_backends.WriteError):
                    await writing.wait()
                await background.settle()
            sock = stream.get_extra_info("socket")
            assert sock is None or sock.fileno() == -1

    run(main)


def test_closing_with_unsent_bytes_is_done_when_it_returns(kind: Any, listener: socket.socket) -> None:
    make, run = kind

    async def main() -> None:
        stream = await make().connect_tcp(host="127.0.0.1", port=listener.getsockname()[1], timeout=20)
        peer, _ = listener.accept()
        with peer:
            async with AsyncBackground() as background:
                writing = background.start(stream.write, bytes(64 * 1024 * 1024), 20)
                await background.settle()
                await stream.aclose()
                with pytest.raises(core_backends.WriteError):
                    await writing.wait()
                await background.settle()
            sock = stream.get_extra_info("socket")
            assert sock is None or sock.fileno() == -1

    run(main)


def test_a_cancelled_connect_leaves_no_socket(kind: Any) -> None:
    make, run = kind

    async def main() -> None:
        with socket.socket() as full:
            full.bind(("127.0.0.1", 0))
            full.listen(0)
            fillers = [socket.socket() for _ in range(8)]
            for filler in fillers:
                filler.setblocking(False)
                filler.connect_ex(full.getsockname())
            async with AsyncBackground() as background:
                host, port = full.getsockname()
                connecting = background.start(lambda: make().connect_tcp(host=host, port=port, timeout=20))
                await background.settle()
                connecting.cancel()
                await connecting.wait_cancelled()
            for filler in fillers:
                filler.close()
        gc.collect()  # A socket that was left open warns now, and warnings are errors.

    run(main)


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere a full queue may be a refusal")
def test_the_descriptor_of_a_connect_that_took_too_long_can_be_used_again_at_once(listener: socket.socket) -> None:
    async def main() -> None:
        loop = asyncio.get_running_loop()
        with contextlib.ExitStack() as stack:
            silent = stack.enter_context(contextlib.closing(socket.socket()))
            silent.bind(("127.0.0.1", 0))
            silent.listen(0)
            # Nobody is let in any more once its queue is full.
            while True:
                waiting = stack.enter_context(contextlib.closing(socket.socket()))
                waiting.setblocking(False)
                waiting.connect_ex(silent.getsockname())
                if not select.select([], [waiting], [], 0.1)[1]:
                    break
            port = silent.getsockname()[1]
            with pytest.raises(ConnectTimeout):
                await core_backends.AsyncioBackend().connect_tcp(host="127.0.0.1", port=port, timeout=0.01)
            # Without having let the loop turn: this is given the lowest number that is free.
            ours, peer = socket.socketpair()
            with ours, peer:
                ours.setblocking(False)
                writable = asyncio.Event()
                loop.add_writer(ours, writable.set)
                try:
                    await asyncio.wait_for(writable.wait(), 20)
                finally:
                    loop.remove_writer(ours)

    run_asyncio(main)


def test_a_cancelled_handshake_closes_the_stream(kind: Any, listener: socket.socket, tls: Any) -> None:
    make, run = kind

    async def main() -> None:
        stream = await make().connect_tcp(host="127.0.0.1", port=listener.getsockname()[1], timeout=20)
        peer, _ = listener.accept()
        with peer:
            async with AsyncBackground() as background:
                handshake = background.start(stream.start_tls, tls.client, "localhost", 20)
                await background.settle()
                handshake.cancel()
                await handshake.wait_cancelled()
                await background.settle()
            peer.settimeout(20)
            while peer.recv(65536):
                pass  # The ClientHello, and then the end.

    run(main)


def test_the_offer_is_made_and_the_context_left_as_it_was(kind: Any, serve: Any, tls: Any) -> None:
    make, run = kind
    context = tls.new_server("localhost")
    context.set_alpn_protocols(["h2"])
    client = tls.new_client()

    def server(connection: socket.socket) -> None:
        with context.wrap_socket(connection, server_side=True) as secured:
            secured.sendall(b"x")
            secured.recv(1)

    async def main() -> Any:
        stream = await make().connect_tcp(host="127.0.0.1", port=serve(server), timeout=20)
        assert stream.accepts_alpn_protocols
        stream = await stream.start_tls(client, "localhost", 20, alpn_protocols=["http/1.1", "h2"])
        assert await stream.read(1, 20) == b"x"
        selected = stream.get_extra_info("ssl_object").selected_alpn_protocol()
        await stream.aclose()
        return selected

    assert run(main) == "h2"
    assert core_backends._ssl.offered_by(client) == []


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this platform has no fork")
@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_closing_tls_in_a_forked_child_leaves_the_parents_connection_alone(kind: Any, serve: Any, tls: Any) -> None:
    make, run = kind

    def echo(sock: socket.socket) -> None:
        secured = tls.server.wrap_socket(sock, server_side=True)
        received = secured.recv(100)
        while received:
            secured.sendall(received)
            received = secured.recv(100)
        secured.close()

    port = serve(echo)

    def close_in_a_child(stream: Any) -> None:
        child = os.fork()
        if child == 0:
            try:
                stream.aclose().send(None)
            finally:
                os._exit(0)
        os.waitpid(child, 0)

    async def main() -> None:
        raw = await make().connect_tcp(host="127.0.0.1", port=port, timeout=20)
        stream = await raw.start_tls(tls.client, "localhost", 20)
        close_in_a_child(stream)
        await stream.write(b"still here", 20)
        assert await stream.read(100, 20) == b"still here"
        await stream.aclose()

    run(main)


def test_options_that_the_system_refuses_leave_no_socket_and_are_set_before_connecting(
    kind: Any, listener: socket.socket
) -> None:
    make, run = kind

    async def main() -> None:
        with pytest.raises(ConnectError):
            await make().connect_tcp(
                host="127.0.0.1",
                port=listener.getsockname()[1],
                timeout=20,
                socket_options=[(socket.SOL_SOCKET, 0x7FFF, 1)],
            )
        async with AsyncBackground() as background:
            await background.settle()
        gc.collect()

    run(main)
    listener.setblocking(False)
    with pytest.raises(BlockingIOError):
        listener.accept()


def test_anyio_streams_of_any_kind_can_be_wrapped() -> None:
    anyio = pytest.importorskip("anyio")
    from anyio.streams.stapled import StapledByteStream

    class Half:
        def __init__(self) -> None:
            self.extra_attributes: Any = {}
            self.items = [b"abc"]
            self.sent: Any = []
            self.closed = False

        async def receive(self, max_bytes: int = 65536) -> bytes:
            if not self.items:
                raise anyio.EndOfStream
            return self.items.pop(0)

        async def send(self, item: bytes) -> None:
            self.sent.append(item)

        async def aclose(self) -> None:
            self.closed = True

    async def main() -> None:
        half: Any = Half()
        stream = core_backends.AnyIOStream(StapledByteStream(half, half))
        await stream.write(memoryview(b"xyz"))  # type: ignore[arg-type]
        assert half.sent == [b"xyz"]
        assert await stream.read(10, 1) == b"abc"
        assert await stream.read(10, 1) == b""
        assert stream.get_extra_info("socket") is None
        assert stream.get_extra_info("is_readable") is None
        await stream.aclose()
        assert half.closed

    run_asyncio(main)


def test_two_who_write_on_an_asyncio_stream_have_each_their_own_time_limit(listener: socket.socket) -> None:
    async def main() -> None:
        stream = await core_backends.AsyncioBackend().connect_tcp("127.0.0.1", listener.getsockname()[1], timeout=20)
        peer, _ = listener.accept()
        with peer:
            async with AsyncBackground() as background:
                patient = background.start(stream.write, bytes(50_000_000), 20)
                await background.settle()
                impatient = background.start(stream.write, b"x", 0.01)
                await background.settle()
                # One that has the least time left, and one that has the most, whoever began to wait last.
                other = background.start(stream.write, b"x", 20)
                with pytest.raises(WriteTimeout):
                    await asyncio.wait_for(impatient.wait(), 10)
                stream.abort()
                for task in (patient, other):
                    with pytest.raises(WriteError):
                        await task.wait()

    run_asyncio(main)
