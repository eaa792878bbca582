"""The body of a pooled response: whoever ends it, however, gives the connection back exactly once.

One thread may read it to its end while another one closes it. What both take the lease out of is a list, of whose items
each comes out once.
"""

from __future__ import annotations

import warnings
from typing import Any, AsyncIterator, List, Optional

from core_backends.lowlevel import AsyncWholeBody, abandon

from .._plan import Slot

__all__ = ["AsyncPoolByteStream"]


class AsyncPoolByteStream(AsyncWholeBody):
    """Iterates over a response's body and gives its lease back at the end, on an error, or when closed."""

    __slots__ = ("__weakref__", "_iterator", "_lease", "_pool", "_stream")

    def __init__(self, stream: Any, slot: Slot[Any], pool: Any) -> None:
        self._stream = stream
        self._iterator: Optional[AsyncIterator[bytes]] = None
        self._lease: List[Slot[Any]] = [slot]
        self._pool = pool

    def __aiter__(self) -> AsyncPoolByteStream:
        return self

    async def __anext__(self) -> bytes:
        iterator = self._iterator
        if iterator is None:
            iterator = self._iterator = self._stream.__aiter__()
        try:
            return await iterator.__anext__()
        except StopAsyncIteration:
            # Most connections have become idle by now; one that has not needs to be told that the body is done with.
            await self.aclose()
            raise
        except BaseException:
            self._fail()
            raise

    async def read_whole(self) -> bytes:
        """Return all of the body."""
        stream = self._stream
        if self._iterator is not None or not isinstance(stream, AsyncWholeBody):
            return b"".join([part async for part in self])
        try:
            data = await stream.read_whole()
        except BaseException:
            self._fail()
            raise
        slot = self._take_lease()
        if slot is not None:
            self._pool._release(slot, failed=False)
            if self._pool._plan.closing:
                await self._pool._tidy()
        return data

    def _take_lease(self) -> Optional[Slot[Any]]:
        # Most who ask come when it has been taken, and an exception costs more than a look.
        try:
            return self._lease.pop() if self._lease else None
        except IndexError:  # Another thread has taken it since the look.
            return None

    def _fail(self) -> None:
        """Give the connection back broken. Reached on cancellation too: nothing is awaited here."""
        slot = self._take_lease()
        if slot is not None:
            abandon(self._stream)
            self._pool._release(slot, failed=True)

    async def aclose(self) -> None:
        """Give the connection back; a body that was not read to its end is given up."""
        slot = self._take_lease()
        if slot is None:
            return
        failed = True
        try:
            if hasattr(self._stream, "aclose"):
                await self._stream.aclose()
            failed = False
        finally:
            self._pool._release(slot, failed=failed)
        if self._pool._plan.closing:
            await self._pool._tidy()

    def __del__(self) -> None:
        slot = self._take_lease()
        if slot is not None:
            self._pool._drop(slot)
            message = f"A response was dropped without being closed: {self!r}"
            warnings.warn(message, ResourceWarning, stacklevel=2, source=self)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} [{'open' if self._lease else 'closed'}]>"
