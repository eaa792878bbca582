"""The anyio backend, at the path where other projects look for it."""

from __future__ import annotations

from core_backends import AnyIOBackend, AnyIOStream

__all__ = ["AnyIOBackend", "AnyIOStream"]
