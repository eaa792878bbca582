"""The connection pool: carries out what the plan decides.

Rules that hold here:

* The plan is touched only under `_lock`, and nothing is awaited, closed or woken while it is held.
* A lease is given back by a synchronous call that nothing can interrupt; closing connections comes after, and whatever
  interrupts that abandons the rest.
* Finalisers take no lock: they note the slot, and the next operation settles it.
* Sockets belong to one event loop and one process. The key of a connection says which, so another one never picks it.
"""

from __future__ import annotations

import copy
import logging
import threading
import time
from collections import deque
from types import TracebackType
from typing import Any, Callable, Deque, FrozenSet, List, Optional, Type

from core_backends import (
    AsyncConnectionInterface,
    AsyncRequestInterface,
    ConnectError,
    ConnectionNotAvailable,
    Origin,
    PoolTimeout,
    RemoteProtocolError,
    Request,
    Response,
    UnsupportedProtocol,
)
from core_backends.lowlevel import (
    DEFAULT_PORTS,
    AsyncEvent,
    Deadline,
    abandon,
    async_world,
    phase_timeout,
    response_with_stream,
    with_deadline,
)

from .._plan import Plan, Slot, Waiter
from .body import AsyncPoolByteStream

__all__ = ["AsyncConnectionPool"]

# A connection may send a request back: it was shared while being established, or the server is going away. More often
# than this in a row is a server that accepts connections and refuses every request on them.
MAX_ATTEMPTS = 32

logger = logging.getLogger("httpcore.connection")


