"""The internet of the examples, and how one of them is run."""

from __future__ import annotations

import importlib.util
import os
import pathlib
import subprocess
import sys
from typing import TYPE_CHECKING, Iterator

import pytest

# The servers and proxies of the integration tests are plain modules.
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "integration"))

if TYPE_CHECKING:
    from .internet import Internet

EXAMPLES = pathlib.Path(__file__).resolve().parents[2] / "examples"


def needs(*names: str) -> None:
    """Skip where one of these packages is not installed; TEST_EXAMPLES=all makes that a failure."""
    missing = [name for name in names if importlib.util.find_spec(name) is None]
    if missing:
        if os.environ.get("TEST_EXAMPLES") == "all":
            pytest.fail(f"{', '.join(missing)} must be installed here", pytrace=False)
        pytest.skip(f"{', '.join(missing)} is not installed")


class Runner:
    """Runs an example as its user does, warnings being errors."""

    def __init__(self, internet: Internet) -> None:
        self.internet = internet

    def start(self, name: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-bb", "-W", "error", str(EXAMPLES / name), *arguments]
        environment = self.internet.environment()
        return subprocess.run(command, env=environment, timeout=50, check=False, capture_output=True, encoding="utf-8")

    def __call__(self, name: str, *arguments: str) -> str:
        """Return what the example printed; it must succeed."""
        ended = self.start(name, *arguments)
        assert ended.returncode == 0, ended.stderr + ended.stdout
        return ended.stdout


@pytest.fixture(scope="session")
def internet() -> Iterator[Internet]:
    needs("hypercorn", "h2")
    from .internet import Internet

    internet = Internet()
    try:
        yield internet
    finally:
        internet.close()


@pytest.fixture
def run(internet: Internet) -> Runner:
    return Runner(internet)
