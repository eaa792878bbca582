"""The backends that are used where the caller names none: by runtime for async code, threads' for sync code."""

from __future__ import annotations

from ._auto import AutoBackend
from ._threads import SyncBackend

__all__ = ["AutoBackend", "SyncBackend"]
