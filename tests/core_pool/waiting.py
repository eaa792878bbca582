"""Waiting for what another thread or task does, by looking at its effect; and a way to let others run."""

from __future__ import annotations

import sys
import threading
import time
from typing import Any, Callable

from core_backends.lowlevel import current_async_library

__all__ = ["LIMIT", "async_until", "async_yield_now", "until", "yield_now"]

# Seconds after which what has not happened counts as never happening.
LIMIT = 20.0


def until(condition: Callable[[], Any]) -> None:
    """Return as soon as `condition()` holds."""
    deadline = time.monotonic() + LIMIT
    pause = threading.Event()
    while not condition():
        assert time.monotonic() < deadline, "what was waited for did not happen"
        pause.wait(0.001)


def yield_now(*args: Any) -> None:
    """Threads run by themselves."""


async def async_yield_now(*args: Any) -> None:
    """Let the other tasks run for a moment."""
    module: Any = sys.modules[current_async_library()]
    if module.__name__ == "trio":
        await module.lowlevel.checkpoint()
    else:
        await module.sleep(0)


async def async_until(condition: Callable[[], Any]) -> None:
    """Return as soon as `condition()` holds."""
    deadline = time.monotonic() + LIMIT
    while not condition():
        assert time.monotonic() < deadline, "what was waited for did not happen"
        await async_yield_now()
