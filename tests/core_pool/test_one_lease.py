"""A response that two threads end at the same moment gives its lease back once."""

from __future__ import annotations

import functools
import sys
from types import SimpleNamespace
from typing import Any, Callable, Iterator, List

import pytest

from core_pool._sync import body
from core_pool._sync.body import PoolByteStream


class Pool:
    """Counts what is given back."""

    def __init__(self) -> None:
        self.released: List[Any] = []
        self._plan = SimpleNamespace(closing=[])

    def _release(self, slot: Any, *, failed: bool) -> None:
        self.released.append(slot)


class Parts:
    def __iter__(self) -> Iterator[bytes]:
        return iter([b"part"])

    def close(self) -> None:
        pass


def interrupted_after(steps: int, function: Callable[[], Any], other: Callable[[], Any]) -> bool:
    """Run `function`, and `other` after so many steps of the interpreter in this module; whether it came to that."""
    left = [steps]

    def step(frame: Any, event: str, _: Any) -> Any:
        if frame.f_code.co_filename != body.__file__:
            return None
        frame.f_trace_opcodes = True
        if event == "opcode":
            left[0] -= 1
            if left[0] == 0:
                sys.settrace(None)
                other()
                sys.settrace(step)
        return step

    before = sys.gettrace()
    sys.settrace(step)
    try:
        function()
    finally:
        sys.settrace(before)
    return left[0] <= 0


@pytest.mark.parametrize("end", [list, PoolByteStream.close], ids=["read", "closed"])
def test_a_lease_is_given_back_once(end: Any) -> None:
    steps, came = 0, True
    while came:
        steps += 1
        pool, slot = Pool(), object()
        response: Any = PoolByteStream(Parts(), slot, pool)  # type: ignore[arg-type]
        came = interrupted_after(steps, functools.partial(end, response), response.close)
        assert pool.released == [slot], steps
    # CPython 3.12 tells of no steps in a frame that asks for them itself.
    assert steps > 10 or sys.version_info[:2] == (3, 12)
