"""Frames out of bytes, however the bytes are cut."""

from __future__ import annotations

from typing import Any, List, Tuple

import pytest
from hyperframe import frame as frames
from hypothesis import given, settings
from hypothesis import strategies as st

from core_h2._errors import ConnectionFault, ErrorCodes
from core_h2._parser import ContentSink, FrameParser, Sink


class Recorder(Sink, ContentSink):
    """Joins content, so that what was seen does not depend on where the bytes were cut."""

    def __init__(self) -> None:
        self.seen: List[Tuple[Any, ...]] = []
        self.content = b""

    def data_begins(self, stream_id: int, length: int, padding: int) -> None:
        self.seen.append(("data", stream_id, length, padding))
        self.content = b""

    def data_content(self, data: bytes, start: int, stop: int) -> None:
        assert start < stop
        self.content += data[start:stop]

    def data_ends(self, end_stream: bool) -> None:
        self.seen.append(("end", self.content, end_stream))

    def header_block(self, stream_id: int, block: bytes, end_stream: bool) -> None:
        self.seen.append(("block", stream_id, block, end_stream))

    def frame(self, kind: int, flags: int, stream_id: int, payload: bytes) -> None:
        self.seen.append((kind, flags, stream_id, payload))


def parse(data: bytes, cuts: List[int], limit: int = 10_000) -> List[Tuple[Any, ...]]:
    recorder = Recorder()
    parser = FrameParser(recorder, recorder, limit)
    places = [0, *sorted(cut % (len(data) + 1) for cut in cuts), len(data)]
    for start, stop in zip(places, places[1:]):
        if stop > start:
            parser.feed(data[start:stop])
    return recorder.seen


def data_frame(content: bytes, padding: int, end: bool) -> frames.Frame:
    flags = (["PADDED"] if padding else []) + (["END_STREAM"] if end else [])
    return frames.DataFrame(1, content, pad_length=padding, flags=flags)


frame_lists = st.lists(
    st.one_of(
        st.builds(data_frame, st.binary(max_size=40), st.integers(0, 10), st.booleans()),
        st.builds(lambda data: frames.HeadersFrame(3, data, flags=["END_HEADERS"]), st.binary(max_size=30)),
        st.builds(
            lambda data, pad: frames.HeadersFrame(
                5, data, pad_length=pad, depends_on=1, flags=["END_HEADERS", "END_STREAM", "PADDED", "PRIORITY"]
            ),
            st.binary(max_size=30),
            st.integers(1, 9),
        ),
        st.builds(lambda increment: frames.WindowUpdateFrame(0, increment), st.integers(1, 1000)),
        st.just(frames.SettingsFrame(settings={3: 4})),
        st.builds(lambda body: frames.ExtensionFrame(0xF0, 7, 3, body), st.binary(max_size=20)),
    ),
    max_size=8,
)


@given(frame_lists, st.lists(st.integers(0, 10_000), max_size=12))
@settings(deadline=None)
def test_where_the_bytes_are_cut_makes_no_difference(sent: List[frames.Frame], cuts: List[int]) -> None:
    for frame in sent:
        if isinstance(frame, frames.ExtensionFrame):
            frame.body_len = len(frame.body)
    data = b"".join(frame.serialize() for frame in sent)
    whole = parse(data, [])
    assert parse(data, cuts) == whole
    assert parse(data, list(range(len(data)))) == whole
    contents = [frame.data for frame in sent if isinstance(frame, frames.DataFrame)]
    assert [seen[1] for seen in whole if seen[0] == "end"] == contents
    blocks = [frame.data for frame in sent if isinstance(frame, frames.HeadersFrame)]
    assert [seen[2] for seen in whole if seen[0] == "block"] == blocks


def test_content_is_handed_on_before_its_frame_is_complete() -> None:
    recorder = Recorder()
    parser = FrameParser(recorder, recorder, 1_000)
    data = frames.DataFrame(1, b"x" * 10_000).serialize()
    parser.feed(data[:5_009])
    assert recorder.content == b"x" * 5_000
    parser.feed(data[5_009:])
    assert recorder.seen[-1] == ("end", b"x" * 10_000, False)


