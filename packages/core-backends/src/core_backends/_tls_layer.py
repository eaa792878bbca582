"""TLS over any stream of bytes, for threads: inside another TLS connection, or on a stream of the user's own.

Rules that hold here:

* The SSL object works on memory only and is used under a lock, so a thread that waits for the network never holds it.
* Records leave in the order in which the SSL object made them: whoever takes them out writes them, under one lock.
* A reader that has something to send (the answer to a key update, RFC 8446 § 4.6.3) does not wait for a writer: that
  one sends it.
* Closing closes the stream below, which ends its own session with the peer.
"""

from __future__ import annotations

import ssl
import threading
from typing import Any, Optional, Sequence

from ._abandon import abandon
from ._backend import NetworkStream
from ._deadline import Deadline
from ._exceptions import ConnectError, ConnectTimeout, ReadError, TimeoutException, WriteError, WriteTimeout
from ._ssl import offering

__all__ = ["TLSLayerStream", "is_unexpected_eof"]

_READ_SIZE = 65536
_WRITE_SIZE = 131072


def is_unexpected_eof(exc: ssl.SSLError) -> bool:
    """Whether the peer's stream ended without a close_notify; CPython below 3.10 has no class for it with OpenSSL 3."""
    return isinstance(exc, ssl.SSLEOFError) or getattr(exc, "reason", None) == "UNEXPECTED_EOF_WHILE_READING"


