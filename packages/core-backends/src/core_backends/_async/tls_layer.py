"""TLS over any stream of bytes: inside another TLS connection, or on a stream of the user's own.

Rules that hold here:

* The SSL object works on memory only and is used under a lock, so nobody who waits for the network holds it.
* Records leave in the order in which the SSL object made them: whoever takes them out writes them, under one lock.
* A reader that has something to send (the answer to a key update, RFC 8446 § 4.6.3) does not wait for a writer: that
  one sends it.
* A write that did not finish leaves half a record behind, so nothing is written after it.
* The end of the stream without a close_notify is the end of the stream, b"": HTTP's own framing tells whether a message
  was cut short, and many servers never send the alert (RFC 8446 § 6.1, RFC 9112 § 9.8).
* Where the stream below has `read_nowait` and `write_nowait`, as ours do, `is_readable` tells data and the end of the
  session from a session ticket, and closing sends the alert as far as that is possible at once.
"""

from __future__ import annotations

import ssl
import threading
from typing import Any, Optional, Sequence

from .._abandon import abandon
from .._backend import AsyncNetworkStream
from .._deadline import Deadline
from .._exceptions import ConnectError, ConnectTimeout, ReadError, TimeoutException, WriteError, WriteTimeout
from .._ssl import is_unexpected_eof, offering
from .._synchronization import AsyncLock

__all__ = ["AsyncTLSLayerStream"]

_READ_SIZE = 65536
_WRITE_SIZE = 131072


