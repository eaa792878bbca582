"""CONNECT without I/O: the request to send and what the proxy's answer means (RFC 9110 § 9.3.6, RFC 9112 § 3.2.3).

Rules that hold here:

* The request-target is the origin's authority and nothing else; the target of the caller's request never touches it.
* A 2xx is consent. Everything else is a refusal, which carries what the proxy answered, bounded.
* A refusal's text is status and reason. No text repeats what was sent.
"""

from __future__ import annotations

import inspect
import time
from typing import Any, Dict, List, Mapping, Optional, Tuple

from core_backends import URL, Origin, ProxyError, Request, Response
from core_backends.lowlevel import authority, enforce_headers

from ._guards import checked_headers, checked_host, checked_port

__all__ = [
    "MAX_REFUSAL_BYTES",
    "MAX_ROUNDS",
    "REFUSAL_SECONDS",
    "challenge_answer",
    "connect_request",
    "handshake_extensions",
    "merged_headers",
    "refusal",
    "refused_response",
]

HeaderPairs = List[Tuple[bytes, bytes]]

# The body of a refusal is kept up to this many bytes, and waited for this long, where the deadline does not end sooner:
# it explains a refusal that is known already.
MAX_REFUSAL_BYTES = 64 * 1024
REFUSAL_SECONDS = 5.0

# CONNECT requests for one tunnel, the first one included. The longest handshakes in use (NTLM, Kerberos with mutual
# authentication) take three, and a stale nonce one more (RFC 7616 § 3.3).
MAX_ROUNDS = 5


def merged_headers(first: HeaderPairs, last: HeaderPairs) -> HeaderPairs:
    """Return `first` without what stands in `last` too, by name, and then `last`."""
    overridden = {name.lower() for name, _ in last}
    return [header for header in first if header[0].lower() not in overridden] + last


def connect_request(proxy: Origin, origin: Origin, headers: HeaderPairs, extensions: Dict[str, Any]) -> Request:
    """Return the request that asks `proxy` for a tunnel to `origin`; `headers` win over `Host` and `Accept`."""
    target = authority(checked_host(origin), checked_port(origin))
    return Request(
        b"CONNECT",
        URL(scheme=proxy.scheme, host=proxy.host, port=proxy.port, target=target),
        headers=merged_headers([(b"Host", target), (b"Accept", b"*/*")], headers),
        extensions=extensions,
    )


def handshake_extensions(extensions: Mapping[str, Any], remaining: Optional[float]) -> Dict[str, Any]:
    """Return the context for what a connector does on its way to a proxy, `remaining` seconds being left for it.

    The request's target and server name belong to the origin alone; timeouts of later phases start later.
    """
    inner = {key: value for key, value in extensions.items() if key not in ("deadline", "sni_hostname", "target")}
    inner["timeout"] = {"connect": remaining, "read": remaining, "write": remaining, "pool": remaining}
    if remaining is not None:
        inner["deadline"] = time.monotonic() + remaining
    return inner


def refused_response(response: Response, body: bytes) -> Response:
    """Return the proxy's answer as values: no stream of the proxy's connection is left in it."""
    kept = {key: value for key, value in response.extensions.items() if key in ("http_version", "reason_phrase")}
    refused = Response(response.status, headers=response.headers, content=body, extensions=kept)
    refused.read()
    return refused


def refusal(response: Response) -> ProxyError:
    """Return the error for an answer that is not consent: `403 Permission Denied`, with the answer as `response`."""
    reason = response.extensions.get("reason_phrase", b"").decode("ascii", "backslashreplace")
    error = ProxyError(f"{response.status} {reason}".rstrip())
    error.response = response
    return error


def challenge_answer(answer: Any) -> Optional[HeaderPairs]:
    """Return the headers with which a challenge is answered; None when it is not to be."""
    if answer is None:
        return None
    if inspect.isawaitable(answer):
        if inspect.iscoroutine(answer):
            answer.close()
        raise TypeError("The 'on_challenge' hook of a synchronous connector must be a plain function, not async.")
    headers = enforce_headers(answer, name="headers")
    checked_headers(headers)
    return headers
