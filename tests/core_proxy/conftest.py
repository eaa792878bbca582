"""Worlds, and a clock that stands still."""

from __future__ import annotations

import pytest

import core_backends._deadline
import core_proxy._connect

from .worlds import WORLDS, Clock, World


@pytest.fixture(params=WORLDS)
def world(request: pytest.FixtureRequest) -> World:
    if request.param == "trio":
        pytest.importorskip("trio")
    return World(request.param)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """The clock that deadlines are measured by."""
    clock = Clock()
    monkeypatch.setattr(core_backends._deadline, "time", clock)
    monkeypatch.setattr(core_proxy._connect, "time", clock)
    return clock
