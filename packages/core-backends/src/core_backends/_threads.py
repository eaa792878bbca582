"""The backend for threads: plain sockets, and TLS on them.

Rules that hold here:

* One thread may read while another one writes. Two that read, or two that write, have to take turns by themselves.
* `close()` may come from any thread. Who is inside an operation then is woken by shutting the socket down, fails with
  `ReadError` or `WriteError`, and frees the descriptor itself: while a thread may still use the number, nobody else
  can be given it. Each side announces itself before it looks at the other, so at least one of them sees the other.
* The descriptor is freed by one thread, under a lock that nobody waits for: who finds it held leaves what is to be done
  to its holder, who looks again. A number that is freed twice, or shut down by one thread while another frees it, may
  be that of somebody else's connection by then.
* `read` has one time limit for the call; `write` has one for each time that the peer takes something.
* The end of the stream without a TLS close_notify is the end of the stream, b"": HTTP's own framing tells whether a
  message was cut short, and many servers never send the alert (RFC 8446 § 6.1, RFC 9112 § 9.8).
* After a fork, the child only closes its copy of the descriptor: an alert or a shutdown would reach the parent's peer.
"""

from __future__ import annotations

import os
import re
import socket
import ssl
import threading
from typing import Any, Callable, Iterable, Optional, Sequence, Tuple

from ._backend import SOCKET_OPTION, NetworkBackend, NetworkStream
from ._deadline import Deadline
from ._exceptions import ConnectError, ConnectTimeout, ReadError, ReadTimeout, WriteError, WriteTimeout
from ._interrupt import pause, register_socket
from ._sockets import (
    connect_tcp_socket,
    connect_unix_socket,
    is_socket_readable,
    milliseconds,
    sendable,
    watch_either,
    watch_readable,
    watch_writable,
)
from ._ssl import LARGE_RECORD, READ_SIZE, offering, resumed, session_of
from ._sync.tls_layer import TLSLayerStream

__all__ = ["SyncBackend", "SyncStream", "SyncTLSStream"]

# What `recv` and `send` raise for what the network does, and for a socket that was closed under them.
_FAILURES = (OSError, ValueError)

# One record of TLS holds this much; a look at what has arrived needs no more.
_RECORD = 16384

_ordinary_name = re.compile(r"(?:[A-Za-z0-9_-]{1,63}\.)*[A-Za-z0-9_-]{1,63}\Z").match


