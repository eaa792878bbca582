"""The pool's plan, on fake connections: every decision, and what it costs."""

from __future__ import annotations

from typing import Any, Callable, Dict, List, Optional, Set

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from core_pool._plan import Plan, Slot, Waiter

from .fake_connections import FakeConnection

KINDS = {"a": "single", "b": "single", "m": "multiplexing", "p": "promising", "s": "silent"}


class Unmakeable(Exception):
    """There is no making a connection."""


class Request:
    """A request in the model: waiting, granted (served, but not told yet), leased, or active on its connection."""

    def __init__(self, key: str) -> None:
        self.key = key
        self.waiter: Optional[Waiter[FakeConnection]] = None
        self.slot: Optional[Slot[FakeConnection]] = None
        self.active = False

    @property
    def connection(self) -> FakeConnection:
        assert self.slot is not None
        return self.slot.connection


class PlanMachine(RuleBasedStateMachine):
    """Drives a plan as a pool would, and compares it with lists that are searched from end to end."""

    @initialize(max_connections=st.integers(1, 4), max_idle=st.integers(0, 4), expiry=st.sampled_from([None, 5.0]))
    def begin(self, max_connections: int, max_idle: int, expiry: Optional[float]) -> None:
        self.now = 0.0
        self.unmakeable: Set[str] = set()
        self.made: List[FakeConnection] = []
        self.plan: Plan[FakeConnection] = Plan(
            self.make, max_connections=max_connections, max_idle=max_idle, keepalive_expiry=expiry
        )
        self.waiting: List[Request] = []
        self.holding: List[Request] = []
        # The model's own account of idle connections, longest idle first.
        self.idle: List[FakeConnection] = []

    def make(self, key: str) -> FakeConnection:
        if key in self.unmakeable:
            raise Unmakeable(key)
        connection = FakeConnection(key, KINDS[key])
        self.made.append(connection)
        return connection

    # What the model knows.

    def pooled(self) -> List[FakeConnection]:
        return self.plan.connections

    def leases(self) -> Dict[FakeConnection, int]:
        count: Dict[FakeConnection, int] = {}
        for request in self.holding:
            if request.slot is not None and not request.slot.gone:
                count[request.connection] = count.get(request.connection, 0) + 1
        return count

    def joinable(self, key: str) -> List[FakeConnection]:
        """Connections to `key` in use that have room, by what they say and by what is leased."""
        found = []
        for slot in self.plan._slots:
            connection = slot.connection
            leases = self.leases().get(connection, 0)
            most = connection.max_concurrent_requests
            if slot.key != key or not leases or slot.sole:
                continue
            if (most is None or leases < most) and connection.is_available():
                found.append(connection)
        return found

    def step(self, act: Callable[[], Any], *, trims: bool = True) -> Any:
        """Run one of the plan's operations and do what it decides; `trims` where it closes idle ones in order."""
        order = list(self.waiting)
        was_leased = set(self.leases())
        was_idle = list(self.idle)
        error: Optional[Exception] = None
        result = None
        try:
            result = act()
        except Unmakeable as exc:
            error = exc
        served: List[Request] = []
        while self.plan.served:
            waiter = self.plan.served.popleft()
            request = next(request for request in self.waiting if request.waiter is waiter)
            assert (waiter.slot is None) != (waiter.error is None)
            self.waiting.remove(request)
            served.append(request)
            if waiter.slot is not None:
                request.slot = waiter.slot
                self.holding.append(request)
        self.check_order(order, served, was_leased, result)
        self.carry_out_closing(was_idle, trims)
        leases = self.leases()
        if isinstance(result, Slot):
            leases[result.connection] = leases.get(result.connection, 0) + 1
        pooled = self.pooled()
        idle_now = [connection for connection in pooled if not leases.get(connection)]
        self.idle = [connection for connection in self.idle if connection in idle_now]
        self.idle += [connection for connection in idle_now if connection not in self.idle]
        if error is not None:
            raise error
        return result

    def check_order(
        self, order: List[Request], served: List[Request], was_leased: Set[FakeConnection], result: Any
    ) -> None:
        for request in served:
            earlier = order[: order.index(request)]
            assert all(other in served for other in earlier if other.key == request.key), "overtaken by its own origin"
            if request.slot is None or request.slot is result or request.connection in was_leased:
                continue
            # A place in the pool goes to who has waited longest, or made it; others may then join him.
            leaders = [other for other in served if other.slot is request.slot]
            assert any(all(earlier in served for earlier in order[: order.index(leader)]) for leader in leaders), (
                "a place went to somebody else than the first in the queue"
            )

    def carry_out_closing(self, was_idle: List[FakeConnection], trims: bool) -> None:
        closed = []
        while self.plan.closing:
            slot = self.plan.closing.popleft()
            assert slot.gone
            slot.connection.told_to_close += 1
            assert slot.connection.told_to_close == 1
            slot.connection.closed = True
            slot.connection.active = 0
            closed.append(slot.connection)
        evicted = [connection for connection in was_idle if connection in closed]
        if trims and evicted:
            kept = [
                connection
                for connection in was_idle
                if connection in self.pooled() and not self.leases().get(connection)
            ]
            assert all(was_idle.index(old) < was_idle.index(new) for old in evicted for new in kept), "not the oldest"

    def lease(self, request: Request, slot: Optional[Slot[FakeConnection]], *, returned: bool = False) -> None:
        request.active = False
        request.waiter = None
        request.slot = slot
        if slot is not None:
            assert slot.key == request.key and not slot.gone
            self.holding.append(request)
            return
        request.waiter = Waiter(request.key)
        self.plan.enqueue(request.waiter, returned=returned)
        if returned:
            front = [other for other in self.waiting if getattr(other, "returned", False)]
            self.waiting.insert(len(front), request)
        else:
            self.waiting.append(request)
        request.returned = returned  # type: ignore[attr-defined]

    def let_go(self, request: Request) -> Slot[FakeConnection]:
        assert request.slot is not None
        self.holding.remove(request)
        if request.active:
            request.connection.active = max(0, request.connection.active - 1)
        return request.slot

    def pick(self, data: st.DataObject, requests: List[Request]) -> Request:
        return requests[data.draw(st.integers(0, len(requests) - 1))]

    def started(self) -> List[Request]:
        return [request for request in self.holding if request.active]

    def unstarted(self) -> List[Request]:
        return [request for request in self.holding if not request.active]

    # What happens to a pool.

    @rule(key=st.sampled_from(sorted(KINDS)))
    def request(self, key: str) -> None:
        joinable = self.joinable(key)
        idle = [connection for connection in self.idle if connection.key == key]
        pooled, made, longest_idle = self.pooled(), len(self.made), self.idle[:1]
        request = Request(key)
        try:
            slot = self.step(lambda: self.plan.acquire(key))
        except Unmakeable:
            assert key in self.unmakeable and not joinable and not idle
            return
        if joinable:
            assert slot is not None and slot.connection in joinable
        elif idle:
            assert slot is not None and slot.connection is idle[-1], "not the newest"
        elif len(pooled) < self.plan.max_connections:
            assert slot is not None and slot.connection is self.made[-1] and len(self.made) == made + 1
        elif longest_idle:
            assert slot is not None and slot.connection is self.made[-1]
            assert longest_idle[0].told_to_close == 1
        else:
            assert slot is None
        self.lease(request, slot)

    @precondition(lambda self: self.unstarted())
    @rule(data=st.data())
    def start(self, data: st.DataObject) -> None:
        request = self.pick(data, self.unstarted())
        if request.connection.take():
            request.active = True
            return
        slot = self.let_go(request)
        try:
            other = self.step(lambda: self.plan.bounce(slot, self.now))
        except Unmakeable:
            return
        self.lease(request, other, returned=True)

    @precondition(lambda self: self.started())
    @rule(data=st.data(), keeps=st.booleans(), failed=st.booleans(), capacity=st.integers(1, 4))
    def finish(self, data: st.DataObject, keeps: bool, failed: bool, capacity: int) -> None:
        request = self.pick(data, self.started())
        slot = self.let_go(request)
        if KINDS[request.key] == "multiplexing":
            slot.connection.capacity = capacity
        elif not keeps or failed:
            slot.connection.closed = True
        if not keeps and not slot.connection.active:
            slot.connection.closed = True
        self.step(lambda: self.plan.release(slot, self.now, failed=failed))

    @precondition(lambda self: self.unstarted())
    @rule(data=st.data())
    def cancel_before_it_starts(self, data: st.DataObject) -> None:
        """Cancelled while queued, with its turn come already or not, or while connecting."""
        request = self.pick(data, self.unstarted())
        slot = self.let_go(request)
        if request.waiter is not None:
            waiter = request.waiter
            self.step(lambda: self.plan.cancel(waiter, self.now))
        else:
            self.step(lambda: self.plan.release(slot, self.now, failed=True))

    @precondition(lambda self: self.waiting)
    @rule(data=st.data())
    def cancel_waiting(self, data: st.DataObject) -> None:
        request = self.pick(data, self.waiting)
        self.waiting.remove(request)
        waiter = request.waiter
        assert waiter is not None
        self.step(lambda: self.plan.cancel(waiter, self.now))

    @precondition(lambda self: any(request.slot.leases == 1 for request in self.unstarted()))
    @rule(data=st.data())
    def find_it_dead(self, data: st.DataObject) -> None:
        candidates = [request for request in self.unstarted() if request.slot is not None and request.slot.leases == 1]
        request = self.pick(data, candidates)
        slot = self.let_go(request)
        slot.connection.closed = True
        try:
            other = self.step(lambda: self.plan.replace(slot))
        except Unmakeable:
            return
        self.lease(request, other, returned=True)

    @precondition(lambda self: self.started())
    @rule(data=st.data())
    def send_again(self, data: st.DataObject) -> None:
        request = self.pick(data, self.started())
        made, was_gone = len(self.made), bool(request.slot is not None and request.slot.gone)
        slot = self.let_go(request)
        slot.connection.closed = True
        try:
            other = self.step(lambda: self.plan.renew(slot))
        except Unmakeable:
            return
        if other is None:
            assert was_gone
            return
        assert other.connection in self.made[made:] or (was_gone and other is slot.heir)
        self.lease(request, other)

    @precondition(lambda self: self.started())
    @rule(data=st.data())
    def forsake(self, data: st.DataObject) -> None:
        request = self.pick(data, self.started())
        slot = request.slot
        assert slot is not None
        self.step(lambda: self.plan.forsake(slot))
        self.holding.remove(request)

    @precondition(lambda self: self.plan.connections)
    @rule(data=st.data())
    def server_closes(self, data: st.DataObject) -> None:
        """Nobody is told of that."""
        pooled = self.pooled()
        pooled[data.draw(st.integers(0, len(pooled) - 1))].closed = True

    @precondition(lambda self: self.plan.connections)
    @rule(data=st.data(), capacity=st.integers(0, 3))
    def capacity_falls(self, data: st.DataObject, capacity: int) -> None:
        pooled = self.pooled()
        connection = pooled[data.draw(st.integers(0, len(pooled) - 1))]
        if connection.kind == "multiplexing" and connection.established:
            connection.capacity = min(connection.capacity, capacity)

    @rule(seconds=st.floats(0, 10))
    def time_passes(self, seconds: float) -> None:
        self.now += seconds
        self.step(lambda: self.plan.expire(self.now))
        if self.plan.keepalive_expiry is not None:
            assert all(self.now - slot.idle_since < self.plan.keepalive_expiry for slot in self.plan._ageing)

    @rule(key=st.sampled_from(sorted(KINDS)))
    def drop(self, key: str) -> None:
        for request in [request for request in self.waiting if request.key == key]:
            self.waiting.remove(request)
        self.step(lambda: self.plan.drop(lambda condemned: condemned == key), trims=False)
        assert all(connection.key != key for connection in self.pooled())

    @rule()
    def close(self) -> None:
        waiters = [request.waiter for request in self.waiting]
        self.step(lambda: self.plan.close(lambda: RuntimeError("closed")), trims=False)
        assert all(waiter is not None and isinstance(waiter.error, RuntimeError) for waiter in waiters)
        assert not self.pooled() and not self.plan.waiting and not self.plan.leases

    @rule(key=st.sampled_from(sorted(KINDS)))
    def making_fails_from_now_on(self, key: str) -> None:
        self.unmakeable.add(key)

    @precondition(lambda self: self.unmakeable)
    @rule()
    def making_works_again(self) -> None:
        self.unmakeable.clear()

    # What always holds.

    @invariant()
    def the_books_are_right(self) -> None:
        self.plan.check()

    @invariant()
    def the_model_agrees(self) -> None:
        leases = self.leases()
        assert self.plan.leases == sum(leases.values())
        assert self.plan.waiting == len(self.waiting)
        assert self.plan.idle == len(self.idle)
        assert [slot.connection for slot in self.plan._ageing] == self.idle
        queue = [*self.plan._queue.returned, *self.plan._queue.arrived]
        assert queue == [request.waiter for request in self.waiting]

    @invariant()
    def nothing_leaks(self) -> None:
        pooled = self.pooled()
        assert pooled == [connection for connection in self.made if connection in pooled], "not the oldest first"
        assert all(connection in pooled or connection.closed for connection in self.made)

    @invariant()
    def nobody_waits_where_there_is_room(self) -> None:
        for request in self.waiting:
            assert not self.joinable(request.key), f"{request.key} waits beside a connection with room"


