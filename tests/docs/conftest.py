"""The documentation talks to the same servers as the examples."""

from __future__ import annotations

from ..examples.conftest import internet, needs

__all__ = ["internet", "needs"]
