"""The engine against a scripted peer, without I/O: streams, windows, settings, and what a hostile server may try."""

from __future__ import annotations

import gc
import time
import weakref
from typing import Any, Callable, Dict, List, Optional, Tuple

import pytest
from h2.config import H2Configuration
from hyperframe import frame as frames
from hypothesis import given, settings
from hypothesis import strategies as st

from core_backends import LocalProtocolError, RemoteProtocolError
from core_h2._engine import Engine
from core_h2._patience import Patience
from core_h2._settings import Slots
from core_h2._streams import HEAD, INBOX, WINDOW, Stream

from .peer import OK, Exchange, Peer


class Quiet(Peer):
    def on_end(self, stream_id: int, exchange: Exchange) -> None:
        pass


class Wire:
    """An engine and a peer; `run` carries bytes until there are none."""

    def __init__(self, settings: Optional[Dict[int, int]] = None, peer: Optional[Peer] = None, **options: Any) -> None:
        self.now = 0.0
        self.peer = Quiet({} if settings is None else settings) if peer is None else peer
        self.engine = Engine(H2Configuration(), clock=lambda: self.now, **options)
        self.engine.start()

    def get(self, method: bytes = b"GET") -> Stream:
        return self.engine.open_stream(method, b"https", b"example.com", b"/", [], body_size=0)

    def post(self, content: bytes) -> Stream:
        stream = self.engine.open_stream(b"POST", b"https", b"example.com", b"/", [], body_size=None)
        rest = memoryview(content)
        while stream.local_open:
            sent = self.engine.send_data(stream, rest, True)
            rest = rest[sent:]
            self.run()
            if not sent and len(rest):
                assert not self.engine.ready(stream, WINDOW)
                break
        return stream

    def run(self) -> None:
        while self.engine.outbound or self.peer.out:
            self.peer.receive(self.engine.take(10_000))
            data = bytes(self.peer.out)
            self.peer.out.clear()
            if data:
                self.engine.receive(data)

    def send(self, *sent: Any) -> None:
        self.peer.send(*sent)
        self.run()


def content_of(stream: Stream) -> bytes:
    return b"".join(stream.inbox)


def test_a_whole_exchange() -> None:
    wire = Wire()
    stream = wire.get()
    wire.run()
    assert not wire.engine.ready(stream, HEAD | INBOX)
    wire.peer.respond(1, b"hello")
    wire.run()
    assert wire.engine.ready(stream, HEAD) and wire.engine.ready(stream, INBOX)
    assert content_of(stream) == b"hello" and not stream.remote_open and stream.failure is None
    assert not wire.engine.streams
    assert wire.peer.settings == {2: 0, 4: 4 * 1024 * 1024, 6: 102_400}
    assert wire.peer.send_window + wire.engine._window.owed == 16 * 1024 * 1024


def test_limits() -> None:
    slots = Slots(None)
    assert slots.limit == 100
    slots.learn(None)
    assert slots.limit == 1_000
    slots.learn(0)
    assert slots.limit == 0
    slots = Slots(20)
    assert slots.limit == 20
    slots.learn(None)
    assert slots.limit == 20
    slots.learn(7)
    assert slots.limit == 7
    slots.learn(700)
    assert slots.limit == 20


@pytest.mark.parametrize(
    "options",
    [
        {"initial_window_size": 0},
        {"initial_window_size": 2**31},
        {"connection_window_size": 65_534},
        {"connection_window_size": 2**31},
        {"max_header_list_size": 0},
        {"max_concurrent_streams": 0},
    ],
)
def test_options_out_of_range(options: Dict[str, int]) -> None:
    with pytest.raises(ValueError, match="must be"):
        Wire(**options)


