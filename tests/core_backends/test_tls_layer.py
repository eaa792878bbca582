"""TLS on top of a stream of any kind, TLS itself among them."""

from __future__ import annotations

import ssl
from typing import Any, List, Optional

import pytest

from core_backends import ConnectError, ConnectTimeout, NetworkStream, ReadError, ReadTimeout, WriteError, WriteTimeout
from core_backends._async.tls_layer import AsyncTLSLayerStream
from core_backends._sync.tls_layer import TLSLayerStream
from core_backends.testing import AsyncScriptedStream, ScriptedStream

from .conftest import InterruptedLock


class Wire(NetworkStream):
    """A stream to a TLS server that lives in memory: what is written to it is answered at once."""

    def __init__(self, context: ssl.SSLContext) -> None:
        self.incoming, self.outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.server = context.wrap_bio(self.incoming, self.outgoing, server_side=True)
        self.shaken = False
        self.plaintext = b""
        self.closed = False
        self.ended = False
        self.write_error: Optional[BaseException] = None

    def read(self, max_bytes: int, timeout: Optional[float] = None) -> bytes:
        if not self.outgoing.pending and not self.ended:
            raise ReadTimeout("nothing there")
        return self.outgoing.read(max_bytes)

    def write(self, buffer: bytes, timeout: Optional[float] = None) -> None:
        if self.write_error is not None:
            raise self.write_error
        self.incoming.write(buffer)
        try:
            if not self.shaken:
                self.server.do_handshake()
                self.shaken = True
            while self.incoming.pending:
                self.plaintext += self.server.read(65536)
        except ssl.SSLWantReadError:
            pass

    def close(self) -> None:
        self.closed = True

    def get_extra_info(self, info: str) -> Any:
        return {"is_readable": self.outgoing.pending > 0 or self.ended, "socket": "the socket"}.get(info)


class PartialWire(Wire):
    """A wire that takes `room` bytes at a time, while it has any left, and says how many."""

    room = 2**30

    def write_some(self, buffer: bytes, timeout: Optional[float] = None) -> int:
        written = self.write_some_nowait(buffer)
        if not written:
            raise WriteTimeout("slow")
        return written

    def write_some_nowait(self, buffer: bytes) -> int:
        if self.write_error is not None:
            raise self.write_error
        piece = bytes(buffer[: self.room])
        self.room -= len(piece)
        super().write(piece)
        return len(piece)


@pytest.fixture
def wire(tls: Any) -> Wire:
    return Wire(tls.server)


def secured(wire: Wire, tls: Any) -> TLSLayerStream:
    return TLSLayerStream.handshake(wire, tls.client, "localhost", 5, None)


def test_what_is_written_arrives_and_what_is_sent_is_read(wire: Wire, tls: Any) -> None:
    stream = secured(wire, tls)
    stream.write(b"x" * 300000)
    assert wire.plaintext == b"x" * 300000
    wire.server.write(b"answer")
    assert stream.read(3) + stream.read(100) == b"answer"
    assert stream.get_extra_info("socket") == "the socket"


def test_a_handshake_without_the_name_that_the_context_verifies_is_refused(wire: Wire, tls: Any) -> None:
    for name in (None, ""):
        with pytest.raises(ConnectError, match=r"host names|server_hostname"):
            TLSLayerStream.handshake(wire, tls.client, name, 5, None)
        assert wire.closed
        assert not wire.shaken


def test_a_handshake_that_fails_closes_the_stream_below(wire: Wire, tls: Any) -> None:
    with pytest.raises(ConnectError, match=r"'other\.test'"):
        TLSLayerStream.handshake(wire, tls.client, "other.test", 5, None)
    assert wire.closed


@pytest.mark.parametrize(
    ("failure", "expected"),
    [
        (ReadTimeout("slow"), ConnectTimeout),
        (ReadError("reset"), ConnectError),
        (OSError("foreign"), ConnectError),
        (KeyError("a defect of theirs"), KeyError),
    ],
)
def test_what_the_stream_below_raises_becomes_a_connect_failure(failure: Exception, expected: Any, tls: Any) -> None:
    below = ScriptedStream([failure])
    with pytest.raises(expected):
        TLSLayerStream.handshake(below, tls.client, "localhost", 5, None)
    assert below.closed


