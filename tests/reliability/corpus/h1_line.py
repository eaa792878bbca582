"""A server that plays one case of the HTTP/1.1 corpus, and behaves from then on.

The first connection answers its first request with the case, in pieces as they are given, and any further request with
`GOOD`; so does every later connection. Each write is a request. Nothing here waits, and both sides share it.
"""

from __future__ import annotations

from typing import Any, List, Optional, Sequence

import httpcore

from .h1_case import H1Case

__all__ = ["GOOD", "GOOD_BODY", "AsyncLineBackend", "Line", "LineBackend"]

GOOD_BODY = b"the answer to the second request"
GOOD = b"HTTP/1.1 200 OK\r\nContent-Length: 32\r\n\r\n" + GOOD_BODY


class Line:
    """What one connection's server has on its way."""

    def __init__(self, case: Optional[H1Case], pieces: Sequence[bytes] = ()) -> None:
        self._case = case
        self._first = list(pieces)
        self._waiting: List[bytes] = []
        self.requests = 0
        self.delivered = 0
        self.closed = False
        self._endless = b""

    def write(self, data: bytes) -> None:
        if self.closed:
            raise httpcore.WriteError("closed")
        self.requests += 1
        if self.requests == 1 and self._case is not None:
            self._waiting += self._first
            self._endless = self._case.endless
        else:
            self._waiting.append(GOOD)

    def read(self, max_bytes: int) -> bytes:
        if self.closed:
            raise httpcore.ReadError("closed")
        if not self._waiting and self._endless:
            self._waiting.append(self._endless * (1 + max_bytes // len(self._endless)))
        if not self._waiting:
            return b""
        data = self._waiting.pop(0)
        if len(data) > max_bytes:
            self._waiting.insert(0, data[max_bytes:])
            data = data[:max_bytes]
        self.delivered += len(data)
        return data

    def info(self, name: str) -> Any:
        return bool(self._waiting or self._endless or self.closed) if name == "is_readable" else None


class LineBackend(httpcore.NetworkBackend):
    """Connects to a line that plays `case`, and after that to lines that behave."""

    def __init__(self, case: H1Case, pieces: Sequence[bytes]) -> None:
        self._new = [Line(case, pieces)]
        self.lines: List[Line] = []

    def next_line(self) -> Line:
        line = self._new.pop() if self._new else Line(None)
        self.lines.append(line)
        return line

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: Optional[float] = None,
        local_address: Optional[str] = None,
        socket_options: Any = None,
    ) -> httpcore.NetworkStream:
        return LineStream(self.next_line())


class LineStream(httpcore.NetworkStream):
    def __init__(self, line: Line) -> None:
        self._line = line

    def read(self, max_bytes: int, timeout: Optional[float] = None) -> bytes:
        return self._line.read(max_bytes)

    def write(self, buffer: bytes, timeout: Optional[float] = None) -> None:
        self._line.write(buffer)

    def close(self) -> None:
        self._line.closed = True

    def get_extra_info(self, info: str) -> Any:
        return self._line.info(info)


class AsyncLineBackend(httpcore.AsyncNetworkBackend):
    """The same for async code."""

    def __init__(self, case: H1Case, pieces: Sequence[bytes]) -> None:
        self._inner = LineBackend(case, pieces)

    @property
    def lines(self) -> List[Line]:
        return self._inner.lines

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: Optional[float] = None,
        local_address: Optional[str] = None,
        socket_options: Any = None,
    ) -> httpcore.AsyncNetworkStream:
        return AsyncLineStream(self._inner.next_line())


class AsyncLineStream(httpcore.AsyncNetworkStream):
    def __init__(self, line: Line) -> None:
        self._line = line

    async def read(self, max_bytes: int, timeout: Optional[float] = None) -> bytes:
        return self._line.read(max_bytes)

    async def write(self, buffer: bytes, timeout: Optional[float] = None) -> None:
        self._line.write(buffer)

    async def aclose(self) -> None:
        self._line.closed = True

    def get_extra_info(self, info: str) -> Any:
        return self._line.info(info)
