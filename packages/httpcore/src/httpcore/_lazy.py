"""Names whose packages are imported when somebody asks for them: extras, asyncio, and proxies.

`import httpcore` loads none of anyio, trio, h2 and socksio; nor what takes long and many programs do without.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

from ._protocols import check_protocols

__all__ = ["lazy_name"]

_MODULES = {
    "AnyIOBackend": "core_backends",
    "AsyncHTTP2Connection": "core_h2",
    "AsyncHTTPProxy": "httpcore._async.http_proxy",
    "AsyncSOCKSProxy": "httpcore._async.socks_proxy",
    "AsyncioBackend": "core_backends",
    "HTTP2Connection": "core_h2",
    "HTTPProxy": "httpcore._sync.http_proxy",
    "SOCKSProxy": "httpcore._sync.socks_proxy",
    "TrioBackend": "core_backends",
}


def lazy_name(name: str) -> Any:
    """Return what `httpcore.<name>` is; raises `AttributeError` where there is no such name."""
    module = _MODULES.get(name)
    if module is None:
        raise AttributeError(f"module 'httpcore' has no attribute {name!r}")
    if module == "core_h2":
        try:
            check_protocols(http1=True, http2=True)
        except RuntimeError as exc:
            return _absent(name, str(exc))
    value = getattr(import_module(module), name)
    value.__module__ = "httpcore"
    return value


def _absent(name: str, reason: str) -> Any:
    """Return a class that no object is of: `from httpcore import *` and `isinstance` work without the extra."""

    def refuse(self: object, *args: object, **kwargs: object) -> None:
        raise RuntimeError(reason)

    return type(name, (), {"__init__": refuse, "__module__": "httpcore", "__doc__": reason})
