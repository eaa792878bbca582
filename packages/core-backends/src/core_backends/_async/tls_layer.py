"""TLS over any stream of bytes: inside another TLS connection, or on a stream of the user's own.

Rules that hold here:

* The SSL object works on memory only and is used under a lock, so nobody who waits for the network holds it.
* Records leave in the order in which the SSL object made them: whoever takes them out writes them, under one lock.
* A reader that has something to send (the answer to a key update, RFC 8446 § 4.6.3) does not wait for a writer: that
  one sends it. Nor does it wait for the network where the stream below can write without: the next write sends it.
* A `write` that did not finish may have left half a record behind, so nothing is written after it.
* Where the stream below has `write_some`, so has this one. What such a call was kept from sending stays here, in
  records, and goes out before anything else; the next write begins with the same bytes, which are not encrypted again.
* The end of the stream without a close_notify is the end of the stream, b"": HTTP's own framing tells whether a message
  was cut short, and many servers never send the alert (RFC 8446 § 6.1, RFC 9112 § 9.8).
* Where the stream below has `read_nowait` and `write_nowait`, as ours do, `is_readable` tells data and the end of the
  session from a session ticket, and closing sends the alert as far as that is possible at once.
"""

from __future__ import annotations

import ssl
import threading
from typing import Any, Awaitable, Callable, Optional, Sequence

from .._abandon import abandon
from .._backend import AsyncNetworkStream
from .._deadline import Deadline
from .._exceptions import (
    ConnectError,
    ConnectTimeout,
    ReadError,
    ReadTimeout,
    TimeoutException,
    WriteError,
    WriteTimeout,
)
from .._ssl import LARGE_RECORD, READ_SIZE, is_unexpected_eof, offering, resumed, session_of
from .._synchronization import AsyncLock

__all__ = ["AsyncTLSLayerStream"]

_WRITE_SIZE = 131072


