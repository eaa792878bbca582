"""HTTP for programs: sync and async, HTTP/1.1 and HTTP/2, pooled, proxied, on threads, asyncio and trio.

Everything public is here; where it is made, and what can be had without the rest, the distributions `core-backends`,
`core-h1`, `core-h2`, `core-pool` and `core-proxy` say.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, List

from core_backends import (
    SOCKET_OPTION,
    URL,
    AsyncConnectionInterface,
    AsyncMockBackend,
    AsyncMockStream,
    AsyncNetworkBackend,
    AsyncNetworkStream,
    ByteStream,
    ConnectError,
    ConnectionInterface,
    ConnectionNotAvailable,
    ConnectTimeout,
    LocalProtocolError,
    MockBackend,
    MockStream,
    NetworkBackend,
    NetworkError,
    NetworkStream,
    Origin,
    PoolTimeout,
    ProtocolError,
    Proxy,
    ProxyError,
    ReadError,
    ReadTimeout,
    RemoteProtocolError,
    Request,
    Response,
    SyncBackend,
    TimeoutException,
    UnsupportedProtocol,
    WriteError,
    WriteTimeout,
    default_ssl_context,
)
from core_h1 import AsyncHTTP11Connection, HTTP11Connection

from ._api import request, stream
from ._async.connection import AsyncHTTPConnection
from ._async.connection_pool import AsyncConnectionPool
from ._lazy import lazy_name
from ._sync.connection import HTTPConnection
from ._sync.connection_pool import ConnectionPool

if TYPE_CHECKING:
    from core_backends import AnyIOBackend, AsyncioBackend, TrioBackend
    from core_h2 import AsyncHTTP2Connection, HTTP2Connection

    from ._async.http_proxy import AsyncHTTPProxy
    from ._async.socks_proxy import AsyncSOCKSProxy
    from ._sync.http_proxy import HTTPProxy
    from ._sync.socks_proxy import SOCKSProxy

__all__ = [
    "SOCKET_OPTION",
    "URL",
    "AnyIOBackend",
    "AsyncConnectionInterface",
    "AsyncConnectionPool",
    "AsyncHTTP2Connection",
    "AsyncHTTP11Connection",
    "AsyncHTTPConnection",
    "AsyncHTTPProxy",
    "AsyncMockBackend",
    "AsyncMockStream",
    "AsyncNetworkBackend",
    "AsyncNetworkStream",
    "AsyncSOCKSProxy",
    "AsyncioBackend",
    "ByteStream",
    "ConnectError",
    "ConnectTimeout",
    "ConnectionInterface",
    "ConnectionNotAvailable",
    "ConnectionPool",
    "HTTP2Connection",
    "HTTP11Connection",
    "HTTPConnection",
    "HTTPProxy",
    "LocalProtocolError",
    "MockBackend",
    "MockStream",
    "NetworkBackend",
    "NetworkError",
    "NetworkStream",
    "Origin",
    "PoolTimeout",
    "ProtocolError",
    "Proxy",
    "ProxyError",
    "ReadError",
    "ReadTimeout",
    "RemoteProtocolError",
    "Request",
    "Response",
    "SOCKSProxy",
    "SyncBackend",
    "TimeoutException",
    "TrioBackend",
    "UnsupportedProtocol",
    "WriteError",
    "WriteTimeout",
    "default_ssl_context",
    "request",
    "stream",
]

__version__ = "1.1.0"

# Drop-in code matches names like `httpcore.ConnectError`, so that is where these classes and functions say they are
# from.
for _name in __all__:
    if _name in globals() and _name != "SOCKET_OPTION":
        globals()[_name].__module__ = __name__


def __getattr__(name: str) -> Any:
    value = lazy_name(name)
    globals()[name] = value
    return value


def __dir__() -> List[str]:
    return sorted({*globals(), *__all__})
