"""The native asyncio backend: transport and protocol, without tasks, scopes or third parties.

Rules that hold here:

* The stream is the protocol. What arrives goes into its buffer and wakes the reader; a read that is cancelled or
  times out has consumed nothing.
* What is written is handed to the transport whole, and then waits until the socket has taken it: a write that is
  cancelled or times out is still sent, in order, for as long as the stream stays open. So nothing is left to be sent
  when a stream is closed, but for writes that have not succeeded, and closing is done when it returns.
* What a `write_some` that was cut short has handed over is remembered: the next write begins with the same bytes, and
  only waits for them. What arrives wakes a writer who watches for it.
* One alarm for reading serves a connection all its life. Ending a wait only clears the alarm's deadline; the timer
  finds that out when it fires. Writers wait seldom, and several may: each has a timer of its own.
* A stream may be aborted from any thread, and from a forked process, where that frees this process's descriptor only.
* The event loop notices the peer's closing while nobody reads, so an idle connection knows at once.
"""

from __future__ import annotations

import asyncio
import math
import os
import socket
import ssl
import threading
from collections import deque
from typing import Any, Callable, Deque, Iterable, List, Optional, Sequence, Union

from ._abandon import abandon_descriptor
from ._async.tls_layer import AsyncTLSLayerStream
from ._asyncio_connect import connect_tcp_socket
from ._backend import SOCKET_OPTION, AsyncNetworkBackend, AsyncNetworkStream
from ._exceptions import ReadError, ReadTimeout, WriteError, WriteTimeout
from ._sockets import watch_readable
from ._unix import connect_unix_socket

__all__ = ["AsyncioBackend", "AsyncioStream"]

# Reading pauses when this much waits for a reader: a slow one must not make the buffer grow without bound.
HIGH_WATER = 256 * 1024

# The most that is read at once.
READ_SIZE = 256 * 1024

# Buffers above this are handed to the transport in pieces, so that it copies no more than a piece of what the socket
# refuses.
WRITE_PIECE = 256 * 1024


class _Alarm:
    """Calls back when a deadline passes; setting and clearing it is cheap, since the timer is left as it is."""

    __slots__ = ("_callback", "_deadline", "_loop", "_timer")

    def __init__(self, loop: asyncio.AbstractEventLoop, callback: Callable[[], None]) -> None:
        self._loop = loop
        self._callback = callback
        self._deadline: Optional[float] = None
        self._timer: Optional[asyncio.TimerHandle] = None

    def set(self, timeout: float) -> None:
        self._deadline = deadline = self._loop.time() + timeout
        timer = self._timer
        if timer is not None:
            if timer.when() <= deadline:
                return
            timer.cancel()
        self._timer = self._loop.call_at(deadline, self._ring)

    def clear(self) -> None:
        self._deadline = None

    def cancel(self) -> None:
        self._deadline = None
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _ring(self) -> None:
        self._timer = None
        if self._deadline is None:
            return
        if self._loop.time() < self._deadline:
            self._timer = self._loop.call_at(self._deadline, self._ring)
        else:
            self._deadline = None
            self._callback()


class _Scratch(threading.local):
    """Where a thread's event loop puts what it reads, from where it is copied at once.

    A loop that is left to make the buffer makes one of 256 KB for each read: pages that the system has to find, to
    clear and to take back, which costs several times as much as copying the few that were filled.
    """

    def __init__(self) -> None:
        self.buffer = memoryview(bytearray(READ_SIZE))


_scratch = _Scratch()


