"""The backend on anyio's streams, for asyncio and trio.

Under asyncio the native backend is faster and is the default; this one serves who wants anyio underneath, and wraps any
`anyio.abc.ByteStream`.

Rules that hold here:

* anyio's cancel scopes give the time limits; one is made for a call that has a limit, and for no other.
* What is written is handed over in pieces of one size, so the limit counts per piece that the peer took; a buffer that
  the caller may change is copied, since a transport may keep what it was given.
* Connections are made here, and handed to anyio then (see `_anyio_connect`).
* Where the event loop has been closed, or is that of a parent process, a stream that was connected here frees its
  descriptor without it.
* TLS is this project's own layer over memory, which tells the end of a session on an idle connection.
"""

from __future__ import annotations

import asyncio
import math
import os
import socket
import ssl
from typing import TYPE_CHECKING, Any, Iterable, Optional, Sequence

from ._abandon import abandon, abandon_descriptor
from ._anyio_connect import connect_tcp_stream, connect_unix_stream
from ._async.tls_layer import AsyncTLSLayerStream
from ._backend import SOCKET_OPTION, AsyncNetworkBackend, AsyncNetworkStream
from ._exceptions import ConnectError, ReadError, ReadTimeout, WriteError, WriteTimeout
from ._sockets import target_text, watch_readable

if TYPE_CHECKING:
    from anyio.abc import ByteStream

try:
    import anyio
    import anyio.abc
    import anyio.streams.tls
except ImportError:  # pragma: no cover - the backend says so when it is made
    anyio = None  # type: ignore[assignment]

__all__ = ["AnyIOBackend", "AnyIOStream"]

_WRITE_SIZE = 65536

# What is given to a read with a limit of 0, for data that anyio has taken from the socket already to come out.
_AT_ONCE = 0.001


class AnyIOStream(AsyncNetworkStream):
    """An anyio byte stream as a stream; `sock` is its socket where it was connected here."""

    accepts_alpn_protocols = True
    accepts_tls_session = True

    def __init__(self, stream: ByteStream, sock: Optional[socket.socket] = None) -> None:
        self._stream = stream
        self._closed = False
        self._process = os.getpid()
        self._loop = asyncio._get_running_loop()
        self._sock = sock

    async def read(self, max_bytes: int, timeout: Optional[float] = None) -> bytes:
        if self._closed:
            raise ReadError("The stream is closed.")
        try:
            if timeout is None or timeout == math.inf:
                return await self._stream.receive(max_bytes)
            limit: Optional[float] = timeout
            if timeout <= 0:
                limit = None if self._is_readable() else _AT_ONCE
            with anyio.move_on_after(limit):
                return await self._stream.receive(max_bytes)
        except anyio.EndOfStream:
            if self._closed:
                raise ReadError("The stream was closed while reading.") from None
            return b""
        except _failures() as exc:
            raise ReadError(self._reason(exc, "reading")) from exc
        raise ReadTimeout(f"No data arrived within {timeout} seconds.")

    async def write(self, buffer: bytes, timeout: Optional[float] = None) -> None:
        data: Any = buffer
        view = memoryview(data).cast("B")
        if not view:
            return
        if self._closed:
            raise WriteError("The stream is closed.")
        try:
            if type(data) is bytes and len(data) <= _WRITE_SIZE:
                await self._send(data, timeout)
                return
            for start in range(0, len(view), _WRITE_SIZE):
                await self._send(bytes(view[start : start + _WRITE_SIZE]), timeout)
        except _failures() as exc:
            raise WriteError(self._reason(exc, "writing")) from exc

    async def _send(self, data: bytes, timeout: Optional[float]) -> None:
        if timeout is None or timeout == math.inf:
            await self._stream.send(data)
            return
        with anyio.move_on_after(max(timeout, _AT_ONCE)):
            await self._stream.send(data)
            return
        raise WriteTimeout(f"The peer took no data within {timeout} seconds.")

    def _reason(self, exc: BaseException, doing: str) -> str:
        return f"The stream was closed while {doing}." if self._closed else _text(exc)

    async def aclose(self) -> None:
        self.abort()

    def abort(self) -> None:
        """Close the stream at once; for whoever waits inside, reading or writing fails."""
        if self._closed:
            return
        self._closed = True
        forked = os.getpid() != self._process
        if forked or (self._loop is not None and self._loop.is_closed()):
            if self._sock is not None:
                abandon_descriptor(self._sock, getattr(self._stream, "_transport", None))
                return
            if forked:
                return  # Loop, selector and connection are the parent's: the descriptor goes with the object.
        sock = self.get_extra_info("socket")
        if sock is not None:
            try:
                # Bytes that a transport still holds must not keep it open.
                sock.shutdown(socket.SHUT_RDWR)
            except (OSError, TypeError):
                pass  # Ended already; or a loop whose sockets cannot be shut down, and closing has to do.
        abandon(_Closing(self._stream))

    async def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: Optional[str] = None,
        timeout: Optional[float] = None,
        *,
        alpn_protocols: Optional[Sequence[str]] = None,
        session: Optional[ssl.SSLSession] = None,
    ) -> AsyncNetworkStream:
        """See `AsyncNetworkStream.start_tls`; `alpn_protocols` is the offer, None for what the context says, and
        `session` is one of an earlier connection on the same context to resume, None for none.
        """
        return await AsyncTLSLayerStream.handshake(self, ssl_context, server_hostname, timeout, alpn_protocols, session)

    def get_extra_info(self, info: str) -> Any:
        if info == "is_readable":
            return self._is_readable()
        if info == "ssl_object":
            return self._stream.extra(anyio.streams.tls.TLSAttribute.ssl_object, None)
        if info == "socket":
            return self._sock or self._stream.extra(anyio.abc.SocketAttribute.raw_socket, None)
        try:
            if info == "client_addr":
                return self._stream.extra(anyio.abc.SocketAttribute.local_address, None)
            if info == "server_addr":
                return self._stream.extra(anyio.abc.SocketAttribute.remote_address, None)
        except OSError:
            pass  # A socket that is closed, or has lost its peer, knows neither.
        return None

    def _is_readable(self) -> Any:
        if self._closed:
            return True
        sock = self.get_extra_info("socket")
        if sock is None:
            return None
        if sock.fileno() < 0:
            return True
        try:
            return bool(watch_readable(sock)(0))
        except (OSError, ValueError):
            return True