TestPlan = PlanMachine.TestCase
TestPlan.settings = settings(max_examples=200, stateful_step_count=60, deadline=None)


def plan_of(max_connections: int, *, max_idle: int = 2**31, kind: str = "single") -> Plan[FakeConnection]:
    return Plan(
        lambda key: FakeConnection(key, kind),
        max_connections=max_connections,
        max_idle=max_idle,
        keepalive_expiry=None,
    )


def lease(plan: Plan[FakeConnection], key: str) -> Slot[FakeConnection]:
    slot = plan.acquire(key)
    assert slot is not None
    assert slot.connection.take()
    return slot


def give_back(plan: Plan[FakeConnection], slot: Slot[FakeConnection], now: float = 0.0) -> None:
    slot.connection.active -= 1
    plan.release(slot, now)


def wait(plan: Plan[FakeConnection], key: str) -> Waiter[FakeConnection]:
    waiter: Waiter[FakeConnection] = Waiter(key)
    assert plan.acquire(key) is None
    plan.enqueue(waiter)
    return waiter


def test_requests_are_served_in_order_of_arrival() -> None:
    plan = plan_of(1)
    slot = lease(plan, "a")
    waiters = [wait(plan, key) for key in "bababb"]
    for expected in waiters:
        give_back(plan, slot)
        assert plan.served.popleft() is expected and not plan.served
        assert expected.slot is not None
        slot = expected.slot
        assert slot.connection.take()


