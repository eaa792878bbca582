"""The pool that checks its own books, for those who look for a fault in it."""

from __future__ import annotations

from typing import Any

import pytest

import httpcore

from .routes import Network


@pytest.mark.parametrize("value", ["1", "0", None])
def test_the_variable_is_read_when_a_pool_is_made(value: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    if value is None:
        monkeypatch.delenv("HTTPCORE_DEBUG_POOL", raising=False)
    else:
        monkeypatch.setenv("HTTPCORE_DEBUG_POOL", value)
    for pool in (httpcore.ConnectionPool(), httpcore.AsyncConnectionPool()):
        assert (type(pool._plan).__name__ == "WatchedPlan") is (value == "1")


def test_wrong_books_are_told_at_the_next_operation(network: Network, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPCORE_DEBUG_POOL", "1")
    with httpcore.ConnectionPool(**network.options("direct")) as pool:
        assert pool.request("GET", network.url("direct")).status == 200
        pool._plan._leases += 1
        with pytest.raises(AssertionError, match="the leases are miscounted"):
            pool.request("GET", network.url("direct"))
        pool._plan._leases = 0
        for slot in pool._plan._slots:
            slot.leases = 0
            pool._plan._become_idle(slot, 0.0)
    network.wait_until_idle()
