"""The floor with nothing in between: blocking sockets, asyncio protocol, trio stream."""

from __future__ import annotations

from .raw_runtimes import open_asyncio, open_trio
from .raw_sockets import open_sync

__all__ = ["open_asyncio", "open_sync", "open_trio"]