def test_a_freed_connection_goes_to_exactly_one_waiter() -> None:
    plan = plan_of(1)
    slot = lease(plan, "a")
    first, second = wait(plan, "a"), wait(plan, "a")
    give_back(plan, slot)
    assert list(plan.served) == [first]
    assert first.slot is slot and second.slot is None


def test_the_newest_idle_connection_is_reused_and_the_oldest_evicted() -> None:
    plan = plan_of(3)
    old, middle, new = lease(plan, "a"), lease(plan, "a"), lease(plan, "b")
    for slot in (old, middle, new):
        give_back(plan, slot)
    assert lease(plan, "a") is middle
    lease(plan, "c")
    assert list(plan.closing) == [old]


def test_max_idle_counts_idle_connections_only() -> None:
    plan = plan_of(10, max_idle=5)
    busy = [lease(plan, "a") for _ in range(9)]
    give_back(plan, lease(plan, "a"))
    assert plan.idle == 1 and not plan.closing and len(busy) == 9
    for slot in busy[:4]:
        give_back(plan, slot)
    assert plan.idle == 5 and not plan.closing
    give_back(plan, busy[4])
    assert plan.idle == 5 and len(plan.closing) == 1


def test_a_connection_that_was_never_established_is_not_kept_as_idle() -> None:
    plan = plan_of(1, kind="promising")
    first, second = plan.acquire("a"), plan.acquire("a")
    assert first is second is not None
    plan.release(first, 0.0, failed=True)
    plan.release(first, 0.0, failed=True)
    assert not plan.connections and list(plan.closing) == [first]


