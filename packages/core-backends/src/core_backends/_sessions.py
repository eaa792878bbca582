"""TLS sessions to resume: what one connection leaves behind, for a later one to the same server to begin with.

Rules that hold here:

* A resumed handshake shows no certificate, so none is verified (RFC 8446 § 2.2). A session is offered only where
  everything is as it was when its certificate was: the origin, the name that is asked for and verified, the context
  itself, what that verifies, and the ALPN offer.
* Each resumption may bring a new session, and so might go on for ever. `TRUST` seconds after certificates were verified
  it ends, and they are verified again (RFC 8446 § 4.6.1 recommends such a limit).
* A session is offered once: who sees a ticket twice knows that both came from the same client (RFC 8446 § C.4). As many
  connections as have left one can resume at a time, so those that replace a crowd of lost ones all do.
* A session is not offered past the lifetime that the server or OpenSSL gave it, and after a handshake that failed none
  of that server's is: nobody is locked out by what a server said once.
* In TLS 1.3 tickets come behind the handshake (RFC 8446 § 4.6.1), with the first bytes that are read. So whoever uses
  the connection says when these have come, by `keep`.
* After a fork the child begins with none: the parent's are the parent's to offer, once.
"""

from __future__ import annotations

import os
import ssl
import threading
import time
from collections import OrderedDict
from typing import Any, Hashable, List, Optional, Sequence

from ._url import Origin

__all__ = ["TLSResumption", "TLSSessions"]

# Seconds for which certificates that were verified once are trusted without being seen again.
TRUST = 3600.0

_clock = time.monotonic

# One lock for all, held for the moment in which one is taken or put: new in each child of a fork, in which the thread
# that holds it does not exist.
_lock = threading.Lock()
_generation = 0


if hasattr(os, "register_at_fork"):

    def _forked() -> None:
        global _lock, _generation
        _lock = threading.Lock()
        _generation += 1

    os.register_at_fork(after_in_child=_forked)


class _Session:
    """A session, the moment from which on it is not offered, and that at which trust in its certificate ends."""

    __slots__ = ("session", "trusted_until", "until")

    def __init__(self, session: ssl.SSLSession, until: float, trusted_until: float) -> None:
        self.session = session
        self.until = until
        self.trusted_until = trusted_until


class TLSSessions:
    """The sessions that connections have left, for later ones to resume.

    At most `capacity` are kept, of some seven kilobytes each; beyond that, those go first that have been left by the
    server that was connected to the longest time ago. Safe to use from several threads and event loops. What shares one
    of these can be told by a server to be the same client, so a pool has its own.
    """

    def __init__(self, capacity: int = 512) -> None:
        self._capacity = capacity
        self._kept: OrderedDict[Hashable, List[_Session]] = OrderedDict()
        self._count = 0
        self._generation = _generation

    def resumption(
        self,
        origin: Origin,
        ssl_context: ssl.SSLContext,
        server_hostname: Optional[str],
        alpn_protocols: Optional[Sequence[str]],
    ) -> TLSResumption:
        """Return what a new connection takes part with.

        `origin` is who is connected to; `ssl_context`, `server_hostname` and `alpn_protocols` are what `start_tls` is
        to be called with.
        """
        offer = None if alpn_protocols is None else tuple(alpn_protocols)
        return TLSResumption(self, ssl_context, (origin, server_hostname, offer))

    def clear(self) -> None:
        """Forget all sessions."""
        with _lock:
            self._kept, self._count = OrderedDict(), 0

    def __len__(self) -> int:
        return self._count

    def _take(self, key: Hashable) -> Optional[_Session]:
        """Return the newest session for `key` that may still be offered, as nobody else's."""
        now = _clock()
        with _lock:
            self._leave_to_the_parent()
            kept = self._kept.get(key)
            while kept:
                session = kept.pop()
                self._count -= 1
                if not kept:
                    del self._kept[key]
                if now < session.until:
                    return session
        return None

    def _put(self, key: Hashable, session: _Session) -> None:
        with _lock:
            self._leave_to_the_parent()
            self._kept.setdefault(key, []).append(session)
            self._kept.move_to_end(key)
            self._count += 1
            while self._count > self._capacity:
                oldest, kept = next(iter(self._kept.items()))
                del kept[0]
                self._count -= 1
                if not kept:
                    del self._kept[oldest]

    def _forget(self, key: Hashable) -> None:
        with _lock:
            self._leave_to_the_parent()
            self._count -= len(self._kept.pop(key, ()))

    def _leave_to_the_parent(self) -> None:
        if self._generation != _generation:
            # Perhaps another thread of the parent was in the middle of changing it.
            self._kept, self._count = OrderedDict(), 0
            self._generation = _generation


