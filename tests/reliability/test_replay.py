"""A server that closes a kept connection at the moment at which the next request arrives on it.

The request has been read by the server's system, or its program, and nothing is answered. On a connection that has
served before that is nobody's fault, and a request that may be repeated is, once, on a new connection. What may not be
repeated fails, and is never seen twice.
"""

from __future__ import annotations

import threading
from collections import Counter
from typing import Any, Dict, List

import anyio
import pytest

import httpcore

from .nothing_left import NothingLeft
from .peers import Peer
from .routes import HTTP2_ROUTES, ROUTES, Network
from .worlds import DOCUMENTED, WORLDS, Chunks, run_async

LIMITS = {"timeout": {"connect": 10.0, "read": 10.0, "write": 10.0, "pool": 10.0}}
HOLD = 20.0


class Closing:
    """Has a peer close the connection on which a request with an identifier `doomed…` arrives, the first `times`; with
    `once`, for the first of all identifiers only.
    """

    def __init__(self, peer: Peer, times: int = 1, *, once: bool = False) -> None:
        self._peer = peer
        self._times = times
        self._once = once
        self._lock = threading.Lock()
        self.seen: Counter[bytes] = Counter()

    def __call__(self, identifier: bytes) -> None:
        with self._lock:
            self.seen[identifier] += 1
            if not identifier.startswith(b"doomed") or self.seen[identifier] > self._times:
                return
            if self._once:
                self._times = 0
        raise EOFError

    def __enter__(self) -> Closing:
        self._peer.reset_counts()
        self._peer.on_request = self
        return self

    def __exit__(self, *exc_info: Any) -> None:
        self._peer.on_request = len


def headers(name: str, **more: str) -> Dict[str, str]:
    return {"Host": "test", "X-Id": name, **more}


def send(world: str, options: Dict[str, Any], requests: List[Dict[str, Any]]) -> List[Any]:
    """Make one request after another on a new pool; return bodies and exceptions, and last how often it replayed."""
    outcomes: List[Any] = []

    def threads() -> None:
        with httpcore.ConnectionPool(**options) as pool:
            for request in requests:
                try:
                    outcomes.append(pool.request(**request).content)
                except DOCUMENTED as exc:
                    outcomes.append(exc)
            pool._plan.check()
            assert pool._plan.leases == 0
            outcomes.append(pool.replays)

    async def tasks() -> None:
        async with httpcore.AsyncConnectionPool(**options) as pool:
            for request in requests:
                try:
                    outcomes.append((await pool.request(**request)).content)
                except DOCUMENTED as exc:
                    outcomes.append(exc)
            pool._plan.check()
            assert pool._plan.leases == 0
            outcomes.append(pool.replays)

    threads() if world == "threads" else run_async(world, tasks)
    return outcomes


def request_to(url: str, method: str, name: str, content: Any = None, **more: str) -> Dict[str, Any]:
    return {
        "method": method,
        "url": url,
        "headers": headers(name, **more),
        "content": content,
        "extensions": LIMITS,
    }


