"""Locks and events, for threads, asyncio and trio alike: fair, cancellable, and set from any thread."""

from __future__ import annotations

import threading
import time
from typing import Any, List

import pytest

from core_backends.lowlevel import AsyncEvent, AsyncLock, Event, Lock
from core_backends.testing import AsyncBackground, Background


def test_an_event_lets_waiters_go_now_and_later() -> None:
    event = Event()
    assert not event.is_set()
    assert not event.wait(0)
    assert not event.wait(0.01)
    with Background() as background:
        waiting = [background.start(event.wait, 20) for _ in range(3)]
        event.set()
        event.set()
        assert [each.wait() for each in waiting] == [True, True, True]
    assert event.wait() and event.wait(0) and event.is_set()


def test_an_async_event_lets_waiters_go_now_and_later(run: Any) -> None:
    async def main() -> None:
        event = AsyncEvent()
        assert not await event.wait(0)
        assert not await event.wait(0.01)
        async with AsyncBackground() as background:
            waiting = [background.start(event.wait, limit) for limit in (None, 20, float("inf"))]
            await background.settle()
            event.set()
            event.set()
            assert [await each.wait() for each in waiting] == [True, True, True]
        assert await event.wait() and await event.wait(0)

    run(main)


def test_an_async_event_can_be_set_from_another_thread(run: Any) -> None:
    async def main() -> None:
        event = AsyncEvent()
        async with AsyncBackground() as background:
            waiting = background.start(event.wait, 20)
            await background.settle()
            thread = threading.Thread(target=event.set)
            thread.start()
            assert await waiting.wait()
            thread.join()

    run(main)


def test_a_cancelled_wait_leaves_nothing_behind(run: Any) -> None:
    async def main() -> None:
        event = AsyncEvent()
        async with AsyncBackground() as background:
            waiting = background.start(event.wait, None)
            await background.settle()
            waiting.cancel()
            await waiting.wait_cancelled()
        assert not event._waiters
        event.set()

    run(main)


def test_a_lock_excludes_and_gives_up_in_time() -> None:
    lock = Lock()
    with lock:
        before = time.monotonic()
        assert not lock.acquire(0.05)
        assert time.monotonic() - before >= 0.04
        assert not lock.acquire(0)
        assert not lock.try_acquire()
    assert lock.acquire(float("inf"))
    lock.release()
    assert lock.try_acquire()
    assert not lock.try_acquire()
    lock.release()


def test_an_async_lock_serves_in_order_of_arrival(run: Any) -> None:
    order: List[int] = []

    async def main() -> None:
        lock = AsyncLock()

        async def enter(number: int) -> None:
            async with lock:
                order.append(number)

        async with AsyncBackground() as background:
            await lock.acquire()
            for number in range(5):
                background.start(enter, number)
                await background.settle()
            assert not await lock.acquire(0)
            assert not await lock.acquire(0.01)
            assert not lock.try_acquire()
            lock.release()

    run(main)
    assert order == [0, 1, 2, 3, 4]


@pytest.mark.parametrize("handed_over", [False, True])
def test_a_cancelled_turn_is_passed_on(run: Any, handed_over: bool) -> None:
    async def main() -> None:
        lock = AsyncLock()
        async with AsyncBackground() as background:
            await lock.acquire()
            first = background.start(lock.acquire)
            await background.settle()
            second = background.start(lock.acquire, 20)
            await background.settle()
            if handed_over:
                lock.release()
            first.cancel()
            try:
                await first.wait()
                lock.release()  # The turn was taken before the cancellation came.
            except BaseException as exc:
                if isinstance(exc, AssertionError):
                    raise
            if not handed_over:
                lock.release()
            assert await second.wait()
            lock.release()
        assert lock.try_acquire()

    run(main)
