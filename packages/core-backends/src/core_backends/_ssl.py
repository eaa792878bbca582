"""TLS contexts: the default one, and what a connection offers by ALPN without changing anybody's context.

Rules that hold here:

* The default context is made once per process and ALPN offer, and shared: building one reads hundreds of certificates.
* The ALPN list is a property of a context, Python can neither copy a context nor read that list, and an SSL object
  takes the list over when it is made. So for a context that belongs to the caller the offer is set, the object made,
  and the list put back, in one step under a lock: two pools that share a context each offer exactly what they allow,
  and whoever else uses it (a mail client, say) finds it as it was. What it was is read each time, which takes a tenth
  of a millisecond: its owner may have changed it since.
"""

from __future__ import annotations

import contextlib
import os
import ssl
import threading
from typing import Any, Dict, Iterator, List, Optional, Sequence, Tuple

__all__ = [
    "LARGE_RECORD",
    "READ_SIZE",
    "default_ssl_context",
    "is_unexpected_eof",
    "offering",
    "resumed",
    "session_of",
    "shared_ssl_context",
]

# A record from which on it is a body that is being read, and behind which more are likely to be.
LARGE_RECORD = 4096
# What a TLS stream reads at a time. Room for more is memory from the system for each record, most of it given back.
READ_SIZE = 65536

_EXTENSION_ALPN = 16

_lock = threading.RLock()
_shared: Dict[Tuple[str, ...], ssl.SSLContext] = {}


if hasattr(os, "register_at_fork"):

    def _forked() -> None:
        # Another thread of the parent may have held it: that one did not come along to give it back.
        global _lock
        _lock = threading.RLock()

    os.register_at_fork(after_in_child=_forked)


def default_ssl_context() -> ssl.SSLContext:
    """Return a new context that trusts the system's roots and certifi's, and verifies certificate and host name."""
    import certifi  # when it is needed: it takes longer to import than all of this package

    context = ssl.create_default_context()
    context.load_verify_locations(certifi.where())
    return context


def shared_ssl_context(alpn_protocols: Sequence[str] = ()) -> ssl.SSLContext:
    """Return the process's own default context that offers `alpn_protocols`, made when first asked for."""
    offer = tuple(alpn_protocols)
    with _lock:
        context = _shared.get(offer)
        if context is None:
            context = default_ssl_context()
            if offer:
                context.set_alpn_protocols(list(offer))
            _shared[offer] = context
        return context


def is_unexpected_eof(exc: ssl.SSLError) -> bool:
    """Whether the peer's stream ended without a close_notify; CPython below 3.10 has no class for it with OpenSSL 3."""
    return isinstance(exc, ssl.SSLEOFError) or getattr(exc, "reason", None) == "UNEXPECTED_EOF_WHILE_READING"


def resumed(session: Optional[ssl.SSLSession]) -> Dict[str, Any]:
    """Return the arguments that have an SSL object resume `session`; none for None, for contexts of a user's own make
    need not know of sessions.
    """
    return {} if session is None else {"session": session}


def session_of(ssl_object: Any) -> Optional[ssl.SSLSession]:
    """Return a copy of the session of an `SSLObject` or `SSLSocket`, None where there is none to be had.

    To be called by whoever may use the object now. The copy takes a tenth of a millisecond and more: OpenSSL writes the
    session out and reads it again, the certificate with it.
    """
    try:
        session: Optional[ssl.SSLSession] = ssl_object.session
        return session
    except (AttributeError, OSError, ValueError):
        # Another thread has closed the socket that moment, or it cannot be written out: the next handshake is a full
        # one.
        return None


@contextlib.contextmanager
def offering(context: ssl.SSLContext, alpn_protocols: Optional[Sequence[str]]) -> Iterator[None]:
    """Have SSL objects that are made from `context` inside the block offer `alpn_protocols`; None leaves it alone.

    Not to be held across I/O: it locks the making of SSL objects in the whole process.
    """
    if alpn_protocols is None:
        yield
        return
    offer = list(alpn_protocols)
    if _shared.get(tuple(offer)) is context:
        yield
        return
    with _lock:
        original = offered_by(context)
        if original == offer:
            yield
            return
        context.set_alpn_protocols(offer)
        try:
            yield
        finally:
            context.set_alpn_protocols(original)


def offered_by(context: ssl.SSLContext) -> List[str]:
    """Return what `context` offers by ALPN, read from the ClientHello that it writes (RFC 8446 § 4.1.2, RFC 7301)."""
    outgoing = ssl.MemoryBIO()
    name = "localhost" if context.check_hostname else None
    try:
        context.wrap_bio(ssl.MemoryBIO(), outgoing, server_hostname=name).do_handshake()
    except ssl.SSLError:
        # It waits for the server's answer now (or cannot start at all, and then has written nothing).
        pass
    return _alpn_in_client_hello(outgoing.read())


def _alpn_in_client_hello(record: bytes) -> List[str]:
    def vector(data: bytes, at: int, length_bytes: int) -> Tuple[bytes, int]:
        start = at + length_bytes
        end = start + int.from_bytes(data[at:start], "big")
        return data[start:end], end

    if len(record) < 44:
        return []
    at = 5 + 4 + 2 + 32  # record header, handshake header, legacy version, random
    for length_bytes in (1, 2, 1):  # session id, cipher suites, compression methods
        _, at = vector(record, at, length_bytes)
    extensions, _ = vector(record, at, 2)
    at = 0
    while at < len(extensions):
        kind = int.from_bytes(extensions[at : at + 2], "big")
        body, at = vector(extensions, at + 2, 2)
        if kind == _EXTENSION_ALPN:
            names, offers, position = vector(body, 0, 2)[0], [], 0
            while position < len(names):
                name, position = vector(names, position, 1)
                offers.append(name.decode("ascii", "replace"))
            return offers
    return []
