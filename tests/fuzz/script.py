"""A network whose first connection says what a fuzzer made up, and whose later ones answer well."""

from __future__ import annotations

import ssl
from typing import Any, Callable, List, Optional, Sequence

import httpcore

__all__ = ["DOCUMENTED", "GOOD", "GOOD_BODY", "ScriptedBackend", "ScriptedStream"]

DOCUMENTED = (
    httpcore.TimeoutException,
    httpcore.NetworkError,
    httpcore.ProtocolError,
    httpcore.ProxyError,
    httpcore.ConnectionNotAvailable,
)
GOOD_BODY = b"a good answer"
GOOD = b"HTTP/1.1 200 OK\r\nContent-Length: 13\r\n\r\n" + GOOD_BODY


class ScriptedStream(httpcore.NetworkStream):
    """Says `pieces`; once they are read, what `answer` makes of each write, and then that the stream has ended."""

    def __init__(self, pieces: Sequence[bytes], answer: Callable[[bytes], bytes]) -> None:
        self._pieces = list(pieces)
        self._answer = answer
        self.scripted = bool(self._pieces)
        self.closed = False
        self.written = 0
        self.reads = 0

    def read(self, max_bytes: int, timeout: Optional[float] = None) -> bytes:
        if self.closed:
            raise httpcore.ReadError("closed")
        self.reads += 1
        if not self._pieces:
            return b""
        data = self._pieces.pop(0)
        if len(data) > max_bytes:
            self._pieces.insert(0, data[max_bytes:])
        return data[:max_bytes]

    def write(self, buffer: bytes, timeout: Optional[float] = None) -> None:
        if self.closed:
            raise httpcore.WriteError("closed")
        self.written += len(buffer)
        if self.scripted:
            # The script has been waiting for something to be asked.
            self.scripted = False
            return
        answer = self._answer(bytes(buffer))
        if answer:
            self._pieces.append(answer)

    def close(self) -> None:
        self.closed = True

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: Optional[str] = None, timeout: Optional[float] = None
    ) -> httpcore.NetworkStream:
        return self

    def get_extra_info(self, info: str) -> Any:
        return bool(self._pieces or self.closed) if info == "is_readable" else None


class ScriptedBackend(httpcore.NetworkBackend):
    def __init__(self, pieces: Sequence[bytes], answer: Callable[[bytes], bytes] = lambda data: GOOD) -> None:
        self._pieces = pieces
        self._answer = answer
        self.streams: List[ScriptedStream] = []

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: Optional[float] = None,
        local_address: Optional[str] = None,
        socket_options: Any = None,
    ) -> httpcore.NetworkStream:
        stream = ScriptedStream([] if self.streams else self._pieces, self._answer)
        self.streams.append(stream)
        return stream

    def sleep(self, seconds: float) -> None:
        raise AssertionError("Nothing is to be tried again after a pause.")
