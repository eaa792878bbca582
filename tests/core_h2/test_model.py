"""Uploads and downloads in any interleaving, with any windows, frame sizes and settings, against a model of both sides.

The peer checks what it receives against its own books; the test checks that every body arrives byte for byte, and that
in the end nothing is stuck: not a stream, not a window, not a byte.
"""

from __future__ import annotations

from typing import Dict, List

from h2.config import H2Configuration
from hyperframe import frame as frames
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from core_h2._engine import Engine
from core_h2._streams import INBOX, WINDOW, Stream

from .peer import OK, Exchange, Peer


class Quiet(Peer):
    def on_end(self, stream_id: int, exchange: Exchange) -> None:
        pass


class Exchanges(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.peer = Quiet({}, auto_window=False)
        self.window = 65_535
        self.engine: Engine = None  # type: ignore[assignment]
        self.streams: Dict[int, Stream] = {}
        self.uploads: Dict[int, memoryview] = {}
        self.sent: Dict[int, bytes] = {}
        self.downloads: Dict[int, memoryview] = {}
        self.expected: Dict[int, bytes] = {}
        self.received: Dict[int, bytearray] = {}
        self.given_up: Dict[int, Stream] = {}
        self.refused: List[int] = []

    @initialize(window=st.sampled_from([1, 100, 65_535, 4_000_000]))
    def start(self, window: int) -> None:
        self.engine = Engine(H2Configuration(), initial_window_size=window)
        self.window = window
        self.engine.start()

    @precondition(lambda self: self.engine.has_slot)
    @rule(size=st.integers(0, 200_000), answer=st.integers(0, 200_000))
    def open(self, size: int, answer: int) -> None:
        number = len(self.streams) + len(self.given_up)
        body = bytes([number % 251]) * size
        stream = self.engine.open_stream(
            b"POST",
            b"https",
            b"h",
            b"/%d" % number,
            [(b"x-number", b"%d" % (number % 3))],
            body_size=None if size else 0,
        )
        self.streams[stream.id] = stream
        self.sent[stream.id] = body
        if size:
            self.uploads[stream.id] = memoryview(body)
        # A window of one byte makes one round of each byte.
        self.expected[stream.id] = bytes([(number + 7) % 251]) * min(answer, self.window * 500)
        self.received[stream.id] = bytearray()

    @rule(data=st.data())
    def upload(self, data: st.DataObject) -> None:
        waiting = sorted(self.uploads)
        if waiting:
            self.push(data.draw(st.sampled_from(waiting)))

    def push(self, stream_id: int) -> bool:
        stream, rest = self.streams[stream_id], self.uploads[stream_id]
        if not stream.local_open:
            del self.uploads[stream_id]
            return True
        sent = self.engine.send_data(stream, rest, True)
        assert sent > 0 or not self.engine.ready(stream, WINDOW)
        self.uploads[stream_id] = rest[sent:]
        if sent == len(rest):
            del self.uploads[stream_id]
        return sent > 0

    @rule(limit=st.sampled_from([1, 50, 5_000, 1_000_000]))
    def to_server(self, limit: int) -> None:
        data = self.engine.take(limit)
        cut = len(data) if limit > 50 else len(data) // 2
        # A part may come back, as from a write that was cut short.
        if cut < len(data):
            self.engine.put_back(memoryview(data)[cut:])
        if data[:cut]:
            self.peer.receive(data[:cut])

    @rule(limit=st.sampled_from([1, 100, 10_000, 1_000_000]))
    def to_client(self, limit: int) -> None:
        data = bytes(self.peer.out[:limit])
        del self.peer.out[:limit]
        if data:
            self.engine.receive(data)

    @rule(data=st.data(), size=st.integers(1, 100_000))
    def answer(self, data: st.DataObject, size: int) -> None:
        known = [
            stream_id
            for stream_id, exchange in self.peer.exchanges.items()
            if exchange.reset is None and len(self.downloads.get(stream_id, b"x")) and stream_id not in self.refused
        ]
        if known:
            self.pour(data.draw(st.sampled_from(known)), size)

    def pour(self, stream_id: int, size: int) -> bool:
        """Send the next part of an answer, as far as the windows go."""
        exchange = self.peer.exchanges[stream_id]
        if stream_id not in self.downloads:
            body = self.expected[stream_id]
            fields = [*OK, (b"content-length", b"%d" % len(body))]
            self.peer.head(stream_id, fields, end=not body)
            self.downloads[stream_id] = memoryview(body)
            return True
        rest = self.downloads[stream_id]
        size = min(size, len(rest), exchange.send_window, self.peer.send_window)
        if size <= 0:
            return False
        self.downloads[stream_id] = rest[size:]
        self.peer.data(stream_id, bytes(rest[:size]), end=size == len(rest))
        return True

    @rule(data=st.data(), increment=st.sampled_from([1, 100, 16_384, 100_000, 1_000_000]))
    def grant(self, data: st.DataObject, increment: int) -> None:
        open_streams = [key for key, exchange in self.peer.exchanges.items() if not exchange.ended]
        target = data.draw(st.sampled_from([0, *open_streams]))
        if target in (0, *open_streams) and self.peer.receive_window < 2**28:
            self.peer.grant(target, increment)

    @rule(
        window=st.sampled_from([0, 1, 1_000, 65_535, 1_000_000]),
        frame=st.sampled_from([16_384, 20_000, 100_000]),
        streams=st.sampled_from([0, 1, 5, 1_000]),
        table=st.sampled_from([0, 100, 4_096]),
    )
    def announce(self, window: int, frame: int, streams: int, table: int) -> None:
        self.peer.announce({1: table, 3: streams, 4: window, 5: frame})
        self.peer._decoder.max_allowed_table_size = 4_096

    @rule()
    def chatter(self) -> None:
        self.peer.send(frames.PingFrame(0, b"12345678"), frames.ExtensionFrame(0xF7, 0, 0, b""))

    @rule(data=st.data())
    def consume(self, data: st.DataObject) -> None:
        if self.streams:
            self.read(data.draw(st.sampled_from(sorted(self.streams))))

    def read(self, stream_id: int) -> bool:
        stream = self.streams[stream_id]
        if not stream.inbox:
            return False
        content = stream.inbox.popleft()
        self.received[stream_id] += content
        self.engine.consumed(stream, len(content))
        return True

    @rule(data=st.data())
    def give_up(self, data: st.DataObject) -> None:
        if self.streams:
            stream_id = data.draw(st.sampled_from(sorted(self.streams)))
            stream = self.streams.pop(stream_id)
            self.uploads.pop(stream_id, None)
            self.engine.reset(stream)
            self.given_up[stream_id] = stream

    @rule(data=st.data())
    def refuse(self, data: st.DataObject) -> None:
        fresh = [
            key
            for key, exchange in self.peer.exchanges.items()
            if key not in self.downloads and key not in self.refused and exchange.reset is None
        ]
        if fresh:
            stream_id = data.draw(st.sampled_from(fresh))
            self.refused.append(stream_id)
            self.peer.reset(stream_id, 7)

    @invariant()
    def nothing_is_wrong(self) -> None:
        assert self.engine.failure is None, self.engine.failure.message
        for stream_id, received in self.received.items():
            assert self.expected[stream_id].startswith(bytes(received[:10]))
        for stream in self.streams.values():
            assert stream.failure is None or stream.id in self.refused

    def teardown(self) -> None:
        """Let everything come to its end: both sides read and give back as they go."""
        if self.engine is None:
            return  # It has not begun.
        self.peer.announce({4: 1_000_000})
        for _ in range(2_000_000):
            moved = False
            while self.engine.outbound or self.peer.out:
                self.peer.receive(self.engine.take(1_000_000))
                data = bytes(self.peer.out)
                self.peer.out.clear()
                if data:
                    self.engine.receive(data)
                moved = True
            self.nothing_is_wrong()
            if self.peer.receive_window <= 0:
                self.peer.grant(0, 50_000)
                moved = True
            for stream_id in list(self.uploads):
                moved |= self.push(stream_id)
            for stream_id, exchange in self.peer.exchanges.items():
                wanted = exchange.reset is None and stream_id not in self.refused
                if wanted and len(self.downloads.get(stream_id, b"x")):
                    moved |= self.pour(stream_id, 100_000)
            for stream_id in self.streams:
                while self.read(stream_id):
                    moved = True
            if not moved and not self.engine.outbound and not self.peer.out:
                break
        for stream_id, stream in self.streams.items():
            if stream_id in self.refused:
                assert stream.failure is not None and stream.failure.unprocessed
                continue
            assert self.engine.ready(stream, INBOX) and not stream.inbox and stream.failure is None
            assert bytes(self.received[stream_id]) == self.expected[stream_id]
            assert bytes(self.peer.exchanges[stream_id].body) == self.sent[stream_id]
        assert not self.engine.streams and not self.uploads
        # What came late, on streams that had been given up, is given back with the next batch.
        assert self.peer.send_window + self.engine._window.owed == 16 * 1024 * 1024
        for stream_id, stream in self.given_up.items():
            exchange = self.peer.exchanges[stream_id]
            assert exchange.reset == 8 or not stream.remote_open


TestExchanges = Exchanges.TestCase
TestExchanges.settings = settings(deadline=None, max_examples=100, stateful_step_count=50)