def test_a_header_block_in_pieces() -> None:
    sent = [
        frames.HeadersFrame(1, b"ab", flags=["END_STREAM"]),
        frames.ContinuationFrame(1, b""),
        frames.ContinuationFrame(1, b"cd", flags=["END_HEADERS"]),
    ]
    assert parse(b"".join(frame.serialize() for frame in sent), []) == [("block", 1, b"abcd", True)]


HEAD = frames.HeadersFrame(1, b"ab").serialize()


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (HEAD + frames.DataFrame(1, b"x").serialize(), ErrorCodes.PROTOCOL_ERROR),
        (HEAD + frames.PingFrame(0, bytes(8)).serialize(), ErrorCodes.PROTOCOL_ERROR),
        (HEAD + frames.ContinuationFrame(3, b"").serialize(), ErrorCodes.PROTOCOL_ERROR),
        (frames.ContinuationFrame(1, b"").serialize(), ErrorCodes.PROTOCOL_ERROR),
        (bytes.fromhex("000000000000000000"), ErrorCodes.PROTOCOL_ERROR),  # DATA on stream 0
        (bytes.fromhex("000000010400000000"), ErrorCodes.PROTOCOL_ERROR),  # HEADERS on stream 0
        (bytes.fromhex("000004030000000000") + bytes(4), ErrorCodes.PROTOCOL_ERROR),  # RST_STREAM on stream 0
        (bytes.fromhex("000000040000000001"), ErrorCodes.PROTOCOL_ERROR),  # SETTINGS on stream 1
        (bytes.fromhex("000008060000000001") + bytes(8), ErrorCodes.PROTOCOL_ERROR),  # PING on stream 1
        (bytes.fromhex("000008070000000001") + bytes(8), ErrorCodes.PROTOCOL_ERROR),  # GOAWAY on stream 1
        (bytes.fromhex("000003030000000001") + bytes(3), ErrorCodes.FRAME_SIZE_ERROR),
        (bytes.fromhex("000007060000000000") + bytes(7), ErrorCodes.FRAME_SIZE_ERROR),
        (bytes.fromhex("000005080000000000") + bytes(5), ErrorCodes.FRAME_SIZE_ERROR),
        (bytes.fromhex("000004020000000001") + bytes(4), ErrorCodes.FRAME_SIZE_ERROR),
        (bytes.fromhex("000007070000000000") + bytes(7), ErrorCodes.FRAME_SIZE_ERROR),
        (bytes.fromhex("004001000000000001"), ErrorCodes.FRAME_SIZE_ERROR),  # one byte more than we allow
        (bytes.fromhex("ffffff000000000001"), ErrorCodes.FRAME_SIZE_ERROR),
        (bytes.fromhex("000000000800000001") + b"\x00", ErrorCodes.PROTOCOL_ERROR),  # padded, without a length
        (bytes.fromhex("000003000800000001") + b"\x03ab", ErrorCodes.PROTOCOL_ERROR),  # all padding
        (bytes.fromhex("000002010c00000001") + b"\x05a", ErrorCodes.PROTOCOL_ERROR),
        (bytes.fromhex("000002012400000001") + b"ab", ErrorCodes.PROTOCOL_ERROR),  # a priority that is cut off
        (bytes.fromhex("000000010c00000001"), ErrorCodes.PROTOCOL_ERROR),
        (b"HTTP/1.1 400 Bad Request\r\n", ErrorCodes.PROTOCOL_ERROR),
    ],
)
def test_what_is_no_frame_ends_the_connection(data: bytes, code: int) -> None:
    for cuts in ([], list(range(len(data)))):
        with pytest.raises(ConnectionFault) as caught:
            parse(data, cuts)
        assert caught.value.code == code


def test_header_blocks_are_bounded_in_bytes_and_in_frames() -> None:
    start = frames.HeadersFrame(1, b"").serialize()
    for more in (frames.ContinuationFrame(1, b"x" * 1_000), frames.ContinuationFrame(1, b"")):
        with pytest.raises(ConnectionFault) as caught:
            parse(start + more.serialize() * 1_000, [])
        assert caught.value.code == ErrorCodes.ENHANCE_YOUR_CALM
    with pytest.raises(ConnectionFault) as caught:
        parse(frames.HeadersFrame(1, b"x" * 11_000, flags=["END_HEADERS"]).serialize(), [])
    assert caught.value.code == ErrorCodes.ENHANCE_YOUR_CALM
