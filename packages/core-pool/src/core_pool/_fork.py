"""The lock under which a pool that a fork has inherited is begun anew.

It is one for all pools, and new in each child: nobody in the child can be holding it.
"""

from __future__ import annotations

import os
import threading
from typing import List

__all__ = ["beginning_anew"]

_lock: List[threading.Lock] = [threading.Lock()]


def beginning_anew() -> threading.Lock:
    """Return the lock to hold while a pool decides that it has been inherited, and empties itself."""
    return _lock[0]


if hasattr(os, "register_at_fork"):

    def _forked() -> None:
        _lock[0] = threading.Lock()

    os.register_at_fork(after_in_child=_forked)
