"""HTTP/1.1 client connections over any stream, sync and async."""

from __future__ import annotations

from ._async.http11 import AsyncHTTP11Connection
from ._sync.http11 import HTTP11Connection

__all__ = ["AsyncHTTP11Connection", "HTTP11Connection"]
