"""The build: what it writes into dist/, and that it notices when the same tree comes out otherwise."""

from __future__ import annotations

import hashlib
import io
import pathlib
import sys
import tarfile
from types import ModuleType
from typing import List

import pytest

from .loading import load


class Backend:
    """Stands in for hatchling: packs the files that it finds, and `salt`, which a clock might change."""

    def __init__(self) -> None:
        self.salt = b""
        self.folders: List[pathlib.Path] = []

    def __call__(self, folder: pathlib.Path, target: str, out: pathlib.Path) -> pathlib.Path:
        self.folders.append(folder)
        files = sorted(path for path in folder.rglob("*") if path.is_file())
        if target == "wheel":
            wheel = out / f"{folder.name}-py3-none-any.whl"
            wheel.write_bytes(b"".join(path.name.encode() + path.read_bytes() for path in files) + self.salt)
            return wheel
        sdist = out / f"{folder.name.replace('-', '_')}-1.0.0.tar.gz"
        # Not compressed: gzip writes the time.
        with tarfile.open(str(sdist), "w") as archive:
            for path in files:
                entry = tarfile.TarInfo(f"core_x-1.0.0/{path.relative_to(folder)}")
                entry.size = path.stat().st_size
                archive.addfile(entry, io.BytesIO(path.read_bytes()))
        return sdist


@pytest.fixture
def tree(tmp_path: pathlib.Path) -> pathlib.Path:
    source = tmp_path / "packages" / "core-x" / "src" / "core_x"
    (source / "__pycache__").mkdir(parents=True)
    (source / "__init__.py").write_text("x = 1\n")
    (source / "__pycache__" / "x.pyc").write_bytes(b"")
    (tmp_path / "packages" / "core-x" / "pyproject.toml").write_text("")
    (tmp_path / ".gitignore").write_text("")
    return tmp_path


@pytest.fixture
def backend() -> Backend:
    return Backend()


@pytest.fixture
def build(tree: pathlib.Path, backend: Backend, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    module = load("build")
    monkeypatch.setattr(module, "ROOT", tree)
    monkeypatch.setattr(module, "DIST", tree / "dist")
    monkeypatch.setattr(module, "hatchling", backend)
    return module


def test_both_files_and_the_constraints_are_written(build: ModuleType, tree: pathlib.Path) -> None:
    (tree / "dist").mkdir()
    (tree / "dist" / "core_x-0.9.0-py3-none-any.whl").write_bytes(b"old")
    build.build_all(["core-x"])
    wheel = tree / "dist" / "core_x-1.0.0-py3-none-any.whl"
    assert {path.name for path in (tree / "dist").iterdir()} == {
        wheel.name,
        "core_x-1.0.0.tar.gz",
        "constraints.txt",
    }
    digest = hashlib.sha256(wheel.read_bytes()).hexdigest()
    assert (tree / "dist" / "constraints.txt").read_text() == f"core-x @ {wheel.as_uri()}#sha256={digest}\n"


def test_the_wheel_is_made_from_the_unpacked_sdist(build: ModuleType, backend: Backend, tree: pathlib.Path) -> None:
    build.build_all(["core-x"])
    assert [folder.name for folder in backend.folders] == ["core-x", "core_x-1.0.0"]
    assert tree not in backend.folders[0].parents
    with tarfile.open(str(tree / "dist" / "core_x-1.0.0.tar.gz")) as archive:
        names = {name.replace("\\", "/") for name in archive.getnames()}
    assert names == {"core_x-1.0.0/pyproject.toml", "core_x-1.0.0/src/core_x/__init__.py"}


def test_the_same_tree_comes_out_the_same(build: ModuleType, capsys: pytest.CaptureFixture[str]) -> None:
    build.build_all(["core-x"])
    assert build.compare_again(["core-x"]) == 0
    assert capsys.readouterr().out.endswith("2 files built again, 0 differ\n")


def test_what_differs_is_named(build: ModuleType, backend: Backend, capsys: pytest.CaptureFixture[str]) -> None:
    build.build_all(["core-x"])
    backend.salt = b"another time"
    assert build.compare_again(["core-x"]) == 1
    assert "dist/core_x-1.0.0-py3-none-any.whl came out otherwise" in capsys.readouterr().out


def test_a_file_that_was_never_built_is_one_that_differs(build: ModuleType, tree: pathlib.Path) -> None:
    (tree / "dist").mkdir()
    assert len(build.different_again(["core-x"])) == 2


@pytest.mark.parametrize("words", [["core-y"], ["--check", "core-x"], ["--check", "--again"]])
def test_what_makes_no_sense_is_refused(
    build: ModuleType, words: List[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["build", *words])
    with pytest.raises(SystemExit) as ended:
        build.main()
    assert ended.value.code == 2


def test_the_date_is_that_of_the_commit_or_one_that_fits(build: ModuleType) -> None:
    """The tree of this test is in no repository; a zip file cannot say what was before 1980."""
    assert int(build.date_of_tree()) >= 315532800
