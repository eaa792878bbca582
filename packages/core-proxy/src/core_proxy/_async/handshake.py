"""The stream that a handshake with a proxy is done on: it ends with the handshake's deadline.

What a handshake reads and writes ends with its deadline, whatever timeouts the layer in between asks for: a proxy that
sends a byte now and then gains no time.
"""

from __future__ import annotations

import ssl
from typing import Any, Optional, Sequence

from core_backends import AsyncNetworkStream, ReadTimeout, WriteTimeout
from core_backends.lowlevel import Deadline, abandon, async_start_tls

__all__ = ["AsyncHandshakeStream"]


class AsyncHandshakeStream(AsyncNetworkStream):
    """`stream` under `deadline`, which may be changed; `ended` is True once the peer has hung up."""

    accepts_alpn_protocols = True

    def __init__(self, stream: AsyncNetworkStream, deadline: Deadline) -> None:
        self.stream = stream
        self.deadline = deadline
        self.ended = False

    async def read(self, max_bytes: int, timeout: Optional[float] = None) -> bytes:
        if self.deadline.expired():
            raise ReadTimeout("The connect timeout passed.")
        data = await self.stream.read(max_bytes, timeout=self._limited(timeout))
        if not data:
            self.ended = True
        return data

    async def write(self, buffer: bytes, timeout: Optional[float] = None) -> None:
        if self.deadline.expired():
            raise WriteTimeout("The connect timeout passed.")
        await self.stream.write(buffer, timeout=self._limited(timeout))

    async def aclose(self) -> None:
        await self.stream.aclose()

    def abort(self) -> None:
        """Close the stream at once, without waiting for anyone."""
        abandon(self.stream)

    async def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: Optional[str] = None,
        timeout: Optional[float] = None,
        alpn_protocols: Optional[Sequence[str]] = None,
    ) -> AsyncNetworkStream:
        limit = self._limited(timeout)
        return await async_start_tls(self.stream, ssl_context, server_hostname, limit, alpn_protocols)

    def get_extra_info(self, info: str) -> Any:
        return self.stream.get_extra_info(info)

    def _limited(self, timeout: Optional[float]) -> Optional[float]:
        remaining = self.deadline.remaining()
        if remaining is None or (timeout is not None and timeout < remaining):
            return timeout
        return remaining
