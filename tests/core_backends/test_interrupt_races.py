"""Interrupts that come at the wrong moment, from a thread or in a fork; and what finalisers may do to an event."""

from __future__ import annotations

import asyncio
import gc
import os
import socket
import threading
import weakref
from typing import Any, Tuple

import pytest

from core_backends import SyncBackend, _interrupt
from core_backends.lowlevel import AsyncEvent, AsyncInterrupt, Event, Interrupt, Interrupted, register_socket
from core_backends.testing import AsyncBackground, Background


def from_another_thread(function: Any) -> None:
    thread = threading.Thread(target=function)
    thread.start()
    thread.join()


def test_an_interrupt_that_comes_as_the_run_ends_does_not_reach_what_comes_after() -> None:
    """The other thread's call is still in the loop's queue when the run is over."""
    interrupt = AsyncInterrupt()

    async def end_in_time() -> None:
        from_another_thread(interrupt.fire)

    async def main() -> str:
        with pytest.raises(Interrupted):
            await interrupt.run(end_in_time)
        for _ in range(3):
            await asyncio.sleep(0)
        return "undisturbed"

    assert asyncio.run(main()) == "undisturbed"


def test_an_interrupt_that_comes_just_before_the_run_can_be_cancelled_is_heeded(
    run: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    original = _interrupt.current_async_library
    interrupt = AsyncInterrupt()

    def fire_meanwhile() -> str:
        monkeypatch.setattr(_interrupt, "current_async_library", original)
        from_another_thread(interrupt.fire)
        return original()

    async def main() -> None:
        monkeypatch.setattr(_interrupt, "current_async_library", fire_meanwhile)
        with pytest.raises(Interrupted):
            await interrupt.run(AsyncEvent().wait)

    run(main)


def test_a_task_that_has_run_under_an_interrupt_is_freed_with_its_result() -> None:
    class Result:
        pass

    async def returning() -> Result:
        return Result()

    async def main() -> Any:
        return weakref.ref(await asyncio.ensure_future(AsyncInterrupt().run(returning)))

    gc.collect()
    gc.disable()
    try:
        assert asyncio.run(main())() is None
    finally:
        gc.enable()


def test_a_cancellation_before_the_loop_has_heard_of_the_interrupt_is_a_cancellation() -> None:
    interrupt = AsyncInterrupt()

    async def cancelled_first() -> None:
        task: Any = asyncio.current_task()
        from_another_thread(interrupt.fire)
        task.cancel()
        await asyncio.sleep(0)

    async def main() -> None:
        await interrupt.run(cancelled_first)

    with pytest.raises(asyncio.CancelledError):
        asyncio.run(main())


def test_a_cancellation_that_comes_first_wins() -> None:
    interrupt = AsyncInterrupt()

    async def main() -> None:
        task = asyncio.ensure_future(interrupt.run(AsyncEvent().wait))
        await asyncio.sleep(0)
        task.cancel()
        interrupt.fire()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(main())


@pytest.mark.parametrize("outcome", ["result", "error"])
def test_an_interrupt_that_what_runs_has_swallowed_leaves_the_task_as_it_was(outcome: str) -> None:
    interrupt = AsyncInterrupt()

    async def swallow() -> None:
        interrupt.fire()
        try:
            await AsyncEvent().wait()
        except asyncio.CancelledError:
            if outcome == "error":
                raise ValueError("on the way out") from None

    async def main() -> None:
        task: Any = asyncio.current_task()
        with pytest.raises(Interrupted):
            await interrupt.run(swallow)
        if hasattr(task, "cancelling"):
            assert task.cancelling() == 0
        await asyncio.sleep(0)

    asyncio.run(main())


def test_a_pause_is_interrupted() -> None:
    interrupt = Interrupt()
    with Background() as background:
        pausing = background.start(interrupt.run, SyncBackend().sleep, 3600.0)
        interrupt.fire()
        with pytest.raises(Interrupted):
            pausing.wait()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no os.fork on this platform")
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_firing_in_a_fork_leaves_the_parents_sockets_alone(pair: Tuple[socket.socket, socket.socket]) -> None:
    here, there = pair
    interrupt = Interrupt()

    def talk() -> bytes:
        register_socket(here)
        child = os.fork()
        if not child:
            interrupt.fire()
            os._exit(0)
        os.waitpid(child, 0)
        here.sendall(b"still there")
        return there.recv(100)

    assert interrupt.run(talk) == b"still there"


@pytest.mark.parametrize("kind", [Event, AsyncEvent])
def test_an_event_may_be_set_by_a_finaliser(kind: Any) -> None:
    event = kind()
    event.set_soon()
    event.set_soon()
    assert event.is_set()


def test_an_event_that_is_set_soon_lets_its_waiters_go(run: Any) -> None:
    async def main() -> None:
        event = AsyncEvent()
        async with AsyncBackground() as background:
            waiting = background.start(event.wait, 20)
            await background.settle()
            event.set_soon()
            assert await waiting.wait()

    run(main)


def test_an_event_that_is_set_as_its_waiter_enters_the_queue_lets_him_go(run: Any) -> None:
    """A finaliser may run between any two steps of the one who waits, in his own thread."""

    async def main() -> None:
        event = AsyncEvent()

        class Queue(type(event._waiters)):  # type: ignore[misc]
            def append(self, waiter: Any) -> None:
                event.set_soon()
                super().append(waiter)
                event.set_soon()

        event._waiters = Queue()
        assert await event.wait(20)

    run(main)