def test_nothing_is_sent_beyond_the_windows() -> None:
    wire = Wire(peer=Quiet({}, auto_window=False))
    stream = wire.post(b"x" * 70_000)
    assert stream.sent == 65_535 and stream.local_open
    other = wire.post(b"y")
    assert other.sent == 0 and other.send_window == 65_535
    wire.peer.grant(0, 2)
    wire.run()
    assert other in wire.engine.touched and stream not in wire.engine.touched
    assert wire.engine.ready(other, WINDOW) and not wire.engine.ready(stream, WINDOW)
    assert wire.engine.send_data(other, memoryview(b"y"), True) == 1
    wire.run()
    assert wire.peer.exchanges[3].ended


def test_a_lowered_window_is_signed() -> None:
    wire = Wire(peer=Quiet({}, auto_window=False))
    stream = wire.post(b"x" * 60_000 + b"y" * 20_000)
    wire.peer.grant(0, 100_000)
    wire.peer.announce({4: 10})
    wire.run()
    assert stream.send_window == 10 - 65_535
    assert wire.engine.send_data(stream, memoryview(b"y" * 14_465), True) == 0
    wire.peer.grant(1, 65_525)
    wire.run()
    assert not wire.engine.ready(stream, WINDOW)
    wire.peer.grant(1, 1)
    wire.run()
    assert wire.engine.ready(stream, WINDOW) and stream.send_window == 1
    wire.engine.touched.clear()
    assert wire.engine.send_data(stream, memoryview(b"y" * 2), False) == 1
    wire.peer.announce({4: 70_000})
    wire.run()
    assert stream in wire.engine.touched
    stream.sent = 65_535
    assert wire.engine.send_data(stream, memoryview(b"y" * 14_465), True) == 14_465


def test_a_body_ends_whatever_the_window() -> None:
    wire = Wire(peer=Quiet({}, auto_window=False))
    stream = wire.engine.open_stream(b"POST", b"https", b"example.com", b"/", [], body_size=None)
    assert wire.engine.send_data(stream, memoryview(b"x" * 1_000), False) == 1_000
    wire.run()
    wire.peer.announce({4: 10})
    wire.run()
    assert stream.send_window == 10 - 1_000
    assert wire.engine.send_data(stream, memoryview(b""), True) == 0
    wire.run()
    assert wire.peer.exchanges[1].ended and wire.peer.exchanges[1].body == b"x" * 1_000


@pytest.mark.parametrize("size", [5, 8])
def test_a_body_of_another_length_than_declared_opens_no_stream(size: int) -> None:
    wire = Wire()
    wire.run()
    declared = [(b"content-length", b"7")]
    for method in (b"POST", b"HEAD"):
        with pytest.raises(LocalProtocolError, match="for declared Content-Length"):
            wire.engine.open_stream(method, b"https", b"example.com", b"/", declared, body_size=size)
    assert not wire.engine.streams and not wire.engine.outbound
    # A HEAD without a body says what that of a GET is like.
    wire.engine.open_stream(b"HEAD", b"https", b"example.com", b"/", declared, body_size=0)


def test_stream_windows_are_given_back_as_content_is_consumed_and_the_connections_as_it_comes() -> None:
    wire = Wire(initial_window_size=1_000)
    stream = wire.get()
    wire.run()
    wire.peer.head(1)
    wire.peer.data(1, b"x" * 400)
    wire.run()
    assert wire.peer.exchanges[1].send_window == 600
    assert not wire.engine.consumed(stream, 400)
    wire.peer.data(1, b"x" * 600)
    wire.run()
    assert wire.peer.exchanges[1].send_window == 0
    assert wire.engine.consumed(stream, 600)
    wire.run()
    assert wire.peer.exchanges[1].send_window == 1_000
    assert wire.engine._window.owed == 1_000
    wire.peer.data(1, end=True)
    wire.run()
    # An idle connection owes next to nothing.
    assert wire.peer.send_window + wire.engine._window.owed == 16 * 1024 * 1024
    more = wire.get()
    wire.run()
    wire.peer.head(more.id)
    wire.peer.data(more.id, b"x" * 1_000)
    for _ in range(80):
        wire.engine.consumed(more, 1_000)
        wire.run()
        wire.peer.data(more.id, b"x" * 1_000)
    wire.run()
    wire.peer.data(more.id, end=True)
    wire.run()
    assert wire.peer.send_window == 16 * 1024 * 1024


