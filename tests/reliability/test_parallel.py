"""Threads that run in parallel: short runs of the stresses, and nothing of ours that would make threads take turns.

On builds with a global lock the same threads take turns. The long runs are `python -m tests.reliability.stress`.
"""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
import warnings
from collections import Counter
from typing import Any, Iterator

import pytest

from .routes import Network
from .stress import one_connection, several_origins

EVERYTHING = """
import sys
import core_backends.testing, core_h1, core_h2, core_pool, core_proxy, httpcore
for module in (core_backends, core_backends.lowlevel, core_h1, core_h2, core_pool, core_proxy, httpcore):
    for name in module.__all__:
        getattr(module, name)
import core_h1._h11_codec, h2.connection, anyio, trio, socksio, asyncio
assert not sys._is_gil_enabled()
"""


@pytest.fixture(autouse=True)
def dropping_is_meant() -> Iterator[None]:
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "A response was dropped", ResourceWarning)
        yield


@pytest.mark.timeout(180)
@pytest.mark.parametrize(("stress", "requests"), [(one_connection, 20), (several_origins, 640)])
def test_threads_share_a_pool_in_parallel(stress: Any, requests: int, network: Network, swept: Counter[str]) -> None:
    tally = stress(network, requests, patience=120.0)
    assert not tally.wrong, "\n".join(tally.wrong[:20])
    assert sum(tally.counts.values()) >= 640
    for what, count in tally.counts.items():
        swept[f"in parallel: {what}"] += count


@pytest.mark.skipif(not sysconfig.get_config_var("Py_GIL_DISABLED"), reason="this build has a global lock")
def test_nothing_that_is_imported_turns_the_global_lock_on() -> None:
    environment = {name: value for name, value in os.environ.items() if name != "PYTHON_GIL"}
    program = [sys.executable, "-bb", "-W", "error", "-c", EVERYTHING]
    done = subprocess.run(program, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
    assert done.returncode == 0, done.stdout.decode(errors="replace")
