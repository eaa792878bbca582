"""What is kept and copied, and what is not: large bodies that go out, small pieces that come in, and what is told."""

from __future__ import annotations

import sys
from typing import Tuple

import pytest

from core_h2._streams import Stream

from .test_engine import Wire, content_of, frame_on


def uploading(frame_size: int) -> Tuple[Wire, Stream]:
    """Return a connection whose server takes frames of such a size, and a stream with nothing in line."""
    wire = Wire({4: 2**24, 5: frame_size})
    wire.peer.auto_window = False
    wire.run()
    wire.peer.grant(0, 2**24)
    stream = wire.engine.open_stream(b"POST", b"https", b"example.com", b"/", [], body_size=None)
    wire.run()
    return wire, stream


@pytest.mark.parametrize("frame_size", [16_384, 16_385, 100_000, 2**24 - 1])
def test_a_batch_is_whole_records(frame_size: int) -> None:
    content = memoryview(bytes(range(256)) * 8_192)
    wire, stream = uploading(frame_size)
    rest = content
    while len(rest):
        line = wire.engine.enqueued
        rest = rest[wire.engine.send_data(stream, rest, False) :]
        assert not len(rest) or wire.engine.enqueued - line == 256 * 1024
    while wire.engine.outbound:
        wire.peer.receive(wire.engine.take(256 * 1024))
    assert bytes(wire.peer.exchanges[1].body) == content


@pytest.mark.parametrize("before", [0, 1, 100, 16_384 - 9, 16_384, 50_000])
def test_large_content_is_not_copied_and_what_stands_before_it_fills_a_record(before: int) -> None:
    content = bytes(range(256)) * 1_000
    wire, stream = uploading(2**24 - 1)
    engine = wire.engine
    if before:
        engine.enqueue(b"p" * before)
    assert engine.send_data(stream, memoryview(content), False) == len(content)
    engine.ping()
    taken = []
    while engine.outbound:
        taken.append(engine.take(256 * 1024))
    views = [part for part in taken if isinstance(part, memoryview)]
    assert [part.obj is content for part in views] == [True] and len(views[0]) > 200_000
    assert all(len(part) % 16_384 == 0 for part in taken[: taken.index(views[0])]) and len(taken) == 3
    assert b"".join(taken)[before + 9 : before + 9 + len(content)] == content


def test_content_that_its_owner_may_change_is_copied() -> None:
    content = bytearray(200_000)
    wire, stream = uploading(2**24 - 1)
    for end in (False, True):
        assert wire.engine.send_data(stream, memoryview(content), end) == len(content)
        if end:
            wire.engine.outbound.popleft()  # Its head: the content is alone in line.
        taken = wire.engine.take(256 * 1024)
        assert type(taken) is bytes and not wire.engine.outbound
    content.append(1)  # Nobody holds a view of it any more.


def test_what_is_put_back_is_taken_whole() -> None:
    content = bytes(250_000)
    wire, stream = uploading(2**24 - 1)
    engine = wire.engine
    engine.send_data(stream, memoryview(content), False)
    first = engine.take(256 * 1024)
    assert len(first) == 16_384
    for _ in range(2):
        engine.put_back(first)
        again = engine.take(256 * 1024)
        assert again[: len(first)] == first
        first = again
    second = engine.take(256 * 1024)
    engine.put_back(second)
    assert engine.take(100) == second


def test_small_pieces_take_no_more_memory_than_large_ones() -> None:
    wire = Wire()
    stream = wire.get()
    wire.run()
    wire.peer.head(1)
    wire.run()
    content = bytes(range(256)) * 400
    for position in range(len(content)):
        wire.engine.receive(frame_on(1, 0, content[position : position + 1]))
    assert content_of(stream) == content
    assert sum(sys.getsizeof(piece) for piece in stream.inbox) < 1.3 * len(content)
    assert len(stream.inbox) < 30


def test_large_pieces_stay_as_they_are() -> None:
    wire = Wire()
    stream = wire.get()
    wire.run()
    wire.peer.head(1)
    wire.run()
    for size in (1, 8_192, 1, 2, 8_192, 8_192, 3):
        wire.engine.receive(frame_on(1, 0, b"x" * size))
    assert [(type(piece), len(piece)) for piece in stream.inbox] == [
        (bytes, 1),
        (bytes, 8_192),
        (bytearray, 3),
        (bytes, 8_192),
        (bytes, 8_192),
        (bytes, 3),
    ]


def test_settings_that_nobody_asks_for_are_not_kept_without_bound() -> None:
    wire = Wire()
    wire.run()
    for _ in range(1_000):
        wire.peer.announce({4: 70_000})
    wire.run()
    assert wire.engine.failure is None and len(wire.engine.settings_events) <= 100
    assert wire.engine.remote_settings.initial_window_size == 70_000
