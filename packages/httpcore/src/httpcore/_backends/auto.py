"""The async backend that suits the running library, at the path where other projects look for it."""

from __future__ import annotations

from core_backends import AutoBackend

__all__ = ["AutoBackend"]
