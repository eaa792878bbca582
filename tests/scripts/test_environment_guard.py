"""The guard in tests/conftest.py: it tells this tree from anything else, and names what an environment has too much."""

from __future__ import annotations

import importlib.util
import pathlib
import shutil
from types import ModuleType

import pytest

from .loading import ROOT


@pytest.fixture(scope="module")
def guard() -> ModuleType:
    spec = importlib.util.spec_from_file_location("environment_guard", str(ROOT / "tests" / "conftest.py"))
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def copy(guard: ModuleType, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> pathlib.Path:
    """The sources of core-backends in a tree that what is installed was not built from."""
    pytest.importorskip("core_backends")
    source = ROOT / "packages" / "core-backends" / "src" / "core_backends"
    target = tmp_path / source.relative_to(ROOT)
    shutil.copytree(str(source), str(target), ignore=shutil.ignore_patterns("__pycache__"))
    monkeypatch.setattr(guard, "ROOT", tmp_path)
    return target


def version(guard: ModuleType) -> str:
    installed = guard.installed_version("core-backends")
    assert isinstance(installed, str)
    return installed


def test_the_same_bytes_are_accepted(guard: ModuleType, copy: pathlib.Path) -> None:
    assert guard.foreign("core-backends", version(guard)) is None


def test_another_byte_is_not(guard: ModuleType, copy: pathlib.Path) -> None:
    with (copy / "__init__.py").open("ab") as file:
        file.write(b"\n")
    assert "__init__.py" in guard.foreign("core-backends", version(guard))


def test_a_file_more_or_less_is_not(guard: ModuleType, copy: pathlib.Path) -> None:
    (copy / "extra.py").write_text("")
    assert "extra.py" in guard.foreign("core-backends", version(guard))
    (copy / "extra.py").unlink()
    (copy / "py.typed").unlink()
    assert "py.typed" in guard.foreign("core-backends", version(guard))


def test_another_version_is_not(guard: ModuleType, copy: pathlib.Path) -> None:
    assert "not 99.0" in guard.foreign("core-backends", "99.0")


def test_what_is_not_installed_is_no_fault(guard: ModuleType) -> None:
    assert guard.foreign("core-nothing-of-that-name", "1.0.0") is None


def test_what_a_distribution_does_not_declare_is_named(guard: ModuleType) -> None:
    pytest.importorskip("httpcore")
    assert "httpcore" in guard.undeclared("core-backends", {"core-backends", "httpcore"})
    assert guard.undeclared("httpcore", {"core-backends", "httpcore"}) == guard.undeclared("httpcore", set())


def test_an_extra_allows_what_it_brings(guard: ModuleType) -> None:
    pytest.importorskip("trio")
    assert "trio" in guard.undeclared("core-backends", set())
    assert "trio" not in guard.undeclared("core-backends[trio]", set())
    assert "trio" not in guard.undeclared("httpcore[trio]", set())
