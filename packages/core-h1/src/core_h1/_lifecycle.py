"""The life of an HTTP/1.1 connection: who may use it, and for how long. No I/O, for sync and async alike.

    NEW -> ACTIVE <-> IDLE, and CLOSED from anywhere, for good

Rules that hold here:

* Taking the connection for a request is one step under a lock: of two that try, one gets it (RFC 9112 § 9.3.2 would
  allow pipelining; it is not done).
* Nothing waits while the lock is held, and nothing is called that could.
* Closing takes no lock, for finalisers close: it sets a mark that nothing unsets.
"""

from __future__ import annotations

import enum
import threading
import time
from typing import List, Optional, Tuple

from ._keepalive import keep_alive_hint

__all__ = ["Lifecycle", "State"]


class State(enum.Enum):
    NEW = "NEW"
    ACTIVE = "ACTIVE"
    IDLE = "IDLE"
    CLOSED = "CLOSED"


class Lifecycle:
    """The state of one connection. `keepalive_expiry` is the seconds it may idle, None for as long as it likes."""

    __slots__ = (
        "_closed",
        "_expire_at",
        "_keepalive_expiry",
        "_lock",
        "_open_state",
        "_requests_left",
        "request_count",
    )

    def __init__(self, keepalive_expiry: Optional[float]) -> None:
        self._open_state = State.NEW
        self._closed = False
        self.request_count = 0
        self._lock = threading.Lock()
        self._keepalive_expiry = keepalive_expiry
        self._expire_at: Optional[float] = None
        self._requests_left: Optional[int] = None

    @property
    def state(self) -> State:
        return State.CLOSED if self._closed else self._open_state

    def take(self) -> bool:
        """Begin a request; False where the connection is busy or closed."""
        with self._lock:
            if self._closed or self._open_state is State.ACTIVE:
                return False
            self._open_state = State.ACTIVE
            self.request_count += 1
            return True

    def give_back(self, reusable: bool, headers: List[Tuple[bytes, bytes]]) -> bool:
        """End a request whose response had `headers`; False where that was the last: the stream is to be closed."""
        idle, requests = keep_alive_hint(headers)
        if requests is not None:
            self._requests_left = requests
        elif self._requests_left is not None:
            self._requests_left -= 1
        if self._requests_left is not None and self._requests_left <= 0:
            reusable = False
        limit = self._keepalive_expiry
        if idle is not None and (limit is None or idle < limit):
            limit = idle
        if not reusable:
            self._closed = True
        with self._lock:
            self._expire_at = None if limit is None else time.monotonic() + limit
            self._open_state = State.IDLE
        return not self._closed

    def close(self) -> None:
        """Close for good."""
        self._closed = True

    def expired(self) -> bool:
        """Whether the connection has been idle for longer than it may."""
        expire_at = self._expire_at  # read once: another thread may take the connection, and give it back, meanwhile
        return expire_at is not None and self.state is State.IDLE and time.monotonic() >= expire_at