class SyncStream(NetworkStream):
    """A connected socket as a stream.

    `sock` is put into non-blocking mode; `get_extra_info("socket")` gives it for options and addresses, not for I/O.
    """

    accepts_alpn_protocols = True
    accepts_tls_session = True

    def __init__(self, sock: socket.socket) -> None:
        sock.setblocking(False)
        self._sock = sock
        self._closed = False
        self._reading = False
        self._writing = False
        # Held by the one who wakes those inside, or frees the descriptor.
        self._ending = threading.Lock()
        self._process = os.getpid()
        self._wait_readable = watch_readable(sock)
        self._wait_writable = watch_writable(sock)
        self._look: Optional[Callable[[Optional[float]], Any]] = None

    def read(self, max_bytes: int, timeout: Optional[float] = None) -> bytes:
        self._reading = True
        try:
            if self._closed:
                raise ReadError("The stream is closed.")
            while True:
                # `milliseconds()`, written out: this is the hottest line of the backend.
                limit = None if timeout is None or timeout >= 2147483.0 else timeout * 1000.0 if timeout > 0 else 0
                if not self._wait_readable(limit):
                    raise ReadTimeout(f"No data arrived within {timeout} seconds.")
                try:
                    data = self._sock.recv(max_bytes)
                except BlockingIOError:
                    continue  # Readiness was a false alarm.
                if not data and self._closed:
                    raise ReadError("The stream was closed while reading.")
                return data
        except _FAILURES as exc:
            raise ReadError("The stream was closed while reading." if self._closed else str(exc)) from exc
        finally:
            self._reading = False
            if self._closed:
                self._release()

    def write(self, buffer: bytes, timeout: Optional[float] = None) -> None:
        view: Any = buffer
        if type(view) is not bytes:
            view = memoryview(buffer).cast("B")
        if len(view):
            self._write_by(self._send_all, view, timeout)

    def _write_by(self, send: Callable[[Any, Optional[float]], int], data: Any, timeout: Optional[float]) -> int:
        """Return `send(data, timeout)`, as the one who writes: whoever closes meanwhile leaves the socket to this."""
        self._writing = True
        try:
            if self._closed:
                raise WriteError("The stream is closed.")
            return send(data, timeout)
        except _FAILURES as exc:
            raise WriteError("The stream was closed while writing." if self._closed else str(exc)) from exc
        finally:
            self._writing = False
            if self._closed:
                self._release()

    def _send_all(self, data: Any, timeout: Optional[float]) -> int:
        size = len(data)
        sent = self._send(sendable(data), timeout)
        if sent != size:
            view = memoryview(data)
            while sent != size:
                sent += self._send(sendable(view[sent:]), timeout)
        return sent

    def write_some(self, buffer: bytes, timeout: Optional[float] = None) -> int:
        """Write some of `buffer` and return how many bytes; none when `timeout` seconds pass (None: no limit).

        After a time-out the next write has to begin with all of `buffer`: on TLS it may be encrypted already.
        """
        return self._write_by(self._send, sendable(buffer), timeout)

    def write_some_unless_readable(self, buffer: bytes, timeout: Optional[float] = None) -> int:
        """Write some of `buffer` as `write_some` does; return 0 where that has to wait and there is something to read.

        `timeout` is that of `write_some`. After a 0, too, the next write has to begin with all of `buffer`.
        """
        return self._write_by(self._send_unless_readable, sendable(buffer), timeout)

    def _send_unless_readable(self, data: Any, timeout: Optional[float]) -> int:
        while True:
            written, wait = self._try_to_send(data)
            if wait is None:
                return written
            if self._is_readable():
                return 0
            if not wait(milliseconds(timeout)):
                raise WriteTimeout(f"The peer took no data within {timeout} seconds.")

    def _try_to_send(self, data: Any) -> Tuple[int, Any]:
        """Return how much of `data` was sent, and None; or 0, and how to wait, for what arrives as well."""
        try:
            return self._sock.send(data), None
        except BlockingIOError:
            return 0, watch_either(self._sock)

    def write_some_nowait(self, buffer: bytes) -> int:
        """Write what is possible of `buffer` without waiting, and return how many bytes; raises `WriteError`."""
        try:
            return self.write_some(buffer, 0)
        except WriteTimeout:
            return 0

    def _send(self, data: Any, timeout: Optional[float]) -> int:
        while True:
            try:
                return self._sock.send(data)
            except BlockingIOError:
                if not self._wait_writable(milliseconds(timeout)):
                    raise WriteTimeout(f"The peer took no data within {timeout} seconds.") from None

    def read_nowait(self, max_bytes: int) -> Optional[bytes]:
        """Return what a read would return at once, None when it would wait; raises `ReadError`."""
        if not self._is_readable():
            return None
        try:
            return self.read(max_bytes, 0)
        except ReadTimeout:
            return None

    def write_nowait(self, buffer: bytes) -> None:
        """Write `buffer` as far as that is possible at once, and forget the rest: for a layer's last words."""
        if os.getpid() != self._process:
            return
        try:
            self.write(buffer, 0)
        except (WriteError, WriteTimeout):
            pass  # The peer does not listen: there is nobody to tell.

    def close(self) -> None:
        if not self._closed and os.getpid() == self._process:
            self._say_goodbye()
        self.abort()

    def abort(self) -> None:
        """Close the stream without a word to the peer's TLS."""
        self._closed = True
        if os.getpid() != self._process:
            self._sock.close()
            return
        self._release()

    def _say_goodbye(self) -> None:
        """End the session with the peer, as far as that is possible at once."""

    def _wake(self) -> None:
        try:
            # Not the method of an SSLSocket, which takes the SSL object away from the thread that uses it.
            socket.socket.shutdown(self._sock, socket.SHUT_RDWR)
        except OSError:
            pass  # The connection has ended already, which wakes just as well.

    def _release(self) -> None:
        """Free the descriptor of a closed stream; where a thread is still inside, wake it: it will do that."""
        while self._ending.acquire(blocking=False):
            try:
                if self._occupied():
                    self._wake()
                elif self._free():
                    return
            finally:
                self._ending.release()
            # Who has left since then found this lock held.
            if self._occupied():
                return

    def _occupied(self) -> bool:
        """Whether a thread is inside that will free the descriptor when it leaves."""
        return self._reading or self._writing

    def _free(self) -> bool:
        """Free the descriptor, and return whether that was possible."""
        self._sock.close()
        return True

    def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: Optional[str] = None,
        timeout: Optional[float] = None,
        *,
        alpn_protocols: Optional[Sequence[str]] = None,
        session: Optional[ssl.SSLSession] = None,
    ) -> NetworkStream:
        """See `NetworkStream.start_tls`; `alpn_protocols` is the offer, None for what the context says, and `session`
        is one of an earlier connection on the same context to resume, None for none.
        """
        if _verifies_while_wrapping(ssl_context):
            return TLSLayerStream.handshake(self, ssl_context, server_hostname, timeout, alpn_protocols, session)
        deadline = Deadline(timeout)
        sock = self._sock
        try:
            if self._closed:
                raise ConnectError("The stream is closed.")
            if server_hostname is not None and not _ordinary_name(server_hostname):
                # What OpenSSL refuses is refused here: once it has the socket, CPython leaves that open.
                ssl_context.wrap_bio(ssl.MemoryBIO(), ssl.MemoryBIO(), server_hostname=server_hostname)
            # The descriptor moves from one socket to another: who closes this stream meanwhile leaves it alone.
            self._reading = True
            try:
                with offering(ssl_context, alpn_protocols):
                    sock = ssl_context.wrap_socket(
                        sock, server_hostname=server_hostname, do_handshake_on_connect=False, **resumed(session)
                    )
            finally:
                self._reading = False
            if self._closed:
                raise ConnectError("The stream was closed while it was being secured.")
            register_socket(sock)
            stream = SyncTLSStream(sock)
            stream._handshake(deadline, timeout)
            return stream
        except (OSError, ValueError, TypeError) as exc:
            _close_stranded(exc)
            self._give_up(sock)
            raise ConnectError(f"TLS handshake with {_name_of(server_hostname)} failed: {exc}") from exc
        except BaseException:
            self._give_up(sock)
            raise

    def _give_up(self, secured: socket.socket) -> None:
        if secured is not self._sock:
            secured.close()
        self.abort()

    def get_extra_info(self, info: str) -> Any:
        if info == "is_readable":
            return self._is_readable()
        if info == "socket":
            return self._sock
        if info == "client_addr" or info == "server_addr":
            try:
                return self._sock.getsockname() if info == "client_addr" else self._sock.getpeername()
            except OSError:
                return None
        return None

    def _is_readable(self) -> bool:
        if self._closed or self._sock.fileno() < 0:
            return True
        try:
            # Not the reader's own poll object: one serves one thread at a time. A new one takes as long as the look.
            if self._look is None:
                self._look = watch_readable(self._sock)
            return bool(self._look(0))
        except RuntimeError:  # Two threads look at the same moment.
            return is_socket_readable(self._sock)
        except _FAILURES:
            return True


