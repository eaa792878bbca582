"""The backend for threads: connecting, reading, writing, TLS, and time limits on each."""

from __future__ import annotations

import contextlib
import os
import socket
import ssl
import sys
import threading
import time
from typing import Any, Iterator, Tuple

import pytest

from core_backends import ConnectError, ReadError, ReadTimeout, SyncBackend, SyncStream, WriteError
from core_backends.lowlevel import Event
from core_backends.testing import Background

from .conftest import InterruptedLock

Pair = Tuple[socket.socket, socket.socket]


def until(condition: Any) -> None:
    end = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < end
        os.sched_yield() if hasattr(os, "sched_yield") else time.sleep(0)


def inside(stream: SyncStream) -> bool:
    return stream._reading or stream._writing


def test_closing_wakes_a_reader_which_frees_the_descriptor_itself(pair: Pair) -> None:
    stream = SyncStream(pair[0])
    with Background() as background:
        reading = background.start(stream.read, 100)
        until(lambda: inside(stream))
        stream.close()
        with pytest.raises(ReadError, match="closed"):
            reading.wait()
    assert stream._sock.fileno() == -1


def test_closing_wakes_a_writer_which_frees_the_descriptor_itself(pair: Pair) -> None:
    stream = SyncStream(pair[0])
    with Background() as background:
        writing = background.start(stream.write, bytes(64 * 1024 * 1024))
        until(lambda: inside(stream))
        stream.close()
        with pytest.raises(WriteError, match="closed"):
            writing.wait()
    assert stream._sock.fileno() == -1


def test_a_descriptor_is_not_freed_under_a_thread_that_uses_it(pair: Pair) -> None:
    stream = SyncStream(pair[0])
    stream._reading = True
    stream.close()
    assert stream._sock.fileno() >= 0
    stream._reading = False
    stream._release()
    assert stream._sock.fileno() == -1


class Watched:
    """A socket of which it is known how often it was closed, and which calls `meanwhile` while that happens."""

    def __init__(self, sock: socket.socket, meanwhile: Any) -> None:
        self.sock = sock
        self.closed = 0
        self._meanwhile = meanwhile

    def __getattr__(self, name: str) -> Any:
        return getattr(self.sock, name)

    def close(self) -> None:
        self.closed += 1
        if self.closed == 1:
            self._meanwhile()
        self.sock.close()


def in_another_thread(function: Any) -> None:
    with Background() as background:
        background.start(function).wait()


def test_a_descriptor_is_freed_by_one_of_those_who_close_at_a_time(pair: Pair) -> None:
    """Freed twice, the second time its number may be that of another thread's connection."""
    stream = SyncStream(pair[0])
    watched: Any = Watched(pair[0], lambda: in_another_thread(stream.abort))
    stream._sock = watched
    stream.close()
    assert watched.closed == 1
    assert watched.fileno() == -1


