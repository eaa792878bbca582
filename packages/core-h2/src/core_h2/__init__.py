"""HTTP/2 client connections that multiplex, over any stream, for threads and for async.

`HTTP2Connection` and `AsyncHTTP2Connection` need a connected stream and an origin, and nothing else of this project but
its ground, `core_backends`.
"""

from __future__ import annotations

from ._async.http2 import AsyncHTTP2Connection
from ._sync.http2 import HTTP2Connection

__all__ = ["AsyncHTTP2Connection", "HTTP2Connection"]
