"""The check of the tree's structure: it finds each thing that it is there for, and nothing in an orderly tree."""

from __future__ import annotations

import pathlib
import shutil
import subprocess
from types import ModuleType
from typing import List

import pytest

from .loading import load

pytestmark = pytest.mark.skipif(shutil.which("git") is None, reason="git is not installed")

MAP = """
| path | what is there |
| --- | --- |
| `packages/<distribution>/` | sources |
| `tests/<import name>/` | its tests |
| `tests/whole/` | all together |
"""


@pytest.fixture
def check(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    module = load("check_structure")
    monkeypatch.setattr(module, "LONG", {})
    monkeypatch.setattr(module, "NAMED_ALL_THE_SAME", {})
    return module


@pytest.fixture
def tree(tmp_path: pathlib.Path) -> pathlib.Path:
    """An orderly tree."""
    subprocess.run(["git", "init", "-q", str(tmp_path)], check=True)
    (tmp_path / "CONTRIBUTING.md").write_text(MAP)
    write(tmp_path, "packages/core-a/src/core_a/_part.py")
    write(tmp_path, "tests/core_a/test_part.py")
    write(tmp_path, "tests/whole/test_all.py")
    return tmp_path


def write(tree: pathlib.Path, name: str, lines: int = 0, begin: str = '"""What it is for."""\n') -> None:
    path = tree / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(begin + "x = 1\n" * lines)


def found(check: ModuleType, tree: pathlib.Path) -> List[str]:
    return list(check.faults(tree))


def test_an_orderly_tree_has_no_faults(check: ModuleType, tree: pathlib.Path) -> None:
    write(tree, "packages/core-a/src/core_a/_long.py", lines=599)
    assert found(check, tree) == []


def test_a_module_that_is_too_long(check: ModuleType, tree: pathlib.Path) -> None:
    write(tree, "packages/core-a/src/core_a/_long.py", lines=600)
    (fault,) = found(check, tree)
    assert fault.startswith("packages/core-a/src/core_a/_long.py: 601 lines")


def test_an_excuse_that_is_no_longer_needed(
    check: ModuleType, tree: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(check, "LONG", {"packages/core-a/src/core_a/_part.py": "why", "gone.py": "why"})
    assert [fault.partition(":")[0] for fault in found(check, tree)] == [
        "packages/core-a/src/core_a/_part.py",
        "gone.py",
    ]


def test_a_module_that_says_nothing_of_itself(check: ModuleType, tree: pathlib.Path) -> None:
    write(tree, "tests/core_a/test_silent.py", lines=1, begin="")
    write(tree, "scripts", begin="#!/usr/bin/env python3\nx = 1\n")
    assert [fault.partition(":")[0] for fault in found(check, tree)] == ["scripts", "tests/core_a/test_silent.py"]


def test_a_name_that_says_nothing(check: ModuleType, tree: pathlib.Path) -> None:
    write(tree, "packages/core-a/src/core_a/_utils.py")
    (fault,) = found(check, tree)
    assert "not knowing" in fault


def test_a_folder_that_is_on_no_map(check: ModuleType, tree: pathlib.Path) -> None:
    write(tree, "tests/unknown/test_x.py")
    write(tree, "elsewhere/x.py")
    assert found(check, tree) == [
        "elsewhere/: CONTRIBUTING.md does not say what is there",
        "tests/unknown/: CONTRIBUTING.md does not say what is there",
    ]


def test_a_folder_that_is_only_on_the_map(check: ModuleType, tree: pathlib.Path) -> None:
    (tree / "tests" / "whole" / "test_all.py").unlink()
    assert found(check, tree) == ["CONTRIBUTING.md: there is no tests/whole/"]


def test_what_git_ignores_is_not_looked_at(check: ModuleType, tree: pathlib.Path) -> None:
    (tree / ".gitignore").write_text("ignored/\n")
    write(tree, "ignored/utils.py", lines=1000)
    assert found(check, tree) == []
