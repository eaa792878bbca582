"""Several things at a time: in threads, in asyncio and in trio."""

from __future__ import annotations

import asyncio
import sys
import threading
from typing import Any, Awaitable, Callable, List, Sequence

__all__ = ["AsyncTasks", "Tasks", "async_cancelled", "async_gather", "gather"]


def gather(functions: Sequence[Callable[[], Any]]) -> List[Any]:
    """Return what the functions return or raise, having run each in a thread of its own."""
    with Tasks() as tasks:
        for function in functions:
            tasks.start(function)
    return tasks.results


async def async_gather(functions: Sequence[Callable[[], Awaitable[Any]]]) -> List[Any]:
    """Return what the functions return or raise, having run each in a task of its own."""
    async with AsyncTasks() as tasks:
        for function in functions:
            tasks.start(function)
    return tasks.results


class Tasks:
    """A block that is left when all that was started in it has ended; `results` are in the order of starting."""

    def __init__(self) -> None:
        self.results: List[Any] = []
        self._threads: List[threading.Thread] = []

    def __enter__(self) -> Tasks:
        return self

    def start(self, function: Callable[[], Any]) -> None:
        position = len(self.results)
        self.results.append(None)

        def run() -> None:
            try:
                self.results[position] = function()
            except Exception as exc:
                self.results[position] = exc

        thread = threading.Thread(target=run, daemon=True)
        self._threads.append(thread)
        thread.start()

    def __exit__(self, *args: object) -> None:
        for thread in self._threads:
            thread.join(30)
            assert not thread.is_alive(), "a thread hangs"


class AsyncTasks:
    """The same for asyncio and trio."""

    def __init__(self) -> None:
        self.results: List[Any] = []
        self._tasks: List[asyncio.Task[Any]] = []
        self._nursery: Any = None

    async def __aenter__(self) -> AsyncTasks:
        if _in_trio():
            import trio

            self._manager = trio.open_nursery()
            self._nursery = await self._manager.__aenter__()
        return self

    def start(self, function: Callable[[], Awaitable[Any]]) -> None:
        position = len(self.results)
        self.results.append(None)

        async def run() -> None:
            try:
                self.results[position] = await function()
            except Exception as exc:
                self.results[position] = exc

        if self._nursery is None:
            self._tasks.append(asyncio.get_running_loop().create_task(run()))
        else:
            self._nursery.start_soon(run)

    async def __aexit__(self, *args: Any) -> None:
        if self._nursery is None:
            for task in self._tasks:
                await asyncio.wait_for(task, 30)
        else:
            await self._manager.__aexit__(*args)


def _in_trio() -> bool:
    if "trio" not in sys.modules:
        return False
    import trio

    try:
        trio.lowlevel.current_task()
    except RuntimeError:
        return False
    return True


async def async_cancelled(function: Callable[[], Awaitable[Any]], when: Any) -> bool:
    """Run `function` and cancel it when the event `when` is set; whether it was cancelled before its end."""
    finished = False

    async def run() -> None:
        nonlocal finished
        await function()
        finished = True
        when.set()

    if not _in_trio():
        task = asyncio.get_running_loop().create_task(run())
        await when.wait(10)
        task.cancel()
        await asyncio.wait([task])
        if not task.cancelled():
            task.result()
        return not finished
    import trio

    async with trio.open_nursery() as nursery:
        nursery.start_soon(run)
        await when.wait(10)
        nursery.cancel_scope.cancel()
    return not finished
