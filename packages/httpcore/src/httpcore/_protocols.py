"""Which protocols there are: the one table in which h1 and h2 meet.

HTTP/2 is an extra. It is imported by the first connection that speaks it, and its absence is told when it is asked for.
"""

from __future__ import annotations

import importlib.util
from typing import Any, Callable, Dict

from core_h1 import AsyncHTTP11Connection, HTTP11Connection

__all__ = ["async_known_protocols", "check_protocols", "known_protocols"]


def _http2(origin: Any, stream: Any, keepalive_expiry: Any) -> Any:
    check_protocols(http1=True, http2=True)
    from core_h2 import HTTP2Connection

    return HTTP2Connection(origin=origin, stream=stream, keepalive_expiry=keepalive_expiry)


def _async_http2(origin: Any, stream: Any, keepalive_expiry: Any) -> Any:
    check_protocols(http1=True, http2=True)
    from core_h2 import AsyncHTTP2Connection

    return AsyncHTTP2Connection(origin=origin, stream=stream, keepalive_expiry=keepalive_expiry)


def known_protocols() -> Dict[str, Callable[..., Any]]:
    """Return the factory of each protocol by its ALPN id."""
    return {"http/1.1": HTTP11Connection, "h2": _http2}


def async_known_protocols() -> Dict[str, Callable[..., Any]]:
    """Return the factory of each protocol by its ALPN id."""
    return {"http/1.1": AsyncHTTP11Connection, "h2": _async_http2}


def check_protocols(http1: bool, http2: bool) -> None:
    """Raise `RuntimeError` where a protocol is asked for that is not installed, `ValueError` where none is."""
    if not (http1 or http2):
        raise ValueError("At least one of 'http1' and 'http2' must be allowed.")
    if http2 and importlib.util.find_spec("core_h2") is None:
        raise RuntimeError("HTTP/2 needs the 'core-h2' package, which is not installed: pip install 'httpcore[http2]'")