@pytest.mark.parametrize("world", WORLDS)
@pytest.mark.parametrize("route", ROUTES)
class TestRace:
    def test_what_may_be_repeated_is_repeated_once_on_a_new_connection(
        self, route: str, world: str, network: Network
    ) -> None:
        url, peer = network.url(route, "/race"), network.last_peer(route)
        with NothingLeft(network), Closing(peer) as closing:
            requests = [
                request_to(url, "GET", "first"),
                request_to(url, "GET", "doomed"),
                request_to(url, "PUT", "doomed-body", b"12345"),
            ]
            outcomes = send(world, network.options(route), requests)
        assert outcomes == [b"GET /race 0 first", b"GET /race 0 doomed", b"PUT /race 5 doomed-body", 2]
        assert closing.seen == {b"first": 1, b"doomed": 2, b"doomed-body": 2}
        assert peer.accepted == 3

    def test_what_may_not_be_repeated_fails_and_is_seen_once(self, route: str, world: str, network: Network) -> None:
        url, peer = network.url(route, "/race"), network.last_peer(route)
        with NothingLeft(network), Closing(peer) as closing:
            requests = [
                request_to(url, "GET", "first"),
                request_to(url, "POST", "doomed", b"12345"),
                request_to(url, "GET", "second"),
                # It would do no harm, but its body is spent.
                request_to(url, "PUT", "doomed-iterator", Chunks(b"1", b"2"), **{"Content-Length": "2"}),
                request_to(url, "GET", "third"),
            ]
            outcomes = send(world, network.options(route), requests)
        assert [outcomes[0], outcomes[2], outcomes[4]] == [
            b"GET /race 0 " + name for name in (b"first", b"second", b"third")
        ]
        assert all(isinstance(outcomes[at], (httpcore.NetworkError, httpcore.ProtocolError)) for at in (1, 3)), outcomes
        assert outcomes[5] == 0
        assert closing.seen == {b"first": 1, b"doomed": 1, b"second": 1, b"doomed-iterator": 1, b"third": 1}

    def test_on_a_fresh_connection_it_is_a_failure(self, route: str, world: str, network: Network) -> None:
        url, peer = network.url(route, "/race"), network.last_peer(route)
        with NothingLeft(network), Closing(peer) as closing:
            outcomes = send(world, network.options(route), [request_to(url, "GET", "doomed")])
        assert isinstance(outcomes[0], (httpcore.NetworkError, httpcore.ProtocolError)), outcomes
        assert outcomes[1] == 0
        assert closing.seen == {b"doomed": 1}
        assert peer.accepted == 1

    def test_a_server_that_closes_again_is_believed(self, route: str, world: str, network: Network) -> None:
        url, peer = network.url(route, "/race"), network.last_peer(route)
        with NothingLeft(network), Closing(peer, 9) as closing:
            outcomes = send(
                world, network.options(route), [request_to(url, "GET", "first"), request_to(url, "GET", "doomed")]
            )
        assert isinstance(outcomes[1], (httpcore.NetworkError, httpcore.ProtocolError)), outcomes
        assert outcomes[2] == 1
        assert closing.seen == {b"first": 1, b"doomed": 2}

    def test_it_can_be_switched_off(self, route: str, world: str, network: Network) -> None:
        url, peer = network.url(route, "/race"), network.last_peer(route)
        with NothingLeft(network), Closing(peer) as closing:
            requests = [request_to(url, "GET", "first"), request_to(url, "GET", "doomed")]
            outcomes = send(world, network.options(route, replay=False), requests)
        assert isinstance(outcomes[1], (httpcore.NetworkError, httpcore.ProtocolError)), outcomes
        assert outcomes[2] == 0
        assert closing.seen == {b"first": 1, b"doomed": 1}


@pytest.mark.parametrize("world", ["asyncio", "trio"])
@pytest.mark.parametrize("route", sorted(HTTP2_ROUTES))
def test_all_that_share_a_connection_are_repeated(route: str, world: str, network: Network) -> None:
    url, peer = network.url(route, "/race"), network.last_peer(route)
    names = [f"doomed-{number}" for number in range(5)]
    bodies: List[bytes] = []

    async def tasks() -> None:
        async with httpcore.AsyncConnectionPool(**network.options(route)) as pool:

            async def one(name: str) -> None:
                bodies.append((await pool.request(**request_to(url, "GET", name))).content)

            await pool.request(**request_to(url, "GET", "first"))
            async with anyio.create_task_group() as group:
                for name in names:
                    group.start_soon(one, name)
            pool._plan.check()
            assert pool._plan.leases == 0
            # One that finds the connection ended before it is sent just takes another.
            assert 1 <= pool.replays <= len(names)

    # Only the first to arrive is seen on the connection that it ends.
    with NothingLeft(network), Closing(peer, once=True):
        run_async(world, tasks)
    assert sorted(bodies) == sorted(f"GET /race 0 {name}".encode("ascii") for name in names)
    assert peer.accepted == 2
