"""The check that no distribution uses another's underscored names: each way to do so is found, and nothing else."""

from __future__ import annotations

import pathlib
import subprocess
import sys
from types import ModuleType
from typing import Tuple

import pytest

from .loading import ROOT, load

SIBLINGS = {"core_backends", "core_pool"}


@pytest.fixture(scope="module")
def check() -> ModuleType:
    return load("check_private_imports")


def run(root: pathlib.Path) -> Tuple[int, str]:
    command = [sys.executable, str(ROOT / "scripts" / "check_private_imports"), "--root", str(root)]
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=50, check=False)
    return done.returncode, done.stdout.decode()


@pytest.mark.parametrize(
    "source",
    [
        "import core_backends._x",
        "import core_backends._x as y",
        "from core_backends._x import y",
        "from core_backends.lowlevel import _x",
        "from core_backends import _x",
        "import core_backends\ncore_backends._x",
        "import core_backends.lowlevel\ncore_backends.lowlevel._x()",
        "from core_backends import lowlevel as low\nlow._x.y",
        "import core_backends as cb\ndef f():\n    return cb._x.y",
        "def f():\n    from core_pool._sync.pool import ConnectionPool",
        "def f():\n    return lowlevel._x\nfrom core_backends import lowlevel",
        "import importlib\nimportlib.import_module('core_pool._sync.pool')",
    ],
)
def test_private_use_is_found(check: ModuleType, source: str) -> None:
    assert len(check.private_uses(source, SIBLINGS)) == 1


@pytest.mark.parametrize(
    "source",
    [
        "import core_backends\ncore_backends.Origin\ncore_backends.__version__",
        "from core_backends.lowlevel import async_tracer",
        "from ._async import pool\npool._x",
        "from . import _x",
        "import os\nos._exit",
        "from core_own._x import y",
        "'core_backends is _one_ of the siblings'",
        "pool = object()\npool._network_backend",
    ],
)
def test_anything_else_is_not(check: ModuleType, source: str) -> None:
    assert check.private_uses(source, SIBLINGS) == []


def test_the_packages_of_this_repository_use_no_private_names() -> None:
    code, output = run(ROOT)
    assert code == 0, output


def test_a_fault_is_named_with_its_place(tmp_path: pathlib.Path) -> None:
    for name, source in {"core_a": "", "core_b": "x = 1\nfrom core_a._secret import y\n"}.items():
        package = tmp_path / "packages" / name / "src" / name
        package.mkdir(parents=True)
        (package / "__init__.py").write_text(source)
    code, output = run(tmp_path)
    assert code == 1
    assert "packages/core_b/src/core_b/__init__.py:2: core_a._secret.y is private" in output
