"""The default TLS context, at the path where other projects look for it."""

from __future__ import annotations

from core_backends import default_ssl_context

__all__ = ["default_ssl_context"]
