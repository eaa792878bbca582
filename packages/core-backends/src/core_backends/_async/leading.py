"""A stream of which some bytes have been read already: those that came behind a response that switched protocols, or
behind a proxy's last word.
"""

from __future__ import annotations

import ssl
from typing import Any, Awaitable, Callable, Optional, Sequence

from .._abandon import abandon
from .._backend import AsyncNetworkStream
from .._exceptions import ConnectError
from .._tls import async_start_tls

__all__ = ["AsyncLeadingStream"]


class AsyncLeadingStream(AsyncNetworkStream):
    """`stream`, with the bytes `leading` to be read before what it has."""

    def __init__(self, stream: AsyncNetworkStream, leading: bytes) -> None:
        self._stream = stream
        self._leading = leading
        self.accepts_alpn_protocols: bool = bool(getattr(stream, "accepts_alpn_protocols", False))

    async def read(self, max_bytes: int, timeout: Optional[float] = None) -> bytes:
        if self._leading:
            data, self._leading = self._leading[:max_bytes], self._leading[max_bytes:]
            return data
        return await self._stream.read(max_bytes, timeout)

    async def write(self, buffer: bytes, timeout: Optional[float] = None) -> None:
        await self._stream.write(buffer, timeout)

    @property
    def write_some(self) -> Callable[..., Awaitable[int]]:
        """`write_some(buffer, timeout)`, where `stream` has it."""
        function: Callable[..., Awaitable[int]] = getattr(self._stream, "write_some")  # noqa: B009
        return function

    @property
    def write_some_unless_readable(self) -> Callable[..., Awaitable[int]]:
        """`write_some_unless_readable(buffer, timeout)`, where `stream` has it."""
        getattr(self._stream, "write_some_unless_readable")  # noqa: B009
        return self._write_some_unless_readable

    async def _write_some_unless_readable(self, buffer: bytes, timeout: Optional[float] = None) -> int:
        if self._leading:
            return 0
        stream: Any = self._stream
        written: int = await stream.write_some_unless_readable(buffer, timeout)
        return written

    @property
    def write_some_nowait(self) -> Callable[[bytes], int]:
        """`write_some_nowait(buffer)`, where `stream` has it."""
        function: Callable[[bytes], int] = getattr(self._stream, "write_some_nowait")  # noqa: B009
        return function

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
        *,
        alpn_protocols: Optional[Sequence[str]] = None,
    ) -> AsyncNetworkStream:
        """Return a stream that carries TLS on this one, offering `alpn_protocols` (None: what the context offers).

        In TLS the client speaks first (RFC 8446 § 4.1.2): bytes that are here already were not secured by it, and
        taking them for a part of it is how plain text is smuggled in. They are a `ConnectError`, and the stream is
        closed.
        """
        if self._leading:
            count = len(self._leading)
            self.abort()
            raise ConnectError(f"The peer sent {count} bytes before the TLS handshake; they cannot be part of it.")
        return await async_start_tls(self._stream, ssl_context, server_hostname, timeout, alpn_protocols)

    def get_extra_info(self, info: str) -> Any:
        if info == "is_readable" and self._leading:
            return True
        return self._stream.get_extra_info(info)