class AsyncioStream(AsyncNetworkStream, asyncio.BufferedProtocol):
    """`sock`, connected, as a stream of the event loop `loop`; made by `AsyncioBackend`."""

    accepts_alpn_protocols = True
    accepts_tls_session = True

    def __init__(self, loop: asyncio.AbstractEventLoop, sock: socket.socket) -> None:
        self._loop = loop
        self._process = os.getpid()
        self._sock = sock
        self._transport: Any = None
        self._buffer: Deque[Union[bytes, memoryview]] = deque()
        self._buffered = 0
        self._reading_paused = False
        # Nothing more arrives; and whether that is because the peer has ended its side in order, which no loss of the
        # connection that is noticed afterwards changes.
        self._at_end = False
        self._ended_in_order = False
        self._closed = False
        # Why the connection was lost; an error that a read or a write is told.
        self._lost: Optional[Exception] = None
        self._reader: Optional[asyncio.Future[None]] = None
        self._writing_paused = False
        self._writers: List[asyncio.Future[bool]] = []
        # That one of the writers who waits for what arrives as well.
        self._watcher: Optional[asyncio.Future[bool]] = None
        self._handed_over = 0
        # What a `write_some` that was cut short has handed over.
        self._on_the_way = b""
        self._read_alarm: Optional[_Alarm] = None
        self._peek: Optional[Callable[[Optional[float]], Any]] = None
        # Whether the loop begins to read before anything has arrived, as that of Windows does. What it has taken may
        # reach this stream later than what is on the socket then, so nobody else may read that.
        self._reads_ahead = hasattr(loop, "_proactor")

    # What the transport calls.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport
        # Whoever writes is told to wait as long as there is anything that the socket has not taken.
        self._transport.set_write_buffer_limits(0)

    def get_buffer(self, sizehint: int) -> memoryview:
        # Every loop fills it and calls `buffer_updated` before it does anything else.
        return _scratch.buffer

    def buffer_updated(self, nbytes: int) -> None:
        self._arrived(_scratch.buffer[:nbytes].tobytes())

    def _arrived(self, data: bytes) -> None:
        self._buffer.append(data)
        self._buffered += len(data)
        reader = self._reader
        if reader is not None:
            if not reader.done():
                reader.set_result(None)
            return
        if self._watcher is not None:
            self._wake_watcher()
        if self._buffered > HIGH_WATER and not self._reading_paused:
            self._reading_paused = True
            self._transport.pause_reading()

    def eof_received(self) -> bool:
        self._peer_ended()
        self._wake_reader()
        self._wake_watcher()
        # The other direction stays open: an upload may go on after the peer has sent its last byte.
        return True

    def _peer_ended(self) -> None:
        # To a connection that was reset the system tells that once, to whoever reads or writes, and then "the end".
        self._ended_in_order = self._lost is None and not self._transport.is_closing()
        self._at_end = True

    def connection_lost(self, exc: Optional[Exception]) -> None:
        if exc is not None and not self._at_end and not self._reads_ahead:
            self._rescue()
        self._at_end = True
        if exc is not None and self._lost is None:
            self._lost = exc
        if self._read_alarm is not None:
            self._read_alarm.cancel()
            # It calls this stream back: a reference in a circle.
            self._read_alarm = None
        self._closed = True
        self._wake_reader()
        self._wake_writers()
        # Windows' transports shut the socket down, and close it, when this returns; that of CPython 3.8 does not ask
        # first whether it is still open.
        if not self._reads_ahead:
            self._sock.close()

    def _rescue(self) -> None:
        """Take what had arrived when a write failed: a peer that resets the connection may have answered before."""
        try:
            while True:
                arrived = self._sock.recv(HIGH_WATER)
                if not arrived:
                    return
                self._buffer.append(arrived)
                self._buffered += len(arrived)
        except (OSError, ValueError):
            return  # nothing more: what the reader is told afterwards is why the connection was lost

    def pause_writing(self) -> None:
        self._writing_paused = True

    def resume_writing(self) -> None:
        self._writing_paused = False
        self._wake_writers()

    def _wake_reader(self) -> None:
        if self._reader is not None and not self._reader.done():
            self._reader.set_result(None)

    def _wake_watcher(self) -> None:
        if self._watcher is not None and not self._watcher.done():
            self._watcher.set_result(False)

    def _wake_writers(self) -> None:
        writers, self._writers = self._writers, []
        for writer in writers:
            if not writer.done():
                writer.set_result(False)

    # Reading.

    async def read(self, max_bytes: int, timeout: Optional[float] = None) -> bytes:
        while not self._buffer:
            if self._at_end or self._closed:
                return self._end()
            await self._wait_for_data(timeout)
        return self._take(max_bytes)

    def _take(self, max_bytes: int) -> bytes:
        data = self._buffer.popleft()
        size = len(data)
        if size > max_bytes:
            view = memoryview(data)
            self._buffer.appendleft(view[max_bytes:])
            data, size = view[:max_bytes], max_bytes
        self._buffered -= size
        if self._reading_paused and self._buffered <= HIGH_WATER // 2 and not self._closed:
            self._reading_paused = False
            self._transport.resume_reading()
        return data if type(data) is bytes else bytes(data)

    def _end(self) -> bytes:
        """What a read is told when nothing more comes: the end of the stream, or why it was cut off."""
        if self._ended_in_order:
            return b""
        if self._lost is not None:
            raise ReadError(_text_of(self._lost)) from self._lost
        if self._closed:
            raise ReadError("The stream is closed.")
        return b""

    async def _wait_for_data(self, timeout: Optional[float]) -> None:
        """Wait until something arrived or the stream ended; raises `ReadTimeout`."""
        if self._reader is not None:
            raise ReadError("Another task is reading from this stream.")
        self._reader = reader = self._loop.create_future()
        try:
            if timeout is None or timeout == math.inf:
                await reader
            elif timeout > 0:
                alarm = self._read_alarm
                if alarm is None:
                    alarm = self._read_alarm = _Alarm(self._loop, self._wake_reader)
                alarm.set(timeout)
                try:
                    await reader
                finally:
                    alarm.clear()
            else:
                # What has arrived reaches the buffer in the loop's next turn, and this task the turn after.
                await asyncio.sleep(0)
                await asyncio.sleep(0)
        finally:
            self._reader = None
        if not self._buffer and not self._at_end and not self._closed:
            raise ReadTimeout(f"No data arrived within {timeout} seconds.")

    # Writing.

    async def write(self, buffer: bytes, timeout: Optional[float] = None) -> None:
        if self._on_the_way:
            buffer = memoryview(buffer).cast("B")[self._skip(buffer) :]  # type: ignore[assignment]
            if self._writing_paused:
                await self._drain(timeout)
        size = len(buffer) if type(buffer) is bytes else memoryview(buffer).nbytes
        if size <= WRITE_PIECE:
            if size:
                self._send(buffer if type(buffer) is bytes else memoryview(buffer).cast("B"))
                if self._writing_paused:
                    await self._drain(timeout)
            return
        view = memoryview(buffer).cast("B")
        for start in range(0, size, WRITE_PIECE):
            self._send(view[start : start + WRITE_PIECE])
            if self._writing_paused:
                await self._drain(timeout)

    async def write_some(self, buffer: bytes, timeout: Optional[float] = None) -> int:
        """Write some of `buffer` and return how many bytes; none when this is cancelled or `timeout` seconds pass.

        None is no limit. After that the next write has to begin with all of `buffer`: it may be on its way already.
        """
        return await self._write_some(buffer, timeout, watching=False)

    async def write_some_unless_readable(self, buffer: bytes, timeout: Optional[float] = None) -> int:
        """Write some of `buffer` as `write_some` does; return 0 where that has to wait and there is something to read.

        `timeout` is that of `write_some`. After a 0, too, the next write has to begin with all of `buffer`.
        """
        return await self._write_some(buffer, timeout, watching=True)

    async def _write_some(self, buffer: bytes, timeout: Optional[float], watching: bool) -> int:
        size = self._skip(buffer) if self._on_the_way else self._hand_over(buffer)
        if self._writing_paused:
            drained = False
            try:
                await self._drain(timeout, watching)
                drained = not self._writing_paused
            finally:
                if not drained:
                    self._on_the_way = bytes(memoryview(buffer).cast("B")[:size])
            return size if drained else 0
        return size

    def write_some_nowait(self, buffer: bytes) -> int:
        """Write what is possible of `buffer` without waiting, and return how many bytes; raises `WriteError`."""
        if self._on_the_way:
            return self._skip(buffer)
        if self._writing_paused and not self._closed:
            return 0
        if type(buffer) is not bytes:
            view = memoryview(buffer).cast("B")[:WRITE_PIECE]
            # A transport may keep what the socket refuses, and who calls may change what it is told that is written.
            buffer = view if type(view.obj) is bytes else bytes(view)  # type: ignore[assignment]
        return self._hand_over(buffer)

    def _hand_over(self, buffer: Any) -> int:
        if type(buffer) is not bytes or len(buffer) > WRITE_PIECE:
            buffer = memoryview(buffer).cast("B")[:WRITE_PIECE]
        if len(buffer):
            self._send(buffer)
        return len(buffer)

    def _skip(self, buffer: Any) -> int:
        """Return how much of `buffer` was handed over before; raises `WriteError` where that was something else."""
        if self._closed or self._lost is not None:
            raise self._write_error()
        size = len(self._on_the_way)
        if memoryview(buffer).cast("B")[:size] != self._on_the_way:
            raise WriteError("An earlier write was not finished.")
        self._on_the_way = b""
        return size

    def _send(self, data: Any) -> None:
        if self._closed or self._lost is not None:
            raise self._write_error()
        self._handed_over += len(data)
        self._transport.write(data)
        # A transport whose connection has failed takes everything and sends nothing, until the loop's next turn.
        if self._transport.is_closing():
            raise self._write_error()

    def _write_error(self) -> WriteError:
        if self._lost is not None:
            error = WriteError(_text_of(self._lost))
            error.__cause__ = self._lost
            return error
        return WriteError("The stream is closed." if self._closed else "The connection was lost.")

    async def _drain(self, timeout: Optional[float], watching: bool = False) -> None:
        """Wait until the socket has taken all; raises `WriteTimeout` when it takes nothing for `timeout` seconds.

        Who is `watching` waits no longer than until there is something to read.
        """
        if timeout == math.inf:
            timeout = None
        while self._writing_paused:
            if watching and (self._buffer or self._at_end):
                return
            if timeout is not None and timeout <= 0:
                raise WriteTimeout(f"The peer took no data within {timeout} seconds.")
            sent = self._sent()
            writer = self._loop.create_future()
            self._writers.append(writer)
            if watching:
                self._watcher = writer
            timer = None if timeout is None else self._loop.call_later(timeout, _time_out, writer)
            try:
                timed_out = await writer
            finally:
                if timer is not None:
                    timer.cancel()
                if watching:
                    self._watcher = None
                if writer in self._writers:
                    self._writers.remove(writer)
            if self._closed or self._lost is not None:
                raise self._write_error()
            if watching and (self._buffer or self._at_end):
                continue
            if timed_out and self._writing_paused and self._sent() == sent:
                raise WriteTimeout(f"The peer took no data within {timeout} seconds.")

    def _sent(self) -> int:
        """How many bytes have left the transport's buffer."""
        return self._handed_over - int(self._transport.get_write_buffer_size())

    # Closing.

    async def aclose(self) -> None:
        self._close()

    def _close(self) -> None:
        self._forget_arrived()
        if self._closed:
            return
        self._closed = True
        if self._loop.is_closed() or os.getpid() != self._process:
            abandon_descriptor(self._sock, self._transport)
            return
        if self._transport.get_write_buffer_size():
            self._transport.abort()
        else:
            self._transport.close()
        self._wake_reader()
        self._wake_writers()

    def abort(self) -> None:
        """Close the stream at once; what has not been sent yet is given up."""
        self._closed = True
        if self._loop.is_closed() or os.getpid() != self._process:
            self._forget_arrived()
            abandon_descriptor(self._sock, self._transport)
            return
        if self._loop.is_running() and asyncio._get_running_loop() is not self._loop:
            try:
                self._loop.call_soon_threadsafe(self._abort_here)
            except RuntimeError:
                abandon_descriptor(self._sock, self._transport)  # The loop has been closed just now.
            return
        self._abort_here()

    def _abort_here(self) -> None:
        # Not from another thread: a read may be about to take what is here.
        self._forget_arrived()
        self._transport.abort()
        self._wake_reader()
        self._wake_writers()

    def _forget_arrived(self) -> None:
        """Who has closed the stream reads no more from it."""
        self._buffer.clear()
        self._buffered = 0
        self._ended_in_order = False

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

    # What can be done without waiting; used by TLS on this stream.

    def read_nowait(self, max_bytes: int) -> Optional[bytes]:
        """Return what a read would return at once, None when it would wait; raises `ReadError`."""
        self._look()
        if self._buffer:
            return self._take(max_bytes)
        return self._end() if self._at_end or self._closed else None

    def write_nowait(self, buffer: bytes) -> None:
        """Write `buffer` as far as that is possible at once, and forget the rest: for a layer's last words."""
        if os.getpid() != self._process:
            return  # The connection is the parent's.
        if buffer and not self._closed and self._lost is None and not self._transport.get_write_buffer_size():
            self._transport.write(buffer)

    def get_extra_info(self, info: str) -> Any:
        if info == "is_readable":
            return self._look() or bool(self._buffer) or self._at_end or self._closed
        if info == "socket":
            return self._sock
        if info == "client_addr" or info == "server_addr":
            try:
                return self._sock.getsockname() if info == "client_addr" else self._sock.getpeername()
            except OSError:
                return None
        return None

    def _look(self) -> bool:
        """Ask the socket itself: what arrived since the loop's last turn, or while a coroutine kept it from turning, is
        not known to the transport yet, and a connection whose end waits to be noticed must not be used.

        Takes what is there; True where there is something that must be left to the loop.
        """
        if self._buffer or self._at_end or self._closed:
            return False
        try:
            if self._peek is None:
                self._peek = watch_readable(self._sock)
            if not self._peek(0):
                return False
            if self._reads_ahead:
                return True
            arrived = self._sock.recv(HIGH_WATER)
        except BlockingIOError:
            return False
        except (OSError, ValueError) as exc:
            self._lost = self._lost or exc
            self._at_end = True
            return False
        if arrived:
            self._arrived(arrived)
        else:
            self._peer_ended()
        return False


def _time_out(writer: asyncio.Future[bool]) -> None:
    if not writer.done():
        writer.set_result(True)


def _text_of(exc: Exception) -> str:
    return str(exc) or type(exc).__name__


class AsyncioBackend(AsyncNetworkBackend):
    """Connects sockets for asyncio, whatever event loop implements it."""

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: Optional[float] = None,
        local_address: Optional[str] = None,
        socket_options: Optional[Iterable[SOCKET_OPTION]] = None,
    ) -> AsyncNetworkStream:
        return await _stream_on(await connect_tcp_socket(host, port, timeout, local_address, socket_options))

    async def connect_unix_socket(
        self,
        path: str,
        timeout: Optional[float] = None,
        socket_options: Optional[Iterable[SOCKET_OPTION]] = None,
    ) -> AsyncNetworkStream:
        return await _stream_on(await connect_unix_socket(path, timeout, socket_options, asyncio.sleep))

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


async def _stream_on(sock: socket.socket) -> AsyncioStream:
    loop = asyncio.get_running_loop()
    try:
        _, stream = await loop.create_connection(lambda: AsyncioStream(loop, sock), sock=sock)
    except BaseException:
        sock.close()
        raise
    return stream
