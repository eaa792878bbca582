"""A generator that streams a response closes it when it is finalised, wherever the program is at that moment."""

from __future__ import annotations

import gc
import threading
from typing import Any, Iterator, List

from core_backends import Origin
from core_pool import ConnectionPool

from ._sync.fakes import FakeConnection, FakeNetwork
from .waiting import LIMIT


class Collecting(ConnectionPool):
    """Has the garbage collector come while it is locked, once there is something to collect."""

    garbage: List[Any]

    def create_connection(self, origin: Origin) -> FakeConnection:
        if self.garbage:
            self.garbage.clear()
            gc.collect()
        return super().create_connection(origin)  # type: ignore[return-value]


def streamed(pool: ConnectionPool, url: str) -> Iterator[bytes]:
    with pool.stream("GET", url) as response:
        yield from response.iter_stream()


def test_a_generator_that_is_finalised_while_its_pool_is_locked() -> None:
    network = FakeNetwork()
    pool = Collecting(network.connect, max_connections=2)
    pool.garbage = []
    parts: Any = streamed(pool, "http://a/")
    assert next(parts) == b"one"
    cycle: List[Any] = [parts]
    cycle.append(cycle)
    pool.garbage.append(cycle)
    del parts, cycle
    answers: List[bytes] = []
    thread = threading.Thread(target=lambda: answers.append(pool.request("GET", "http://b/").content), daemon=True)
    thread.start()
    thread.join(LIMIT)
    assert not thread.is_alive(), "the finaliser waits for its own thread"
    assert answers == [b"onetwo"] and not pool.garbage
    pool._plan.check()
    assert pool._plan.leases == 0 and network.open == 1
    pool.close()


def test_a_lease_that_is_given_back_while_another_thread_is_at_the_plan_does_not_wait_for_it() -> None:
    network = FakeNetwork()
    inside, leave = threading.Event(), threading.Event()

    def make(origin: Origin) -> FakeConnection:
        if origin.host == b"slow":
            inside.set()
            leave.wait(LIMIT)
        return network.connect(origin)

    pool = ConnectionPool(make, max_connections=2)
    with pool.stream("GET", "http://a/") as response:
        held = threading.Thread(target=pool.request, args=("GET", "http://slow/"), daemon=True)
        held.start()
        assert inside.wait(LIMIT)
        # The plan is in use: this is noted, and does not wait for that.
        response.read()
        response.close()
    leave.set()
    held.join(LIMIT)
    assert not held.is_alive()
    pool._plan.check()
    assert pool._plan.leases == 0 and pool._plan.idle == 2
    pool.close()
