"""The fuzz targets on their seeds, and on everything that has once been a crash: no fuzzer is needed for that."""

from __future__ import annotations

import pytest

from .pieces import pack, unpack
from .targets import TARGETS, kept


@pytest.mark.parametrize("name", TARGETS)
def test_seeds_and_kept_cases(name: str) -> None:
    count = 0
    for data in [*TARGETS[name].seeds(), *kept(name)]:
        TARGETS[name].run(data)
        count += 1
    assert count


@pytest.mark.parametrize("name", TARGETS)
@pytest.mark.parametrize("data", [b"", b"\0", b"\0\0", b"\xff" * 3, bytes(range(256))])
def test_inputs_that_say_nothing(name: str, data: bytes) -> None:
    TARGETS[name].run(data)


def test_what_is_packed_is_unpacked() -> None:
    assert unpack(pack(7, b"hello")) == (7, [b"hello"])
    assert unpack(b"\x01\x02\x00\x01\x00\x03hello") == (1, [b"h", b"el", b"lo"])
    assert unpack(b"\x01\x01\xff\xffhello") == (1, [b"hel", b"lo"])
    assert unpack(pack(0, b"")) == (0, [])
