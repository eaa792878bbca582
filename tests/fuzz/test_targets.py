"""The fuzz targets on their seeds, and on everything that has once been a crash: no fuzzer is needed for that."""

from __future__ import annotations

import pytest

from ..reliability.corpus.h2_case import data, headers, ping
from .framed import framed, unframed
from .pieces import pack, unpack
from .targets import TARGETS, kept


@pytest.mark.parametrize("name", TARGETS)
def test_seeds_and_kept_cases(name: str) -> None:
    count = 0
    for sent in [*TARGETS[name].seeds(), *kept(name)]:
        TARGETS[name].run(sent)
        count += 1
    assert count


@pytest.mark.parametrize("name", TARGETS)
@pytest.mark.parametrize("sent", [b"", b"\0", b"\0\0", b"\xff" * 3, bytes(range(256))])
def test_inputs_that_say_nothing(name: str, sent: bytes) -> None:
    TARGETS[name].run(sent)


def test_what_is_packed_is_unpacked() -> None:
    assert unpack(pack(7, b"hello")) == (7, [b"hello"])
    assert unpack(b"\x01\x02\x00\x01\x00\x03hello") == (1, [b"h", b"el", b"lo"])
    assert unpack(b"\x01\x01\xff\xffhello") == (1, [b"hel", b"lo"])
    assert unpack(pack(0, b"")) == (0, [])


def test_frames_are_unframed_and_framed_again() -> None:
    sent = headers(1) + data(1, b"hello", end=True) + ping()
    frames = unframed(sent)
    assert frames is not None and framed(frames) == sent
    assert unframed(sent[:-1]) is None
    assert unframed(headers(99)) is None
    # A payload that is cut off is what is left of it.
    assert framed(b"\x00\x01\x01\x05he") == data(1, b"he", end=True)