def test_padding_counts() -> None:
    wire = Wire(initial_window_size=1_000)
    wire.get()
    wire.run()
    wire.peer.head(1)
    for _ in range(40):
        wire.send(frames.DataFrame(1, b"", pad_length=99, flags=["PADDED"]))
    assert wire.engine.failure is None and len(wire.engine.streams) == 1


def interleaved() -> Tuple[bytes, Dict[int, bytes]]:
    """Return what a server sends on three streams by turns, and their contents."""
    sent, contents = Peer(), {}
    for stream_id in (1, 3, 5):
        sent.head(stream_id)
        contents[stream_id] = b"%d" % stream_id * 30
    for start in range(0, 30, 10):
        for stream_id in (1, 3, 5):
            piece = contents[stream_id][start : start + 10]
            sent.send(
                frames.DataFrame(stream_id, piece[:4]),
                frames.DataFrame(stream_id, b"", pad_length=2, flags=["PADDED"]),
                frames.DataFrame(stream_id, piece[4:5]),
                frames.DataFrame(stream_id, piece[5:], flags=["END_STREAM"] if start == 20 else []),
            )
    return bytes(sent.out), contents


@pytest.mark.parametrize("size", [1, 7, 9, 10, 13, 23, 64, 1_000_000])
def test_content_is_whole_however_it_is_cut(size: int) -> None:
    data, contents = interleaved()
    wire = Wire()
    streams = [wire.get(), wire.get(), wire.get()]
    wire.run()
    for start in range(0, len(data), size):
        wire.engine.receive(data[start : start + size])
    assert wire.engine.failure is None
    for stream in streams:
        assert not stream.remote_open and stream.failure is None
        assert content_of(stream) == contents[stream.id]
        # An empty piece would pass for the end.
        assert all(stream.inbox)


@pytest.mark.parametrize("kind", [bytearray, memoryview])
def test_what_is_read_may_be_bytes_of_another_kind(kind: Any) -> None:
    wire = Wire()
    stream = wire.get()
    wire.run()
    wire.peer.respond(1, b"hello")
    said = bytearray(wire.peer.out)
    for start in range(0, len(said), 7):
        piece = said[start : start + 7]
        wire.engine.receive(kind(piece))
        piece[:] = bytes(len(piece))
    assert content_of(stream) == b"hello" and all(type(part) is bytes for part in stream.inbox)
    assert stream.head is not None and stream.head.headers == [(b"content-type", b"text/plain")]


def test_frames_that_come_together_are_one_piece() -> None:
    wire = Wire()
    first, second = wire.get(), wire.get()
    wire.run()
    wire.peer.head(1)
    wire.peer.head(3)
    wire.peer.data(1, b"x" * 40_000)
    wire.peer.data(3, b"y" * 20_000)
    wire.peer.reset(3, 2)
    wire.peer.data(1, b"z" * 10, end=True)
    wire.run()
    assert list(first.inbox) == [b"x" * 40_000, b"z" * 10]
    assert list(second.inbox) == [b"y" * 20_000] and second.failure is not None


def test_goaway_covers_what_lies_below_its_last_stream() -> None:
    wire = Wire()
    streams = [wire.get() for _ in range(3)]
    wire.run()
    wire.peer.goaway(2**31 - 1)
    wire.run()
    assert not wire.engine.usable and len(wire.engine.streams) == 3
    wire.peer.goaway(3, 11, b"busy \x00" + b"x" * 1_000)
    wire.run()
    failure = streams[2].failure
    assert failure is not None and failure.unprocessed and failure.error is RemoteProtocolError
    assert "stream 5: GOAWAY ENHANCE_YOUR_CALM, debug data b'busy \\x00xxx" in failure.message
    assert len(failure.message) < 300
    wire.peer.goaway(2**31 - 1)  # It cannot be taken back.
    wire.peer.respond(1, b"one")
    wire.peer.respond(3, b"three")
    wire.run()
    assert [content_of(stream) for stream in streams[:2]] == [b"one", b"three"]
    assert not wire.engine.streams and not wire.engine.usable