class _Closing:
    """An anyio stream without its `abort`, if it has one of that name: what is meant here is `aclose`."""

    def __init__(self, stream: ByteStream, sock: Optional[socket.socket] = None) -> None:
        self.aclose = stream.aclose


def _failures() -> Any:
    return (OSError, ValueError, anyio.BrokenResourceError, anyio.ClosedResourceError, anyio.BusyResourceError)


def _text(exc: BaseException) -> str:
    return str(exc) or str(exc.__cause__ or "") or type(exc).__name__


class AnyIOBackend(AsyncNetworkBackend):
    """Connects anyio's streams. Raises `RuntimeError` where anyio is not installed."""

    def __init__(self) -> None:
        if anyio is None:
            raise RuntimeError(
                "AnyIOBackend needs the package 'anyio', which is not installed: "
                "pip install 'httpcore[asyncio]' or pip install 'core-backends[asyncio]'."
            )

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: Optional[float] = None,
        local_address: Optional[str] = None,
        socket_options: Optional[Iterable[SOCKET_OPTION]] = None,
    ) -> AsyncNetworkStream:
        try:
            return AnyIOStream(*await connect_tcp_stream(host, port, timeout, local_address, socket_options))
        except _failures() as exc:
            raise ConnectError(f"Cannot connect to {target_text(host, port)}: {_text(exc)}") from exc

    async def connect_unix_socket(
        self,
        path: str,
        timeout: Optional[float] = None,
        socket_options: Optional[Iterable[SOCKET_OPTION]] = None,
    ) -> AsyncNetworkStream:
        try:
            return AnyIOStream(*await connect_unix_stream(path, timeout, socket_options))
        except _failures() as exc:
            raise ConnectError(f"Cannot connect to {path}: {_text(exc)}") from exc

    async def sleep(self, seconds: float) -> None:
        await anyio.sleep(seconds)


def _limit(timeout: Optional[float]) -> Optional[float]:
    return None if timeout == math.inf else timeout
