"""The pool's decisions: which connection serves which request, who waits, what is closed. No I/O, no clock, no lock.

The driver calls one method per event under its lock, and afterwards carries out what the plan says: it closes the
slots in `closing` and tells the waiters in `served`.

Rules that hold here (`check()` asserts them):

* A slot holds one connection and is leased (by one request, or by several where the connection multiplexes), idle, or
  gone; there is no moment between being picked and being leased.
* Where anyone waits, no slot is idle and the pool is full: whoever could be served has been. So a newcomer never
  overtakes, and requests are served in order of arrival, except that spare room on a multiplexing connection goes to
  the first who wants that origin.
* A freed connection goes to exactly one waiter. Newest idle connections are reused first, the one idle longest is
  evicted first. Every operation costs the same whatever the number of connections, origins and waiters.
* A multiplexing connection is asked how much it serves when a lease on it is granted or given back. Room that it gains
  by itself is noticed at the next of these.
* A user's own connection may fail to answer what it is asked. Nobody else is put on it then, and it is not kept.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from typing import Any, Callable, Deque, Dict, Generic, Hashable, List, Optional, Set, TypeVar

__all__ = ["Plan", "Slot", "Waiter"]

C = TypeVar("C")


class Slot(Generic[C]):
    """A place in the pool and the connection in it."""

    __slots__ = ("connection", "gone", "heir", "idle_since", "key", "leases", "reused", "shut", "sole")

    def __init__(self, key: Any, connection: C, sole: bool) -> None:
        self.key = key
        self.connection = connection
        self.leases = 0
        # It has served before, and may turn out to be dead.
        self.reused = False
        self.idle_since = 0.0
        self.gone = False
        # Gone because the whole pool was closed: those who hold it are to fail, not to go elsewhere.
        self.shut = False
        # What took its place when its connection turned out to be dead.
        self.heir: Optional[Slot[C]] = None
        # Nobody may join the first request: the origin is known to serve one request a connection.
        self.sole = sole

    def multiplexes(self) -> bool:
        """Whether the connection may serve several requests at a time."""
        return not self.sole and not self.is_single()

    def is_single(self) -> bool:
        """Whether the connection says that it serves one request at a time, or cannot say."""
        try:
            return getattr(self.connection, "max_concurrent_requests", None) == 1
        except Exception:
            return True

    def has_room(self) -> bool:
        """Whether another request may be put on this connection beside those that it serves."""
        if self.gone or self.sole:
            return False
        connection: Any = self.connection
        try:
            most: Optional[int] = getattr(connection, "max_concurrent_requests", None)
            return (most is None or self.leases < most) and bool(connection.is_available())
        except Exception:
            return False

    def is_idle(self) -> bool:
        """Whether the connection says that it serves nobody."""
        connection: Any = self.connection
        try:
            return bool(connection.is_idle())
        except Exception:
            return False

    def is_dead(self) -> bool:
        """Whether the connection is closed, or cannot say."""
        connection: Any = self.connection
        try:
            return bool(connection.is_closed())
        except Exception:
            return True


class Waiter(Generic[C]):
    """A request's place in the queue; `slot` or `error` is set when its turn has come.

    `turn` is the driver's, for telling whoever waits.
    """

    __slots__ = ("error", "key", "slot", "turn")

    def __init__(self, key: Any, turn: Any = None) -> None:
        self.key = key
        self.turn = turn
        self.slot: Optional[Slot[C]] = None
        self.error: Optional[Exception] = None


class _Queue(Generic[C]):
    """Waiters in order of arrival; those who were sent back by a connection stand in front of the others."""

    __slots__ = ("arrived", "returned")

    def __init__(self) -> None:
        self.arrived: OrderedDict[Waiter[C], None] = OrderedDict()
        self.returned: OrderedDict[Waiter[C], None] = OrderedDict()

    def __len__(self) -> int:
        return len(self.arrived) + len(self.returned)

    def add(self, waiter: Waiter[C], returned: bool) -> None:
        (self.returned if returned else self.arrived)[waiter] = None

    def first(self) -> Waiter[C]:
        return next(iter(self.returned or self.arrived))

    def remove(self, waiter: Waiter[C]) -> None:
        if waiter in self.arrived:
            del self.arrived[waiter]
        else:
            del self.returned[waiter]


class Plan(Generic[C]):
    """The books of one pool.

    `create(key)` makes an unconnected connection without I/O. `max_connections` bounds the slots, `max_idle` the idle
    ones among them; `keepalive_expiry` is the seconds after which an idle slot is closed, None for never.
    """

    def __init__(
        self,
        create: Callable[[Any], C],
        *,
        max_connections: int,
        max_idle: int,
        keepalive_expiry: Optional[float],
    ) -> None:
        self._create = create
        self.max_connections = max_connections
        self.max_idle = max_idle
        self.keepalive_expiry = keepalive_expiry
        # All live slots, oldest first, and how many there are for each key.
        self._slots: Dict[Slot[C], None] = {}
        self._counts: Dict[Hashable, int] = {}
        # Idle slots: by key, newest last; and all of them, longest idle first.
        self._idle: Dict[Hashable, Dict[Slot[C], None]] = {}
        self._ageing: OrderedDict[Slot[C], None] = OrderedDict()
        # Leased slots that had room for more when last looked at, by key.
        self._shared: Dict[Hashable, Dict[Slot[C], None]] = {}
        # All waiters, and the same by key.
        self._queue: _Queue[C] = _Queue()
        self._queues: Dict[Hashable, _Queue[C]] = {}
        # Keys with slots whose connections turned out to serve one request at a time.
        self._sole: Set[Hashable] = set()
        self._leases = 0
        # For the driver to carry out: slots that have left the books and are to be closed, and waiters to be told.
        self.closing: Deque[Slot[C]] = deque()
        self.served: Deque[Waiter[C]] = deque()

    @property
    def connections(self) -> List[C]:
        """The live connections, oldest first."""
        return [slot.connection for slot in list(self._slots)]

    @property
    def leases(self) -> int:
        """How many requests hold a connection."""
        return self._leases

    @property
    def waiting(self) -> int:
        """How many requests wait for one."""
        return len(self._queue)

    @property
    def idle(self) -> int:
        """How many connections are idle."""
        return len(self._ageing)

    # Events, as the driver reports them.

    def acquire(self, key: Any) -> Optional[Slot[C]]:
        """Lease a slot for a request to `key`; None when it has to wait. What `create` raises passes through."""
        shared = self._shared.get(key)
        while shared:
            slot = next(iter(shared))
            if slot.has_room():
                return self._lease(slot)
            self._leave(self._shared, slot)
        stack = self._idle.get(key)
        if stack:
            slot, _ = stack.popitem()
            if not stack:
                del self._idle[key]
            del self._ageing[slot]
            return self._lease(slot)
        return self._lease(self._open(key)) if self._has_place() else None

    def enqueue(self, waiter: Waiter[C], *, returned: bool = False) -> None:
        """Let a request wait that could not `acquire`; `returned` for one that a connection sent back: to the front."""
        queue = self._queues.get(waiter.key)
        if queue is None:
            queue = self._queues[waiter.key] = _Queue()
        queue.add(waiter, returned)
        self._queue.add(waiter, returned)

    def cancel(self, waiter: Waiter[C], now: float) -> None:
        """Take back a waiter that waits no more; a slot that it has been given meanwhile goes to the next one."""
        if waiter.slot is not None:
            # Not used, it may be kept only if it was idle, and not if it has never been established.
            self.release(waiter.slot, now, failed=True)
        elif waiter.error is None and waiter.key in self._queues:
            self._dequeue(waiter)

    def release(self, slot: Slot[C], now: float, *, failed: bool = False) -> None:
        """Give a lease back. After a failure the last lease keeps the connection only if that says that it is idle.

        What the connection raises where it is asked passes through, unless there is a failure to tell already.
        """
        if slot.gone:
            return
        slot.leases -= 1
        self._leases -= 1
        connection: Any = slot.connection
        try:
            if not failed and not slot.leases and connection.is_idle():
                self._become_idle(slot, now)
            elif connection.is_closed():
                self._remove(slot)
            elif slot.leases:
                slot.reused = slot.reused or not failed
                self._serve_room(slot)
                return
            elif connection.is_idle() or (not failed and connection.is_available()):
                self._become_idle(slot, now)
            else:
                self._discard(slot)
        except Exception:
            if not slot.leases:
                self._discard(slot)
                if self._queue:
                    self._serve()
            if not failed:
                raise
            return
        if self._queue:
            self._serve()
        while len(self._ageing) > self.max_idle:
            self._evict()

    def bounce(self, slot: Slot[C], now: float) -> Optional[Slot[C]]:
        """Exchange a leased slot whose connection was not available, and learn from it whether that origin multiplexes;
        None when that has to wait.
        """
        if not slot.gone and slot.is_single():
            self._sole.add(slot.key)
        if slot.leases == 1 and slot.is_dead():
            return self.replace(slot)
        self.release(slot, now, failed=True)
        return self.acquire(slot.key)

    def replace(self, slot: Slot[C]) -> Optional[Slot[C]]:
        """Drop a leased slot whose connection is dead, and lease another in its place; None when that has to wait."""
        if not slot.gone:
            self._discard(slot)
        try:
            other = self.acquire(slot.key)
            self._offer(other)
            return other
        finally:
            # The room that was made is for the request that found out; only if it needs none it is for the others.
            if self._queue:
                self._serve()

    def renew(self, slot: Slot[C]) -> Optional[Slot[C]]:
        """Exchange a leased slot whose connection is dead for one with a new connection; None when that has to wait,
        and where the whole pool was closed (`slot.shut`).

        Of several requests on one connection the first to come here drops it; the others use what took its place if
        they can, else a new connection too.
        """
        heir = slot.heir
        if heir is not None:
            slot.shut = heir.shut
        if slot.shut:
            return None
        if heir is not None:
            if heir in self._ageing:
                del self._ageing[heir]
                self._leave(self._idle, heir)
                return self._lease(heir)
            if heir.has_room():
                return self._lease(heir)
        if not slot.gone:
            self._discard(slot)
        elif not self._has_place():
            return None
        try:
            fresh = slot.heir = self._lease(self._open(slot.key))
            self._offer(fresh)
            return fresh
        finally:
            if self._queue:
                self._serve()

    def first_waiter(self) -> Optional[Waiter[C]]:
        """Return who has waited longest; None when nobody waits."""
        return self._queue.first() if self._queue else None

    def expire(self, now: float) -> None:
        """Close what has been idle for too long."""
        if self.keepalive_expiry is None:
            return
        while self._ageing:
            if now - next(iter(self._ageing)).idle_since < self.keepalive_expiry:
                return
            self._evict()

    def evict_idle(self) -> None:
        """Close what is idle."""
        while self._ageing:
            self._evict()

    def forsake(self, slot: Slot[C]) -> None:
        """Close a leased slot, whatever state its connection is in, and serve those who wait."""
        if not slot.gone:
            self._discard(slot)
            self._serve()

    def drop(self, condemned: Callable[[Any], bool]) -> None:
        """Close all slots, and forget all waiters, whose key is `condemned`."""
        for waiter in [*self._queue.returned, *self._queue.arrived]:
            if condemned(waiter.key):
                self._dequeue(waiter)
        for slot in list(self._slots):
            if condemned(slot.key):
                self._discard(slot)
        self._serve()

    def close(self, error: Callable[[], Exception]) -> None:
        """Empty the books: every connection is to be closed, every waiter is told an `error()` of its own."""
        for waiter in [*self._queue.returned, *self._queue.arrived]:
            self._dequeue(waiter)
            waiter.error = error()
            self.served.append(waiter)
        for slot in list(self._slots):
            slot.shut = True
            self._discard(slot)

    def disown(self) -> List[C]:
        """Let go of all slots without touching anything else, and return their connections.

        For books that were left in the middle of a step, by a thread that did not come along when the process forked.
        """
        slots = list(self._slots)
        for slot in slots:
            slot.gone = True
        return [slot.connection for slot in slots]

    # Moves between the books.

    def _open(self, key: Any) -> Slot[C]:
        slot: Slot[C] = Slot(key, self._create(key), sole=key in self._sole)
        # Now that there is something to make room for.
        if len(self._slots) >= self.max_connections:
            self._evict()
        self._slots[slot] = None
        self._counts[key] = self._counts.get(key, 0) + 1
        return slot

    def _lease(self, slot: Slot[C]) -> Slot[C]:
        slot.leases += 1
        self._leases += 1
        if slot.leases == 1 and slot.multiplexes():
            self._shared.setdefault(slot.key, {})[slot] = None
        return slot

    def _become_idle(self, slot: Slot[C], now: float) -> None:
        self._leave(self._shared, slot)
        if slot.sole and not slot.is_single():
            slot.sole = False
            self._sole.discard(slot.key)
        slot.idle_since = now
        slot.reused = True
        self._idle.setdefault(slot.key, {})[slot] = None
        self._ageing[slot] = None

    def _has_place(self) -> bool:
        """Whether one more slot may be opened, be it in the place of an idle one."""
        return len(self._slots) < self.max_connections or bool(self._ageing)

    def _evict(self) -> None:
        self._discard(next(iter(self._ageing)))

    def _discard(self, slot: Slot[C]) -> None:
        self._remove(slot)
        self.closing.append(slot)

    def _remove(self, slot: Slot[C]) -> None:
        slot.gone = True
        self._leases -= slot.leases
        del self._slots[slot]
        if slot in self._ageing:
            del self._ageing[slot]
            self._leave(self._idle, slot)
        self._leave(self._shared, slot)
        left = self._counts[slot.key] - 1
        if left:
            self._counts[slot.key] = left
        else:
            del self._counts[slot.key]
            self._sole.discard(slot.key)

    @staticmethod
    def _leave(books: Dict[Hashable, Dict[Slot[C], None]], slot: Slot[C]) -> None:
        slots = books.get(slot.key)
        if slots is not None and slot in slots:
            del slots[slot]
            if not slots:
                del books[slot.key]

    # Serving those who wait.

    def _dequeue(self, waiter: Waiter[C]) -> None:
        self._queue.remove(waiter)
        queue = self._queues[waiter.key]
        queue.remove(waiter)
        if not queue:
            del self._queues[waiter.key]

    def _hand_over(self, slot: Slot[C], waiter: Waiter[C]) -> None:
        self._dequeue(waiter)
        waiter.slot = slot
        self.served.append(waiter)

    def _serve(self) -> None:
        """Serve from the front of the queue until the first cannot be served."""
        while self._queue:
            waiter = self._queue.first()
            try:
                slot = self.acquire(waiter.key)
            except Exception as exc:
                self._dequeue(waiter)
                waiter.error = exc
                self.served.append(waiter)
                continue
            if slot is None:
                return
            self._hand_over(slot, waiter)
            self._offer(slot)

    def _offer(self, slot: Optional[Slot[C]]) -> None:
        """Let those who wait for its origin join a slot that has just been leased to somebody else."""
        if slot is not None and slot.key in self._queues and slot.multiplexes():
            self._serve_room(slot)

    def _serve_room(self, slot: Slot[C]) -> None:
        """Give the room on a multiplexing connection to those who wait for its origin; what is left is on offer."""
        if not slot.has_room():
            self._leave(self._shared, slot)
            return
        queue = self._queues.get(slot.key)
        while queue and slot.has_room():
            waiter = queue.first()
            self._lease(slot)
            self._hand_over(slot, waiter)
        if slot.has_room():
            self._shared.setdefault(slot.key, {})[slot] = None

    def check(self) -> None:
        """Assert the rules of this module; for tests and for pools that are told to watch themselves."""
        idle = set(self._ageing)
        _require(len(self._slots) <= self.max_connections, "more slots than max_connections")
        _require(len(idle) <= self.max_idle, "more idle slots than max_idle")
        _require(idle <= set(self._slots), "an idle slot is not in the pool")
        _require(idle == {slot for stack in self._idle.values() for slot in stack}, "the idle books disagree")
        _require(all(slot.leases == 0 for slot in idle), "a leased slot is idle")
        _require(all(slot.leases > 0 for slot in self._slots if slot not in idle), "a slot is neither leased nor idle")
        _require(not any(slot.gone for slot in self._slots), "a slot that is gone is in the pool")
        _require(self._leases == sum(slot.leases for slot in self._slots), "the leases are miscounted")
        _require(sum(self._counts.values()) == len(self._slots), "the slots are miscounted")
        _require(sum(map(len, self._queues.values())) == len(self._queue), "the queues disagree")
        _require(all(self._queues.values()) and all(self._idle.values()) and all(self._shared.values()), "empty books")
        shared = {slot for slots in self._shared.values() for slot in slots}
        _require(shared <= set(self._slots) - idle, "a shared slot is not leased")
        if self._queue:
            _require(not idle, "somebody waits while a slot is idle")
            _require(len(self._slots) >= self.max_connections, "somebody waits while there is room")


def _require(condition: bool, fault: str) -> None:
    if not condition:
        raise AssertionError(f"The pool's books are wrong: {fault}.")
