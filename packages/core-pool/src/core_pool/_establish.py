"""How a connection is established: what is offered, what was agreed on, and when to try again. No I/O.

What is *offered* by ALPN is what the caller allows; what is *spoken* is what the stream reports, whether or not it
was offered.
"""

from __future__ import annotations

from typing import Any, Iterator, List, Mapping, Optional

from core_backends import Origin

__all__ = ["alpn_offer", "may_multiplex", "pauses", "protocol_of", "server_name"]


def alpn_offer(http1: bool, http2: bool) -> List[str]:
    """Return the ALPN ids to offer, the preferred one first (RFC 7301 § 3.1)."""
    return [name for name, offered in (("h2", http2), ("http/1.1", http1)) if offered]


def protocol_of(ssl_object: Any, http1: bool, http2: bool) -> str:
    """Return the ALPN id of the protocol to speak on a stream; `ssl_object` is None without TLS.

    Where nothing was agreed on, HTTP/2 is spoken by prior knowledge only: when it is all that is allowed (RFC 9113 §
    3.3).
    """
    agreed = None if ssl_object is None else ssl_object.selected_alpn_protocol()
    if agreed == "h2" or (http2 and not http1):
        return "h2"
    return "http/1.1"


def may_multiplex(secure: bool, http1: bool, http2: bool) -> bool:
    """Whether a connection that is yet to be established may turn out to serve several requests at a time."""
    return http2 and (secure or not http1)


def pauses(retries: int) -> Iterator[float]:
    """Yield the seconds to wait before each further attempt: 0, 0.5, 1, 2, 4 … `retries` times."""
    made = 0
    # A number of any kind will do, infinity too, and none is asked of it before an attempt has failed.
    while made < retries:
        yield 0.5 * 2 ** (made - 1) if made else 0.0
        made += 1


def server_name(origin: Origin, extensions: Mapping[str, Any]) -> Optional[str]:
    """Return the name that TLS asks for and verifies: `extensions["sni_hostname"]`, else the origin's host."""
    name = extensions.get("sni_hostname") or origin.host
    return name.decode("ascii") if isinstance(name, bytes) else str(name)