class SyncTLSStream(SyncStream):
    """TLS on a connected socket, as a stream.

    The SSL object is used under a lock, since OpenSSL's may not be used by two threads at a time, and never waits. It
    uses the descriptor, which is freed under that lock too; whoever holds the lock without having announced himself
    looks afterwards whether there is something to free.
    """

    _sock: ssl.SSLSocket

    def __init__(self, sock: ssl.SSLSocket) -> None:
        super().__init__(sock)
        self._lock = threading.Lock()
        # The thread that reads. What is finalised in the middle of that, like a generator that streams another response
        # of the same connection, may write: not while its own thread holds the lock.
        self._inside: Optional[int] = None
        # What `is_readable` had to take from the SSL object to tell data from a session ticket: the next read's. It is
        # taken under the lock, and not while `_reading`: a read that began before waits for it on the socket.
        self._ahead: Optional[bytes] = None
        self._ahead_error: Optional[Exception] = None

    def read(self, max_bytes: int, timeout: Optional[float] = None) -> bytes:
        self._reading = True
        self._inside = threading.get_ident()
        try:
            if self._closed:
                raise ReadError("The stream is closed.")
            data = self._receive(max_bytes, timeout)
            if not data and self._closed:
                raise ReadError("The stream was closed while reading.")
            return data
        except _FAILURES as exc:
            raise ReadError("The stream was closed while reading." if self._closed else str(exc)) from exc
        finally:
            self._inside = None
            self._reading = False
            if self._closed:
                self._release()

    def _receive(self, max_bytes: int, timeout: Optional[float]) -> bytes:
        sock, lock = self._sock, self._lock
        with lock:
            if self._ahead is not None or self._ahead_error is not None:
                return self._take_ahead(max_bytes)
            buffered = sock.pending()
        limit = milliseconds(timeout)
        if not buffered and not self._wait_readable(limit):
            raise ReadTimeout(f"No data arrived within {timeout} seconds.")
        deadline: Optional[Deadline] = None
        while True:
            wait = self._wait_readable
            try:
                with lock:
                    max_bytes = min(max_bytes, READ_SIZE)
                    data = sock.recv(max_bytes)
                    # The SSL object gives one record at a time. Behind a large one there are likely to be more: taking
                    # them now saves whoever reads a round each.
                    if len(data) >= LARGE_RECORD:
                        return self._with_what_follows(data, max_bytes)
                    if not data and max_bytes > 0:
                        # The peer may end its session and leave the connection open: this is the next reads', too.
                        self._ahead = data
                    return data
            except ssl.SSLWantReadError:
                pass
            except ssl.SSLWantWriteError:
                wait = watch_writable(sock)
            # A part of a record, or one without data: what has been waited so far counts from here, once.
            if deadline is None:
                deadline = Deadline(timeout)
            if not wait(milliseconds(deadline.remaining())):
                raise ReadTimeout(f"No data arrived within {timeout} seconds.")

    def _with_what_follows(self, data: bytes, max_bytes: int) -> bytes:
        """Return `data` and the records behind it that are there already, with the lock held."""
        parts = [data]
        room = max_bytes - len(data)
        try:
            while room > 0:
                data = self._sock.recv(room)
                if not data:
                    self._ahead = data  # The end is told once: it is the next read's.
                    break
                parts.append(data)
                room -= len(data)
        except (ssl.SSLWantReadError, ssl.SSLWantWriteError):
            pass  # That was all for now.
        except _FAILURES as exc:
            self._ahead_error = exc  # The next read's: what came before it is delivered.
        return parts[0] if len(parts) == 1 else b"".join(parts)

    def _take_ahead(self, max_bytes: int) -> bytes:
        if self._ahead_error is not None:
            raise self._ahead_error
        data = self._ahead or b""
        if data:
            self._ahead = data[max_bytes:] or None
        return data[:max_bytes]

    def _send(self, data: Any, timeout: Optional[float]) -> int:
        sock = self._sock
        if self._inside == threading.get_ident():
            raise WriteTimeout("This thread is about to read.")
        while True:
            try:
                with self._lock:
                    return sock.send(data)
            except ssl.SSLWantWriteError:
                wait = self._wait_writable
            except ssl.SSLWantReadError:
                # Not the reader's own object: another thread may be waiting on that.
                wait = watch_readable(sock)
            if not wait(milliseconds(timeout)):
                raise WriteTimeout(f"The peer took no data within {timeout} seconds.")

    def _try_to_send(self, data: Any) -> Tuple[int, Any]:
        try:
            with self._lock:
                return self._sock.send(data), None
        except ssl.SSLWantWriteError:
            return 0, watch_either(self._sock)
        except ssl.SSLWantReadError:
            return 0, watch_readable(self._sock)

    def _handshake(self, deadline: Deadline, timeout: Optional[float]) -> None:
        while True:
            try:
                self._sock.do_handshake()
                return
            except ssl.SSLWantReadError:
                wait = self._wait_readable
            except ssl.SSLWantWriteError:
                wait = self._wait_writable
            if not wait(milliseconds(deadline.remaining())):
                raise ConnectTimeout(f"The TLS handshake took longer than {timeout} seconds.")

    def _occupied(self) -> bool:
        return super()._occupied() or self._lock.locked()

    def _free(self) -> bool:
        if not self._lock.acquire(blocking=False):
            return False
        try:
            self._sock.close()
        finally:
            self._lock.release()
        return True

    def _say_goodbye(self) -> None:
        if self._reading or self._writing or not self._lock.acquire(blocking=False):
            return
        try:
            self._sock.unwrap()
        except _FAILURES:
            pass  # The alert is on its way and the peer's is not waited for, or it cannot be sent any more.
        finally:
            self._lock.release()

    def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: Optional[str] = None,
        timeout: Optional[float] = None,
        *,
        alpn_protocols: Optional[Sequence[str]] = None,
        session: Optional[ssl.SSLSession] = None,
    ) -> NetworkStream:
        return TLSLayerStream.handshake(self, ssl_context, server_hostname, timeout, alpn_protocols, session)

    def get_extra_info(self, info: str) -> Any:
        if info == "ssl_object":
            return self._sock
        if info == "tls_session":
            with self._lock:
                session = session_of(self._sock)
            if self._closed:
                self._release()
            return session
        return super().get_extra_info(info)

    def _is_readable(self) -> bool:
        self._inside = threading.get_ident()
        try:
            readable = self._has_data()
        finally:
            self._inside = None
        if self._closed:
            self._release()
        return readable

    def _has_data(self) -> bool:
        if self._ahead is not None or self._ahead_error is not None:
            return True
        if not super()._is_readable():
            with self._lock:
                return not self._closed and self._sock.pending() > 0
        # Something is there. It may be a session ticket, which means nothing to whoever asks (RFC 8446 § 4.6.1).
        with self._lock:
            if self._closed or self._reading or self._ahead is not None or self._ahead_error is not None:
                return True
            try:
                self._ahead = self._sock.recv(_RECORD)
            except (ssl.SSLWantReadError, ssl.SSLWantWriteError):
                return False
            except _FAILURES as exc:
                self._ahead_error = exc
        return True


