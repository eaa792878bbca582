"""The ground of the httpcore distributions: models, exceptions, network backends and the contracts between components.

`core_backends` is for users, `core_backends.lowlevel` for people who write components.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ._async.connector import AsyncDirectConnector
from ._async.interfaces import AsyncConnectionInterface, AsyncRequestInterface
from ._auto import AutoBackend
from ._backend import SOCKET_OPTION, AsyncNetworkBackend, AsyncNetworkStream, NetworkBackend, NetworkStream
from ._exceptions import (
    ConnectError,
    ConnectionNotAvailable,
    ConnectTimeout,
    LocalProtocolError,
    NetworkError,
    PoolTimeout,
    ProtocolError,
    ProxyError,
    ReadError,
    ReadTimeout,
    RemoteProtocolError,
    TimeoutException,
    UnsupportedProtocol,
    WriteError,
    WriteTimeout,
    map_exceptions,
)
from ._mock import AsyncMockBackend, AsyncMockStream, MockBackend, MockStream
from ._models import ByteStream, Request, Response
from ._ssl import default_ssl_context
from ._sync.connector import DirectConnector
from ._sync.interfaces import ConnectionInterface, RequestInterface
from ._threads import SyncBackend, SyncStream
from ._url import URL, Origin, Proxy

if TYPE_CHECKING:
    from ._anyio import AnyIOBackend, AnyIOStream
    from ._asyncio import AsyncioBackend, AsyncioStream
    from ._trio import TrioBackend, TrioStream

__all__ = [
    "SOCKET_OPTION",
    "URL",
    "AnyIOBackend",
    "AnyIOStream",
    "AsyncConnectionInterface",
    "AsyncDirectConnector",
    "AsyncMockBackend",
    "AsyncMockStream",
    "AsyncNetworkBackend",
    "AsyncNetworkStream",
    "AsyncRequestInterface",
    "AsyncioBackend",
    "AsyncioStream",
    "AutoBackend",
    "ByteStream",
    "ConnectError",
    "ConnectTimeout",
    "ConnectionInterface",
    "ConnectionNotAvailable",
    "DirectConnector",
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
    "RequestInterface",
    "Response",
    "SyncBackend",
    "SyncStream",
    "TimeoutException",
    "TrioBackend",
    "TrioStream",
    "UnsupportedProtocol",
    "WriteError",
    "WriteTimeout",
    "default_ssl_context",
    "map_exceptions",
]

# Imported when the name is first asked for: what needs an extra, and asyncio, which programs without async do not pay
# for.
_lazy = {
    "AnyIOBackend": "_anyio",
    "AnyIOStream": "_anyio",
    "AsyncioBackend": "_asyncio",
    "AsyncioStream": "_asyncio",
    "TrioBackend": "_trio",
    "TrioStream": "_trio",
}


def __getattr__(name: str) -> Any:
    module = _lazy.get(name)
    if module is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    value = getattr(import_module(f"{__name__}.{module}"), name)
    globals()[name] = value
    return value
