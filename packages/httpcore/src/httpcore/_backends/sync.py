"""The backend for threads, at the path where other projects look for it."""

from __future__ import annotations

from core_backends import SyncBackend, SyncStream

__all__ = ["SyncBackend", "SyncStream"]
