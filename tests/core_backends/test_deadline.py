"""Deadlines and the time that a phase may take: never negative, never longer than the whole request has left."""

from __future__ import annotations

import math
from typing import Any, Iterator, List

import pytest

from core_backends import ReadTimeout, WriteTimeout, _deadline
from core_backends.lowlevel import Deadline, phase_timeout, time_left, with_deadline


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Iterator[List[float]]:
    now = [100.0]

    class Time:
        @staticmethod
        def monotonic() -> float:
            return now[0]

    monkeypatch.setattr(_deadline, "time", Time)
    yield now


@pytest.mark.parametrize("timeout", [None, math.inf])
def test_no_limit_never_passes(timeout: Any, clock: List[float]) -> None:
    deadline = Deadline(timeout)
    clock[0] += 1e9
    assert deadline.remaining() is None
    assert not deadline.expired()


def test_a_budget_is_used_up_and_never_negative(clock: List[float]) -> None:
    deadline = Deadline(5)
    clock[0] += 2
    assert deadline.remaining() == 3
    assert not deadline.expired()
    clock[0] += 3
    assert deadline.expired()
    clock[0] += 3
    assert deadline.remaining() == 0.0
    assert Deadline(0).expired()


def test_a_phase_reads_its_own_timeout() -> None:
    extensions = {"timeout": {"connect": 1, "read": math.inf, "write": None}}
    assert phase_timeout(extensions, "connect") == 1
    assert phase_timeout(extensions, "read") is None
    assert phase_timeout(extensions, "write") is None
    assert phase_timeout(extensions, "pool") is None
    assert phase_timeout({}, "read") is None


def test_a_total_bounds_every_phase(clock: List[float]) -> None:
    extensions = with_deadline({"timeout": {"total": 10, "read": 4}})
    assert phase_timeout(extensions, "read") == 4
    assert phase_timeout(extensions, "write") == 10
    clock[0] += 7
    assert phase_timeout(extensions, "read") == 3
    clock[0] += 7
    assert phase_timeout(extensions, "read") == 0.0


def test_a_total_is_made_absolute_once_and_the_callers_dict_is_left_alone(clock: List[float]) -> None:
    given = {"timeout": {"total": 10}}
    once = with_deadline(given)
    clock[0] += 5
    assert with_deadline(once) is once
    assert given == {"timeout": {"total": 10}}
    plain = {"timeout": {"read": 1}}
    assert with_deadline(plain) is plain
    assert with_deadline({"timeout": {"total": math.inf}}) == {"timeout": {"total": math.inf}}


def test_a_step_is_told_that_the_deadline_has_passed_and_not_that_it_must_not_wait(clock: List[float]) -> None:
    extensions = with_deadline({"timeout": {"total": 10, "read": 0}})
    assert time_left({"timeout": {"read": 0}}, "read") == 0
    assert time_left(extensions, "read") == 0
    assert time_left(extensions, "write") == 10
    clock[0] += 10
    for phase, expected in (("read", ReadTimeout), ("write", WriteTimeout)):
        with pytest.raises(expected):
            time_left(extensions, phase)
        assert phase_timeout(extensions, phase) == 0