class TLSResumption:
    """One connection's part: the session that it offers, and the one that it leaves.

    Made by `TLSSessions.resumption`, where they are from and go to: `sessions`. `context` is what the handshake is made
    with, `server` whatever else has to be the same for a session to be resumed.
    """

    __slots__ = ("_context", "_key", "_offered", "_secured", "_server", "_sessions")

    def __init__(self, sessions: TLSSessions, context: ssl.SSLContext, server: Hashable) -> None:
        self._sessions = sessions
        self._context = context
        self._server = server
        self._key: Hashable = None
        self._offered: Optional[_Session] = None
        # The stream whose session is to be kept: a list, of whose items each comes out once, whoever asks.
        self._secured: List[Any] = []

    def offer(self) -> Optional[ssl.SSLSession]:
        """Return the session to offer in the handshake that begins now, as nobody else's; None where there is none."""
        self._key = self._key_now()
        self._offered = self._sessions._take(self._key)
        return None if self._offered is None else self._offered.session

    def _key_now(self) -> Hashable:
        # The certificates that a context trusts and shows cannot be read.
        context = self._context
        return (self._server, context, context.verify_mode, context.check_hostname, context.verify_flags)

    def secured(self, stream: Any) -> None:
        """Note that the handshake has made `stream`, whose session `keep` will ask it for."""
        # A context that was changed meanwhile leaves open what was verified.
        if self._key_now() == self._key:
            self._secured = [stream]

    def failed(self) -> None:
        """Forget the server's sessions after a handshake that has failed with one of them."""
        if self._offered is not None:
            self._sessions._forget(self._key)

    def keep(self) -> None:
        """Keep the session that the server has given for a later connection; what is said again means nothing.

        To be called once the first bytes have been read.
        """
        try:
            stream = self._secured.pop()
        except IndexError:
            return
        session = stream.get_extra_info("tls_session")
        ssl_object = stream.get_extra_info("ssl_object")
        if session is None or ssl_object is None:
            return
        offered, self._offered = self._offered, None
        one_use = ssl_object.version() == "TLSv1.3"
        if one_use and (not session.has_ticket or (offered is not None and session.id == offered.session.id)):
            return  # The server has given none, or no other than the one that has been used up.
        if not session.has_ticket and not session.id:
            return
        now = _clock()
        trusted_until = now + TRUST
        if offered is not None and ssl_object.session_reused:
            trusted_until = offered.trusted_until
        until = min(trusted_until, now + _seconds_left(session, zero_is_a_lifetime=one_use))
        if now < until:
            self._sessions._put(self._key, _Session(session, until, trusted_until))


def _seconds_left(session: Any, *, zero_is_a_lifetime: bool) -> float:
    """Return for how long `session` can be offered yet; before TLS 1.3 a ticket's lifetime of 0 says nothing (RFC 5077
    § 3.3).
    """
    lifetime = float(session.timeout)
    if session.has_ticket and (zero_is_a_lifetime or session.ticket_lifetime_hint):
        lifetime = min(lifetime, float(session.ticket_lifetime_hint))
    age: float = max(0.0, time.time() - session.time)
    return lifetime - age
