"""A server that plays one case of the HTTP/1.1 corpus, and behaves from then on.

The first connection answers its first request with the case, in pieces as they are given, and any further request with
`GOOD`; so does every later connection. Each write is a request. Nothing here waits, and both sides share it.
"""

from __future__ import annotations

from typing import Optional, Sequence

import httpcore

from .h1_case import H1Case
from .line import Line

__all__ = ["GOOD", "GOOD_BODY", "ResponseLine"]

GOOD_BODY = b"the answer to the second request"
GOOD = b"HTTP/1.1 200 OK\r\nContent-Length: 32\r\n\r\n" + GOOD_BODY


class ResponseLine(Line):
    """What one connection's server has on its way: `case`, or None for one that behaves."""

    def __init__(self, case: Optional[H1Case] = None, pieces: Sequence[bytes] = ()) -> None:
        super().__init__()
        self._case = case
        self._first = list(pieces)
        self.requests = 0

    def write(self, buffer: bytes) -> None:
        if self.closed:
            raise httpcore.WriteError("closed")
        self.requests += 1
        if self.requests == 1 and self._case is not None:
            self._waiting += self._first
            self._endless = self._case.endless
        else:
            self._waiting.append(GOOD)
