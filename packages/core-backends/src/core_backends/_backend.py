"""The contracts of the network: what a backend and a stream offer, for threads and for async.

Rules that hold here:

* These bases are what users subclass; a backend or stream with these methods only works wherever a built-in one does.
* Backends are called with keywords only.
* Timeouts are seconds; None is no limit, infinity the same, 0 only what is possible at once.
* A `read` that times out or is cancelled has consumed nothing; a `write` that does has written an unknown part.
* A stream may have `write_some(buffer, timeout)` and `write_some_nowait(buffer)` besides, which return how many bytes
  they have written; `testing.check_stream` says what is expected of them. HTTP/2 uses them where they are, so that a
  write that is cut short ends nobody else's request.
* It may have `write_some_unless_readable(buffer, timeout)` too, which does not wait while there is something to read.
  HTTP/1.1 sends bodies by it where it is, so that an answer to what has been sent so far ends the sending.
"""

from __future__ import annotations

import ssl
import time
from typing import Any, Iterable, Optional, Tuple, Union

__all__ = [
    "SOCKET_OPTION",
    "AsyncNetworkBackend",
    "AsyncNetworkStream",
    "NetworkBackend",
    "NetworkStream",
]

SOCKET_OPTION = Union[
    Tuple[int, int, int],
    Tuple[int, int, Union[bytes, bytearray]],
    Tuple[int, int, None, int],
]


class NetworkStream:
    """A connected byte stream."""

    def read(self, max_bytes: int, timeout: Optional[float] = None) -> bytes:
        """Return at least one and at most `max_bytes` bytes, b"" at the end of the stream.

        Raises `ReadTimeout` when nothing came within `timeout` seconds (None: wait without limit), `ReadError` when
        reading failed.
        """
        raise NotImplementedError()

    def write(self, buffer: bytes, timeout: Optional[float] = None) -> None:
        """Write all of `buffer`, any bytes-like object.

        Raises `WriteTimeout` when the peer took nothing for `timeout` seconds (None: wait without limit), `WriteError`
        when writing failed.
        """
        raise NotImplementedError()

    def close(self) -> None:
        """Close the stream, at once and once for all."""
        raise NotImplementedError()

    def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: Optional[str] = None,
        timeout: Optional[float] = None,
    ) -> NetworkStream:
        """Return a stream that carries TLS on this one, after a handshake of at most `timeout` seconds.

        None is no limit. `server_hostname` is the name to ask for and to check the certificate against; None asks for
        none, which `ssl_context` must allow. Raises `ConnectTimeout` or `ConnectError`; this stream is closed then.
        """
        raise NotImplementedError()

    def get_extra_info(self, info: str) -> Any:
        """Return what is known as `info`, or None.

        Names: `ssl_object`, `client_addr`, `server_addr`, `socket`, and `is_readable`: True when a read would
        return at once, with data or with the end of the stream.
        """
        return None


class NetworkBackend:
    """Connects streams, for threads."""

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: Optional[float] = None,
        local_address: Optional[str] = None,
        socket_options: Optional[Iterable[SOCKET_OPTION]] = None,
    ) -> NetworkStream:
        """Return a stream to `host:port`, resolved and connected within `timeout` seconds (None: no limit).

        `local_address` is the address to connect from (None: the system's choice), `socket_options` are arguments of
        `setsockopt`, set before connecting. Raises `ConnectTimeout` or `ConnectError`.
        """
        raise NotImplementedError()

    def connect_unix_socket(
        self,
        path: str,
        timeout: Optional[float] = None,
        socket_options: Optional[Iterable[SOCKET_OPTION]] = None,
    ) -> NetworkStream:
        """Return a stream to the unix socket at `path`, connected within `timeout` seconds (None: no limit).

        `socket_options` are arguments of `setsockopt`, set before connecting. Raises `ConnectTimeout` or
        `ConnectError`.
        """
        raise NotImplementedError()

    def sleep(self, seconds: float) -> None:
        """Pause for `seconds`."""
        time.sleep(seconds)


class AsyncNetworkStream:
    """A connected byte stream."""

    async def read(self, max_bytes: int, timeout: Optional[float] = None) -> bytes:
        """Return at least one and at most `max_bytes` bytes, b"" at the end of the stream.

        Raises `ReadTimeout` when nothing came within `timeout` seconds (None: wait without limit), `ReadError` when
        reading failed.
        """
        raise NotImplementedError()

    async def write(self, buffer: bytes, timeout: Optional[float] = None) -> None:
        """Write all of `buffer`, any bytes-like object.

        Raises `WriteTimeout` when the peer took nothing for `timeout` seconds (None: wait without limit), `WriteError`
        when writing failed.
        """
        raise NotImplementedError()

    async def aclose(self) -> None:
        """Close the stream, at once and once for all."""
        raise NotImplementedError()

    async def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: Optional[str] = None,
        timeout: Optional[float] = None,
    ) -> AsyncNetworkStream:
        """Return a stream that carries TLS on this one, after a handshake of at most `timeout` seconds.

        None is no limit. `server_hostname` is the name to ask for and to check the certificate against; None asks for
        none, which `ssl_context` must allow. Raises `ConnectTimeout` or `ConnectError`; this stream is closed then.
        """
        raise NotImplementedError()

    def get_extra_info(self, info: str) -> Any:
        """Return what is known as `info`, or None.

        Names: `ssl_object`, `client_addr`, `server_addr`, `socket`, and `is_readable`: True when a read would
        return at once, with data or with the end of the stream.
        """
        return None


class AsyncNetworkBackend:
    """Connects streams, for async."""

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: Optional[float] = None,
        local_address: Optional[str] = None,
        socket_options: Optional[Iterable[SOCKET_OPTION]] = None,
    ) -> AsyncNetworkStream:
        """Return a stream to `host:port`, resolved and connected within `timeout` seconds (None: no limit).

        `local_address` is the address to connect from (None: the system's choice), `socket_options` are arguments of
        `setsockopt`, set before connecting. Raises `ConnectTimeout` or `ConnectError`.
        """
        raise NotImplementedError()

    async def connect_unix_socket(
        self,
        path: str,
        timeout: Optional[float] = None,
        socket_options: Optional[Iterable[SOCKET_OPTION]] = None,
    ) -> AsyncNetworkStream:
        """Return a stream to the unix socket at `path`, connected within `timeout` seconds (None: no limit).

        `socket_options` are arguments of `setsockopt`, set before connecting. Raises `ConnectTimeout` or
        `ConnectError`.
        """
        raise NotImplementedError()

    async def sleep(self, seconds: float) -> None:
        """Pause for `seconds`."""
        raise NotImplementedError()
