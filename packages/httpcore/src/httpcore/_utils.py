"""The look at a socket, at the path where other projects look for it."""

from __future__ import annotations

from core_backends.lowlevel import is_socket_readable

__all__ = ["is_socket_readable"]