def test_the_end_of_the_stream_is_the_end_with_and_without_an_alert(wire: Wire, tls: Any) -> None:
    stream = secured(wire, tls)
    wire.server.write(b"last")
    wire.ended = True
    assert stream.read(100) == b"last"
    assert stream.read(100) == b""
    assert stream.read(100) == b""


def test_the_end_of_a_session_is_told_as_often_as_it_is_asked_for(wire: Wire, tls: Any) -> None:
    stream = secured(wire, tls)
    wire.server.write(b"last")
    with pytest.raises(ssl.SSLWantReadError):
        wire.server.unwrap()
    assert stream.read(100) == b"last"
    assert stream.read(100) == b""
    assert stream.get_extra_info("is_readable")
    assert stream.read(100) == b""


def test_large_records_that_are_there_are_read_together(wire: Wire, tls: Any) -> None:
    stream = secured(wire, tls)
    content = bytes(range(256)) * 200
    for start in range(0, len(content), 10_000):
        wire.server.write(content[start : start + 10_000])
    assert stream.read(65536) == content
    wire.server.write(b"x" * 16_000)
    wire.server.write(b"y" * 16_000)
    assert stream.read(20_000) == b"x" * 16_000 + b"y" * 4_000
    assert stream.read(65536) == b"y" * 12_000


@pytest.mark.parametrize("end", ["alert", "cut", "garbage"])
def test_what_stands_behind_large_records_is_the_next_reads(end: str, wire: Wire, tls: Any) -> None:
    stream = secured(wire, tls)
    wire.server.write(b"x" * 16_000)
    wire.server.write(b"y" * 16_000)
    if end == "alert":
        with pytest.raises(ssl.SSLWantReadError):
            wire.server.unwrap()
    elif end == "cut":
        wire.ended = True
    else:
        wire.outgoing.write(b"garbage" * 10)
        wire.write_error = WriteError("nobody hears the alert")
    assert stream.read(65536) == b"x" * 16_000 + b"y" * 16_000
    for _ in range(2):
        if end == "garbage":
            with pytest.raises(ReadError):
                stream.read(65536, 0)
        else:
            assert stream.read(65536, 0) == b""


def test_garbage_on_the_wire_is_a_read_error(wire: Wire, tls: Any) -> None:
    stream = secured(wire, tls)
    stream.write(b"x")
    wire.outgoing.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
    with pytest.raises(ReadError):
        stream.read(100)


def test_a_read_that_times_out_has_consumed_nothing(wire: Wire, tls: Any) -> None:
    stream = secured(wire, tls)
    with pytest.raises(ReadTimeout):
        stream.read(100, 0)
    wire.server.write(b"x" * 1000)
    record = wire.outgoing.read()
    wire.outgoing.write(record[:-1])
    with pytest.raises(ReadTimeout):
        stream.read(2000, 0)
    wire.outgoing.write(record[-1:])
    assert stream.read(2000) == b"x" * 1000


def test_nothing_is_written_behind_half_a_record(wire: Wire, tls: Any) -> None:
    stream = secured(wire, tls)
    wire.write_error = WriteTimeout("slow")
    with pytest.raises(WriteTimeout):
        stream.write(b"lost")
    wire.write_error = None
    with pytest.raises(WriteError, match="not finished"):
        stream.write(b"more")
    wire.server.write(b"still readable")
    assert stream.read(100) == b"still readable"


def test_parts_can_be_written_where_the_stream_below_can_write_parts(wire: Wire, tls: Any) -> None:
    whole, partial = secured(wire, tls), secured(PartialWire(tls.server), tls)
    for name in ("write_some", "write_some_nowait"):
        assert not hasattr(whole, name)
        assert hasattr(partial, name)


def test_what_a_cut_write_has_encrypted_goes_out_once(tls: Any) -> None:
    below = PartialWire(tls.server)
    stream = secured(below, tls)
    content = bytes(range(256)) * 256
    for room in (0, 100, 20000):
        below.room = room
        for _ in range(2):
            with pytest.raises(WriteTimeout):
                stream.write_some(content, 0)
            assert stream.write_some_nowait(content) == 0
    below.room = 2**30
    assert stream.write_some(content + b"more") == len(content)
    assert below.plaintext == content
    assert stream.write_some(b"more") == 4
    assert stream.write_some_nowait(b"!") == 1
    assert below.plaintext == content + b"more!"


