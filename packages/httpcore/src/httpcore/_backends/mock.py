"""The mocks, at the path where other projects look for it."""

from __future__ import annotations

from core_backends import AsyncMockBackend, AsyncMockStream, MockBackend, MockStream

__all__ = ["AsyncMockBackend", "AsyncMockStream", "MockBackend", "MockStream"]