class AsyncConnectionPool(AsyncRequestInterface):
    """Serves requests from a bounded set of connections that it keeps for reuse.

    `create_connection` makes the connection for an origin, without connecting it; a subclass may override the method
    of that name instead. At most `max_connections` exist at a time and at most `max_keepalive_connections` of them
    idle (None: no bound of its own, for either). An idle one is closed after `keepalive_expiry` seconds, None for
    never. `schemes` are those that the connections speak.
    """

    def __init__(
        self,
        create_connection: Optional[Callable[[Origin], AsyncConnectionInterface]] = None,
        *,
        max_connections: Optional[int] = 10,
        max_keepalive_connections: Optional[int] = None,
        keepalive_expiry: Optional[float] = None,
        schemes: FrozenSet[bytes] = frozenset((b"http", b"https", b"ws", b"wss")),
    ) -> None:
        unlimited = 2**63 - 1
        self._factory = create_connection
        self._schemes = schemes
        self._max_connections = unlimited if max_connections is None else max_connections
        self._max_keepalive_connections = min(
            self._max_connections, unlimited if max_keepalive_connections is None else max_keepalive_connections
        )
        self._keepalive_expiry = keepalive_expiry
        self._lock = threading.Lock()
        self._dropped: Deque[Slot[AsyncConnectionInterface]] = deque()
        self._world: Any = None
        self._plan = self._new_plan()

    def _new_plan(self) -> Plan[AsyncConnectionInterface]:
        return Plan(
            lambda key: self.create_connection(Origin(*key[1:])),
            max_connections=self._max_connections,
            max_idle=self._max_keepalive_connections,
            keepalive_expiry=self._keepalive_expiry,
        )

    def create_connection(self, origin: Origin) -> AsyncConnectionInterface:
        """Return a new connection for `origin`, not yet connected. Called while the pool is locked: it must not use
        the pool.
        """
        if self._factory is None:
            raise NotImplementedError("A pool needs 'create_connection', as an argument or as a method of a subclass.")
        return self._factory(origin)

    @property
    def connections(self) -> List[AsyncConnectionInterface]:
        """The live connections, oldest first."""
        return self._plan.connections

    @property
    def _connections(self) -> List[AsyncConnectionInterface]:
        return self._plan.connections

    @property
    def _requests(self) -> List[Any]:
        return [None] * (self._plan.leases + self._plan.waiting)

    async def handle_async_request(self, request: Request) -> Response:
        """Send `request` on a connection to its origin and return the response, its body unread.

        Raises `UnsupportedProtocol`, `PoolTimeout`, and whatever a connection raises; see the contract.
        """
        url = request.url
        scheme = url.scheme
        if scheme not in self._schemes:
            raise UnsupportedProtocol(_scheme_fault(scheme))
        timeouts = request.extensions.get("timeout")
        if timeouts and "total" in timeouts:
            request = copy.copy(request)
            request.extensions = with_deadline(request.extensions)
        here = async_world()
        if here is not self._world:
            self._enter(here)
        port = url.port
        key = (here, scheme, url.host, DEFAULT_PORTS.get(scheme, 0) if port is None else port)

        patience: Optional[Deadline] = None
        attempts = 0
        leased = self._acquire(key)
        while True:
            if leased is None:
                if patience is None:
                    patience = Deadline(phase_timeout(request.extensions, "pool"))
                leased = await self._wait(key, patience, returned=attempts > 0)
            slot = leased
            attempts += 1
            try:
                if self._plan.closing:
                    await self._tidy()
                connection = slot.connection
                if slot.served > 1 and slot.leases == 1 and connection.has_expired():
                    leased = self._replace(slot)
                    continue
                response = await connection.handle_async_request(request)
            except ConnectionNotAvailable as exc:
                if attempts > MAX_ATTEMPTS:
                    self._release(slot, failed=True)
                    raise RemoteProtocolError(
                        f"{Origin(*key[1:])} refused the request on {attempts} connections in a row: {exc}"
                    ) from exc
                leased = self._bounce(slot)
            except BaseException:
                self._release(slot, failed=True)
                raise
            else:
                return response_with_stream(response, AsyncPoolByteStream(response.stream, slot, self))

    async def aclose(self) -> None:
        """Close every connection; requests that are queued or connecting fail with `ConnectError`.

        The pool can be used again: a later request starts afresh.
        """
        with self._lock:
            self._settle()
            self._plan.close(
                lambda: ConnectError("The connection pool was closed while the request was waiting in it.")
            )
        self._notify()
        await self._tidy()

    async def __aenter__(self) -> AsyncConnectionPool:
        return self

    async def __aexit__(
        self,
        exc_type: Optional[Type[BaseException]] = None,
        exc_value: Optional[BaseException] = None,
        traceback: Optional[TracebackType] = None,
    ) -> None:
        await self.aclose()

    def __repr__(self) -> str:
        plan = self._plan
        live, idle = len(plan.connections), plan.idle
        return (
            f"<{type(self).__name__} [Requests: {plan.leases} active, {plan.waiting} queued | "
            f"Connections: {live - idle} active, {idle} idle]>"
        )

    # What touches the plan. Nothing here waits.

    def _acquire(self, key: Any) -> Optional[Slot[AsyncConnectionInterface]]:
        with self._lock:
            if self._dropped:
                self._settle()
            slot = self._plan.acquire(key)
        if self._plan.served:
            self._notify()
        return slot

    def _replace(self, slot: Slot[AsyncConnectionInterface]) -> Optional[Slot[AsyncConnectionInterface]]:
        """Exchange a slot whose connection turned out to be dead."""
        with self._lock:
            other = self._plan.replace(slot)
        self._notify()
        return other

    def _bounce(self, slot: Slot[AsyncConnectionInterface]) -> Optional[Slot[AsyncConnectionInterface]]:
        """Exchange a slot whose connection did not take the request."""
        with self._lock:
            self._plan.bounce(slot, time.monotonic())
            other = self._plan.acquire(slot.key)
        self._notify()
        return other

    def _release(self, slot: Slot[AsyncConnectionInterface], *, failed: bool) -> None:
        """Give a lease back; after a failure, close at once what that leaves to be closed."""
        now = time.monotonic()
        plan = self._plan
        with self._lock:
            if self._dropped:
                self._settle()
            plan.release(slot, now, failed=failed)
            plan.expire(now)
        if plan.served:
            self._notify()
        if failed and plan.closing:
            self._abandon_closing()

    def _drop(self, slot: Slot[AsyncConnectionInterface]) -> None:
        """Note a lease whose response was finalised without having been closed.

        This may run inside of anything, the plan's own steps included, so it waits for no lock. Somebody may be
        queued for the slot, though, so it is settled here and now if nobody is at the plan; else whoever is there, or
        comes next, does.
        """
        self._dropped.append(slot)
        if self._lock.acquire(blocking=False):
            try:
                self._settle()
            finally:
                self._lock.release()
            self._notify()
            self._abandon_closing()

    def _settle(self) -> None:
        """Give back what finalisers have noted; called under the lock."""
        while self._dropped:
            slot = self._dropped.popleft()
            connection = slot.connection
            # Nobody reads the rest of that response. One that multiplexes has been told by the response's own
            # finaliser.
            if slot.leases == 1 and not slot.gone and not connection.is_idle():
                self._plan.forsake(slot)
            else:
                self._plan.release(slot, time.monotonic(), failed=True)

    def _notify(self) -> None:
        """Tell those whose turn has come."""
        while self._plan.served:
            try:
                waiter = self._plan.served.popleft()
            except IndexError:
                return
            waiter.notify()

    def _enter(self, world: Any) -> None:
        """Begin to serve another event loop or process, and drop the sockets of those that have ended."""
        if self._world is not None and self._world.forked():
            # Another thread of the parent may have held the lock, or been in the middle of a step.
            inherited = self._plan.connections
            self._lock = threading.Lock()
            self._dropped.clear()
            self._plan = self._new_plan()
            for connection in inherited:
                abandon(connection)
        self._world = world
        with self._lock:
            self._plan.drop(lambda key: bool(key[0].ended()))
        self._notify()
        self._abandon_closing()

    # What waits.

    async def _wait(self, key: Any, patience: Deadline, *, returned: bool) -> Slot[AsyncConnectionInterface]:
        """Wait in the queue for a slot; raises `PoolTimeout`."""
        turn = AsyncEvent()
        waiter: Waiter[AsyncConnectionInterface] = Waiter(key, turn.set)
        with self._lock:
            # Between the failed attempt and now another thread may have made room.
            slot = self._plan.acquire(key)
            if slot is not None:
                return slot
            self._plan.enqueue(waiter, returned=returned)
        try:
            await turn.wait(patience.remaining())
        except BaseException:
            with self._lock:
                self._plan.cancel(waiter, time.monotonic())
            self._notify()
            self._abandon_closing()
            raise
        with self._lock:
            if waiter.slot is None and waiter.error is None:
                self._plan.cancel(waiter, time.monotonic())
        if waiter.error is not None:
            raise waiter.error
        if waiter.slot is None:
            raise PoolTimeout(
                f"No connection became free in time: {self._plan.leases} requests hold one, {self._plan.waiting} wait, "
                f"and the limit is {self._max_connections} connections."
            )
        return waiter.slot

    async def _tidy(self) -> None:
        """Close what has left the plan; what interrupts that abandons the rest."""
        while self._plan.closing:
            try:
                slot = self._plan.closing.popleft()
            except IndexError:
                return
            if slot.key[0] is not self._world:
                abandon(slot.connection)
                continue
            try:
                await slot.connection.aclose()
            except Exception as exc:
                logger.debug("close.failed exception=%r", exc)
            except BaseException:
                abandon(slot.connection)
                self._abandon_closing()
                raise

    def _abandon_closing(self) -> None:
        while self._plan.closing:
            try:
                slot = self._plan.closing.popleft()
            except IndexError:
                return
            abandon(slot.connection)


def _scheme_fault(scheme: bytes) -> str:
    if not scheme:
        return "Request URL is missing an 'http://' or 'https://' protocol."
    return f"Request URL has an unsupported protocol '{scheme.decode('ascii', 'replace')}://'."