def _verifies_while_wrapping(ssl_context: ssl.SSLContext) -> bool:
    """Whether the context verifies a socket's peer when it has wrapped the socket, and not when hands have been shaken.

    truststore's does, below 0.10.5: on macOS and Windows it finds no certificate then. What it makes of memory it
    verifies at the right time.
    """
    return type(ssl_context).__module__.partition(".")[0] == "truststore"


def _close_stranded(exc: BaseException) -> None:
    """Close the socket that `wrap_socket` has made, and left open, when it failed.

    That happens where the connection is lost at that very moment. The old socket has been emptied by then, and the new
    one is known to the frame that made it only.
    """
    step = exc.__traceback__
    while step is not None:
        made = step.tb_frame.f_locals.get("self")
        if isinstance(made, ssl.SSLSocket):
            made.close()
        step = step.tb_next


def _name_of(server_hostname: Optional[str]) -> str:
    return "the peer" if server_hostname is None else repr(server_hostname)


class SyncBackend(NetworkBackend):
    """Connects sockets for threads."""

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: Optional[float] = None,
        local_address: Optional[str] = None,
        socket_options: Optional[Iterable[SOCKET_OPTION]] = None,
    ) -> NetworkStream:
        return _stream_on(connect_tcp_socket(host, port, timeout, local_address, socket_options))

    def connect_unix_socket(
        self,
        path: str,
        timeout: Optional[float] = None,
        socket_options: Optional[Iterable[SOCKET_OPTION]] = None,
    ) -> NetworkStream:
        return _stream_on(connect_unix_socket(path, timeout, socket_options))

    def sleep(self, seconds: float) -> None:
        pause(seconds)


def _stream_on(sock: socket.socket) -> SyncStream:
    try:
        return SyncStream(sock)
    except BaseException:
        sock.close()
        raise
