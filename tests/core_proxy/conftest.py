"""Worlds, a clock that stands still, and the way to the integration tests' proxies, which need nothing of ours."""

from __future__ import annotations

import pathlib
import sys

import pytest

import core_backends._deadline
import core_proxy._connect

from .worlds import WORLDS, Clock, World

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "integration"))


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
