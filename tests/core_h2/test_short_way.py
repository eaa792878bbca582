"""The short way of ordinary frames through the engine leads to the same as the long one."""

from __future__ import annotations

from typing import Any, Dict, List, Tuple

from h2.config import H2Configuration
from hypothesis import given, settings
from hypothesis import strategies as st

from core_h2._content import ContentReceiver
from core_h2._engine import MAX_HEADER_LIST_SIZE, Engine
from core_h2._parser import ContentSink, FrameParser
from core_h2._streams import Stream


class LongWayReceiver(ContentReceiver):
    """Takes each DATA frame step by step."""

    data = ContentSink.data


class LongWay(Engine):
    def __init__(self, config: Any, **options: Any) -> None:
        super().__init__(config, **options)
        self._content = LongWayReceiver(self, self._window, self._patience, self._late)
        self._parser = FrameParser(self, self._content, MAX_HEADER_LIST_SIZE)


def frame_on(stream_id: int, kind: int, payload: bytes, flags: int) -> bytes:
    return len(payload).to_bytes(3, "big") + bytes((kind, flags)) + stream_id.to_bytes(4, "big") + payload


# Few streams, one that is reset; lengths about the windows and the content-length.
stream_ids = st.sampled_from([1, 1, 3, 5, 5, 7])
data_frames = st.builds(
    lambda stream_id, size, flags: frame_on(stream_id, 0, bytes(size), flags),
    stream_ids,
    st.sampled_from([0, 1, 10, 100, 1_000, 9_000, 16_384]),
    st.sampled_from([0, 0, 0, 0, 1, 8]),
)
blocks = [b"\x88", b"\x88\x0f\x0d\x03110", b"\x89", b"\x48\x03103", b""]
head_frames = st.builds(
    lambda stream_id, block, flags: frame_on(stream_id, 1, block, flags),
    stream_ids,
    st.sampled_from([blocks[0], blocks[0], *blocks]),
    st.sampled_from([4, 4, 4, 5, 0]),
)
# A reset, a GOAWAY, and what ends the connection: content for nobody.
others = st.sampled_from(
    [
        frame_on(3, 3, bytes(4), 0),
        frame_on(0, 7, b"\0\0\0\5" + bytes(4), 0),
        frame_on(9, 0, b"x", 0),
        frame_on(0, 0, b"x", 0),
    ]
)
openings = [frame_on(stream_id, 1, b"\x88", 4) for stream_id in (1, 3, 5)]


def cut(sent: List[bytes], size: int) -> List[bytes]:
    """Return what reads of `size` bytes bring, or each frame in two reads, its head and the rest, where that is 0."""
    if not size:
        return [part for frame in sent for part in (frame[:9], frame[9:]) if part]
    data = b"".join(sent)
    return [data[start : start + size] for start in range(0, len(data), size)]


def outcome(engine: Engine, reads: List[bytes]) -> Tuple[List[Any], Dict[str, Any]]:
    engine.start()
    streams: List[Stream] = []
    for number in range(4):
        method = b"HEAD" if number == 1 else b"GET"
        streams.append(engine.open_stream(method, b"https", b"example.com", b"/", [], body_size=number % 2))
    engine.receive(frame_on(0, 4, b"", 0) + frame_on(0, 4, b"", 1))
    engine.reset(streams[3])
    for data in reads:
        engine.receive(data)
    seen = [
        (
            b"".join(stream.inbox),
            all(stream.inbox),
            stream.remote_open,
            stream.received,
            stream.window.left,
            stream.window.owed,
            None if stream.failure is None else stream.failure.message,
        )
        for stream in streams
    ]
    return seen, {
        "failure": None if engine.failure is None else engine.failure.message,
        "outbound": b"".join(bytes(part) for part in engine.outbound),
        "window": (engine._window.left, engine._window.owed),
        "budget": engine._patience.budget,
        "open": sorted(engine.streams),
    }


@given(
    st.booleans(),
    st.lists(st.one_of(data_frames, data_frames, data_frames, data_frames, head_frames, others), max_size=25),
    st.sampled_from([1_000_000, 16_384, 1_000, 37, 0]),
)
@settings(deadline=None)
def test_both_ways_lead_to_the_same(opened: bool, sent: List[bytes], size: int) -> None:
    reads = cut([*openings, *sent] if opened else sent, size)
    engines = [kind(H2Configuration(), initial_window_size=20_000, clock=lambda: 0.0) for kind in (Engine, LongWay)]
    short, long = [outcome(engine, reads) for engine in engines]
    assert short == long
    assert all(whole for _, whole, *_ in short[0])
