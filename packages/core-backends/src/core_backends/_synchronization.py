"""Waiting for one another: events and locks, for threads, asyncio and trio.

Rules that hold here:

* An event is one-shot. `set()` is synchronous, takes no lock that a waiter holds, may be called twice and from any
  thread.
* A wait that was not ended by `set()` (timed out, cancelled) leaves nothing behind.
* Locks are for the order of operations that do I/O. State that changes without I/O is guarded by `threading.Lock`.
"""

from __future__ import annotations

import math
import sys
import threading
from collections import deque
from types import TracebackType
from typing import Any, Deque, Optional, Type

from ._runtime import current_async_library

__all__ = ["AsyncEvent", "AsyncLock", "Event", "Lock"]


class Event:
    """A one-shot event for threads.

    It is one lock, held until the event is set: making it costs a tenth of a `threading.Event`.
    """

    __slots__ = ("_gate", "_set")

    def __init__(self) -> None:
        self._set = False
        self._gate = threading.Lock()
        self._gate.acquire()

    def is_set(self) -> bool:
        """Whether `set()` has been called."""
        return self._set

    def set(self) -> None:
        """Let every waiter go, now and later."""
        self._set = True
        self._open()

    set_soon = set

    def _open(self) -> None:
        try:
            self._gate.release()
        except RuntimeError:
            pass  # It stands open: an earlier call, or the waiter before this one, has passed it on.

    def wait(self, timeout: Optional[float] = None) -> bool:
        """Wait until set; False when `timeout` seconds passed before that."""
        if self._set:
            return True
        if timeout is None or timeout >= threading.TIMEOUT_MAX:
            self._gate.acquire()
        elif not self._gate.acquire(timeout=max(0.0, timeout)):
            return self._set
        self._open()
        return True


class AsyncEvent:
    """A one-shot event for asyncio and trio; it belongs to the event loop that first waits for it.

    There is no lock in it: whoever waits enters the queue and then looks at the flag, whoever sets it raises the flag
    and then empties the queue, so one of them sees the other.
    """

    __slots__ = ("_set", "_waiters")

    def __init__(self) -> None:
        self._set = False
        self._waiters: Deque[Any] = deque()

    def is_set(self) -> bool:
        """Whether `set()` has been called."""
        return self._set

    def set(self) -> None:
        """Let every waiter go, now and later."""
        self._set = True
        self._wake(soon=False)

    def set_soon(self) -> None:
        """The same for finalisers, which run inside of anything, the event loop's own steps included."""
        self._set = True
        self._wake(soon=True)

    def _wake(self, *, soon: bool) -> None:
        while self._waiters:
            try:
                waiter = self._waiters.popleft()
            except IndexError:
                return  # Another thread has taken it.
            waiter.wake(soon)

    async def wait(self, timeout: Optional[float] = None) -> bool:
        """Wait until set; False when `timeout` seconds passed before that."""
        if self._set:
            return True
        if timeout is not None and timeout <= 0:
            return False
        waiter: Any = _TrioWaiter() if current_async_library() == "trio" else _AsyncioWaiter()
        self._waiters.append(waiter)
        if self._set:
            return True
        try:
            await waiter.wait(timeout)
        finally:
            if not self._set:
                try:
                    self._waiters.remove(waiter)
                except (IndexError, ValueError):
                    pass  # `set()` has just taken it, or another waiter is leaving at the same moment.
        return self._set


class _AsyncioWaiter:
    __slots__ = ("_future", "_get_running_loop", "_loop")

    def __init__(self) -> None:
        self._get_running_loop = sys.modules["asyncio"]._get_running_loop
        self._loop = self._get_running_loop()
        self._future = self._loop.create_future()

    def wake(self, soon: bool) -> None:
        if not soon and self._get_running_loop() is self._loop:
            self._resolve()
            return
        try:
            self._loop.call_soon_threadsafe(self._resolve)
        except RuntimeError:
            pass  # That loop has been closed, and its waiter went with it.

    def _resolve(self) -> None:
        if not self._future.done():
            self._future.set_result(None)

    async def wait(self, timeout: Optional[float]) -> None:
        if timeout is None or timeout == math.inf:
            await self._future
            return
        timer = self._loop.call_later(timeout, self._resolve)
        try:
            await self._future
        finally:
            timer.cancel()