def test_waiters_that_leave_do_not_leave_an_unused_connection_behind() -> None:
    plan = plan_of(1, kind="promising")
    slot = lease(plan, "b")
    first, second = wait(plan, "a"), wait(plan, "a")
    slot.connection.closed = True
    plan.release(slot, 0.0, failed=True)
    assert first.slot is second.slot is not None
    plan.cancel(first, 0.0)
    plan.cancel(second, 0.0)
    assert not plan.connections and list(plan.closing) == [first.slot]


def test_a_waiter_that_leaves_with_its_slot_gives_it_to_the_next() -> None:
    plan = plan_of(1, kind="promising")
    slot = lease(plan, "a")
    slot.connection.capacity = 1
    first, second = wait(plan, "a"), wait(plan, "a")
    give_back(plan, slot)
    plan.cancel(first, 0.0)
    assert second.slot is slot


def test_those_who_wait_may_join_a_connection_that_took_the_place_of_a_dead_one() -> None:
    """The newcomer's place is the last in the queue, but the room beside it is for the first who wants that origin."""
    plan = plan_of(1, kind="multiplexing")
    slot = lease(plan, "a")
    slot.connection.capacity = 1
    other, same = wait(plan, "b"), wait(plan, "a")
    slot.connection.closed = True
    replacement = plan.replace(slot)
    assert replacement is not None and same.slot is replacement and other.slot is None