def test_a_reader_that_leaves_while_it_is_being_woken_leaves_the_descriptor_to_who_wakes_it(
    pair: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    stream = SyncStream(pair[0])
    stream._reading = True
    wake = stream._wake
    numbers = []

    def leave() -> None:
        stream._reading = False
        stream._release()

    def leave_while_waking() -> None:
        in_another_thread(leave)
        numbers.append(stream._sock.fileno())
        wake()

    monkeypatch.setattr(stream, "_wake", leave_while_waking)
    stream.abort()
    assert numbers != [-1]
    assert stream._sock.fileno() == -1


def test_a_descriptor_is_not_freed_under_a_look_at_tls(listener: socket.socket, serve: Any, tls: Any) -> None:
    """Looking takes from the SSL object: from a descriptor that is freed meanwhile, it would take another's bytes."""

    def server(connection: socket.socket) -> None:
        with tls.server.wrap_socket(connection, server_side=True) as secured, contextlib.suppress(OSError):
            secured.recv(1)

    plain = SyncBackend().connect_tcp(host="127.0.0.1", port=serve(server), timeout=20)
    stream: Any = plain.start_tls(tls.client, "localhost", 20)
    pending = stream._sock.pending
    recv = stream._sock.recv
    numbers = []

    def closed_meanwhile(function: Any) -> Any:
        def look(*args: Any) -> Any:
            in_another_thread(stream.abort)
            numbers.append(stream._sock.fileno())
            return function(*args)

        return look

    stream._sock.pending = closed_meanwhile(pending)
    stream._sock.recv = closed_meanwhile(recv)
    stream.get_extra_info("is_readable")
    assert numbers
    assert -1 not in numbers
    assert stream._sock.fileno() == -1


def test_a_stream_that_is_closed_while_it_gets_tls_takes_the_new_socket_along(
    pair: Pair, monkeypatch: pytest.MonkeyPatch, tls: Any
) -> None:
    stream = SyncStream(pair[0])
    made = []
    wrap = tls.client.wrap_socket

    def wrap_while_closing(sock: socket.socket, **kwargs: Any) -> Any:
        in_another_thread(stream.abort)
        assert sock.fileno() != -1
        made.append(wrap(sock, **kwargs))
        return made[0]

    monkeypatch.setattr(tls.client, "wrap_socket", wrap_while_closing)
    with pytest.raises(ConnectError, match="closed"):
        stream.start_tls(tls.client, "localhost", 20)
    assert made[0].fileno() == -1


def test_closing_a_tls_stream_wakes_its_reader(listener: socket.socket, serve: Any, tls: Any) -> None:
    def server(connection: socket.socket) -> None:
        with tls.server.wrap_socket(connection, server_side=True) as secured, contextlib.suppress(OSError):
            secured.recv(1)

    plain = SyncBackend().connect_tcp(host="127.0.0.1", port=serve(server), timeout=20)
    stream = plain.start_tls(tls.client, "localhost", 20)
    with Background() as background:
        reading = background.start(stream.read, 100)
        until(lambda: stream._reading)  # type: ignore[attr-defined]
        stream.close()
        with pytest.raises(ReadError, match="closed"):
            reading.wait()


def test_reader_and_writer_have_limits_of_their_own(pair: Pair) -> None:
    stream = SyncStream(pair[0])
    with Background() as background:
        reading = background.start(stream.read, 100, 0.2)
        until(lambda: stream._reading)
        stream.write(b"x", None)
        before = time.monotonic()
        with pytest.raises(ReadTimeout):
            reading.wait()
        assert time.monotonic() - before < 10
    stream.close()


@pytest.mark.parametrize("end", ["alert", "cut", "garbage"])
def test_what_stands_behind_large_records_is_the_next_reads(end: str, serve: Any, tls: Any) -> None:
    sent, leave = Event(), Event()

    def server(connection: socket.socket) -> None:
        secured = tls.server.wrap_socket(connection, server_side=True)
        secured.sendall(b"x" * 16_000)
        secured.sendall(b"y" * 16_000)
        if end == "alert":
            secured.setblocking(False)
            with contextlib.suppress(ssl.SSLWantReadError):
                secured.unwrap()
        raw = socket.socket(fileno=secured.detach())
        raw.setblocking(True)
        if end == "garbage":
            raw.sendall(b"garbage" * 10)
        elif end == "cut":
            raw.shutdown(socket.SHUT_WR)
        sent.set()
        assert leave.wait(20)
        raw.close()

    plain = SyncBackend().connect_tcp(host="127.0.0.1", port=serve(server), timeout=20)
    stream = plain.start_tls(tls.client, "localhost", 20)
    assert sent.wait(20)
    try:
        content = b""
        while len(content) < 32_000:
            content += stream.read(65536, 20)
        assert content == b"x" * 16_000 + b"y" * 16_000
        for _ in range(2):
            if end == "garbage":
                with pytest.raises(ReadError):
                    stream.read(65536, 20)
            else:
                assert stream.read(65536, 20) == b""
                assert stream.get_extra_info("is_readable")
    finally:
        leave.set()
        stream.close()


def test_session_tickets_do_not_make_an_idle_stream_readable(serve: Any, tls: Any) -> None:
    def server(connection: socket.socket) -> None:
        with tls.server.wrap_socket(connection, server_side=True) as secured:
            assert secured.recv(1) == b"x"
            secured.sendall(b"y")
            assert secured.recv(1) == b""

    plain = SyncBackend().connect_tcp(host="127.0.0.1", port=serve(server), timeout=20)
    stream = plain.start_tls(tls.client, "localhost", 20)
    sock = stream.get_extra_info("socket")
    if sock.version() == "TLSv1.3":
        # The tickets follow the handshake; nothing has been read yet.
        until(lambda: SyncStream._is_readable(stream))  # type: ignore[arg-type]
    assert not stream.get_extra_info("is_readable")
    stream.write(b"x")
    assert stream.read(10, 20) == b"y"
    stream.close()


@contextlib.contextmanager
def with_records_there(number: int, serve: Any, tls: Any) -> Iterator[Any]:
    """Give TLS to a server that has sent so many records of four bytes, all of which have arrived."""

    def server(connection: socket.socket) -> None:
        with tls.server.wrap_socket(connection, server_side=True) as secured:
            assert secured.recv(1) == b"x"
            for data in [b"y"] + [b"data"] * number:
                secured.sendall(data)
            assert secured.recv(1) == b""

    def arrived() -> int:
        try:
            return len(socket.socket.recv(stream._sock, 4096, socket.MSG_PEEK))
        except BlockingIOError:
            return 0

    plain = SyncBackend().connect_tcp(host="127.0.0.1", port=serve(server), timeout=20)
    stream: Any = plain.start_tls(tls.client, "localhost", 20)
    with contextlib.closing(stream):
        stream.write(b"x")
        # The tickets came before that: what is there from now on are the records.
        assert stream.read(1, 20) == b"y"
        until(lambda: arrived() >= number * 26)
        yield stream


@pytest.mark.parametrize("when", ["before", "after"])
def test_who_asks_takes_nothing_from_under_a_thread_that_reads(when: str, serve: Any, tls: Any) -> None:
    with with_records_there(1, serve, tls) as stream:
        stream._lock = InterruptedLock(**{when: lambda: stream.get_extra_info("is_readable")})
        assert stream.read(100, 20) == b"data"


def test_two_threads_that_ask_lose_nothing(serve: Any, tls: Any) -> None:
    with with_records_there(2, serve, tls) as stream:
        stream._lock = InterruptedLock(before=lambda: stream.get_extra_info("is_readable"))
        assert stream.get_extra_info("is_readable")
        assert stream.read(4, 20) + stream.read(4, 20) == b"datadata"


def test_a_close_notify_on_an_idle_stream_is_noticed(serve: Any, tls: Any) -> None:
    def server(connection: socket.socket) -> None:
        secured = tls.server.wrap_socket(connection, server_side=True)
        assert secured.recv(1) == b"x"
        secured.sendall(b"y")
        # The alert without a FIN; then the client's own alert ends the exchange.
        secured.unwrap().close()

    plain = SyncBackend().connect_tcp(host="127.0.0.1", port=serve(server), timeout=20)
    stream = plain.start_tls(tls.client, "localhost", 20)
    stream.write(b"x")
    assert stream.read(10, 20) == b"y"
    until(lambda: stream.get_extra_info("is_readable"))
    assert stream.read(10, 20) == b""
    stream.close()


def test_the_end_of_a_session_is_told_as_often_as_it_is_asked_for(serve: Any, tls: Any) -> None:
    read = threading.Event()

    def server(connection: socket.socket) -> None:
        secured = tls.server.wrap_socket(connection, server_side=True)
        secured.sendall(b"last")
        secured.setblocking(False)
        with pytest.raises(ssl.SSLWantReadError):
            secured.unwrap()
        read.wait(20)
        secured.close()

    plain = SyncBackend().connect_tcp(host="127.0.0.1", port=serve(server), timeout=20)
    stream = plain.start_tls(tls.client, "localhost", 20)
    try:
        assert stream.read(100, 20) == b"last"
        assert stream.read(100, 20) == b""
        assert stream.get_extra_info("is_readable")
        assert stream.read(100, 20) == b""
    finally:
        read.set()
        stream.close()


@pytest.mark.parametrize("close", ["close", "abort"])
def test_closing_sends_a_close_notify_and_aborting_does_not(close: str, serve: Any, tls: Any) -> None:
    arrived = []

    def server(connection: socket.socket) -> None:
        incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        secured = tls.server.wrap_bio(incoming, outgoing, server_side=True)
        while True:
            try:
                secured.do_handshake()
                break
            except ssl.SSLWantReadError:
                connection.sendall(outgoing.read())
                incoming.write(connection.recv(65536))
        secured.write(b"x")
        connection.sendall(outgoing.read())
        # One more record is the alert.
        arrived.append(connection.recv(65536))

    plain = SyncBackend().connect_tcp(host="127.0.0.1", port=serve(server), timeout=20)
    stream = plain.start_tls(tls.client, "localhost", 20)
    assert stream.read(1, 20) == b"x"
    getattr(stream, close)()
    until(lambda: arrived)
    assert bool(arrived[0]) == (close == "close")


def test_a_context_that_verifies_while_it_wraps_a_socket_is_given_memory_to_wrap(serve: Any, tls: Any) -> None:
    """As truststore's is below 0.10.5, on macOS and Windows."""

    class Context(ssl.SSLContext):
        def wrap_socket(self, *args: Any, **options: Any) -> Any:
            super().wrap_socket(*args, **options).close()
            raise ssl.SSLCertVerificationError("Peer sent no certificates to verify")

    def server(connection: socket.socket) -> None:
        secured = tls.server.wrap_socket(connection, server_side=True)
        secured.sendall(b"secured")
        secured.close()

    Context.__module__ = "truststore._api"
    context = Context(ssl.PROTOCOL_TLS_CLIENT)
    tls.authority.configure_trust(context)
    plain = SyncBackend().connect_tcp(host="127.0.0.1", port=serve(server), timeout=20)
    stream = plain.start_tls(context, "localhost", 20)
    assert stream.read(100, 20) == b"secured"
    stream.close()


def test_the_offer_of_one_connection_is_what_the_server_sees(serve: Any, tls: Any) -> None:
    context = tls.new_server("localhost")
    context.set_alpn_protocols(["h2"])

    def server(connection: socket.socket) -> None:
        with context.wrap_socket(connection, server_side=True) as secured:
            assert secured.selected_alpn_protocol() == "h2"
            secured.recv(1)

    plain = SyncBackend().connect_tcp(host="127.0.0.1", port=serve(server), timeout=20)
    assert isinstance(plain, SyncStream)
    stream = plain.start_tls(tls.client, "localhost", 20, alpn_protocols=["h2", "http/1.1"])
    assert stream.get_extra_info("ssl_object").selected_alpn_protocol() == "h2"
    stream.close()


@pytest.mark.parametrize("name", ["", ".example.com", "nul\0byte", "a" * 64 + ".com"])
def test_a_server_name_that_is_none_is_a_connect_error(name: str, serve: Any, tls: Any) -> None:
    def server(connection: socket.socket) -> None:
        assert connection.recv(1) == b""

    plain = SyncBackend().connect_tcp(host="127.0.0.1", port=serve(server), timeout=20)
    with pytest.raises(ConnectError, match="TLS handshake"):
        plain.start_tls(tls.client, name, 20)
    assert plain.get_extra_info("socket").fileno() == -1


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs os.fork")
@pytest.mark.skipif(sys.version_info >= (3, 12), reason="forking beside threads warns")
def test_closing_in_a_forked_child_leaves_the_parents_connection_alone(pair: Pair) -> None:
    stream = SyncStream(pair[0])
    stream._reading = True  # As it is when another thread of the parent reads at that moment.
    child = os.fork()
    if child == 0:
        stream.close()
        os._exit(0)
    assert os.waitpid(child, 0)[1] == 0
    pair[1].sendall(b"still here")
    assert stream.read(100, 20) == b"still here"
    stream.close()


def test_a_socket_that_was_closed_elsewhere_is_an_error_of_ours(pair: Pair) -> None:
    stream = SyncStream(pair[0])
    pair[0].close()
    with pytest.raises(ReadError):
        stream.read(1, 1)
    with pytest.raises(WriteError):
        stream.write(b"x", 1)
    assert stream.get_extra_info("is_readable")
    stream.close()