def test_what_is_left_when_the_connection_ends() -> None:
    wire = Wire()
    streams = [wire.get() for _ in range(3)]
    wire.run()
    wire.peer.respond(1, b"complete")
    wire.peer.head(3)
    wire.run()
    wire.engine.receive(b"")
    failures = [stream.failure for stream in streams]
    assert failures[0] is None and content_of(streams[0]) == b"complete"
    assert failures[1] is not None and not failures[1].lost and "stream 3" in failures[1].message
    assert failures[2] is not None and failures[2].lost
    assert not wire.engine.usable and not wire.engine.streams


@pytest.mark.parametrize("ended", [True, False])
def test_nothing_of_a_stream_is_kept_when_it_is_over(ended: bool) -> None:
    wire = Wire()
    stream = wire.get()
    wire.run()
    wire.peer.head(1)
    wire.peer.data(1, b"x" * 60_000, end=ended)
    wire.run()
    unread = weakref.ref(stream.inbox)
    wire.engine.reset(stream)
    wire.engine.touched.clear()  # As whoever drives the engine does.
    del stream
    gc.collect()
    assert unread() is None


def test_each_failure_has_exceptions_of_its_own() -> None:
    wire = Wire()
    stream = wire.get()
    wire.engine.receive(b"")
    assert stream.failure is not None
    first, second = stream.failure.exception(), stream.failure.exception()
    assert first is not second and str(first) == str(second)


def test_long_header_blocks_are_continued() -> None:
    wire = Wire()
    headers = [(b"x-%d" % number, b"v" * 4_000) for number in range(12)]
    wire.engine.open_stream(b"GET", b"https", b"example.com", b"/", headers, body_size=0)
    wire.run()
    assert wire.peer.exchanges[1].headers[4:] == headers
    assert wire.peer.exchanges[1].ended


def frame_on(stream_id: int, kind: int, payload: bytes = b"", flags: int = 0) -> bytes:
    return len(payload).to_bytes(3, "big") + bytes((kind, flags)) + stream_id.to_bytes(4, "big") + payload


def setting(code: int, value: int) -> bytes:
    return frame_on(0, 4, code.to_bytes(2, "big") + value.to_bytes(4, "big"))


