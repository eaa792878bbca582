"""The stream that a handshake with a proxy is done on."""

from __future__ import annotations

from typing import Any, Optional

import pytest

from core_backends import ReadTimeout, WriteTimeout
from core_backends.lowlevel import Deadline
from core_proxy._async.handshake import AsyncHandshakeStream
from core_proxy._sync.handshake import HandshakeStream

from .worlds import Clock, World


def handshake(world: World, stream: Any, seconds: Optional[float]) -> Any:
    kind: Any = HandshakeStream if world.name == "sync" else AsyncHandshakeStream
    return kind(stream, Deadline(seconds))


@pytest.mark.parametrize(
    ("left", "asked", "given"),
    [(None, None, None), (None, 3.0, 3.0), (5.0, None, 5.0), (5.0, 3.0, 3.0), (5.0, 9.0, 5.0)],
)
def test_timeouts_are_bounded_by_the_deadline(
    world: World, clock: Clock, left: Optional[float], asked: Optional[float], given: Optional[float]
) -> None:
    stream = world.Stream([b"x"])
    bounded = handshake(world, stream, left)
    assert world.call(bounded.read, 1, asked) == b"x"
    world.call(bounded.write, b"y", asked)
    world.call(bounded.start_tls, None, "name", asked)
    assert stream.timeouts == [given] * 3


def test_nothing_is_done_after_the_deadline(world: World, clock: Clock) -> None:
    stream = world.Stream([b"x"])
    bounded = handshake(world, stream, 5.0)
    clock.now += 5.0
    with pytest.raises(ReadTimeout):
        world.call(bounded.read, 1, None)
    with pytest.raises(WriteTimeout):
        world.call(bounded.write, b"y", None)
    assert (stream.script, bytes(stream.written)) == ([b"x"], b"")


def test_it_remembers_the_end(world: World) -> None:
    bounded = handshake(world, world.Stream([b"x"]), None)
    world.call(bounded.read, 1)
    assert not bounded.ended
    assert world.call(bounded.read, 1) == b""
    assert bounded.ended


def test_the_rest_is_the_stream_below(world: World) -> None:
    stream = world.Stream()
    bounded = handshake(world, stream, None)
    assert bounded.get_extra_info("client_addr") == "the client_addr below"
    world.call(bounded.close if world.name == "sync" else bounded.aclose)
    assert stream.closed
