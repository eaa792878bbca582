"""Writing for many streams on one network stream.

Whoever has something to write writes, and takes along what others have put in line.

Rules that hold here:

* One lock guards the engine and what is below; it is never held during I/O that may wait.
* At most one writes. On leaving it passes the writing on to one who waits for it; without such a one it writes all
  there is.
* A request that is complete in line while another writes relies on that one, and waits for its answer right away. If
  the other is interrupted, one of those who rely on it is woken and writes. Until its request has been written, a
  stream does not read: who reads cannot be woken to write.
* A write that was cut short may have sent half a frame. Where the network stream offers `write_some`, which sends a
  part and says how much, the rest stays in line for the next writer; elsewhere the connection is over.
  `write_some(buffer, timeout)` takes at least one byte, and none when it times out or is cancelled;
  `write_some_nowait(buffer)` takes what it can without waiting.
* A server may take nothing until it has been read, and nobody may be reading. Where the network stream offers
  `write_some_unless_readable`, a write that would have to wait lets what has come be read, and leaves off, its rest in
  line, when that was the answer to the request which it is for.
* When writing has failed, what the server said before that can still be read.
"""

from __future__ import annotations

import math
import threading
import time
from collections import deque
from typing import Any, Awaitable, Callable, Deque, Optional, Tuple

from core_backends import AsyncNetworkStream, WriteError, WriteTimeout
from core_backends.lowlevel import AsyncEvent, abandon, async_next_turn

from .._engine import Engine
from .._errors import Failure
from .._streams import Buffer, Stream

__all__ = ["AsyncWriter"]

_WRITE_SIZE = 256 * 1024
# Seconds after which a write that waits looks whether somebody reads. Waiting for either at once costs more than
# waiting, and most servers take everything within that time.
_PATIENCE = 0.1


