"""The interfaces, at the path where recorders and mocks look for them."""

from __future__ import annotations

from core_backends import AsyncConnectionInterface, AsyncRequestInterface

__all__ = ["AsyncConnectionInterface", "AsyncRequestInterface"]
