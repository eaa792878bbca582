"""Interrupting somebody else's I/O: how closing a pool ends a connect that another task or thread is waiting for.

Rules that hold here:

* The one who waits learns of it as `Interrupted`, inside `run()`; a real cancellation that comes at the same time wins
  (on CPython below 3.11, where cancellations are not counted, one that comes before).
* Threads cannot be cancelled, but a socket that is shut down wakes whoever waits for it: while `run()` is active, the
  sockets of this thread register themselves. What has no socket yet (name resolution), or is a user's own backend, is
  noticed when it returns.
"""

from __future__ import annotations

import socket
import sys
import threading
import time
from typing import Any, Awaitable, Callable, List, Optional, Type, TypeVar

from ._abandon import abandon
from ._runtime import current_async_library, world
from ._synchronization import Event

__all__ = ["AsyncInterrupt", "Interrupt", "Interrupted", "register_socket"]

T = TypeVar("T")


class Interrupted(Exception):
    """What was running has been interrupted from elsewhere."""


_running = threading.local()


def register_socket(sock: socket.socket) -> None:
    """Let the interrupt that this thread runs under, if any, end operations on `sock`.

    Raises `Interrupted` where it has been fired: whoever tries one address after another is to stop.
    """
    interrupt: Optional[Interrupt] = getattr(_running, "interrupt", None)
    if interrupt is not None:
        interrupt._register(sock)


def pause(seconds: float) -> None:
    """Sleep; raises `Interrupted` when the interrupt that this thread runs under, if any, is fired."""
    interrupt: Optional[Interrupt] = getattr(_running, "interrupt", None)
    if interrupt is None:
        time.sleep(seconds)
    elif interrupt._woken.wait(seconds):
        raise Interrupted


class Interrupt:
    """Lets one thread end what another one is waiting for."""

    __slots__ = ("_fired", "_lock", "_sockets", "_woken", "_world")

    def __init__(self) -> None:
        self._fired = False
        self._lock = threading.Lock()
        self._woken = Event()
        self._world = world()
        self._sockets: List[socket.socket] = []

    def run(self, function: Callable[..., T], *args: Any) -> T:
        """Return `function(*args)`; raises `Interrupted` when `fire()` is called before it ends."""
        outer = getattr(_running, "interrupt", None)
        _running.interrupt = self
        try:
            if self._fired:
                raise Interrupted
            result = function(*args)
        except Exception as exc:
            if self._fired:
                raise Interrupted from exc
            raise
        finally:
            _running.interrupt = outer
            with self._lock:
                self._sockets.clear()
        if self._fired:
            abandon(result)
            raise Interrupted
        return result

    def fire(self) -> None:
        """End what runs, and whatever would run later."""
        if self._world.forked():
            return  # What runs is the parent's, and shutting its sockets down would reach the parent.
        with self._lock:
            self._fired = True
            sockets = list(self._sockets)
        self._woken.set()
        for sock in sockets:
            _shut_down(sock)

    def _register(self, sock: socket.socket) -> None:
        with self._lock:
            self._sockets.append(sock)
            fired = self._fired
        if fired:
            _shut_down(sock)
            raise Interrupted


def _shut_down(sock: socket.socket) -> None:
    try:
        # Not the method of an SSLSocket, which takes the SSL object away from the thread that uses it.
        socket.socket.shutdown(sock, socket.SHUT_RDWR)
    except OSError:
        pass  # Closed, or never connected, on a platform where that matters: nothing waits for it then.