class _TrioWaiter:
    __slots__ = ("_event", "_token", "_trio")

    def __init__(self) -> None:
        self._trio = sys.modules["trio"]
        self._event = self._trio.Event()
        self._token = self._trio.lowlevel.current_trio_token()

    def wake(self, soon: bool) -> None:
        try:
            if not soon and self._trio.lowlevel.current_trio_token() is self._token:
                self._event.set()
                return
        except RuntimeError:
            pass  # Called from outside of trio.
        try:
            self._token.run_sync_soon(self._event.set)
        except self._trio.RunFinishedError:
            pass  # That run has ended, and its waiter went with it.

    async def wait(self, timeout: Optional[float]) -> None:
        if timeout is None or timeout == math.inf:
            await self._event.wait()
            return
        with self._trio.move_on_after(timeout):
            await self._event.wait()


class Lock:
    """A lock for threads, as a context manager."""

    __slots__ = ("_lock",)

    def __init__(self) -> None:
        self._lock = threading.Lock()

    def acquire(self, timeout: Optional[float] = None) -> bool:
        """Take the lock; False when `timeout` seconds passed before that."""
        return self._lock.acquire(
            timeout=-1 if timeout is None or timeout >= threading.TIMEOUT_MAX else max(0.0, timeout)
        )

    def try_acquire(self) -> bool:
        """Take the lock if nobody holds it, without waiting."""
        return self._lock.acquire(blocking=False)

    def release(self) -> None:
        """Give the lock back."""
        self._lock.release()

    def __enter__(self) -> Lock:
        self._lock.acquire()
        return self

    def __exit__(
        self,
        exc_type: Optional[Type[BaseException]] = None,
        exc_value: Optional[BaseException] = None,
        traceback: Optional[TracebackType] = None,
    ) -> None:
        self._lock.release()


class AsyncLock:
    """A fair lock for asyncio and trio, as an async context manager; the uncontended path never suspends."""

    __slots__ = ("_guard", "_held", "_queue")

    def __init__(self) -> None:
        self._held = False
        self._guard = threading.Lock()
        self._queue: Deque[AsyncEvent] = deque()

    def try_acquire(self) -> bool:
        """Take the lock if nobody holds it, without waiting."""
        with self._guard:
            if self._held:
                return False
            self._held = True
            return True

    async def acquire(self, timeout: Optional[float] = None) -> bool:
        """Take the lock; False when `timeout` seconds passed before that."""
        with self._guard:
            if not self._held:
                self._held = True
                return True
            turn = AsyncEvent()
            self._queue.append(turn)
        try:
            if await turn.wait(timeout):
                return True
        except BaseException:
            self._give_up(turn)
            raise
        return not self._give_up(turn, keep=True)

    def release(self) -> None:
        """Give the lock back: to the one who has waited longest, if anyone does."""
        with self._guard:
            turn = self._queue.popleft() if self._queue else None
            if turn is None:
                self._held = False
        if turn is not None:
            turn.set()

    def _give_up(self, turn: AsyncEvent, keep: bool = False) -> bool:
        """Leave the queue; True when the lock had not been handed over. A lock that had been is passed on, or kept."""
        with self._guard:
            if turn in self._queue:
                self._queue.remove(turn)
                return True
        if not keep:
            self.release()
        return False

    async def __aenter__(self) -> AsyncLock:
        await self.acquire()
        return self

    async def __aexit__(
        self,
        exc_type: Optional[Type[BaseException]] = None,
        exc_value: Optional[BaseException] = None,
        traceback: Optional[TracebackType] = None,
    ) -> None:
        self.release()