HOSTILE: List[Tuple[str, bytes, str]] = [
    ("push", frame_on(1, 5, bytes(3) + b"\x02" + b"\x88", 4), "PROTOCOL_ERROR"),
    ("data on an idle stream", frame_on(7, 0, b"x"), "PROTOCOL_ERROR"),
    ("data on the server's own stream", frame_on(2, 0, b"x"), "PROTOCOL_ERROR"),
    ("headers on an idle stream", frame_on(7, 1, b"\x88", 4), "PROTOCOL_ERROR"),
    ("reset of an idle stream", frame_on(7, 3, bytes(4)), "PROTOCOL_ERROR"),
    ("window of an idle stream", frame_on(7, 8, b"\x00\x00\x00\x01"), "PROTOCOL_ERROR"),
    ("window raised by 0", frame_on(0, 8, bytes(4)), "PROTOCOL_ERROR"),
    ("window beyond its end", frame_on(0, 8, b"\x7f\xff\xff\xff"), "FLOW_CONTROL_ERROR"),
    ("initial window out of range", setting(4, 2**31), "FLOW_CONTROL_ERROR"),
    (
        "initial window that overflows",
        frame_on(1, 8, b"\x7f\xff\x00\x00") + setting(4, 2**31 - 1),
        "FLOW_CONTROL_ERROR",
    ),
    ("frame size too small", setting(5, 16_383), "PROTOCOL_ERROR"),
    ("frame size too large", setting(5, 2**24), "PROTOCOL_ERROR"),
    ("push enabled by the server", setting(2, 1), "PROTOCOL_ERROR"),
    ("settings cut off", frame_on(0, 4, bytes(5)), "FRAME_SIZE_ERROR"),
    ("settings in an acknowledgement", frame_on(0, 4, bytes(6), 1), "FRAME_SIZE_ERROR"),
    ("a block that is none", frame_on(1, 1, b"\xff\xff\xff\xff\xff\xff\xff", 4), "COMPRESSION_ERROR"),
    ("an index that is not there", frame_on(1, 1, b"\xfe", 4), "COMPRESSION_ERROR"),
    ("a bomb", frame_on(1, 1, b"\x40\x01x\x7f\x81\x1e" + b"y" * 4_000 + b"\xbe" * 9_000, 4), "ENHANCE_YOUR_CALM"),
    ("data after the end", frame_on(1, 1, b"\x88", 5) + frame_on(1, 0, b"x"), "STREAM_CLOSED"),
    ("headers after the end", frame_on(1, 1, b"\x88", 5) + frame_on(1, 1, b"\x88", 4), "STREAM_CLOSED"),
    ("pings", frame_on(0, 6, bytes(8)) * 5_000, "ENHANCE_YOUR_CALM"),
    ("settings without end", frame_on(0, 4) * 5_000, "ENHANCE_YOUR_CALM"),
    ("empty data", frame_on(1, 1, b"\x88", 4) + frame_on(1, 0) * 5_000, "ENHANCE_YOUR_CALM"),
    ("padding only", frame_on(1, 1, b"\x88", 4) + frame_on(1, 0, b"\x00", 8) * 5_000, "ENHANCE_YOUR_CALM"),
    ("resets", frame_on(1, 3, bytes(4)) * 5_000, "ENHANCE_YOUR_CALM"),
    ("priorities", frame_on(1, 2, bytes(5)) * 5_000, "ENHANCE_YOUR_CALM"),
    ("windows", frame_on(0, 8, b"\x00\x00\x00\x01") * 5_000, "ENHANCE_YOUR_CALM"),
    ("unknown frames", frame_on(0, 0xF5, b"x") * 5_000, "ENHANCE_YOUR_CALM"),
    ("goaways", frame_on(0, 7, b"\x7f\xff\xff\xff" + bytes(4)) * 5_000, "ENHANCE_YOUR_CALM"),
    ("continuations", frame_on(1, 1, b"") + frame_on(1, 9, b"") * 5_000, "ENHANCE_YOUR_CALM"),
    ("a block without end", frame_on(1, 1, b"") + frame_on(1, 9, b"x" * 16_000) * 50, "ENHANCE_YOUR_CALM"),
]


@pytest.mark.parametrize(("data", "name"), [item[1:] for item in HOSTILE], ids=[item[0] for item in HOSTILE])
def test_a_hostile_server_ends_its_connection(data: bytes, name: str) -> None:
    wire = Wire()
    stream = wire.get()
    wire.run()
    wire.engine.receive(data)
    failure = wire.engine.failure
    assert failure is not None and failure.error is RemoteProtocolError and name in failure.message
    assert not wire.engine.usable and not wire.engine.streams
    assert stream.failure is not None or not stream.remote_open
    assert sum(len(part) for part in wire.engine.outbound) < 100_000
    wire.run()
    assert len(wire.peer.goaways) == 1
    wire.engine.receive(data)  # What comes now is not looked at.
    assert not wire.engine.outbound


