"""Connections for the plan: no network, a capacity, and a count of the questions they were asked."""

from __future__ import annotations

from typing import Any, Dict, Optional

__all__ = ["FakeConnection"]

# How a connection behaves: what it promises before it is established, and how many requests it serves then. `None`
# tells nothing but by `is_available()`.
PROMISES: Dict[str, Optional[int]] = {"single": 1, "multiplexing": 3, "promising": 100, "silent": None}
CAPACITIES = {"single": 1, "multiplexing": 3, "promising": 1, "silent": 1}


class FakeConnection:
    def __init__(self, key: Any, kind: str = "single") -> None:
        self.key = key
        self.kind = kind
        self.capacity = CAPACITIES[kind]
        self.established = False
        self.active = 0
        self.closed = False
        self.told_to_close = 0
        self.questions = 0

    def take(self) -> bool:
        """Begin a request; False where the connection does not take it."""
        if self.closed or self.active >= self.capacity:
            return False
        self.established = True
        self.active += 1
        return True

    @property
    def max_concurrent_requests(self) -> Optional[int]:
        self.questions += 1
        if not self.established:
            return PROMISES[self.kind]
        return None if self.kind == "silent" else self.capacity

    def is_available(self) -> bool:
        self.questions += 1
        if not self.established:
            return not self.closed and self.kind != "single"
        return not self.closed and self.active < self.capacity

    def is_idle(self) -> bool:
        self.questions += 1
        return self.established and not self.closed and not self.active

    def is_closed(self) -> bool:
        self.questions += 1
        return self.closed

    def __repr__(self) -> str:
        return f"<{self.kind} connection to {self.key}: {self.active} active{', closed' if self.closed else ''}>"