class AsyncWriter:
    """Writes what `engine` has to say to the network stream `network`."""

    def __init__(self, network: AsyncNetworkStream, engine: Engine) -> None:
        # Owned by a thread, so that a thread can tell that it is inside already; nobody takes it twice.
        self.lock = threading.RLock()
        self.network = network
        self.engine = engine
        self.closed = False
        self._writing = False
        self._written = 0
        self._write_waiters: Deque[Tuple[int, AsyncEvent]] = deque()
        self._relying: Deque[Stream] = deque()
        self._write_error: Optional[Exception] = None
        # Whether a write was cut short, and nobody has taken on what it left.
        self._left_over = False
        self._write_some: Optional[Callable[..., Awaitable[int]]] = getattr(network, "write_some", None)
        self._write_some_nowait: Optional[Callable[[Buffer], int]] = getattr(network, "write_some_nowait", None)
        self._write_unless_readable: Optional[Callable[..., Awaitable[int]]] = None
        if self._write_some is not None and self._write_some_nowait is not None:
            self._write_unless_readable = getattr(network, "write_some_unless_readable", None)
        self._slow = False  # Whether a write has waited for longer than that.
        self._reading = False  # Whether somebody reads: kept by whoever drives the reading.

    @property
    def writable(self) -> bool:
        """Whether writing has not failed yet."""
        return self._write_error is None and not self.closed

    def is_inside(self) -> bool:
        """Whether this very thread holds the lock: a generator that is finalised inside of that closes its response."""
        return self.lock._is_owned()  # type: ignore[attr-defined,no-any-return]  # what Condition asks of a lock

    def rely(self, stream: Stream) -> None:
        """Leave the request of `stream`, complete in line, to whoever writes just now, with the lock held."""
        if self._writing and not self.closed:
            stream.request_end = self.engine.enqueued
            stream.relying = True
            self._relying.append(stream)

    def why_unsent(self, stream: Stream) -> Optional[WriteError]:
        """Return why the request of a stream that relied on another's writing has not left, None where it has."""
        if self._write_error is None or stream.request_end <= self._written:
            return None
        error = WriteError(str(self._write_error))
        error.__cause__ = self._write_error
        return error

    @property
    def behind(self) -> bool:
        """Whether something has been left in line that nobody writes."""
        return self._left_over and bool(self.engine.outbound)

    async def flush_together(
        self, timeout: Optional[float] = None, stream: Optional[Stream] = None, wants: int = 0
    ) -> None:
        """The same as `flush`, with what others have to send in this turn, if there are others.

        Responses that arrive together let many tasks run in one turn of the event loop, and each of them is likely to
        send its next request in that turn: one system call, and one record of TLS, in place of one each.
        """
        engine = self.engine
        with self.lock:
            target = engine.enqueued
            mine = not (self._writing or self.closed or self._write_error is not None)
            alone = len(engine.streams) < 2
            if mine:
                data = engine.take(_WRITE_SIZE) if alone else b""
                self._writing = bool(data) or not alone
                self._left_over = False
        if not mine:
            await self.flush(timeout, stream, wants)
            return
        if not alone:
            try:
                await async_next_turn()
            except BaseException:
                with self.lock:
                    self._pass_writing()
                raise
            with self.lock:
                data = engine.take(_WRITE_SIZE)
                if not data:
                    self._pass_writing()
        await self._write_out(data, target, timeout, stream, wants)

    async def flush(self, timeout: Optional[float] = None, stream: Optional[Stream] = None, wants: int = 0) -> None:
        """Return when all that is in line now has been written, or when `stream` has what is wanted of it and the rest
        would have to wait for the server.

        Raises `WriteTimeout` after `timeout` seconds without progress, `WriteError` when writing fails.
        """
        target = self.engine.enqueued
        while True:
            with self.lock:
                if self._written >= target:
                    if not self._writing and (self._write_waiters or self._relying):
                        # The writing was passed here, and somebody else has written meanwhile: it is passed on.
                        self._pass_writing()
                    return
                if self._write_error is not None:
                    raise WriteError(str(self._write_error)) from self._write_error
                if self.closed:
                    raise self._closed_while_writing()
                if not self._writing:
                    data = self.engine.take(_WRITE_SIZE)
                    self._writing = bool(data)
                    self._left_over = False
                    turn = None
                else:
                    turn = AsyncEvent()
                    self._write_waiters.append((target, turn))
            if turn is None:
                await self._write_out(data, target, timeout, stream, wants)
                return
            try:
                in_time = await turn.wait(timeout)
            except BaseException:
                self._leave_line(target, turn)
                raise
            if not in_time:
                self._leave_line(target, turn)
                if self._written >= target:
                    return
                raise WriteTimeout("The connection was busy with what was in line before")

    async def _write_out(
        self, data: Buffer, target: int, timeout: Optional[float], stream: Optional[Stream], wants: int
    ) -> None:
        """As the one who writes, write `data`, on up to `target`, and further where nobody else is there to do it."""
        while data:
            try:
                if self._write_unless_readable is not None:
                    written = await self._write_and_read(data, timeout, stream, wants)
                elif self._write_some is not None:
                    written = await self._write_some(data, timeout)
                else:
                    await self.network.write(data if type(data) is bytes else bytes(data), timeout)
                    written = len(data)
            except WriteError as exc:
                self._stop_writing(exc)
                raise
            except WriteTimeout as exc:
                # It may be that the server has answered already, and takes no more because of that.
                try:
                    await self.read_what_is_there()
                finally:
                    self._interrupted_write(data, exc)
                raise
            except Exception as exc:
                # A user's own stream may raise what it likes.
                self._stop_writing(exc)
                raise WriteError(str(exc)) from exc
            except BaseException as exc:
                self._interrupted_write(data, exc)
                raise
            with self.lock:
                if not written:
                    self._leave_rest(data)
                    return
                if written < len(data):
                    self.engine.put_back(memoryview(data)[written:])
                self._count(written)
                if self._written >= target and self._write_waiters:
                    self._pass_writing()
                    return
                data = self.engine.take(_WRITE_SIZE)
                if not data:
                    self._writing = False

    async def _write_and_read(
        self, data: Buffer, timeout: Optional[float], stream: Optional[Stream], wants: int
    ) -> int:
        """Write some of `data`, reading if the server takes nothing of it; 0 when `stream` has what is wanted of it."""
        write_some: Any = self._write_some
        write_some_nowait: Any = self._write_some_nowait
        write_unless_readable: Any = self._write_unless_readable
        deadline = None if timeout is None else time.monotonic() + timeout
        while True:
            if stream is not None and self.engine.ready(stream, wants):
                return int(write_some_nowait(data))
            left = math.inf if deadline is None else max(0.0, deadline - time.monotonic())
            if self._slow and not self._reading:
                written: int = await write_unless_readable(data, None if deadline is None else left)
                if written:
                    return written
                if await self.read_what_is_there() and left:
                    continue
            try:
                return int(await write_some(data, min(_PATIENCE, left)))
            except WriteTimeout:
                if left <= _PATIENCE:
                    raise
                self._slow = True

    def _count(self, written: int) -> None:
        """Take note of bytes that have been written, with the lock held."""
        self._written = total = self._written + written
        waiting = self._write_waiters
        while waiting and waiting[0][0] <= total:
            waiting.popleft()[1].set()
        if self._relying:
            self._release_relying(total)

    def _release_relying(self, total: float) -> None:
        """The requests up to `total` in line are no longer in line: their streams may read like others."""
        now = time.monotonic()
        relying = self._relying
        while relying and relying[0].request_end <= total:
            stream = relying.popleft()
            stream.relying = False
            stream.sent_at = now
        self._pass_reading()

    def _pass_writing(self) -> None:
        self._writing = False
        if self._write_waiters:
            self._write_waiters.popleft()[1].set()
        elif self._relying:
            self._wake_relying()
        elif self._left_over:
            self._wake_any()

    def _leave_line(self, target: int, turn: AsyncEvent) -> None:
        """Stop waiting for the writing; if it has been passed here just now, pass it on."""
        with self.lock:
            try:
                self._write_waiters.remove((target, turn))
            except ValueError:
                if not self._writing:
                    self._pass_writing()

    def _stop_writing(self, exc: Exception) -> None:
        """Nothing can be written any more; what the server has sent before that can still be read."""
        with self.lock:
            self._writing = False
            self._write_error = exc
            while self._write_waiters:
                self._write_waiters.popleft()[1].set()
            if self._relying:
                self._release_relying(math.inf)

    def _leave_rest(self, data: Buffer) -> None:
        """Leave `data` to the next one who writes, with the lock held."""
        self.engine.put_back(data)
        # The server may be waiting for the rest of a frame, and others for what it says then.
        self._left_over = True
        self._pass_writing()

    def _interrupted_write(self, data: Buffer, exc: BaseException) -> None:
        if self._write_some is not None:
            with self.lock:
                self._leave_rest(data)
            return
        with self.lock:
            # Streams whose HEADERS lie behind what was being written have not been seen by the server.
            for stream in list(self.engine.streams.values()):
                if stream.heading_end > self._written + len(data):
                    self.engine.fail_unsent(stream)
            self._writing = False
            self.engine.fail(Failure(WriteError, "The connection ended because a write on it was cut short", cause=exc))
        self.shut()

    def write_at_once(self) -> None:
        """Write what is in line as far as that is possible without waiting, where the network stream can do that."""
        if self._write_some_nowait is None:
            return
        with self.lock:
            if self._writing or self.closed or self._write_error is not None:
                return
            data = self.engine.take(_WRITE_SIZE)
            if not data:
                return
            try:
                written = self._write_some_nowait(data)
            except Exception as exc:
                self._write_error = exc
                return
            self._count(written)
            if written < len(data):
                self.engine.put_back(memoryview(data)[written:])

    async def write_meanwhile(self, timeout: Optional[float]) -> None:
        """As the one who reads, write what is in line, without waiting for it where the network stream can do that.

        A server may take nothing until what it sends has been read.
        """
        if self._write_some_nowait is None:
            await self.flush_if_possible(timeout)
        else:
            self.write_at_once()

    async def flush_if_possible(self, timeout: Optional[float]) -> None:
        """Write acknowledgements, window updates and resets. Where that fails, what has come can still be read."""
        if not self.engine.outbound or self._writing or self._write_error is not None or self.closed:
            return
        try:
            await self.flush(timeout)
        except (WriteError, WriteTimeout):
            return

    def shut(self) -> None:
        """Let go of the network stream at once, and of everybody who waits for it."""
        with self.lock:
            if self.closed:
                return
            self._close_line()
            self._deliver()
        abandon(self.network)

    def _close_line(self) -> None:
        self.closed = True
        while self._write_waiters:
            self._write_waiters.popleft()[1].set()

    def _deliver(self) -> None:
        """Wake those whose need is met, with the lock held."""
        raise NotImplementedError

    def _pass_reading(self) -> None:
        """Wake one who may read, if somebody waits and nobody reads, with the lock held."""
        raise NotImplementedError

    def _wake_relying(self) -> None:
        """Wake one who waits and relies on somebody's writing, with the lock held."""
        raise NotImplementedError

    def _wake_any(self) -> None:
        """Wake one who waits, to write what a write that was cut short has left, with the lock held."""
        raise NotImplementedError

    async def read_what_is_there(self) -> bool:
        """Take what the server has sent meanwhile, without waiting for more."""
        raise NotImplementedError

    def _closed_while_writing(self) -> WriteError:
        failure = self.engine.failure
        if failure is None:
            return WriteError("The connection is closed")
        error = WriteError(failure.message)
        error.__cause__ = failure.cause
        return error
