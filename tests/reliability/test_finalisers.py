"""A generator that streams a response closes it when it is finalised, in whatever its thread is doing just then."""

from __future__ import annotations

import ssl
import threading
from typing import Any, Iterator, List

import pytest

import httpcore
from core_h2._engine import Engine
from core_pool._plan import Plan
from core_pool._watched import plan_class

from .nothing_left import let_h2_compare_bytes_with_text
from .routes import Network

LIMIT = 20.0

# Where somebody holds a lock.
PLACES = [
    (Plan, "acquire"),
    (Plan, "release"),
    (Engine, "open_stream"),
    (Engine, "receive"),
    (ssl.SSLSocket, "recv"),
    (ssl.SSLSocket, "pending"),
]


@pytest.mark.parametrize(
    ("route", "place", "step"),
    [
        (route, place, step)
        for route in ("direct", "tls", "h2", "tunnel-h2", "tls-proxy-tunnel")
        for place, step in PLACES
        if (route.endswith("h2") or place is not Engine) and (route != "direct" or place is not ssl.SSLSocket)
    ],
)
def test_a_generator_is_finalised_where_its_thread_holds_a_lock(
    route: str, place: Any, step: str, network: Network, monkeypatch: pytest.MonkeyPatch
) -> None:
    let_h2_compare_bytes_with_text()
    url = network.url(route, "/large")

    def streamed() -> Iterator[bytes]:
        with pool.stream("GET", url) as response:
            yield from response.iter_stream()

    generators: List[Any] = []
    answered: List[int] = []
    thread = threading.Thread(target=lambda: answered.append(pool.request("GET", url).status), daemon=True)
    # A pool that watches itself has a plan of its own class.
    owner = plan_class() if place is Plan else place
    original = getattr(owner, step)

    def finalising(*args: Any, **options: Any) -> Any:
        try:
            return original(*args, **options)
        finally:
            if threading.current_thread() is thread:
                generators.clear()

    with httpcore.ConnectionPool(**network.options(route, max_connections=2)) as pool:
        generators.append(streamed())
        assert next(generators[0])
        monkeypatch.setattr(owner, step, finalising)
        thread.start()
        thread.join(LIMIT)
        monkeypatch.undo()
        assert not thread.is_alive(), "the finaliser waits for its own thread"
        assert answered == [200] and not generators
        assert pool.request("GET", network.url(route)).status == 200
        pool._plan.check()
        assert not pool._plan.leases
    network.wait_until_idle()