class AsyncTLSLayerStream(AsyncNetworkStream):
    """TLS on `stream`, which `handshake` has made."""

    accepts_alpn_protocols = True

    def __init__(self, stream: AsyncNetworkStream) -> None:
        self._stream = stream
        # Whether the streams below can be asked without waiting, down to the socket.
        self.reads_at_once: bool = hasattr(stream, "read_nowait") and getattr(stream, "reads_at_once", True)
        self._incoming = ssl.MemoryBIO()
        self._outgoing = ssl.MemoryBIO()
        self._object: ssl.SSLObject
        self._lock = threading.Lock()
        self._sending = AsyncLock()
        self._closed = False
        self._ended = False
        self._broken = False
        # What `is_readable` had to take from the SSL object to tell data from a session ticket: the next read's.
        self._ahead: Optional[bytes] = None
        self._ahead_error: Optional[Exception] = None
        # True while a read waits for the stream below: what arrives is for that one, and for nobody who only asks.
        self._feeding = False

    @classmethod
    async def handshake(
        cls,
        stream: AsyncNetworkStream,
        ssl_context: ssl.SSLContext,
        server_hostname: Optional[str],
        timeout: Optional[float],
        alpn_protocols: Optional[Sequence[str]],
    ) -> AsyncTLSLayerStream:
        """Return TLS on `stream`; raises `ConnectTimeout` or `ConnectError`, with `stream` closed."""
        layer = cls(stream)
        try:
            if ssl_context.check_hostname and not server_hostname:
                # `wrap_bio` lets this pass, and then no name is verified at all.
                raise ValueError("the context verifies host names, and no server_hostname was given.")
            with offering(ssl_context, alpn_protocols):
                layer._object = ssl_context.wrap_bio(
                    layer._incoming, layer._outgoing, server_side=False, server_hostname=server_hostname
                )
            await layer._do_handshake(Deadline(timeout))
        except TimeoutException as exc:
            abandon(stream)
            raise ConnectTimeout(f"The TLS handshake took longer than {timeout} seconds.") from exc
        except (OSError, ValueError, TypeError, ReadError, WriteError) as exc:
            abandon(stream)
            peer = "the peer" if server_hostname is None else repr(server_hostname)
            raise ConnectError(f"TLS handshake with {peer} failed: {exc}") from exc
        except BaseException:
            abandon(stream)
            raise
        return layer

    async def _do_handshake(self, deadline: Deadline) -> None:
        while True:
            try:
                self._object.do_handshake()
            except ssl.SSLWantReadError:
                await self._flush(deadline.remaining())
                await self._feed(deadline.remaining())
            except ssl.SSLError:
                # The peer learns why from the alert, if it can be told.
                try:
                    await self._flush(deadline.remaining())
                except (TimeoutException, WriteError):
                    pass  # What failed is the handshake, not the telling.
                raise
            else:
                await self._flush(deadline.remaining())
                return

    async def read(self, max_bytes: int, timeout: Optional[float] = None) -> bytes:
        deadline: Optional[Deadline] = None
        try:
            while True:
                with self._lock:
                    data = self._received(max_bytes)
                if data == b"":
                    return data
                if self._outgoing.pending:
                    try:
                        await self._flush_unless_busy(timeout)
                    except (WriteError, WriteTimeout):
                        pass  # The next write is told. What the peer sent before it went is delivered.
                if data is not None:
                    return data
                if deadline is None:
                    deadline = Deadline(timeout)
                await self._feed(deadline.remaining())
        except (OSError, ValueError) as exc:
            raise ReadError(str(exc)) from exc

    def read_nowait(self, max_bytes: int) -> Optional[bytes]:
        """Return what a read would return at once, None when it would wait; raises `ReadError`."""
        try:
            while True:
                with self._lock:
                    data = self._received(max_bytes)
                if data is not None:
                    return data
                below = getattr(self._stream, "read_nowait", None)
                received = None if below is None else below(_READ_SIZE)
                if received is None:
                    return None
                self._take_in(received)
        except (OSError, ValueError) as exc:
            raise ReadError(str(exc)) from exc

    def _received(self, max_bytes: int) -> Optional[bytes]:
        """Return what has been received, b"" at the end of the stream, None when more records are needed."""
        if self._closed:
            raise ReadError("The stream is closed.")
        if self._ahead_error is not None:
            raise self._ahead_error
        if self._ahead is not None:
            data = self._ahead
            if data:
                self._ahead = data[max_bytes:] or None
            return data[:max_bytes]
        if not (self._incoming.pending or self._ended or self._object.pending()):
            return None
        try:
            return self._object.read(max_bytes)
        except ssl.SSLWantReadError:
            return None
        except ssl.SSLError as exc:
            if is_unexpected_eof(exc):
                self._ahead = b""
                return b""
            raise

    async def _feed(self, timeout: Optional[float]) -> None:
        self._feeding = True
        try:
            self._take_in(await self._stream.read(_READ_SIZE, timeout))
        finally:
            self._feeding = False

    def _take_in(self, data: bytes) -> None:
        with self._lock:
            if data:
                self._incoming.write(data)
            else:
                self._ended = True
                self._incoming.write_eof()

    async def write(self, buffer: bytes, timeout: Optional[float] = None) -> None:
        view = memoryview(buffer).cast("B")
        sent = 0
        try:
            while sent < len(view):
                with self._lock:
                    if self._closed:
                        raise WriteError("The stream is closed.")
                    if self._broken:
                        raise WriteError("An earlier write was not finished.")
                    while sent < len(view) and self._outgoing.pending < _WRITE_SIZE:
                        sent += self._object.write(view[sent : sent + _WRITE_SIZE])
                await self._flush(timeout)
        except (OSError, ValueError) as exc:
            raise WriteError(str(exc)) from exc

    async def _flush(self, timeout: Optional[float]) -> None:
        """Write what the SSL object has made, waiting for one's turn."""
        if not await self._sending.acquire(Deadline(timeout).remaining()):
            raise WriteTimeout(f"The peer took no data within {timeout} seconds.")
        await self._flush_and_release(timeout)
        await self._flush_unless_busy(timeout)

    async def _flush_unless_busy(self, timeout: Optional[float]) -> None:
        # Who holds the lock looks again after releasing it, so nothing that was made meanwhile stays behind.
        while self._outgoing.pending and not self._broken and await self._sending.acquire(0):
            await self._flush_and_release(timeout)

    async def _flush_and_release(self, timeout: Optional[float]) -> None:
        try:
            while self._outgoing.pending:
                if self._broken:
                    raise WriteError("An earlier write was not finished.")
                with self._lock:
                    data = self._outgoing.read()
                await self._stream.write(data, timeout)
        except BaseException:
            self._broken = True
            raise
        finally:
            self._sending.release()

    async def aclose(self) -> None:
        if not self._closed:
            self._say_goodbye()
            self._closed = True
        await self._stream.aclose()

    def abort(self) -> None:
        """Close the stream without waiting for anyone."""
        self._closed = True
        abandon(self._stream)

    def _say_goodbye(self) -> None:
        write_nowait = getattr(self._stream, "write_nowait", None)
        if write_nowait is None or self._broken or self._outgoing.pending or not self._lock.acquire(blocking=False):
            return
        try:
            self._object.unwrap()
        except (OSError, ValueError):
            pass  # The alert stands in the BIO and the peer's is not waited for, or the session has failed before.
        finally:
            self._lock.release()
        write_nowait(self._outgoing.read())

    def write_nowait(self, buffer: bytes) -> None:
        """Write `buffer` as far as that is possible at once, and forget the rest: for a layer's last words."""
        write_nowait = getattr(self._stream, "write_nowait", None)
        if write_nowait is None or self._broken or self._outgoing.pending or not buffer:
            return
        with self._lock:
            try:
                self._object.write(buffer)
            except (OSError, ValueError):
                return  # The session has ended: there is nobody to tell.
        write_nowait(self._outgoing.read())

    async def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: Optional[str] = None,
        timeout: Optional[float] = None,
        *,
        alpn_protocols: Optional[Sequence[str]] = None,
    ) -> AsyncNetworkStream:
        """See `AsyncNetworkStream.start_tls`; `alpn_protocols` is the offer, None for what the context says."""
        return await AsyncTLSLayerStream.handshake(self, ssl_context, server_hostname, timeout, alpn_protocols)

    def get_extra_info(self, info: str) -> Any:
        if info == "ssl_object":
            return self._object
        if info == "is_readable":
            return self._is_readable()
        return self._stream.get_extra_info(info)

    def _is_readable(self) -> Any:
        if self._feeding:
            return self._stream.get_extra_info("is_readable")
        try:
            data = self.read_nowait(_READ_SIZE)
        except ReadError as exc:
            self._ahead_error = exc
            return True
        if data is not None:
            self._ahead = data
            return True
        if self.reads_at_once:
            return False
        return self._stream.get_extra_info("is_readable")
