"""A plan that watches itself: `HTTPCORE_DEBUG_POOL=1` in the environment gives it to every pool made from then on.

After each event that a driver reports the books are checked, and an `AssertionError` says what is wrong with them. Its
cost grows with the pool. Without the variable a pool has the plain plan, and nothing is paid.
"""

from __future__ import annotations

import functools
import os
from typing import Any, Callable, Type

from ._plan import Plan

__all__ = ["WatchedPlan", "plan_class"]


def _watched(event: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(event)
    def report(self: WatchedPlan, *args: Any, **kwargs: Any) -> Any:
        self.depth += 1
        try:
            result = event(self, *args, **kwargs)
        finally:
            self.depth -= 1
        # In the middle of an event, which may make use of another one, the books need not be right.
        if not self.depth:
            self.check()
        return result

    return report


class WatchedPlan(Plan[Any]):
    """Checks its rules after every event."""

    depth = 0

    acquire = _watched(Plan.acquire)
    enqueue = _watched(Plan.enqueue)
    cancel = _watched(Plan.cancel)
    release = _watched(Plan.release)
    bounce = _watched(Plan.bounce)
    replace = _watched(Plan.replace)
    renew = _watched(Plan.renew)
    expire = _watched(Plan.expire)
    forsake = _watched(Plan.forsake)
    drop = _watched(Plan.drop)
    close = _watched(Plan.close)


def plan_class() -> Type[Plan[Any]]:
    """Return the class of a new pool's plan, as the environment says."""
    return WatchedPlan if os.environ.get("HTTPCORE_DEBUG_POOL") == "1" else Plan
