"""Reading for many streams on one network stream.

There is no task of its own here: whoever waits for something reads, and delivers to everybody.

Rules that hold here:

* At most one reads. It looks at its own need before each read; on leaving, for whatever reason, it passes the reading
  on. A read that is cancelled or times out has consumed nothing, so that no byte is lost.
* Those are woken whose need is met, and one more where somebody has to go on reading.
* A wait is bounded by its own stream's timeout, whatever arrives for others meanwhile.
* Reading does not wait for writing: a server may write until we have read, and take nothing meanwhile.
"""

from __future__ import annotations

import logging
import time
from typing import Any, Dict, Optional, Type

from core_backends import (
    AsyncNetworkStream,
    NetworkError,
    ReadError,
    ReadTimeout,
    TimeoutException,
    WriteError,
    WriteTimeout,
)
from core_backends.lowlevel import AsyncEvent, AsyncTracer, abandon

from .._engine import Engine
from .._streams import HEAD, WINDOW, Buffer, Stream
from .writer import AsyncWriter

__all__ = ["AsyncMultiplexer"]

# How long a stream that says it is readable may take to hand over what it has; TLS may find that it was not for us.
_AT_ONCE = 0.02
_MOST_READS_AT_ONCE = 64
# For telling a server why its connection ends.
_FAREWELL = 0.1
# Seconds between two looks at what a write that was cut short has left, of one who reads meanwhile.
_LOOK_UP = 0.1
_PARTING_SIZE = 64 * 1024

logger = logging.getLogger("httpcore.http2")


