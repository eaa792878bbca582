"""Which async library is running this code.

Trio is asked first: in guest mode it runs on top of asyncio, whose loop is visible then as well. Neither is imported
here: whoever runs one has imported it, and programs without async do not pay for it.
"""

from __future__ import annotations

import os
import sys
from typing import Any, Dict, List

__all__ = ["World", "async_next_turn", "async_world", "current_async_library", "next_turn", "world"]


def current_async_library() -> str:
    """Return "trio" or "asyncio"; raises `RuntimeError` where neither is running."""
    trio = sys.modules.get("trio")
    if trio is not None:
        try:
            trio.lowlevel.current_task()
        except RuntimeError:
            pass
        else:
            return "trio"
    asyncio = sys.modules.get("asyncio")
    if asyncio is None or asyncio._get_running_loop() is None:
        raise RuntimeError(
            "This must run under asyncio or trio, and neither is running: call it from a coroutine that "
            "asyncio.run() or trio.run() runs."
        )
    return "asyncio"


async def async_next_turn() -> None:
    """Return in the event loop's next turn: who is ready now goes first."""
    if current_async_library() == "trio":
        await sys.modules["trio"].lowlevel.checkpoint()
    else:
        await sys.modules["asyncio"].sleep(0)


def next_turn() -> None:
    """Return at once: threads have no turns."""


_generation = [0]


class World:
    """Where sockets belong: one process and, for async code, one event loop. Compared by identity.

    `generation` counts the forks that led to the process; `loop` is the running event loop, None for threads.
    """

    __slots__ = ("_generation", "_loop")

    def __init__(self, generation: int, loop: Any) -> None:
        self._generation = generation
        self._loop = loop

    def forked(self) -> bool:
        """Whether this process is a fork of the one that the sockets belong to."""
        return self._generation != _generation[0]

    def ended(self) -> bool:
        """Whether nobody can use those sockets any more."""
        if self.forked():
            return True
        if self._loop is None:
            return False
        if hasattr(self._loop, "is_closed"):
            return bool(self._loop.is_closed())
        try:
            self._loop.run_sync_soon(bool)
        except sys.modules["trio"].RunFinishedError:
            return True
        return False


_worlds: List[World] = [World(0, None)]
_async_worlds: Dict[Any, World] = {}


def world() -> World:
    """Return the world of synchronous code: this process."""
    return _worlds[0]


def async_world() -> World:
    """Return the world of the running async code: this process and event loop."""
    asyncio = sys.modules.get("asyncio")
    loop = None if asyncio is None else asyncio._get_running_loop()
    if loop is None:
        current_async_library()
        loop = sys.modules["trio"].lowlevel.current_trio_token()
    try:
        return _async_worlds[loop]
    except KeyError:
        for other, known in list(_async_worlds.items()):
            if known.ended():
                _async_worlds.pop(other, None)
        return _async_worlds.setdefault(loop, World(_generation[0], loop))


if hasattr(os, "register_at_fork"):

    def _forked() -> None:
        _generation[0] += 1
        _worlds[0] = World(_generation[0], None)
        _async_worlds.clear()

    os.register_at_fork(after_in_child=_forked)