class TLSLayerStream(NetworkStream):
    """TLS on `stream`."""

    accepts_alpn_protocols = True

    def __init__(self, stream: NetworkStream) -> None:
        self._stream = stream
        self._incoming = ssl.MemoryBIO()
        self._outgoing = ssl.MemoryBIO()
        self._object: ssl.SSLObject
        self._lock = threading.Lock()
        self._sending = threading.Lock()
        self._closed = False
        # What `is_readable` had to take from the SSL object to tell data from a session ticket: the next read's.
        self._ahead: Optional[bytes] = None
        self._ahead_error: Optional[Exception] = None

    @classmethod
    def handshake(
        cls,
        stream: NetworkStream,
        ssl_context: ssl.SSLContext,
        *,
        server_hostname: Optional[str],
        timeout: Optional[float],
        alpn_protocols: Optional[Sequence[str]],
    ) -> TLSLayerStream:
        """Return TLS on `stream`; raises `ConnectTimeout` or `ConnectError`, with `stream` closed."""
        layer = cls(stream)
        try:
            with offering(ssl_context, alpn_protocols):
                layer._object = ssl_context.wrap_bio(
                    layer._incoming, layer._outgoing, server_side=False, server_hostname=server_hostname
                )
            layer._do_handshake(Deadline(timeout))
        except TimeoutException as exc:
            abandon(stream)
            raise ConnectTimeout(f"The TLS handshake took longer than {timeout} seconds.") from exc
        except (OSError, ValueError, TypeError, ReadError, WriteError) as exc:
            abandon(stream)
            raise ConnectError(f"TLS handshake with {server_hostname!r} failed: {exc}") from exc
        except BaseException:
            abandon(stream)
            raise
        return layer

    def _do_handshake(self, deadline: Deadline) -> None:
        while True:
            try:
                self._object.do_handshake()
            except ssl.SSLWantReadError:
                self._flush(deadline.remaining())
                self._feed(deadline.remaining())
            except ssl.SSLError:
                # The peer learns why from the alert, if it can be told at once.
                try:
                    self._flush(deadline.remaining())
                except (TimeoutException, WriteError):
                    pass  # The reason for the failure is the SSL error, not that the alert could not be sent.
                raise
            else:
                self._flush(deadline.remaining())
                return

    def _feed(self, timeout: Optional[float]) -> None:
        data = self._stream.read(_READ_SIZE, timeout)
        with self._lock:
            if data:
                self._incoming.write(data)
            else:
                self._incoming.write_eof()

    def _flush(self, timeout: Optional[float]) -> None:
        """Write what the SSL object has made, waiting for one's turn."""
        limit = Deadline(timeout).remaining()
        if not self._sending.acquire(timeout=-1 if limit is None else min(limit, threading.TIMEOUT_MAX)):
            raise WriteTimeout(f"The peer took no data within {timeout} seconds.")
        self._flush_and_release(timeout)
        self._flush_unless_busy(timeout)

    def _flush_unless_busy(self, timeout: Optional[float]) -> None:
        # Who holds the lock looks again after releasing it, so nothing that was made meanwhile stays behind.
        while self._outgoing.pending and self._sending.acquire(blocking=False):
            self._flush_and_release(timeout)

    def _flush_and_release(self, timeout: Optional[float]) -> None:
        try:
            while self._outgoing.pending:
                with self._lock:
                    data = self._outgoing.read()
                self._stream.write(data, timeout)
        finally:
            self._sending.release()

    def read(self, max_bytes: int, timeout: Optional[float] = None) -> bytes:
        deadline: Optional[Deadline] = None
        try:
            while True:
                with self._lock:
                    if self._closed:
                        raise ReadError("The stream is closed.")
                    if self._ahead is not None or self._ahead_error is not None:
                        return self._take_ahead(max_bytes)
                    data = self._decrypt(max_bytes)
                if self._outgoing.pending:
                    self._flush_unless_busy(timeout)
                if data is not None:
                    return data
                if deadline is None:
                    deadline = Deadline(timeout)
                self._feed(deadline.remaining())
        except (OSError, ValueError, WriteError) as exc:
            raise ReadError(str(exc)) from exc

    def _take_ahead(self, max_bytes: int) -> bytes:
        if self._ahead_error is not None:
            raise self._ahead_error
        data = self._ahead or b""
        if data:
            self._ahead = data[max_bytes:] or None
        return data[:max_bytes]

    def _decrypt(self, max_bytes: int) -> Optional[bytes]:
        """Return what has been received, b"" at the end of the stream, None when more records are needed."""
        try:
            return self._object.read(max_bytes)
        except ssl.SSLWantReadError:
            return None
        except ssl.SSLError as exc:
            if is_unexpected_eof(exc):
                return b""
            raise

    def write(self, buffer: bytes, timeout: Optional[float] = None) -> None:
        view = memoryview(buffer).cast("B")
        sent = 0
        try:
            while sent < len(view):
                with self._lock:
                    if self._closed:
                        raise WriteError("The stream is closed.")
                    while sent < len(view) and self._outgoing.pending < _WRITE_SIZE:
                        sent += self._object.write(view[sent : sent + _WRITE_SIZE])
                self._flush(timeout)
        except (OSError, ValueError) as exc:
            raise WriteError(str(exc)) from exc

    def close(self) -> None:
        self._closed = True
        self._stream.close()

    def abort(self) -> None:
        """Close the stream without waiting for anyone."""
        self._closed = True
        abandon(self._stream)

    def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: Optional[str] = None,
        timeout: Optional[float] = None,
        *,
        alpn_protocols: Optional[Sequence[str]] = None,
    ) -> NetworkStream:
        """See `NetworkStream.start_tls`; `alpn_protocols` is the offer, None for what the context says."""
        return TLSLayerStream.handshake(
            self, ssl_context, server_hostname=server_hostname, timeout=timeout, alpn_protocols=alpn_protocols
        )

    def get_extra_info(self, info: str) -> Any:
        if info == "ssl_object":
            return self._object
        if info == "is_readable":
            return self._is_readable()
        return self._stream.get_extra_info(info)

    def _is_readable(self) -> Any:
        while True:
            with self._lock:
                if self._closed or self._ahead is not None or self._ahead_error is not None:
                    return True
                try:
                    self._ahead = self._decrypt(_READ_SIZE)
                except (OSError, ValueError) as exc:
                    self._ahead_error = exc
                if self._ahead is not None or self._ahead_error is not None:
                    return True
            below = self._stream.get_extra_info("is_readable")
            if not below:
                return below
            try:
                self._feed(0)
            except TimeoutException:
                return False
            except (OSError, ReadError) as exc:
                self._ahead_error = exc
