"""Who may use a connection, and for how long."""

from __future__ import annotations

import threading
import time
from typing import List

import pytest

from core_h1._codec import Headers
from core_h1._lifecycle import Lifecycle, State


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> List[float]:
    now = [1000.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    return now


def test_only_one_of_two_takes_it() -> None:
    life = Lifecycle(None)
    assert life.take() and not life.take()
    assert life.give_back(True, []) and life.state is State.IDLE
    assert life.take() and life.request_count == 2


def test_closed_is_for_good() -> None:
    life = Lifecycle(None)
    assert life.take()
    life.close()
    assert life.state is State.CLOSED and not life.give_back(True, []) and not life.take()
    assert life.state is State.CLOSED


def test_not_reusable_is_closed() -> None:
    life = Lifecycle(None)
    life.take()
    assert not life.give_back(False, []) and life.state is State.CLOSED


def test_idle_for_as_long_as_it_may(clock: List[float]) -> None:
    life = Lifecycle(5.0)
    assert not life.expired()
    life.take()
    clock[0] += 100
    assert not life.expired()
    life.give_back(True, [])
    clock[0] += 4.9
    assert not life.expired()
    clock[0] += 0.1
    assert life.expired()
    life.take()
    assert not life.expired()
    life.give_back(True, [])
    assert not life.expired()


def test_another_thread_uses_it_while_its_age_is_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    life = Lifecycle(None)
    life.take()
    life.give_back(True, [(b"Keep-Alive", b"timeout=5")])

    def clock() -> float:
        monkeypatch.undo()
        life.take()
        life.give_back(True, [])
        return time.monotonic()

    monkeypatch.setattr(time, "monotonic", clock)
    assert not life.expired()


@pytest.mark.parametrize(("expiry", "at"), [(None, 9.0), (5.0, 5.0), (60.0, 9.0)])
def test_the_shorter_of_expiry_and_hint(clock: List[float], expiry: float, at: float) -> None:
    life = Lifecycle(expiry)
    life.take()
    life.give_back(True, [(b"Keep-Alive", b"timeout=10")])
    clock[0] += at - 0.01
    assert not life.expired()
    clock[0] += 0.02
    assert life.expired()


def test_a_hint_lasts_for_one_response(clock: List[float]) -> None:
    life = Lifecycle(None)
    life.take()
    life.give_back(True, [(b"Keep-Alive", b"timeout=10")])
    life.take()
    life.give_back(True, [])
    clock[0] += 1000
    assert not life.expired()


def test_requests_left_are_counted_down() -> None:
    life = Lifecycle(None)
    hints: List[Headers] = [[(b"Keep-Alive", b"max=2")], [], []]
    assert [life.take() and life.give_back(True, headers) for headers in hints] == [True, True, False]


def test_requests_left_are_what_the_server_said_last() -> None:
    life = Lifecycle(None)
    for _ in range(5):
        assert life.take() and life.give_back(True, [(b"Keep-Alive", b"max=1")])
    assert life.take() and not life.give_back(True, [(b"Keep-Alive", b"max=0")])


def test_threads_take_turns() -> None:
    life = Lifecycle(None)
    inside: List[int] = []
    most: List[int] = []

    def use() -> None:
        for _ in range(2000):
            if life.take():
                inside.append(1)
                most.append(len(inside))
                inside.pop()
                life.give_back(True, [])

    threads = [threading.Thread(target=use) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert max(most) == 1 and life.request_count == len(most)