class AsyncMultiplexer(AsyncWriter):
    """Drives `engine` on the network stream `network`.

    `read_size`: bytes asked for at a time. `ping_interval`: seconds without a byte from the server, while somebody
    waits, after which it is asked for a sign of life, None for never; `ping_timeout`: seconds that it has for that.
    """

    def __init__(
        self,
        network: AsyncNetworkStream,
        engine: Engine,
        *,
        read_size: int,
        ping_interval: Optional[float],
        ping_timeout: float,
    ) -> None:
        super().__init__(network, engine)
        self._read_size = read_size
        self._ping_interval = ping_interval
        self._ping_timeout = ping_timeout
        self._reader: Optional[Stream] = None  # Whose wait it is that reads, if it is one.
        self._waiters: Dict[int, Stream] = {}
        self._heard_at = time.monotonic()

    # Reading.

    async def wait(
        self,
        stream: Stream,
        wants: int,
        timeout: Optional[float],
        error: Type[TimeoutException],
        trace: Optional[AsyncTracer] = None,
    ) -> None:
        """Return when `stream` is ready for `wants`, having read for everybody if nobody else does.

        Raises `error` when that takes longer than `timeout` seconds.
        """
        deadline = None if timeout is None else time.monotonic() + timeout
        while True:
            with self.lock:
                if self.engine.ready(stream, wants):
                    return
                # What is left over, one who reads can write without waiting, where the network stream can do that.
                left_over = self._left_over and (self._reading or self._write_some_nowait is None)
                forsaken = not self._writing and (stream.relying or left_over)
                if forsaken:
                    self._left_over = False
                    turn = None
                elif self._reading or stream.relying:
                    if stream.waiter is not None:
                        raise ReadError(f"Somebody else is waiting for this response (stream {stream.id})")
                    turn = stream.waiter = AsyncEvent()
                    stream.wants = wants
                    self._waiters[stream.id] = stream
                else:
                    self._reading = True
                    # Known from this moment on: who gives the stream up before the read begins has to end it, too.
                    self._reader = stream
                    turn = None
            if forsaken:
                left = None if deadline is None else max(0.0, deadline - time.monotonic())
                if stream.relying:
                    await self.flush(left)
                else:
                    await self.flush_if_possible(left)
                    if left == 0.0:
                        raise error(_timeout_text(error, stream))
                continue
            if turn is None:
                await self._read_for(stream, wants, deadline, error, trace)
                return
            try:
                in_time = await turn.wait(None if deadline is None else deadline - time.monotonic())
            except BaseException:
                self._stop_waiting(stream)
                raise
            if not in_time:
                self._stop_waiting(stream)
                if self.engine.ready(stream, wants):
                    return
                raise error(_timeout_text(error, stream))

    async def wait_for_answer(
        self,
        stream: Stream,
        write_timeout: Optional[float],
        read_timeout: Optional[float],
    ) -> None:
        """Return when a request that relies on another's writing is answered, or has failed.

        Raises `WriteTimeout` where it is not written in time, `ReadTimeout` where it is not answered in time after
        that, and `WriteError`.
        """
        began = time.monotonic()
        patience = read_timeout
        if patience is None or (write_timeout is not None and write_timeout < patience):
            patience = write_timeout
        try:
            await self.wait(stream, HEAD, patience, ReadTimeout)
            return
        except (ReadTimeout, WriteTimeout):
            if not stream.relying and stream.sent_at is None:
                raise
        # In nearly all cases the answer has come. Here the two time limits are looked at one after the other.
        if stream.relying:
            left = None if write_timeout is None else max(0.0, began + write_timeout - time.monotonic())
            await self.flush(left)
        left = None
        if read_timeout is not None:
            sent_at = began if stream.sent_at is None else stream.sent_at
            left = max(0.0, sent_at + read_timeout - time.monotonic())
        await self.wait(stream, HEAD, left, ReadTimeout)

    async def _read_for(
        self,
        stream: Stream,
        wants: int,
        deadline: Optional[float],
        error: Type[TimeoutException],
        trace: Optional[AsyncTracer],
    ) -> None:
        """As the one who reads, read until `stream` is ready, and pass the reading on."""
        engine = self.engine
        try:
            while True:
                remaining = None if deadline is None else max(0.0, deadline - time.monotonic())
                if engine.outbound:
                    await self.write_meanwhile(remaining)
                # Somebody's write may be cut short while this reads, and leave what the server has to have first.
                watchful = self._writing or bool(engine.outbound) or (bool(wants & WINDOW) and len(engine.streams) > 1)
                await self._read_once(remaining, watchful)
                if engine.owes_answer:
                    # Whoever has what they need may not come back for a while.
                    await self.write_meanwhile(remaining)
                if engine.settings_events:
                    await self._report_settings(trace)
                if engine.ready(stream, wants):
                    return
                if deadline is not None and time.monotonic() >= deadline:
                    raise error(_timeout_text(error, stream))
        finally:
            with self.lock:
                self._reading = False
                self._reader = None
                if self._waiters:
                    self._pass_reading()

    async def _read_once(self, remaining: Optional[float], watchful: bool = False) -> bool:
        """Read and deliver; whether anything came. A timeout is not told here: who waits goes by a deadline."""
        interval = self._ping_interval
        limit = slice_ = remaining if interval is None else self._slice(remaining, interval)
        if watchful:
            slice_ = _LOOK_UP if limit is None else min(limit, _LOOK_UP)
        try:
            data = await self.network.read(self._read_size, slice_)
        except ReadTimeout:
            if slice_ is None:
                # The limit is the stream's own: asking again would go on for ever.
                raise
            if interval is not None and slice_ == limit and limit != remaining:
                self._check_life(interval)
            return False
        except Exception as exc:
            # ReadError, or whatever a user's own stream raises.
            with self.lock:
                self.engine.connection_lost(exc)
                self._deliver()
            self.shut()
            return False
        engine = self.engine
        with self.lock:
            if interval is not None:
                self._heard_at = time.monotonic()
            engine.receive(data)
            self._deliver()
        if engine.failure is not None:
            await self._say_farewell()
        return True

    def _deliver(self) -> None:
        """Wake those whose need is met."""
        touched = self.engine.touched
        for stream in touched:
            if stream.waiter is not None and self.engine.ready(stream, stream.wants):
                self._waiters.pop(stream.id, None)
                stream.waiter.set()
                stream.waiter = None
        touched.clear()

    def _pass_reading(self) -> None:
        if self._reading:
            return
        # The youngest is likely to wait longest, and so to read longest.
        for stream in reversed(self._waiters.values()):
            if not stream.relying:
                self._wake(stream)
                return

    def _wake_relying(self) -> None:
        for stream in self._relying:
            if stream.waiter is not None:
                self._wake(stream)
                return

    def _wake_any(self) -> None:
        for stream in self._waiters.values():
            self._wake(stream)
            return

    def _wake(self, stream: Stream) -> None:
        del self._waiters[stream.id]
        stream.waiter.set()
        stream.waiter = None

    def call_off(self, stream: Stream) -> None:
        """Let nobody wait for a stream that somebody else has given up, with the lock held."""
        if stream.waiter is not None:
            self._wake(stream)
        if self._reader is stream:
            # A read ends when something comes, and the server answers this.
            self.engine.ping()
            self._heard_at = time.monotonic()

    def reads_for(self, stream: Stream) -> bool:
        """Whether it is the wait for this stream that reads."""
        return self._reader is stream

    def _stop_waiting(self, stream: Stream) -> None:
        """Stop waiting; if the reading or the writing has been passed here just now, pass it on."""
        with self.lock:
            if self._waiters.pop(stream.id, None) is None:
                self._pass_reading()
                if not self._writing:
                    if self._relying:
                        self._wake_relying()
                    elif self._left_over:
                        self._wake_any()
            stream.waiter = None

    async def _report_settings(self, trace: Optional[AsyncTracer]) -> None:
        with self.lock:
            events, self.engine.settings_events = self.engine.settings_events, []
        if trace is not None:
            for event in events:
                await trace.call("receive_remote_settings", {}, _settings_received, event)

    # What is there already.

    async def read_what_is_there(self) -> bool:
        """Take what the server has sent meanwhile, without waiting for more; whether anything came.

        Only the one who reads may ask whether there is something: the question can take it off the network.
        """
        came = False
        for _ in range(_MOST_READS_AT_ONCE):
            with self.lock:
                if self._reading or self.engine.failed:
                    return came
                self._reading = True
            try:
                if not self._is_readable() or not await self._read_once(_AT_ONCE):
                    return came
                came = True
            finally:
                with self.lock:
                    self._reading = False
                    self._pass_reading()
        return came

    def _is_readable(self) -> bool:
        try:
            return bool(self.network.get_extra_info("is_readable"))
        except Exception as exc:
            # A stream of a user's own may fail to tell, on a socket that has been closed for one: a read says why.
            logger.debug("is_readable.failed exception=%r", exc)
            return True

    # Signs of life.

    def _slice(self, remaining: Optional[float], interval: float) -> float:
        outstanding = self.engine.pings_sent > self.engine.pings_answered
        limit = self._ping_timeout if outstanding else interval
        left = max(0.0, self._heard_at + limit - time.monotonic())
        return left if remaining is None else min(left, remaining)

    def _check_life(self, interval: float) -> None:
        """Nothing has come for a while: ask for a sign of life, or give the connection up."""
        with self.lock:
            if self._slice(None, interval):
                return  # Somebody has asked meanwhile.
            if self.engine.pings_sent == self.engine.pings_answered:
                self.engine.ping()
                self._heard_at = time.monotonic()
                return
        self._give_up_silent()

    def _give_up_silent(self) -> None:
        with self.lock:
            self.engine.connection_lost(
                ReadError(f"The server did not answer a PING within {self._ping_timeout} seconds.")
            )
            self._deliver()
        self.shut()

    async def probe(self) -> None:
        """See whether an idle server still answers; the connection is given up if not."""
        with self.lock:
            number = self.engine.ping()
            self._heard_at = time.monotonic()
        deadline = self._heard_at + self._ping_timeout
        try:
            await self.flush(self._ping_timeout)
        except (WriteError, WriteTimeout):
            self._give_up_silent()
            return
        while self.engine.pings_answered < number and not self.engine.failed:
            with self.lock:
                if self._reading:
                    return  # Somebody else is at it, and slices its reads by the same rule.
                self._reading = True
            remaining = deadline - time.monotonic()
            try:
                if remaining <= 0:
                    self._give_up_silent()
                    return
                await self._read_once(remaining)
            finally:
                with self.lock:
                    self._reading = False
                    self._pass_reading()

    # Ends.

    async def _say_farewell(self) -> None:
        """Tell the server why its connection ends, if that can be written, and let go of the network stream."""
        if self.closed:
            return
        try:
            if not self._writing and self._write_error is None:
                await self.flush(_FAREWELL)
        except (NetworkError, TimeoutException):
            pass  # It is gone, or does not listen: there is nobody to tell.
        finally:
            self.shut()

    async def aclose(self) -> None:
        """End the connection in good order: streams fail, the server is told, the network stream is closed."""
        with self.lock:
            if self.closed:
                return
            unfinished = bool(self.engine.streams)
            self.engine.close()
            self._deliver()
            data: Buffer = b""
            if not self._writing and self._write_error is None:
                data = self.engine.take(_PARTING_SIZE)
                # Whoever has something to tell the server now has come too late.
                self._writing = True
        try:
            if data:
                try:
                    await self.network.write(bytes(data), _FAREWELL)
                except Exception as exc:
                    # It is gone, or does not listen: there is nobody to tell. A user's own stream may raise anything.
                    logger.debug("farewell.failed exception=%r", exc)
            with self.lock:
                self._close_line()
            if unfinished:
                # Nothing is kept open in the hope that the server takes what is left of requests that have failed.
                abandon(self.network)
            else:
                await self._close_network()
        except BaseException:
            self.shut()
            abandon(self.network)
            raise

    async def _close_network(self) -> None:
        try:
            await self.network.aclose()
        except Exception as exc:
            # All is over either way: a stream of a user's own that fails to close changes nothing about it.
            logger.debug("close.failed exception=%r", exc)
            abandon(self.network)


def _timeout_text(error: Type[TimeoutException], stream: Stream) -> str:
    what = "took no more of the request" if issubclass(error, WriteTimeout) else "sent nothing"
    return f"The server {what} in time (stream {stream.id})"


async def _settings_received(event: Any) -> Any:
    return event
