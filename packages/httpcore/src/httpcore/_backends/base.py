"""The contracts of backends and streams, at the path where other projects look for them."""

from __future__ import annotations

from core_backends import SOCKET_OPTION, AsyncNetworkBackend, AsyncNetworkStream, NetworkBackend, NetworkStream

__all__ = ["SOCKET_OPTION", "AsyncNetworkBackend", "AsyncNetworkStream", "NetworkBackend", "NetworkStream"]
