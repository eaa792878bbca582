"""A connection pool, and the connection that establishes itself on first use. Sync and async.

The pool knows nothing of protocols: it is given connections, or a function that makes them. `HTTPConnection` is the
slot that connects, secures and negotiates, and then delegates to the protocol that was agreed on.
"""

from __future__ import annotations

from ._async.connection import AsyncHTTPConnection
from ._async.pool import AsyncConnectionPool
from ._sync.connection import HTTPConnection
from ._sync.pool import ConnectionPool

__all__ = ["AsyncConnectionPool", "AsyncHTTPConnection", "ConnectionPool", "HTTPConnection"]
