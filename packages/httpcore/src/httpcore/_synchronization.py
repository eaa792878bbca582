"""Locks and events, at the path where other projects look for them."""

from __future__ import annotations

from core_backends.lowlevel import AsyncEvent, AsyncLock, Event, Lock

__all__ = ["AsyncEvent", "AsyncLock", "Event", "Lock"]
