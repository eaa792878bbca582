"""Time limits: one request's timeouts, read by phase, and budgets that several steps share.

Rules that hold here:

* Seconds throughout; None is no limit, infinity is the same as None, 0 is "only what is there already".
* The clock is monotonic. A remaining time is never negative.
* A request's deadline (`timeout["total"]`, made absolute once) bounds every phase.
* No time left is no failure by itself: what is there already may be had. Only who goes on and on, as a body does, has
  to ask whether the deadline has passed, for a peer that is fast enough never makes it wait.
"""

from __future__ import annotations

import math
import time
from typing import Any, Dict, Mapping, MutableMapping, Optional, Type

from ._exceptions import ReadTimeout, TimeoutException, WriteTimeout

__all__ = ["Deadline", "phase_timeout", "time_left", "with_deadline"]

_TIMEOUTS: Dict[str, Type[TimeoutException]] = {"read": ReadTimeout, "write": WriteTimeout}


def phase_timeout(extensions: Mapping[str, Any], phase: str) -> Optional[float]:
    """Return the seconds that `phase` ("connect", "read", "write" or "pool") may take, None for no limit.

    Read from `extensions["timeout"]`, and bounded by `extensions["deadline"]` where `with_deadline` has set one.
    """
    timeouts = extensions.get("timeout")
    if not timeouts:
        return None
    limit: Optional[float] = timeouts.get(phase)
    if limit is not None and limit == math.inf:
        limit = None
    deadline = extensions.get("deadline")
    if deadline is not None:
        left: float = max(0.0, deadline - time.monotonic())
        if limit is None or left < limit:
            return left
    return limit


def time_left(extensions: Mapping[str, Any], phase: str) -> Optional[float]:
    """Return what `phase_timeout` says of `extensions` and `phase`, "read" or "write", for one of many steps.

    Raises `ReadTimeout` or `WriteTimeout` where the request's deadline has passed.
    """
    left = phase_timeout(extensions, phase)
    if left is not None and left <= 0 and extensions.get("deadline", math.inf) <= time.monotonic():
        raise _TIMEOUTS[phase](f"The time for all of the request was over in the phase {phase!r}.")
    return left


def with_deadline(extensions: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Return extensions in which `timeout["total"]` (seconds) stands as an absolute `deadline`.

    The given ones come back where there is no total, or where the deadline has been set already.
    """
    timeouts = extensions.get("timeout")
    if not timeouts or "deadline" in extensions:
        return extensions
    total = timeouts.get("total")
    if total is None or total == math.inf:
        return extensions
    return {**extensions, "deadline": time.monotonic() + total}


class Deadline:
    """One budget of `timeout` seconds (None for no limit) from now, for steps that share it."""

    __slots__ = ("_at",)

    def __init__(self, timeout: Optional[float]) -> None:
        self._at = None if timeout is None or timeout == math.inf else time.monotonic() + timeout

    def remaining(self) -> Optional[float]:
        """Return the seconds that are left, 0.0 when it has passed, None for no limit."""
        if self._at is None:
            return None
        return max(0.0, self._at - time.monotonic())

    def expired(self) -> bool:
        """Whether the budget is used up."""
        return self._at is not None and time.monotonic() >= self._at
