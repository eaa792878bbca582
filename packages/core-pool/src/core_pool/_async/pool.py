"""The connection pool: carries out what the plan decides.

Rules that hold here:

* The plan is touched only under `_lock`, and nothing is awaited, closed or woken while it is held.
* A lease is given back by a synchronous call that nothing can interrupt; closing connections comes after, and whatever
  interrupts that abandons the rest.
* Finalisers run inside of anything, so they wait for no lock and ask no connection: they note the slot, and whoever
  leaves the plan next, or the first in the queue, settles it. A lease is given back by such a note, too, where somebody
  is at the plan: it may be this very thread, in which a generator that is finalised closes its response.
* Sockets belong to one event loop and one process. The key of a connection says which, so another one never picks it.
"""

from __future__ import annotations

import copy
import logging
import threading
import time
import weakref
from collections import deque
from types import TracebackType
from typing import Any, Callable, Deque, FrozenSet, List, Optional, Set, Tuple, Type, TypeVar

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

from .._fork import beginning_anew
from .._plan import Plan, Slot, Waiter
from .._replay import may_replay
from .._watched import plan_class
from .body import AsyncPoolByteStream

__all__ = ["AsyncConnectionPool"]

# A connection may send a request back: it was shared while being established, or the server is going away. More often
# than this, from connections that have not served others instead, is a server that refuses every request.
MAX_ATTEMPTS = 32

Self = TypeVar("Self", bound="AsyncConnectionPool")

logger = logging.getLogger("httpcore.connection")


