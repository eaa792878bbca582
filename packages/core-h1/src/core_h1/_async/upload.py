"""A request on its way: what of it is encoded, and the iterator that gives the rest of its body.

A response may begin before the request has ended. From then on its reader sends the rest, while it waits: no task, and
no thread, does so behind its back. So neither side of a conversation has to wait for the other's end.

Rules that hold here:

* What is encoded is sent before more is asked for: one part is held at a time.
* A write that took nothing is begun again with the same bytes.
* Both directions get on in turn: behind each write there is a look at what has come. The caller's iterator is not asked
  while there is something to read, for what it gives may depend on that.
* Whatever ends the sending, a response that is whole is delivered; one that is not tells itself how it ends.
* Who asks the caller's iterator has taken it out of the list: whoever closes the exchange meanwhile, from another task
  or thread, leaves it to this one.
* A generator that nobody asks for the rest is closed there and then. Any other iterator is its owner's to close.
"""

from __future__ import annotations

import logging
from types import AsyncGeneratorType
from typing import Any, Awaitable, Callable, List, Mapping, Optional

from core_backends import ReadTimeout, WriteError, WriteTimeout
from core_backends.lowlevel import end_generator, phase_timeout, time_left

from .._codec import Buffer, Codec

__all__ = ["AsyncUpload"]

logger = logging.getLogger("httpcore.http11")


class AsyncUpload:
    """What is still to be sent: `buffers`, and behind them what the iterable `source` gives, if it is not None.

    `write_some` is the `write_some_unless_readable` of the stream, None where it has none.
    """

    __slots__ = ("_begun", "_closed", "_codec", "_is_readable", "_parts", "_write_some", "buffers", "exhausted", "held")

    def __init__(
        self,
        codec: Codec,
        write_some: Optional[Callable[..., Awaitable[int]]],
        is_readable: Callable[[], bool],
        source: Any,
    ) -> None:
        self.buffers: List[Buffer] = []
        self.exhausted = source is None
        # Whether a response has begun whose reader sends the rest.
        self.held = False
        self._codec = codec
        self._write_some = write_some
        self._is_readable = is_readable
        self._parts: List[Any] = [source]
        self._begun = False
        self._closed = False

    @property
    def over(self) -> bool:
        """Whether there is nothing more to send, or nobody who wants it."""
        return self._closed or (self.exhausted and not self.buffers)

    @property
    def whole(self) -> bool:
        """Whether all of it has been sent."""
        return self.exhausted and not self.buffers and not self._closed

    async def send_meanwhile(self, extensions: Mapping[str, Any]) -> None:
        """Send until there is something to read of the response, or nothing more to send."""
        while not self.over:
            if self.buffers:
                if not await self._send_or_wait(extensions) or self._is_readable():
                    return
            elif self._is_readable() or not await self.advance():
                return

    async def _send_or_wait(self, extensions: Mapping[str, Any]) -> bool:
        """Send some; False where there is something to read, or no use in sending."""
        limit = phase_timeout(extensions, "write")
        patience = time_left(extensions, "read")
        impatient = patience is not None and (limit is None or patience <= limit)
        try:
            return await self.send_some(patience if impatient else limit)
        except WriteTimeout as exc:
            if not impatient:
                raise
            raise ReadTimeout(f"No data arrived, and none was taken, within {patience} seconds.") from exc
        except WriteError as exc:
            # The server takes no more. What it has sent is still to be read.
            logger.debug("upload.failed exception=%r", exc)
        await self.aclose()
        return False

    async def send_rest(self, extensions: Mapping[str, Any]) -> None:
        """Send what is left behind a response that is whole, unless the server takes no more, or has more to say."""
        while not self.over:
            goes_on = not self._is_readable()
            if goes_on and not self.buffers:
                goes_on = await self.advance()
            elif goes_on:
                try:
                    goes_on = await self.send_some(time_left(extensions, "write"))
                except (WriteError, WriteTimeout) as exc:
                    logger.debug("upload.failed exception=%r", exc)
                    goes_on = False
            if not goes_on:
                await self.aclose()

    async def send_some(self, timeout: Optional[float]) -> bool:
        """Write some of what is encoded; False where that would have to wait, and there is something to read."""
        write_some: Any = self._write_some
        buffer = self.buffers[0]
        try:
            written: int = await write_some(buffer, timeout=timeout)
        except OSError as exc:
            # A user's own stream may raise what the system, or `ssl`, gave it.
            raise WriteError(str(exc) or repr(exc)) from exc
        if written == len(buffer):
            del self.buffers[0]
        elif written:
            self.buffers[0] = memoryview(buffer)[written:]
        return written > 0

    async def advance(self) -> bool:
        """Encode the next part, or the end of the body; False where the iterator is not there to be asked."""
        parts = self._take()
        if parts is None:
            return False
        part: Any = None
        try:
            if not self._begun:
                parts = parts.__aiter__()
                self._begun = True
            part = await parts.__anext__()
        except StopAsyncIteration:
            self.exhausted = True
        finally:
            self._parts.append(parts)
        if self._closed:
            await self.aclose()
            return False
        self.buffers = self._codec.encode_end() if self.exhausted else self._codec.encode_data(part)
        return True

    async def aclose(self) -> None:
        """Ask for no more, and close a generator."""
        self._closed = True
        parts = self._take()
        if self._begun and isinstance(parts, AsyncGeneratorType):
            await parts.aclose()

    def abandon(self) -> None:
        """Ask for no more, and close a generator as far as that does not wait; from anywhere."""
        self._closed = True
        parts = self._take()
        if self._begun:
            end_generator(parts)

    def _take(self) -> Any:
        try:
            return self._parts.pop() if self._parts else None
        except IndexError:  # Another thread has taken it since the look.
            return None