STREAM_FAULTS: List[Tuple[str, Callable[[Peer], Any], int]] = [
    ("content before a head", lambda peer: peer.data(1, b"x"), 1),
    ("a window raised by 0", lambda peer: peer.send(frame_on(1, 8, bytes(4))), 1),
    ("a window beyond its end", lambda peer: peer.send(frame_on(1, 8, b"\x7f\xff\xff\xff")), 3),
    ("no status", lambda peer: peer.head(1, [(b"a", b"b")]), 1),
    ("a second head", lambda peer: (peer.head(1), peer.head(1)), 1),
    ("1xx at the end", lambda peer: peer.head(1, [(b":status", b"103")], end=True), 1),
    ("1xx without end", lambda peer: [peer.head(1, [(b":status", b"103")]) for _ in range(101)], 1),
    ("pseudo-headers in trailers", lambda peer: (peer.head(1), peer.head(1, end=True)), 1),
    ("a body that is too short", lambda peer: peer.head(1, [*OK, (b"content-length", b"2")], end=True), 1),
    ("content of a 204", lambda peer: (peer.head(1, [(b":status", b"204")]), peer.data(1, b"x")), 1),
    ("more than the window", lambda peer: (peer.head(1), peer.data(1, b"x" * 65_536)), 3),
]


@pytest.mark.parametrize(
    ("breach", "code"), [item[1:] for item in STREAM_FAULTS], ids=[item[0] for item in STREAM_FAULTS]
)
def test_what_is_wrong_with_one_stream_ends_that_stream(breach: Callable[[Peer], Any], code: int) -> None:
    wire = Wire(initial_window_size=65_535)
    stream, other = wire.get(), wire.get()
    wire.run()
    breach(wire.peer)
    wire.run()
    assert stream.failure is not None and stream.failure.error is RemoteProtocolError
    assert "stream 1" in stream.failure.message
    assert wire.peer.exchanges[1].reset == code
    wire.peer.respond(3, b"fine")
    wire.run()
    assert content_of(other) == b"fine" and wire.engine.usable


def test_a_server_that_ignores_a_reset_is_stopped() -> None:
    wire = Wire(initial_window_size=65_535)
    stream = wire.get()
    wire.run()
    wire.engine.reset(stream)
    for _ in range(5):
        wire.engine.receive(frame_on(1, 0, b"x" * 16_384))
    assert wire.engine.failure is not None and "after it was reset" in wire.engine.failure.message


def test_resets_are_forgotten_in_the_end_but_not_held_against_the_server() -> None:
    wire = Wire()
    for _ in range(1_100):
        wire.engine.reset(wire.get())
    wire.run()
    assert len(wire.engine._late._windows) == 1_000
    for stream_id in (1, 3, 1_001, 2_199):
        wire.engine.receive(frame_on(stream_id, 0, b"late"))
    assert wire.engine.failure is None


def test_patience_grows_back() -> None:
    now = 0.0
    patience = Patience(lambda: now)
    for _ in range(1_900):
        patience.spend()
    for _ in range(10):
        now += 1.0
        for _ in range(200):
            patience.spend()
    with pytest.raises(Exception, match="too many frames of no use"):
        for _ in range(10_000):
            patience.spend()


