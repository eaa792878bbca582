"""The models, at the path where other projects look for them: the same objects as the public names."""

from __future__ import annotations

from core_backends import URL, ByteStream, Origin, Proxy, Request, Response

__all__ = ["URL", "ByteStream", "Origin", "Proxy", "Request", "Response"]