def test_of_several_on_a_dead_connection_the_first_drops_it_and_the_others_join() -> None:
    plan = plan_of(1, kind="multiplexing")
    slot = lease(plan, "a")
    for _ in range(2):
        assert lease(plan, "a") is slot
    slot.connection.closed = True
    fresh = plan.renew(slot)
    assert fresh is not None and fresh is not slot
    assert plan.renew(slot) is fresh
    fresh.connection.established, fresh.connection.capacity = True, 2
    assert plan.renew(slot) is None and not slot.shut, "the third has to wait"
    give_back(plan, fresh)
    give_back(plan, fresh)
    assert plan.renew(slot) is fresh, "idle by now, but newer than what failed"
    plan.check()
    assert list(plan.closing) == [slot]


def test_who_finds_what_took_the_place_of_a_dead_connection_closed_with_the_pool_goes_nowhere_else() -> None:
    plan = plan_of(1, kind="multiplexing")
    slot = lease(plan, "a")
    assert lease(plan, "a") is slot
    slot.connection.closed = True
    assert plan.renew(slot) is not None
    plan.close(lambda: RuntimeError("closed"))
    assert plan.renew(slot) is None and slot.shut
    assert not plan.connections


def test_room_that_is_found_with_a_returned_lease_is_all_given_out() -> None:
    plan = plan_of(1, kind="multiplexing")
    slot = lease(plan, "a")
    for _ in range(2):
        assert lease(plan, "a") is slot
    waiters = [wait(plan, "a") for _ in range(5)]
    slot.connection.capacity = 6
    give_back(plan, slot)
    assert [waiter.slot for waiter in waiters] == [slot, slot, slot, slot, None]


def test_an_origin_that_turned_out_not_to_multiplex_is_not_shared_again() -> None:
    plan = plan_of(2, kind="promising")
    first, second = plan.acquire("a"), plan.acquire("a")
    assert first is second is not None and first.connection.take()
    other = plan.bounce(first, 0.0)
    assert other is not None and other is not first and other.sole
    assert plan.acquire("a") is None


@pytest.mark.parametrize("kind", ["single", "multiplexing"])
def test_the_cost_of_a_request_does_not_grow_with_the_pool(kind: str) -> None:
    def questions(size: int) -> int:
        plan = plan_of(size, kind=kind)
        slots = [lease(plan, f"origin {number}") for number in range(size)]
        for slot in slots[: size // 2]:
            give_back(plan, slot)
        for slot in slots:
            slot.connection.questions = 0
        slot = lease(plan, "origin 1")
        give_back(plan, slot)
        busy = lease(plan, "another origin")
        assert len(plan.closing) == 1
        give_back(plan, busy)
        return sum(slot.connection.questions for slot in slots) + busy.connection.questions

    assert questions(10) == questions(10_000) > 0


def test_the_cost_of_a_served_waiter_does_not_grow_with_the_queue() -> None:
    class Counted:
        """A key that counts how often it is looked at."""

        looks = 0

        def __init__(self, name: str) -> None:
            self.name = name

        def __hash__(self) -> int:
            Counted.looks += 1
            return hash(self.name)

        def __eq__(self, other: Any) -> bool:
            Counted.looks += 1
            return bool(self.name == other.name)

    def looks(waiting: int) -> int:
        plan = plan_of(1)
        slot: Any = plan.acquire(Counted("a"))
        slot.connection.take()
        for number in range(waiting):
            plan.enqueue(Waiter(Counted("a" if number % 2 else f"other {number}")))
        Counted.looks = 0
        give_back(plan, slot)
        assert len(plan.served) == 1
        plan.cancel(plan._queue.first(), 0.0)
        return Counted.looks

    assert looks(10) == looks(10_000) > 0
