"""What a server says about how long it keeps a connection: `Keep-Alive: timeout=5, max=100` (RFC 2068 § 19.7.1.1).

The hint is the server's; its clock started before its response arrived here, and the next request needs time to travel.
So a second is taken off, or half of what there is where that is less: reusing a connection a moment too early is free,
a moment too late costs a request.
"""

from __future__ import annotations

from typing import List, Optional, Tuple

__all__ = ["keep_alive_hint"]

MARGIN = 1.0

_NONE: Tuple[Optional[float], Optional[int]] = (None, None)


def keep_alive_hint(headers: List[Tuple[bytes, bytes]]) -> Tuple[Optional[float], Optional[int]]:
    """Return for how many seconds a connection may idle and how many more requests it takes, None where not said."""
    for name, value in headers:
        if len(name) == 10 and name.lower() == b"keep-alive":
            return _parsed(value)
    return _NONE


def _parsed(value: bytes) -> Tuple[Optional[float], Optional[int]]:
    idle: Optional[float] = None
    requests: Optional[int] = None
    for parameter in value.split(b","):
        key, _, text = parameter.partition(b"=")
        text = text.strip().strip(b'"')
        # Nine digits are thirty years; what is longer is no hint that anyone meant.
        if not text.isdigit() or len(text) > 9:
            continue
        key = key.strip().lower()
        if key == b"timeout":
            seconds = int(text)
            idle = seconds - min(MARGIN, seconds / 2)
        elif key == b"max":
            requests = int(text)
    return idle, requests
