"""Whether a request that failed may be sent again without asking the caller. No I/O.

A server that closes an idle connection and a client that reuses it at the same moment miss each other: the request
fails though nobody has seen it. RFC 9110 § 9.2.2 lets a client repeat an idempotent request then. On a connection that
was made for the request it is not that race, and repeating it would hide a server that cannot serve.
"""

from __future__ import annotations

from typing import Any

from core_backends import NetworkError, RemoteProtocolError, Request
from core_backends.lowlevel import in_memory_body

__all__ = ["may_replay"]

IDEMPOTENT = frozenset((b"GET", b"HEAD", b"OPTIONS", b"TRACE", b"PUT", b"DELETE"))


def may_replay(request: Request, connection: Any, failure: BaseException, *, reused: bool) -> bool:
    """Whether `request`, for which `connection` raised `failure`, may be sent once more, on a new connection.

    `reused` is whether the connection had completed an exchange before. That it ended before one byte of a response
    came is said by the failure's `closed_before_response`; where that says nothing (None), by the connection's.
    """
    return (
        reused
        and isinstance(failure, (NetworkError, RemoteProtocolError))
        and _closed_before_response(failure, connection)
        and request.method in IDEMPOTENT
        and in_memory_body(request.stream) is not None
    )


def _closed_before_response(failure: BaseException, connection: Any) -> bool:
    # Requests that share a connection fail each in its own way, so its property would be about any of them.
    told = getattr(failure, "closed_before_response", None)
    return bool(getattr(connection, "closed_before_response", False) if told is None else told)
