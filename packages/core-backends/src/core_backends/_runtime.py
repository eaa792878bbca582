"""Which async library is running this code.

Trio is asked first: in guest mode it runs on top of asyncio, whose loop is visible then as well. Neither is imported here:
whoever runs one has imported it, and programs without async do not pay for it.
"""

from __future__ import annotations

import os
import sys
from typing import Any, Tuple

__all__ = ["current_async_library", "current_world"]


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


_generation = [0]

if hasattr(os, "register_at_fork"):

    def _forked() -> None:
        _generation[0] += 1

    os.register_at_fork(after_in_child=_forked)


def current_world(is_async: bool) -> Tuple[Any, ...]:
    """Return a token of this process and, for async code, this event loop; sockets of another world are foreign here.

    It changes in the child of a fork, and from one event loop to the next.
    """
    if not is_async:
        return (_generation[0],)
    if current_async_library() == "trio":
        trio = sys.modules["trio"]
        return (_generation[0], trio.lowlevel.current_trio_token())
    return (_generation[0], sys.modules["asyncio"].get_running_loop())