def test_a_write_goes_on_where_a_part_was_kept_from_going_out(tls: Any) -> None:
    below = PartialWire(tls.server)
    stream = secured(below, tls)
    below.room = 100
    assert stream.write_some_nowait(b"x" * 1000) == 0
    below.room = 2**30
    stream.write(b"x" * 1000 + b"rest")
    assert below.plaintext == b"x" * 1000 + b"rest"
    stream.write(b".")
    assert below.plaintext.endswith(b"rest.")


@pytest.mark.parametrize("how", ["write", "write_some", "write_some_nowait"])
def test_nothing_else_is_written_behind_what_a_cut_write_has_encrypted(how: str, tls: Any) -> None:
    below = PartialWire(tls.server)
    stream = secured(below, tls)
    below.room = 0
    with pytest.raises(WriteTimeout):
        stream.write_some(b"one thing", 0)
    below.room = 2**30
    for other in (b"another thing", b"one"):
        with pytest.raises(WriteError, match="not finished"):
            getattr(stream, how)(other)
    assert below.plaintext == b""


def test_a_write_that_was_cut_short_is_the_last_even_where_parts_can_be_written(tls: Any) -> None:
    below = PartialWire(tls.server)
    stream = secured(below, tls)
    below.room = 100
    with pytest.raises(WriteTimeout):
        stream.write(b"x" * 1000, 0)
    below.room = 2**30
    for how in (stream.write, stream.write_some, stream.write_some_nowait):
        with pytest.raises(WriteError, match="not finished"):
            how(b"x" * 1000)
    below.server.write(b"still readable")
    assert stream.read(100) == b"still readable"
    stream.close()
    assert below.plaintext == b""


def test_a_failure_below_is_the_end_of_writing_parts(tls: Any) -> None:
    below = PartialWire(tls.server)
    stream = secured(below, tls)
    below.write_error = WriteError("reset")
    with pytest.raises(WriteError, match="reset"):
        stream.write_some(b"x")
    below.write_error = None
    with pytest.raises(WriteError, match="not finished"):
        stream.write_some(b"x")


def test_a_read_does_not_wait_for_the_network_to_take_what_the_session_has_to_say(tls: Any) -> None:
    below = PartialWire(tls.server)
    stream = secured(below, tls)
    stream._object.write(b"an answer")
    below.room = 5
    below.server.write(b"data")
    assert stream.read(100) == b"data"
    assert below.plaintext == b""
    below.room = 2**30
    stream.write(b", and more")
    assert below.plaintext == b"an answer, and more"


def test_a_read_that_has_data_does_not_write_where_that_may_wait(wire: Wire, tls: Any) -> None:
    class Cancelled(BaseException):
        pass

    stream = secured(wire, tls)
    stream._object.write(b"an answer")
    wire.server.write(b"data")
    wire.write_error = Cancelled()
    stream._incoming.write(wire.outgoing.read())
    assert stream.read(100) == b"data"
    wire.write_error = None
    with pytest.raises(ReadTimeout):
        stream.read(100, 0)
    assert wire.plaintext == b"an answer"


class Renegotiating:
    """An SSL object whose peer has begun another handshake, which is done when something has come from it."""

    def __init__(self, layer: TLSLayerStream) -> None:
        self._layer = layer
        self._object = layer._object

    def write(self, data: Any) -> int:
        if not self._layer._incoming.pending:
            raise ssl.SSLWantReadError(2, "The operation did not complete (read)")
        return self._object.write(data)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._object, name)


@pytest.mark.parametrize("how", ["write", "write_some"])
def test_a_write_waits_for_the_handshake_that_the_peer_has_begun_again(how: str, tls: Any) -> None:
    wire = PartialWire(tls.server)
    stream = secured(wire, tls)
    stream._object = Renegotiating(stream)  # type: ignore[assignment]
    # The session tickets that follow a handshake are what comes.
    assert wire.outgoing.pending
    assert getattr(stream, how)(b"request", 5) == {"write": None, "write_some": 7}[how]
    assert wire.plaintext == b"request"