def test_a_server_that_gives_windows_back_in_small_pieces_is_no_nuisance() -> None:
    # Frames may be larger than 16 KiB, and what is read of one at a time, by whoever it is for, much smaller.
    wire = Wire({5: 2**20}, peer=None)
    wire.peer.auto_window = False
    stream = wire.engine.open_stream(b"POST", b"https", b"example.com", b"/", [], body_size=None)
    wire.run()
    batch = memoryview(bytes(60 * 4_096))
    wire.peer.grant(0, len(batch))
    wire.peer.grant(1, len(batch))
    wire.run()
    for _ in range(40):
        assert wire.engine.send_data(stream, batch, False) == len(batch)
        wire.run()
        for _ in range(len(batch) // 4_096):
            wire.peer.grant(0, 4_096)
            wire.peer.grant(1, 4_096)
        wire.run()
        assert wire.engine.failure is None
    assert wire.peer.exchanges[1].frames == 40


def test_acknowledgements_of_settings_and_pings_come_in_order() -> None:
    wire = Wire()
    number = wire.engine.ping()
    wire.run()
    assert wire.engine.pings_answered == number
    wire.send(frame_on(0, 6, b"\xff" * 8, 1))  # Nobody asked for that.
    assert wire.engine.pings_answered == number
    wire.send(frame_on(0, 6, b"question"))
    assert wire.peer.pongs == [b"question"]


def test_unknown_settings_are_ignored() -> None:
    wire = Wire()
    for code in range(100, 200):
        wire.send(setting(code, 1))
    assert len(wire.engine.remote_settings) < 10 and wire.engine.failure is None


def test_an_early_end_of_the_response_leaves_the_request_to_be_called_off() -> None:
    wire = Wire(peer=Quiet({}, auto_window=False))
    stream = wire.post(b"x" * 100_000)
    wire.peer.respond(1, b"no", [(b":status", b"413")])
    wire.run()
    assert not stream.remote_open and stream.local_open and stream.failure is None
    assert wire.engine.reset(stream, 0)
    assert not wire.engine.reset(stream, 0)
    wire.run()
    assert wire.peer.exchanges[1].reset == 0


def test_large_uploads_take_linear_time() -> None:
    def upload(size: int) -> float:
        engine = Engine(H2Configuration())
        engine.start()
        engine.send_window = 2**30
        stream = engine.open_stream(b"PUT", b"https", b"h", b"/", [], body_size=None)
        stream.send_window = 2**30
        rest = memoryview(b"x" * size)  # Zeros would be made by the first who reads them.
        started = time.process_time()
        while rest:
            rest = rest[engine.send_data(stream, rest, True) :]
            while engine.take(256 * 1024):
                pass
        return time.process_time() - started

    upload(1_000_000)
    small = min(upload(8_000_000) for _ in range(3))
    assert min(upload(64_000_000) for _ in range(3)) < small * 8 * 4  # Quadratic is 8 * 8.


@given(st.lists(st.binary(max_size=200), max_size=8))
@settings(deadline=None)
def test_no_bytes_make_it_raise(pieces: List[bytes]) -> None:
    wire = Wire()
    stream = wire.get()
    wire.run()
    for piece in pieces:
        wire.engine.receive(piece)
    if wire.engine.failure is not None:
        assert stream.failure is not None or not stream.remote_open
        assert not wire.engine.streams


def recorded() -> bytes:
    """What a server sends in a few exchanges."""
    peer = Quiet({3: 10, 4: 100_000})
    for stream_id in (1, 3, 5):
        peer.head(stream_id, [(b":status", b"103")])
        peer.head(stream_id, [*OK, (b"x-%d" % stream_id, b"y")])
        peer.data(stream_id, b"content" * 20)
        peer.grant(0, 10)
        peer.head(stream_id, [(b"trailer", b"1")], end=True)
    peer.send(frames.PingFrame(0, bytes(8)))
    peer.goaway(5)
    return bytes(peer.out)


RECORDED = recorded()


@given(
    st.lists(st.tuples(st.integers(0, len(RECORDED) - 1), st.integers(0, 255)), max_size=6),
    st.integers(0, len(RECORDED)),
    st.integers(1, 100),
)
@settings(deadline=None)
def test_no_corruption_makes_it_raise(changes: List[Tuple[int, int]], end: int, piece: int) -> None:
    data = bytearray(RECORDED)
    for position, value in changes:
        data[position] = value
    wire = Wire()
    streams = [wire.get() for _ in range(3)]
    wire.engine.take(100_000)
    for start in range(0, end, piece):
        wire.engine.receive(bytes(data[start : min(end, start + piece)]))
    wire.engine.receive(b"")
    assert wire.engine.failure is not None and not wire.engine.streams
    for stream in streams:
        assert wire.engine.ready(stream, HEAD) or wire.engine.ready(stream, INBOX)
    if not changes and end == len(RECORDED):
        assert [content_of(stream) for stream in streams] == [b"content" * 20] * 3