class AsyncConnectionPool(AsyncRequestInterface):
    """Serves requests from a bounded set of connections that it keeps for reuse.

    `create_connection` makes the connection for an origin, without connecting it; a subclass may override the method
    of that name instead. At most `max_connections` exist at a time and at most `max_keepalive_connections` of them
    idle (None: no bound of its own, for either). An idle one is closed after `keepalive_expiry` seconds, None for
    never. `schemes` are those that the connections speak. With `replay`, an idempotent request with its body in memory
    is sent once more, on a new connection, where a reused one turns out to have been closed before a response came.
    """

    def __init__(
        self,
        create_connection: Optional[Callable[[Origin], AsyncConnectionInterface]] = None,
        *,
        max_connections: Optional[int] = 10,
        max_keepalive_connections: Optional[int] = None,
        keepalive_expiry: Optional[float] = None,
        schemes: FrozenSet[bytes] = frozenset((b"http", b"https", b"ws", b"wss")),
        replay: bool = True,
    ) -> None:
        unlimited = 2**63 - 1
        self._factory = create_connection
        self._schemes = schemes
        self._max_connections = unlimited if max_connections is None else max_connections
        most_idle = unlimited if max_keepalive_connections is None else max_keepalive_connections
        self._max_keepalive_connections = max(0, min(self._max_connections, most_idle))
        self._keepalive_expiry = keepalive_expiry
        self._lock = threading.Lock()
        # Leases that were given back while somebody was at the plan, and whether they failed; None: dropped.
        self._notes: Deque[Tuple[Slot[AsyncConnectionInterface], Optional[bool]]] = deque()
        self._replay = replay
        self._replays = 0
        self._world: Any = None
        self._worlds: Set[Any] = set()
        self._plan = self._new_plan()

    def _new_plan(self) -> Plan[AsyncConnectionInterface]:
        # With a way back from the plan, a pool that is dropped would keep its sockets until it is collected.
        own = weakref.ref(self)

        def create(key: Any) -> AsyncConnectionInterface:
            pool = own()
            if pool is None:  # Whoever uses the plan holds the pool, unless they are collected together.
                raise ConnectError("The connection pool is being finalised.")
            return pool.create_connection(Origin(*key[1:]))

        return plan_class()(
            create,
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
    def replays(self) -> int:
        """How many requests have been sent once more because a reused connection had been closed by the server."""
        return self._replays

    @property
    def _connections(self) -> List[AsyncConnectionInterface]:
        return self._plan.connections

    @property
    def _requests(self) -> List[Any]:
        return [None] * (self._plan.leases + self._plan.waiting)

    async def handle_async_request(self, request: Request) -> Response:
        """Send `request` on a connection to its origin and return the response, its body unread.

        Raises `UnsupportedProtocol` for a scheme that is none of the pool's, `PoolTimeout` when no connection became
        free in time, and whatever a connection raises: `ConnectError`, `ReadTimeout`, `RemoteProtocolError` and others.
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
        refusals = 0
        returned = replayed = False
        leased = self._acquire(key)
        while True:
            if leased is None:
                if patience is None:
                    patience = Deadline(phase_timeout(request.extensions, "pool"))
                leased = await self._wait(key, patience, returned=returned)
            slot = leased
            returned = True
            connection = slot.connection
            # As it was before: what others complete meanwhile does not make this request one that came later.
            reused = slot.reused
            try:
                if self._plan.closing:
                    await self._tidy()
                if slot.reused and slot.leases == 1 and _has_expired(connection):
                    leased = self._replace(slot)
                    continue
                response = await connection.handle_async_request(request)
                stream = response.stream
            except ConnectionNotAvailable as exc:
                refusals += not exc.others_served
                if slot.shut:
                    raise _closed() from exc
                if refusals > MAX_ATTEMPTS:
                    self._release(slot, failed=True)
                    raise RemoteProtocolError(
                        f"{Origin(*key[1:])} refused the request on {refusals} connections in a row: {exc}"
                    ) from exc
                leased = self._bounce(slot)
            except BaseException as exc:
                if replayed or not self._replay or not may_replay(request, connection, exc, reused=reused):
                    self._release(slot, failed=True)
                    raise
                leased, replayed = self._renew(slot), True
                if slot.shut:
                    raise
            else:
                return response_with_stream(response, AsyncPoolByteStream(stream, slot, self))

    async def aclose(self) -> None:
        """Close every connection; requests that are queued or connecting fail with `ConnectError`.

        The pool can be used again: a later request starts afresh.
        """
        if self._world is not None and self._world.forked():
            self._enter(async_world())
        with self._lock:
            self._settle()
            self._plan.close(_closed)
        self._follow_up()
        await self._tidy()

    async def __aenter__(self: Self) -> Self:
        return self

    async def __aexit__(
        self,
        exc_type: Optional[Type[BaseException]] = None,
        exc_value: Optional[BaseException] = None,
        traceback: Optional[TracebackType] = None,
    ) -> None:
        await self.aclose()

    def __del__(self) -> None:
        # An event loop holds what it reads from: idle connections would stay open for as long as it runs. What is
        # leased belongs to whoever holds a response, or its stream.
        plan = getattr(self, "_plan", None)  # None where a constructor has raised.
        if plan is not None:
            plan.evict_idle()
            self._abandon_closing()

    def __repr__(self) -> str:
        plan = self._plan
        live, idle = len(plan.connections), plan.idle
        return (
            f"<{type(self).__name__} [Requests: {plan.leases} active, {plan.waiting} queued | "
            f"Connections: {live - idle} active, {idle} idle]>"
        )

    # What touches the plan. Nothing here waits.

    def _acquire(self, key: Any) -> Optional[Slot[AsyncConnectionInterface]]:
        plan = self._plan
        try:
            with self._lock:
                if self._notes:
                    self._settle()
                if plan.keepalive_expiry is not None:
                    plan.expire(time.monotonic())
                return plan.acquire(key)
        finally:
            if plan.served or self._notes:
                self._follow_up()

    def _replace(self, slot: Slot[AsyncConnectionInterface]) -> Optional[Slot[AsyncConnectionInterface]]:
        """Exchange a slot whose connection turned out to be dead."""
        try:
            with self._lock:
                if slot.shut:
                    raise _closed()
                # Somebody has joined since it was looked at, and may be using it: it is not to be closed under them.
                if slot.leases > 1:
                    return slot
                return self._plan.replace(slot)
        finally:
            self._follow_up()

    def _bounce(self, slot: Slot[AsyncConnectionInterface]) -> Optional[Slot[AsyncConnectionInterface]]:
        """Exchange a slot whose connection did not take the request."""
        try:
            with self._lock:
                return self._plan.bounce(slot, time.monotonic())
        except BaseException:
            self._abandon_closing()
            raise
        finally:
            self._follow_up()

    def _renew(self, slot: Slot[AsyncConnectionInterface]) -> Optional[Slot[AsyncConnectionInterface]]:
        """Exchange a slot whose connection the server had closed for one with a new connection."""
        try:
            with self._lock:
                fresh = self._plan.renew(slot)
                if not slot.shut:
                    self._replays += 1
                return fresh
        except BaseException:
            self._abandon_closing()
            raise
        finally:
            self._follow_up()

    def _release(self, slot: Slot[AsyncConnectionInterface], *, failed: bool) -> None:
        """Give a lease back; after a failure, close at once what that leaves to be closed."""
        plan = self._plan
        lock = self._lock
        if lock.locked():
            # By another thread, or further down in this one, which would wait for itself.
            self._notes.append((slot, failed))
            if not lock.acquire(blocking=False):
                return
            try:
                self._settle()
            finally:
                lock.release()
        else:
            now = time.monotonic()
            try:
                with lock:
                    if self._notes:
                        self._settle()
                    plan.release(slot, now, failed=failed)
                    if plan.keepalive_expiry is not None:
                        plan.expire(now)
            except BaseException:
                self._follow_up()
                self._abandon_closing()
                raise
        if plan.served or self._notes:
            self._follow_up()
        if failed and plan.closing:
            self._abandon_closing()

    def _drop(self, slot: Slot[AsyncConnectionInterface]) -> None:
        """Note a lease whose response was finalised without having been closed.

        This may run inside of anything, the plan's own steps included. If somebody is at the plan, he settles the note
        when he leaves; if nobody is, but somebody is queued, the first in the queue is woken to do it.
        """
        self._notes.append((slot, None))
        if self._lock.acquire(blocking=False):
            try:
                waiter = self._plan.first_waiter()
                turn = None if waiter is None else waiter.turn
            finally:
                self._lock.release()
            if turn is not None:
                turn.set_soon()

    def _settle(self) -> None:
        """Give back what has been noted; called under the lock."""
        plan = self._plan
        while self._notes:
            slot, failed = self._notes.popleft()
            now = time.monotonic()
            try:
                # Nobody reads the rest of a response that was dropped. A connection that multiplexes has been told by
                # the response's own finaliser.
                if failed is None and slot.leases == 1 and not slot.gone and not slot.is_idle():
                    plan.forsake(slot)
                else:
                    plan.release(slot, now, failed=failed is not False)
            except Exception as exc:
                # A user's own connection that fails to answer; who gave it back is gone, and nobody else has to do
                # with it.
                logger.debug("release.failed exception=%r", exc)
            if plan.keepalive_expiry is not None:
                plan.expire(now)

    def _follow_up(self) -> None:
        """Tell those whose turn has come, after settling what was noted while somebody was at the plan."""
        while True:
            while self._plan.served:
                try:
                    waiter = self._plan.served.popleft()
                except IndexError:
                    break  # Another thread has taken it.
                waiter.turn.set()
            if not self._notes:
                return
            with self._lock:
                self._settle()

    def _enter(self, world: Any) -> None:
        """Begin to serve another event loop or process, and drop the sockets of those that have ended."""
        if self._world is not None and self._world.forked():
            with beginning_anew():
                if self._world.forked():
                    self._begin_anew(world)
        self._world = world
        if world in self._worlds and not any(known.ended() for known in self._worlds):
            return
        with self._lock:
            self._worlds = {known for known in self._worlds if not known.ended()} | {world}
            self._plan.drop(lambda key: bool(key[0].ended()))
        self._follow_up()
        self._abandon_closing()

    def _begin_anew(self, world: Any) -> None:
        """Leave to the parent what is the parent's: another thread of it may have been in the middle of a step."""
        inherited = self._plan.disown()
        self._lock = threading.Lock()
        self._notes = deque()
        self._plan = self._new_plan()
        self._worlds = set()
        self._world = world
        for connection in inherited:
            abandon(connection)

    # What waits.

    async def _wait(self, key: Any, patience: Deadline, *, returned: bool) -> Slot[AsyncConnectionInterface]:
        """Wait in the queue for a slot; raises `PoolTimeout`."""
        plan = self._plan
        waiter: Waiter[AsyncConnectionInterface] = Waiter(key)
        with self._lock:
            # Between the failed attempt and now another thread may have made room.
            slot = plan.acquire(key)
            if slot is None:
                waiter.turn = turn = AsyncEvent()
                plan.enqueue(waiter, returned=returned)
        try:
            if self._notes:
                self._follow_up()
            if slot is not None:
                return slot
            while await turn.wait(patience.remaining()):
                with self._lock:
                    if self._notes:
                        self._settle()
                    # Woken by a finaliser for what is somebody else's turn now, or nobody's: wait on.
                    if waiter.slot is None and waiter.error is None:
                        waiter.turn = turn = AsyncEvent()
                self._follow_up()
                if waiter.slot is not None or waiter.error is not None:
                    break
        except BaseException:
            with self._lock:
                # A slot that it has been given meanwhile goes to the next one.
                plan.cancel(waiter, time.monotonic())
            self._follow_up()
            self._abandon_closing()
            raise
        with self._lock:
            if waiter.slot is None and waiter.error is None:
                plan.cancel(waiter, time.monotonic())
        self._follow_up()
        if waiter.slot is None:
            self._abandon_closing()
        if waiter.error is not None:
            try:
                raise waiter.error
            finally:
                waiter.error = None  # This frame is in its traceback: the two would hold each other, and the request.
        if waiter.slot is None:
            raise PoolTimeout(
                f"No connection became free in time: {plan.leases} requests hold one, {plan.waiting} wait, "
                f"and the limit is {self._max_connections} connections."
            )
        return waiter.slot

    async def _tidy(self) -> None:
        """Close what has left the plan; what interrupts that abandons the rest."""
        here = async_world()
        while self._plan.closing:
            try:
                slot = self._plan.closing.popleft()
            except IndexError:
                return
            if slot.key[0] is not here:
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


def _has_expired(connection: AsyncConnectionInterface) -> bool:
    """Whether `connection` must not be used again; a user's own one that cannot say must not."""
    try:
        return connection.has_expired()
    except Exception as exc:
        logger.debug("has_expired.failed exception=%r", exc)
        return True


def _closed() -> ConnectError:
    return ConnectError("The connection pool was closed while the request was waiting in it.")


def _scheme_fault(scheme: bytes) -> str:
    if not scheme:
        return "Request URL is missing an 'http://' or 'https://' protocol."
    return f"Request URL has an unsupported protocol '{scheme.decode('ascii', 'replace')}://'."
