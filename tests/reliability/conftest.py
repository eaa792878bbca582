"""What the sweeps share: the network, and the counts for the summary."""

from __future__ import annotations

import gc
import os
from collections import Counter
from typing import Any, Iterator

import pytest

from .routes import Network

SWEPT = pytest.StashKey["Counter[str]"]()


def pytest_configure(config: pytest.Config) -> None:
    config.stash[SWEPT] = Counter()


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    swept = config.stash[SWEPT]
    if swept:
        terminalreporter.section("swept")
        for what in sorted(swept):
            terminalreporter.write_line(f"{swept[what]:7} {what}")


@pytest.fixture
def swept(request: pytest.FixtureRequest) -> Counter[str]:
    """Counts of what was swept, printed at the end of the run."""
    return request.config.stash[SWEPT]


@pytest.fixture(scope="session")
def network() -> Iterator[Network]:
    with Network() as network:
        # What exists by now is not searched for cycles over and over again.
        gc.collect()
        gc.freeze()
        yield network
        gc.unfreeze()


@pytest.fixture(scope="session")
def full() -> bool:
    """Whether everything is to be combined with everything."""
    return os.environ.get("RELIABILITY_SWEEP") == "full"
