"""What remains of a connection after a switch of protocols: its stream, and the bytes that came with the response."""

from __future__ import annotations

import ssl
from typing import Any, Optional, Sequence

from core_backends import AsyncNetworkStream, ConnectError
from core_backends.lowlevel import abandon, async_start_tls

__all__ = ["AsyncHTTP11UpgradeStream"]


class AsyncHTTP11UpgradeStream(AsyncNetworkStream):
    """`stream`, with `leading_data` to be read first."""

    def __init__(self, stream: AsyncNetworkStream, leading_data: bytes) -> None:
        self._stream = stream
        self._leading_data = leading_data
        self.accepts_alpn_protocols = bool(getattr(stream, "accepts_alpn_protocols", False))

    async def read(self, max_bytes: int, timeout: Optional[float] = None) -> bytes:
        if self._leading_data:
            data = self._leading_data[:max_bytes]
            self._leading_data = self._leading_data[max_bytes:]
            return data
        return await self._stream.read(max_bytes, timeout)

    async def write(self, buffer: bytes, timeout: Optional[float] = None) -> None:
        await self._stream.write(buffer, timeout)

    async def aclose(self) -> None:
        self._leading_data = b""
        await self._stream.aclose()

    def abort(self) -> None:
        """Close the stream at once, without waiting for anyone."""
        self._leading_data = b""
        abandon(self._stream)

    async def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: Optional[str] = None,
        timeout: Optional[float] = None,
        alpn_protocols: Optional[Sequence[str]] = None,
    ) -> AsyncNetworkStream:
        """Return a stream that carries TLS on this one.

        In TLS the client speaks first: bytes that are here already were not secured by it, and taking them for a part
        of it is how plain text is smuggled in. They are a `ConnectError`, and the stream is closed.
        """
        if self._leading_data:
            count = len(self._leading_data)
            self.abort()
            raise ConnectError(f"The peer sent {count} bytes before the TLS handshake; they cannot be part of it.")
        return await async_start_tls(self._stream, ssl_context, server_hostname, timeout, alpn_protocols)

    def get_extra_info(self, info: str) -> Any:
        if info == "is_readable" and self._leading_data:
            return True
        return self._stream.get_extra_info(info)
