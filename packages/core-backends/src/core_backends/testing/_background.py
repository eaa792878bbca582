"""Doing two things at a time in a test: threads, asyncio tasks or trio tasks, behind one shape.

What was started is waited for at the end of the block; one that is still running after `LIMIT` seconds is a failure.
"""

from __future__ import annotations

import sys
import threading
from types import TracebackType
from typing import Any, Awaitable, Callable, List, Optional, Type

from .._runtime import current_async_library
from .._synchronization import AsyncEvent

__all__ = ["AsyncBackground", "AsyncOutcome", "Background", "Outcome"]

LIMIT = 30.0


class Outcome:
    """What became of a function that was started in a `Background`."""

    def __init__(self, function: Callable[..., Any], args: Any) -> None:
        self._result: Any = None
        self._error: Optional[BaseException] = None
        self._thread = threading.Thread(target=self._run, args=(function, args), daemon=True)
        self._thread.start()

    def _run(self, function: Callable[..., Any], args: Any) -> None:
        try:
            self._result = function(*args)
        except BaseException as exc:
            self._error = exc

    def join(self) -> None:
        """Wait until the function has ended, however."""
        self._thread.join(LIMIT)
        if self._thread.is_alive():
            raise AssertionError(f"What was started has not ended within {LIMIT} seconds.")

    def wait(self) -> Any:
        """Return what the function returned, or raise what it raised."""
        self.join()
        if self._error is not None:
            raise self._error
        return self._result


class Background:
    """Runs functions in threads, for the time of a `with` block."""

    def __init__(self) -> None:
        self._outcomes: List[Outcome] = []

    def start(self, function: Callable[..., Any], *args: Any) -> Outcome:
        """Begin to run `function(*args)`."""
        outcome = Outcome(function, args)
        self._outcomes.append(outcome)
        return outcome

    def settle(self) -> None:
        """Threads give no sign of being inside a system call: a check that uses this holds either way."""

    def __enter__(self) -> Background:
        return self

    def __exit__(
        self,
        exc_type: Optional[Type[BaseException]] = None,
        exc_value: Optional[BaseException] = None,
        traceback: Optional[TracebackType] = None,
    ) -> None:
        if exc_type is None:
            for outcome in self._outcomes:
                outcome.join()


class AsyncOutcome:
    """What became of a function that was started in an `AsyncBackground`."""

    def __init__(self) -> None:
        self._result: Any = None
        self._error: Optional[BaseException] = None
        self._ended = AsyncEvent()
        self._cancel: Callable[[], Any] = bool

    async def _run(self, function: Callable[..., Awaitable[Any]], args: Any) -> None:
        try:
            self._result = await function(*args)
        except Exception as exc:
            self._error = exc
        except BaseException as exc:
            self._error = exc
            raise
        finally:
            self._ended.set()

    def _task_ended(self, _: Any) -> None:
        """A task of asyncio that is cancelled before it has begun runs nothing, and so sets nothing."""
        if not self._ended.is_set():
            self._error = sys.modules["asyncio"].CancelledError()
            self._ended.set()

    def cancel(self) -> None:
        """Cancel the task that runs the function."""
        self._cancel()

    async def wait(self) -> Any:
        """Return what the function returned, or raise what it raised."""
        if not await self._ended.wait(LIMIT):
            raise AssertionError(f"What was started has not ended within {LIMIT} seconds.")
        if self._error is not None:
            raise self._error
        return self._result

    async def wait_cancelled(self) -> None:
        """Wait for a function that was cancelled; a result, or an error of its own, is a failure."""
        if not await self._ended.wait(LIMIT):
            raise AssertionError(f"What was cancelled has not ended within {LIMIT} seconds.")
        if self._error is None or isinstance(self._error, Exception):
            raise AssertionError(f"Cancellation did not pass, instead of it came {self._error or self._result!r}.")


class AsyncBackground:
    """Runs functions in tasks of asyncio or trio, for the time of an `async with` block."""

    def __init__(self) -> None:
        self._library = current_async_library()
        self._module: Any = sys.modules[self._library]
        self._nursery: Any = self._module.open_nursery() if self._library == "trio" else None
        self._tasks: Any = None
        self._started: List[Any] = []

    def start(self, function: Callable[..., Awaitable[Any]], *args: Any) -> AsyncOutcome:
        """Begin to run `await function(*args)`."""
        outcome = AsyncOutcome()
        if self._nursery is None:
            task = self._module.ensure_future(outcome._run(function, args))
            outcome._cancel = task.cancel
            task.add_done_callback(outcome._task_ended)
            self._started.append(task)
            return outcome
        scope = self._module.CancelScope()
        outcome._cancel = scope.cancel

        async def run() -> None:
            with scope:
                await outcome._run(function, args)

        self._tasks.start_soon(run)
        return outcome

    async def settle(self) -> None:
        """Let what was started run until it waits."""
        pause = self._module.lowlevel.checkpoint if self._nursery is not None else _next_turn
        for _ in range(10):
            await pause()

    async def __aenter__(self) -> AsyncBackground:
        if self._nursery is not None:
            self._tasks = await self._nursery.__aenter__()
        return self

    async def __aexit__(
        self,
        exc_type: Optional[Type[BaseException]] = None,
        exc_value: Optional[BaseException] = None,
        traceback: Optional[TracebackType] = None,
    ) -> None:
        if self._nursery is not None:
            if exc_type is not None:
                self._tasks.cancel_scope.cancel()
            await self._nursery.__aexit__(exc_type, exc_value, traceback)
            return
        for task in self._started:
            if exc_type is not None:
                task.cancel()
        await self._module.gather(*self._started, return_exceptions=True)


async def _next_turn() -> None:
    await sys.modules["asyncio"].sleep(0)
