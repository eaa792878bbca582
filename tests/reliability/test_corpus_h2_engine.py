"""The HTTP/2 corpus through the engine alone: the same at every split, bounded time and memory, and windows overrun."""

from __future__ import annotations

import tracemalloc
from typing import List

import pytest

from core_h2._streams import Stream

from .corpus.h2 import CASES, H2Case
from .corpus.h2_case import data, frame, greeting, headers, settings
from .corpus.h2_line import heard
from .corpus.h2_outcome import Opened, outcome

SHORT = 120
DRIPPED = 2000
READ = 64 * 1024
# Twice the header list that is allowed, as bytes and as fields, and what one read brings.
MOST_MEMORY = 6 * 1024 * 1024

ENDLESS = [case for case in CASES if case.endless]


def test_the_corpus_is_as_large_as_promised() -> None:
    assert len(CASES) >= 500
    assert len({case.name for case in CASES}) == len(CASES)
    assert all(case.source.startswith(("RFC ", "care: ")) for case in CASES)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_case_at_every_split(case: H2Case) -> None:
    first = [greeting()] if case.greets else []
    whole = b"".join(case.sent) + case.endless
    if not whole:
        return
    expected = outcome([*first, whole], case.end)
    assert outcome([b"".join(first) + whole], case.end) == expected
    if len(whole) <= SHORT:
        for at in range(1, len(whole)):
            assert outcome([*first, whole[:at], whole[at:]], case.end) == expected, at
    if len(whole) <= DRIPPED:
        assert outcome([*first, *[whole[at : at + 1] for at in range(len(whole))]], case.end) == expected


@pytest.mark.parametrize("case", ENDLESS, ids=lambda case: case.name)
def test_frames_without_an_end_take_bounded_memory(case: H2Case) -> None:
    opened = Opened()
    engine = opened.engine
    engine.receive(greeting() + b"".join(case.sent))
    piece = case.endless * (1 + READ // len(case.endless))
    written = 0
    tracemalloc.start()
    try:
        for _ in range(100):
            engine.receive(piece)
            # What is read is of use to nobody here, and what is written is written.
            written += len(opened.written())
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert engine.failed
    assert peak < MOST_MEMORY
    # An answer is never much longer than what asked for it, and the connection ends after 2,000 frames of no use.
    assert written < 64 * 1024


def test_large_unknown_frames_are_not_kept() -> None:
    opened = Opened()
    opened.engine.receive(greeting())
    piece = frame(0x42, 0, 0, b"x" * 16_384) * 4
    tracemalloc.start()
    try:
        reads = 0
        while not opened.engine.failed:
            opened.engine.receive(piece)
            reads += 1
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert reads <= 501
    assert peak < MOST_MEMORY


def overrun(stream: Stream, opened: Opened, frames: List[bytes]) -> List[str]:
    opened.written()
    for part in frames:
        opened.engine.receive(part)
    assert stream.failure is not None
    return heard(b"." * 24 + opened.written()).said


def test_a_server_that_overruns_the_window_of_a_stream() -> None:
    """RFC 9113 § 6.9.1: the stream ends, and the others go on."""
    opened = Opened(window=100_000)
    opened.engine.receive(greeting() + headers(1))
    said = overrun(opened.streams[0], opened, [data(1, b"x" * 16_384)] * 7)
    assert said == ["RST_STREAM FLOW_CONTROL_ERROR"]
    assert sum(map(len, opened.streams[0].inbox)) <= 100_000
    assert not opened.engine.failed and opened.streams[1].failure is None


def test_a_server_that_goes_on_after_that_ends_the_connection() -> None:
    opened = Opened(window=100_000)
    opened.engine.receive(greeting() + headers(1))
    said = overrun(opened.streams[0], opened, [data(1, b"x" * 16_384)] * 20)
    assert said[0] == "RST_STREAM FLOW_CONTROL_ERROR" and said[-1] == "GOAWAY FLOW_CONTROL_ERROR"
    assert opened.engine.failed


def test_padding_counts_for_the_window() -> None:
    """RFC 9113 § 6.1: padding is flow-controlled, and given back, for nobody consumes it."""
    opened = Opened(window=100_000)
    opened.engine.receive(greeting() + headers(1))
    padded = data(1, b"\xff" + b"x" * 10 + b"\0" * 255, flags=0x8)
    for _ in range(1000):
        opened.engine.receive(padded)
    assert opened.streams[0].failure is None
    assert sum(map(len, opened.streams[0].inbox)) == 10_000
    assert heard(b"." * 24 + opened.written()[24:]).said == []


def test_a_window_that_was_promised_before_our_settings_came_is_kept() -> None:
    """RFC 9113 § 6.9.3: a server may have sent 65,535 bytes before it heard of a smaller window."""
    opened = Opened(window=1000)
    opened.engine.receive(settings((3, 100)) + headers(1) + data(1, b"x" * 16_000))
    assert opened.streams[0].failure is None


def test_content_in_tiny_frames_is_kept_in_large_pieces() -> None:
    """What nobody has read yet takes little more memory than it has bytes, as long as frames come together."""
    opened = Opened(window=200_000)
    opened.engine.receive(greeting() + headers(1))
    count = READ // 11
    piece = data(1, b"xx") * count
    tracemalloc.start()
    try:
        for _ in range(200_000 // (2 * count)):
            opened.engine.receive(piece)
        kept, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert opened.streams[0].failure is None
    assert len(opened.streams[0].inbox) < 20
    assert kept < 400_000 and peak < MOST_MEMORY
