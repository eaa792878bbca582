"""A server that plays one case of a corpus, and behaves from then on: what is the same for both protocols.

Nothing here waits, and both sides share it.
"""

from __future__ import annotations

from typing import Any, Callable, List, Optional

import httpcore

__all__ = ["AsyncLineBackend", "Line", "LineBackend"]


class Line:
    """What one connection's server has on its way."""

    def __init__(self) -> None:
        self._waiting: List[bytes] = []
        self._endless = b""
        self.delivered = 0
        self.closed = False

    def write(self, buffer: bytes) -> None:
        """Take what the client sends."""
        raise NotImplementedError

    def read(self, max_bytes: int) -> bytes:
        if self.closed:
            raise httpcore.ReadError("closed")
        if not self._waiting and self._endless:
            self._waiting.append(self._endless * (1 + max_bytes // len(self._endless)))
        if not self._waiting:
            return self._nothing_left()
        piece = self._waiting.pop(0)
        if len(piece) > max_bytes:
            self._waiting.insert(0, piece[max_bytes:])
            piece = piece[:max_bytes]
        self.delivered += len(piece)
        return piece

    def _nothing_left(self) -> bytes:
        return b""

    def info(self, name: str) -> Any:
        return self._is_readable() if name == "is_readable" else None

    def _is_readable(self) -> bool:
        return bool(self._waiting or self._endless or self.closed)


class LineBackend(httpcore.NetworkBackend):
    """Connects to `first`, and after that to what `later` makes."""

    def __init__(self, first: Line, later: Callable[[], Line]) -> None:
        self._new = [first]
        self._later = later
        self.lines: List[Any] = []

    def next_line(self) -> Line:
        line = self._new.pop() if self._new else self._later()
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

    def __init__(self, first: Line, later: Callable[[], Line]) -> None:
        self._inner = LineBackend(first, later)

    @property
    def lines(self) -> List[Any]:
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
