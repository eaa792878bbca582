"""Forwarding without I/O: a request to an origin, rewritten for the proxy that is to make it (RFC 9112 § 3.2.2)."""

from __future__ import annotations

from typing import List, Tuple

from core_backends import URL, LocalProtocolError, Origin, Request
from core_backends.lowlevel import host_header

from ._connect import merged_headers
from ._guards import checked_host

__all__ = ["absolute_target", "forwarded_request"]


def absolute_target(url: URL) -> bytes:
    """Return the absolute form of `url`: the port where it is not the default, IPv6 literals in brackets.

    A target is a path, with or without a query, or `*`, which is the absence of a path (RFC 9112 § 3.2.4). Raises
    `LocalProtocolError` for any other one: put behind the authority it would name another host.
    """
    checked_host(url.origin)
    base = b"%b://%b" % (url.scheme, host_header(url.scheme, url.host, url.port))
    if url.target == b"*":
        return base
    if not url.target.startswith((b"/", b"?")):
        raise LocalProtocolError("A request that a proxy forwards must have a target that starts with '/', or '*'.")
    return base + url.target


def forwarded_request(request: Request, proxy: Origin, headers: List[Tuple[bytes, bytes]]) -> Request:
    """Return `request` as it is sent to `proxy`, with `headers` in front; the request's win on the same name.

    Its server name is left out: TLS on this connection is the proxy's.
    """
    target = absolute_target(request.url)
    extensions = {key: value for key, value in request.extensions.items() if key not in ("target", "sni_hostname")}
    return Request(
        request.method,
        URL(scheme=proxy.scheme, host=proxy.host, port=proxy.port, target=target),
        headers=merged_headers(headers, request.headers),
        content=request.stream,
        extensions=extensions,
    )
