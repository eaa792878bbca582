"""The trio backend, at the path where other projects look for it."""

from __future__ import annotations

from core_backends import TrioBackend, TrioStream

__all__ = ["TrioBackend", "TrioStream"]
