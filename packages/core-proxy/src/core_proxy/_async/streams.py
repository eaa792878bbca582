"""Streams around a proxy's connection: one that ends with a handshake's deadline, one that gives back early bytes.

Rules that hold here:

* What a handshake reads and writes ends with its deadline, whatever timeouts the layer in between asks for: a proxy
  that sends a byte now and then gains no time.
* Bytes that came behind the proxy's answer are the origin's first, and are read first.
"""

from __future__ import annotations

import ssl
from typing import Any, Optional, Sequence

from core_backends import AsyncNetworkStream, ConnectError, ReadTimeout, WriteTimeout
from core_backends.lowlevel import Deadline, abandon, async_start_tls

__all__ = ["AsyncHandshakeStream", "AsyncLeadingStream"]


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


class AsyncLeadingStream(AsyncNetworkStream):
    """`stream`, from which `leading` is read first."""

    accepts_alpn_protocols = True

    def __init__(self, leading: bytes, stream: AsyncNetworkStream) -> None:
        self._leading = leading
        self._stream = stream

    async def read(self, max_bytes: int, timeout: Optional[float] = None) -> bytes:
        if self._leading:
            data, self._leading = self._leading[:max_bytes], self._leading[max_bytes:]
            return data
        return await self._stream.read(max_bytes, timeout=timeout)

    async def write(self, buffer: bytes, timeout: Optional[float] = None) -> None:
        await self._stream.write(buffer, timeout=timeout)

    async def aclose(self) -> None:
        self._leading = b""
        await self._stream.aclose()

    def abort(self) -> None:
        """Close the stream at once, without waiting for anyone."""
        self._leading = b""
        abandon(self._stream)

    async def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: Optional[str] = None,
        timeout: Optional[float] = None,
        alpn_protocols: Optional[Sequence[str]] = None,
    ) -> AsyncNetworkStream:
        if self._leading:
            # In TLS the client speaks first (RFC 8446 § 4.1.2): what is here already belongs to something else.
            self.abort()
            raise ConnectError("Bytes arrived before the TLS handshake had begun.")
        return await async_start_tls(self._stream, ssl_context, server_hostname, timeout, alpn_protocols)

    def get_extra_info(self, info: str) -> Any:
        if info == "is_readable" and self._leading:
            return True
        return self._stream.get_extra_info(info)