def test_a_write_is_told_how_a_handshake_that_was_begun_again_failed(tls: Any) -> None:
    wire = PartialWire(tls.server)
    stream = secured(wire, tls)
    wire.outgoing.read()
    stream._object = Renegotiating(stream)  # type: ignore[assignment]
    assert stream.write_some_nowait(b"request") == 0
    with pytest.raises(WriteTimeout, match="did not complete its new handshake"):
        stream.write_some(b"request", 5)
    wire.read = lambda max_bytes, timeout: (_ for _ in ()).throw(ReadError("reset"))  # type: ignore[method-assign]
    with pytest.raises(WriteError, match="reset"):
        stream.write_some(b"request", 5)
    assert wire.plaintext == b""


def test_tickets_are_not_data_but_the_end_is_noticed(wire: Wire, tls: Any) -> None:
    below: List[Any] = []

    class Looking(Wire):
        def read_nowait(self, max_bytes: int) -> Optional[bytes]:
            below.append(max_bytes)
            return self.outgoing.read(max_bytes) if self.outgoing.pending else (b"" if self.ended else None)

    looking = Looking(tls.server)
    stream = secured(looking, tls)
    assert not stream.get_extra_info("is_readable")
    assert not looking.outgoing.pending, "what the handshake left behind has not been looked at"
    looking.server.write(b"data")
    assert stream.get_extra_info("is_readable")
    assert stream.get_extra_info("is_readable")
    assert stream.read(100) == b"data"
    with pytest.raises(ssl.SSLWantReadError):
        looking.server.unwrap()
    assert stream.get_extra_info("is_readable")
    assert stream.read(100) == b""
    assert below


class WatchedWire(Wire):
    """A wire that can be asked without waiting."""

    def read_nowait(self, max_bytes: int) -> Optional[bytes]:
        if not self.outgoing.pending:
            return b"" if self.ended else None
        return self.outgoing.read(max_bytes)


@pytest.mark.parametrize("end", ["close_notify", "no alert", "garbage"])
def test_who_asks_whether_there_is_something_to_read_loses_nothing(end: str, tls: Any) -> None:
    wire = WatchedWire(tls.server)
    stream = secured(wire, tls)
    assert not stream.get_extra_info("is_readable")
    wire.server.write(b"x" * 5000)
    if end == "close_notify":
        with pytest.raises(ssl.SSLWantReadError):
            wire.server.unwrap()
    elif end == "garbage":
        wire.outgoing.write(b"\x17\x03\x03\x00\x20" + bytes(32))
    else:
        wire.ended = True
    assert stream.get_extra_info("is_readable")
    assert stream.get_extra_info("is_readable")
    assert stream.read(4000, 0) == b"x" * 4000
    assert stream.get_extra_info("is_readable")
    assert stream.read(4000, 0) == b"x" * 1000
    for _ in range(2):
        assert stream.get_extra_info("is_readable")
        if end == "garbage":
            with pytest.raises(ReadError):
                stream.read(100, 0)
        else:
            assert stream.read(100, 0) == b""


@pytest.mark.parametrize("when", ["before", "after"])
def test_who_asks_takes_nothing_from_under_a_thread_that_reads(when: str, tls: Any) -> None:
    wire = WatchedWire(tls.server)
    stream = secured(wire, tls)
    assert not stream.get_extra_info("is_readable")
    wire.server.write(b"data")
    lock: Any = InterruptedLock(**{when: lambda: stream.get_extra_info("is_readable")})
    stream._lock = lock
    assert stream.read(100, 0) == b"data"


def test_closing_closes_below_and_ends_reading_and_writing(wire: Wire, tls: Any) -> None:
    stream = secured(wire, tls)
    stream.close()
    stream.close()
    assert wire.closed
    with pytest.raises(ReadError):
        stream.read(1)
    with pytest.raises(WriteError):
        stream.write(b"x")
    assert stream.get_extra_info("is_readable")


def test_aborting_closes_below(wire: Wire, tls: Any) -> None:
    stream = secured(wire, tls)
    stream.abort()
    assert wire.closed


def test_an_async_handshake_fails_the_same(run: Any, tls: Any) -> None:
    async def main() -> None:
        for failure, expected in ((ReadTimeout("slow"), ConnectTimeout), (ReadError("reset"), ConnectError)):
            below = AsyncScriptedStream([failure])
            with pytest.raises(expected):
                await AsyncTLSLayerStream.handshake(below, tls.client, "localhost", 5, None)
            assert below.aborted
            assert below.written.startswith(b"\x16\x03")

    run(main)
