"""Proxies as connectors around connectors: CONNECT, SOCKS, and the connection that a proxy forwards."""

from __future__ import annotations

from ._async.forward import AsyncForwardHTTPConnection
from ._async.hop import AsyncConnector
from ._async.socks import AsyncSocksConnector
from ._async.tunnel import AsyncTunnelConnector
from ._sync.forward import ForwardHTTPConnection
from ._sync.hop import Connector
from ._sync.socks import SocksConnector
from ._sync.tunnel import TunnelConnector

__all__ = [
    "AsyncConnector",
    "AsyncForwardHTTPConnection",
    "AsyncSocksConnector",
    "AsyncTunnelConnector",
    "Connector",
    "ForwardHTTPConnection",
    "SocksConnector",
    "TunnelConnector",
]