class AsyncTLSLayerStream(AsyncNetworkStream):
    """TLS on `stream`, which `handshake` has made."""

    accepts_alpn_protocols = True
    accepts_tls_session = True

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
        self._write_some_below: Optional[Callable[..., Awaitable[int]]] = getattr(stream, "write_some", None)
        self._write_unless_readable_below: Optional[Callable[..., Awaitable[int]]] = getattr(
            stream, "write_some_unless_readable", None
        )
        self._write_some_nowait_below: Optional[Callable[[Any], int]] = getattr(stream, "write_some_nowait", None)
        # Records that have been taken from the SSL object, and not been taken by the stream below.
        self._unsent: Any = b""
        # What a `write_some` that was cut short has encrypted.
        self._encrypted = b""
        # What `is_readable` had to take from the SSL object to tell data from a session ticket: the next reads'. What
        # the session ended with stands behind it.
        self._ahead = b""
        self._ahead_error: Optional[Exception] = None
        self._at_end = False
        # True inside of a read: what arrives is for that one, and for nobody who only asks. Whoever asks looks at it,
        # and takes, under the lock; a read raises it before it looks.
        self._reading = False

    @classmethod
    async def handshake(
        cls,
        stream: AsyncNetworkStream,
        ssl_context: ssl.SSLContext,
        server_hostname: Optional[str],
        timeout: Optional[float],
        alpn_protocols: Optional[Sequence[str]],
        session: Optional[ssl.SSLSession] = None,
    ) -> AsyncTLSLayerStream:
        """Return TLS on `stream`; raises `ConnectTimeout` or `ConnectError`, with `stream` closed."""
        layer = cls(stream)
        try:
            if ssl_context.check_hostname and not server_hostname:
                # `wrap_bio` lets this pass, and then no name is verified at all.
                raise ValueError("the context verifies host names, and no server_hostname was given.")
            with offering(ssl_context, alpn_protocols):
                layer._object = ssl_context.wrap_bio(
                    layer._incoming,
                    layer._outgoing,
                    server_side=False,
                    server_hostname=server_hostname,
                    **resumed(session),
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
        self._reading = True
        try:
            while True:
                with self._lock:
                    data = self._received(max_bytes)
                if data == b"":
                    return data
                # Who has data in hand does not wait, nor lose it by being cancelled then: the next call sends the rest.
                if self._outgoing.pending and (data is None or self._write_some_nowait_below is not None):
                    try:
                        await self._answer(timeout)
                    except (WriteError, WriteTimeout):
                        pass  # The next write is told. What the peer sent before it went is delivered.
                if data is not None:
                    return data
                if deadline is None:
                    deadline = Deadline(timeout)
                await self._feed(deadline.remaining())
        except (OSError, ValueError) as exc:
            raise ReadError(str(exc)) from exc
        finally:
            self._reading = False

    def read_nowait(self, max_bytes: int) -> Optional[bytes]:
        """Return what a read would return at once, None when it would wait; raises `ReadError`."""
        with self._lock:
            return self._take_at_once(max_bytes)

    def _take_at_once(self, max_bytes: int) -> Optional[bytes]:
        try:
            while True:
                data = self._received(max_bytes)
                if data is not None:
                    return data
                below = getattr(self._stream, "read_nowait", None)
                received = None if below is None else below(READ_SIZE)
                if received is None:
                    return None
                self._take_in(received)
        except (OSError, ValueError) as exc:
            raise ReadError(str(exc)) from exc

    def _received(self, max_bytes: int) -> Optional[bytes]:
        """Return what has been received, b"" at the end of the stream, None when more records are needed."""
        if self._closed:
            raise ReadError("The stream is closed.")
        if self._ahead:
            data, self._ahead = self._ahead[:max_bytes], self._ahead[max_bytes:]
            return data
        if self._ahead_error is not None:
            raise self._ahead_error
        if self._at_end:
            return b""
        if not (self._incoming.pending or self._ended or self._object.pending()):
            return None
        try:
            max_bytes = min(max_bytes, READ_SIZE)
            data = self._object.read(max_bytes)
            # The SSL object gives one record at a time: taking those behind a large one saves the reader a round each.
            if len(data) < LARGE_RECORD or not self._incoming.pending:
                # The peer may end its session and leave the connection open: nothing more comes that could be read.
                self._at_end = not data and max_bytes > 0
                return data
            return self._with_what_follows(data, max_bytes)
        except ssl.SSLWantReadError:
            return None
        except ssl.SSLError as exc:
            if is_unexpected_eof(exc):
                self._at_end = True
                return b""
            raise

    def _with_what_follows(self, data: bytes, max_bytes: int) -> bytes:
        """Return `data` and the records behind it that are there already."""
        parts = [data]
        room = max_bytes - len(data)
        try:
            while room > 0:
                data = self._object.read(room)
                if not data:
                    self._at_end = True  # The end is told once: it is the next read's.
                    break
                parts.append(data)
                room -= len(data)
        except ssl.SSLWantReadError:
            pass  # That was all for now.
        except ssl.SSLError as exc:
            # What came before is delivered; this is the next read's.
            if is_unexpected_eof(exc):
                self._at_end = True
            else:
                self._ahead_error = exc
        return b"".join(parts)

    async def _feed(self, timeout: Optional[float]) -> None:
        data = await self._stream.read(READ_SIZE, timeout)
        with self._lock:
            self._take_in(data)

    def _take_in(self, data: bytes) -> None:
        if data:
            self._incoming.write(data)
        else:
            self._ended = True
            self._incoming.write_eof()

    async def write(self, buffer: bytes, timeout: Optional[float] = None) -> None:
        view = memoryview(buffer).cast("B")
        try:
            sent = 0
            if self._encrypted:
                sent = self._begun(view)
                await self._flush(timeout)
                self._encrypted = b""
            while sent < len(view):
                sent += await self._encrypt_in_time(view[sent:], timeout)
                await self._flush(timeout)
        except (OSError, ValueError) as exc:
            self._broken = True
            raise WriteError(str(exc)) from exc
        except BaseException:
            self._broken = True
            raise

    @property
    def write_some(self) -> Callable[..., Awaitable[int]]:
        """`write_some(buffer, timeout)`, where the stream below has it."""
        if self._write_some_below is None:
            raise AttributeError("The stream below has no write_some.")
        return self._write_some

    async def _write_some(self, buffer: bytes, timeout: Optional[float] = None, below: Any = None) -> int:
        """Write some of `buffer` and return how many bytes; none when this times out or is cancelled.

        After that the next write has to begin with all of `buffer`: it may be encrypted already. `below` is what takes
        the records (None: the `write_some` of the stream below); where it takes none, 0 is returned.
        """
        view = memoryview(buffer).cast("B")
        try:
            size = self._begun(view) if self._encrypted else await self._encrypt_in_time(view, timeout)
            flushed = False
            try:
                flushed = await self._flush(timeout, below)
            finally:
                if not flushed:
                    self._encrypted = bytes(view[:size])
        except (OSError, ValueError) as exc:
            raise WriteError(str(exc)) from exc
        if not flushed:
            return 0
        self._encrypted = b""
        return size

    @property
    def write_some_unless_readable(self) -> Callable[..., Awaitable[int]]:
        """`write_some_unless_readable(buffer, timeout)`, where the stream below has it."""
        below = (self._write_unless_readable_below, self._write_some_nowait_below)
        if None in below or not self.reads_at_once:
            raise AttributeError("The stream below has no write_some_unless_readable.")
        return self._write_some_unless_readable

    async def _write_some_unless_readable(self, buffer: bytes, timeout: Optional[float] = None) -> int:
        """Write some of `buffer` as `write_some` does; return 0 where that has to wait and there is something to read.

        After that, too, the next write has to begin with all of `buffer`.
        """
        return await self._write_some(buffer, timeout, self._below_unless_readable)

    async def _below_unless_readable(self, records: Any, timeout: Optional[float]) -> int:
        """Write some of `records`; 0 where there is something to read from this layer instead."""
        write: Any = self._write_unless_readable_below
        write_nowait: Any = self._write_some_nowait_below
        while True:
            # What is here already, the stream below knows nothing of any more.
            if self._has_more() and self._is_readable():
                return int(write_nowait(records))
            written: int = await write(records, timeout)
            # What came may be a session ticket, which this look consumes.
            if written or self._is_readable():
                return written

    def _has_more(self) -> bool:
        """Whether something was received that has not been read."""
        if self._ahead or self._at_end or self._ahead_error is not None:
            return True
        with self._lock:
            return bool(self._incoming.pending or self._object.pending())

    @property
    def write_some_nowait(self) -> Callable[[bytes], int]:
        """`write_some_nowait(buffer)`, where the stream below has it."""
        if self._write_some_nowait_below is None:
            raise AttributeError("The stream below has no write_some_nowait.")
        return self._write_some_nowait

    def _write_some_nowait(self, buffer: bytes) -> int:
        """Write what is possible of `buffer` without waiting, and return how many bytes; raises `WriteError`.

        When that is none, the next write has to begin with all of `buffer`.
        """
        view = memoryview(buffer).cast("B")
        if not self._sending.try_acquire():
            return 0
        try:
            size = self._begun(view) if self._encrypted else self._encrypt(view)
            if not self._flush_at_once():
                self._encrypted = bytes(view[:size])
                return 0
        except ssl.SSLWantReadError:
            return 0
        except (OSError, ValueError) as exc:
            raise WriteError(str(exc)) from exc
        finally:
            self._sending.release()
        self._encrypted = b""
        return size

    def _begun(self, view: memoryview) -> int:
        """Return how much of `view` a call before has encrypted; raises `WriteError` where that was something else."""
        size = len(self._encrypted)
        if view[:size] != self._encrypted:
            raise WriteError("An earlier write was not finished.")
        self._check_writable()
        return size

    async def _encrypt_in_time(self, view: memoryview, timeout: Optional[float]) -> int:
        """Do what `_encrypt` does; where the peer has begun another handshake, after that.

        Up to TLS 1.2 a server may do so at any time, for a client's certificate say, and before it is done nothing can
        be encrypted (RFC 5246 § 7.4.1.1). Where somebody else is reading, what it needs is that one's: the write fails.
        """
        deadline: Optional[Deadline] = None
        while True:
            try:
                return self._encrypt(view)
            except ssl.SSLWantReadError:
                if self._reading:
                    raise
            if deadline is None:
                deadline = Deadline(timeout)
            await self._flush(deadline.remaining())
            self._reading = True
            try:
                await self._feed(deadline.remaining())
            except ReadTimeout as exc:
                raise WriteTimeout(f"The peer did not complete its new handshake within {timeout} seconds.") from exc
            except ReadError as exc:
                raise WriteError(str(exc)) from exc
            finally:
                self._reading = False

    def _encrypt(self, view: memoryview) -> int:
        """Make records of as much of `view` as is written at a time, and return how many bytes that is."""
        size = 0
        with self._lock:
            self._check_writable()
            try:
                while size < len(view) and self._outgoing.pending < _WRITE_SIZE:
                    size += self._object.write(view[size : size + _WRITE_SIZE])
            except ssl.SSLWantReadError:
                if not size:
                    raise
        return size

    def _check_writable(self) -> None:
        if self._closed:
            raise WriteError("The stream is closed.")
        if self._broken:
            raise WriteError("An earlier write was not finished.")

    async def _flush(self, timeout: Optional[float], below: Any = None) -> bool:
        """Write what the SSL object has made, waiting for one's turn; False where `below` took nothing of it."""
        if not self._sending.try_acquire() and not await self._sending.acquire(Deadline(timeout).remaining()):
            raise WriteTimeout(f"The peer took no data within {timeout} seconds.")
        if not await self._flush_and_release(timeout, below or self._write_some_below):
            return False
        if self._outgoing.pending:
            await self._flush_unless_busy(timeout)
        return True

    async def _flush_unless_busy(self, timeout: Optional[float]) -> None:
        # Who holds the lock looks again after releasing it, so nothing that was made meanwhile stays behind.
        while self._outgoing.pending and not self._broken and self._sending.try_acquire():
            await self._flush_and_release(timeout, self._write_some_below)

    async def _flush_and_release(self, timeout: Optional[float], write_some: Any) -> bool:
        try:
            while self._next_records():
                if write_some is None:
                    await self._stream.write(self._unsent, timeout)
                    self._unsent = b""
                    continue
                written = await write_some(self._unsent, timeout)
                if not written and write_some is not self._write_some_below:
                    return False
                self._sent(written)
            return True
        except BaseException as exc:
            # A stream that has `write_some` has sent nothing of it when that is cut short, and so can go on.
            cut_short = isinstance(exc, WriteTimeout) or not isinstance(exc, Exception)
            self._broken = self._broken or self._write_some_below is None or not cut_short
            raise
        finally:
            self._sending.release()

    async def _answer(self, timeout: Optional[float]) -> None:
        """Send what the SSL object has to say while reading, if nobody else is sending."""
        if self._write_some_nowait_below is None:
            await self._flush_unless_busy(timeout)
        elif not self._broken and self._sending.try_acquire():
            try:
                self._flush_at_once()
            finally:
                self._sending.release()

    def _flush_at_once(self) -> bool:
        """Write records as far as that is possible without waiting, with the turn held; whether that is all of them."""
        write_some_nowait: Any = self._write_some_nowait_below
        try:
            while self._next_records():
                written = write_some_nowait(self._unsent)
                if not written:
                    return False
                self._sent(written)
        except BaseException:
            self._broken = True
            raise
        return True

    def _next_records(self) -> bool:
        """Take records from the SSL object, with the turn held, unless some are left; whether there are any."""
        if not self._unsent:
            if not self._outgoing.pending:
                return False
            with self._lock:
                self._unsent = self._outgoing.read()
        if self._broken:
            raise WriteError("An earlier write was not finished.")
        return True

    def _sent(self, written: int) -> None:
        self._unsent = b"" if written == len(self._unsent) else memoryview(self._unsent)[written:]

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
        if write_nowait is None or not self._is_clear() or not self._lock.acquire(blocking=False):
            return
        try:
            try:
                self._object.unwrap()
            except (OSError, ValueError):
                pass  # The alert stands in the BIO and the peer's is not waited for, or the session has failed before.
            alert = self._outgoing.read()
        finally:
            self._lock.release()
        write_nowait(alert)

    def _is_clear(self) -> bool:
        """Whether nothing stands before what would be written now."""
        return not (self._broken or self._encrypted or self._unsent or self._outgoing.pending)

    def write_nowait(self, buffer: bytes) -> None:
        """Write `buffer` as far as that is possible at once, and forget the rest: for a layer's last words."""
        write_nowait = getattr(self._stream, "write_nowait", None)
        if write_nowait is None or not self._is_clear() or not buffer:
            return
        with self._lock:
            try:
                self._object.write(buffer)
            except (OSError, ValueError):
                return  # The session has ended: there is nobody to tell.
            records = self._outgoing.read()
        write_nowait(records)

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
        if info == "ssl_object":
            return self._object
        if info == "is_readable":
            return self._is_readable()
        if info == "tls_session":
            with self._lock:
                return session_of(self._object)
        return self._stream.get_extra_info(info)

    def _is_readable(self) -> Any:
        with self._lock:
            if not self._reading:
                try:
                    data = self._take_at_once(READ_SIZE)
                except ReadError as exc:
                    self._ahead_error = exc
                    return True
                if data is not None:
                    self._ahead = data + self._ahead
                    self._at_end = self._at_end or not data
                    return True
                if self.reads_at_once:
                    return False
        return self._stream.get_extra_info("is_readable")