class AsyncInterrupt:
    """Lets one task end what another one is waiting for."""

    __slots__ = ("_cancel", "_fired")

    def __init__(self) -> None:
        self._fired = False
        self._cancel: Optional[Callable[[], Any]] = None

    async def run(self, function: Callable[..., Awaitable[T]], *args: Any) -> T:
        """Return `await function(*args)`; raises `Interrupted` when `fire()` is called before it ends."""
        if self._fired:
            raise Interrupted
        if current_async_library() == "trio":
            return await self._run_trio(function, *args)
        return await self._run_asyncio(function, *args)

    def fire(self) -> None:
        """End what runs, and whatever would run later."""
        self._fired = True
        cancel, self._cancel = self._cancel, None
        if cancel is not None:
            cancel()

    async def _run_trio(self, function: Callable[..., Awaitable[T]], *args: Any) -> T:
        trio = sys.modules["trio"]
        token = trio.lowlevel.current_trio_token()
        with trio.CancelScope() as scope:

            def cancel() -> None:
                try:
                    here = trio.lowlevel.current_trio_token() is token
                except RuntimeError:
                    here = False
                if here:
                    scope.cancel()
                else:
                    try:
                        token.run_sync_soon(scope.cancel)
                    except trio.RunFinishedError:
                        pass  # That run has ended, and its tasks went with it.

            self._cancel = cancel
            if self._fired:  # From another thread, just before there was something to cancel.
                scope.cancel()
            try:
                result = await function(*args)
            except Exception as exc:
                if self._fired:
                    raise Interrupted from exc
                raise
            finally:
                self._cancel = None
            if self._fired:
                abandon(result)
                raise Interrupted
            return result
        raise Interrupted

    async def _run_asyncio(self, function: Callable[..., Awaitable[T]], *args: Any) -> T:
        running = _RunningTask()
        self._cancel = running.cancel
        if self._fired:  # From another thread, just before there was something to cancel.
            running.cancel_soon()
        try:
            result = await function(*args)
        except running.cancelled_error:
            if running.cancelled and not running.take_back():
                raise Interrupted from None
            raise
        except Exception as exc:
            if running.cancelled:
                running.take_back()
            if self._fired:
                raise Interrupted from exc
            raise
        finally:
            running.inside = False
            self._cancel = None
        if running.cancelled:
            running.take_back()
        if self._fired:
            abandon(result)
            raise Interrupted
        return result


class _RunningTask:
    """The current asyncio task while it is in `AsyncInterrupt.run`, and whether it was cancelled by that."""

    __slots__ = ("_before", "_loop", "_others", "_task", "cancelled", "cancelled_error", "inside")

    def __init__(self) -> None:
        asyncio: Any = sys.modules["asyncio"]
        self._task = asyncio.current_task()
        self._loop = asyncio.get_running_loop()
        self._before = self._task.cancelling() if sys.version_info >= (3, 11) else 0
        self._others = False
        self.cancelled_error: Type[BaseException] = asyncio.CancelledError
        self.inside = True
        self.cancelled = False

    def cancel(self) -> None:
        """Cancel the task, from wherever this is called."""
        if sys.modules["asyncio"]._get_running_loop() is self._loop:
            self._end()
            return
        try:
            self._loop.call_soon_threadsafe(self._end)
        except RuntimeError:
            pass  # That loop has been closed, and its tasks went with it.

    def cancel_soon(self) -> None:
        """Cancel the task from inside of it, at the next thing that it awaits."""
        self._loop.call_soon(self._end)

    def _end(self) -> None:
        # On the task's own loop, and only while it is still in here: a later await of it is none of our business.
        if not self.inside or self.cancelled:
            return
        if sys.modules["asyncio"].current_task(self._loop) is self._task:
            # It closes the pool from inside of itself, in a hook. Where nothing is awaited after that, a cancellation
            # would reach whatever the task awaits next, when this has long ended.
            self.cancel_soon()
            return
        self.cancelled = True
        self._others = _is_being_cancelled(self._task)
        self._task.cancel()

    def take_back(self) -> bool:
        """Undo the cancelling from inside of the task; whether somebody else has cancelled it, too."""
        if sys.version_info >= (3, 11):
            return bool(self._task.uncancel() > self._before)
        return self._others


def _is_being_cancelled(task: Any) -> bool:
    """Whether `task` has been cancelled, and has not run since. CPython keeps no count of it below 3.11."""
    waits_for = getattr(task, "_fut_waiter", None)
    return bool(getattr(task, "_must_cancel", False)) or (waits_for is not None and bool(waits_for.cancelled()))
