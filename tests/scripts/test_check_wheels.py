"""The check of wheels and sdists: a good pair passes, and each thing that can be wrong with one is named."""

from __future__ import annotations

import io
import pathlib
import tarfile
import zipfile
from types import ModuleType
from typing import Callable, Dict, List

import pytest

from .loading import load

LICENCE = "the licence\n"
INFO = "core_x-1.0.0.dist-info"
METADATA = """\
Metadata-Version: 2.4
Name: core-x
Version: 1.0.0
License-Expression: BSD-3-Clause
Requires-Python: >=3.8
Requires-Dist: core-backends<2,>=1.0
Requires-Dist: socksio<2,>=1.0; extra == 'socks'

Words.
"""
SOURCES = {
    "core_x/__init__.py": "",
    "core_x/py.typed": "",
    "core_x/_async/driver.py": "",
    "core_x/_sync/driver.py": "",
}

Faults = Callable[[], List[str]]


@pytest.fixture
def wheel() -> Dict[str, str]:
    """The files of the wheel, to be changed before `faults` is called."""
    entries = {"METADATA": METADATA, "WHEEL": "", "RECORD": "", "licenses/LICENSE": LICENCE}
    return {**SOURCES, **{f"{INFO}/{name}": text for name, text in entries.items()}}


@pytest.fixture
def sdist() -> Dict[str, str]:
    others = ("PKG-INFO", "pyproject.toml", "README.md", "CHANGELOG.md", "LICENSE")
    return {**{f"src/{name}": text for name, text in SOURCES.items()}, **dict.fromkeys(others, "")}


@pytest.fixture
def project(tmp_path: pathlib.Path) -> pathlib.Path:
    folder = tmp_path / "packages" / "core-x"
    for name, text in SOURCES.items():
        path = folder / "src" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    (folder / "pyproject.toml").write_text('[project]\nversion = "1.0.0"\n')
    (folder / "CHANGELOG.md").write_text("## [1.0.0]\n")
    (tmp_path / "LICENSE").write_text(LICENCE)
    (tmp_path / "dist").mkdir()
    return folder


@pytest.fixture
def faults(
    project: pathlib.Path, wheel: Dict[str, str], sdist: Dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> Faults:
    check: ModuleType = load("check_wheels")
    root = project.parent.parent
    monkeypatch.setattr(check, "ROOT", root)
    monkeypatch.setattr(check, "DIST", root / "dist")
    requires = ["core-backends>=1.0,<2", 'socksio<2,>=1.0; extra == "socks"']
    monkeypatch.setattr(check, "REQUIRES", {"core-x": requires})

    def found() -> List[str]:
        with zipfile.ZipFile(str(root / "dist" / "core_x-1.0.0-py3-none-any.whl"), "w") as archive:
            for name, text in wheel.items():
                archive.writestr(name, text)
        with tarfile.open(str(root / "dist" / "core_x-1.0.0.tar.gz"), "w:gz") as sources:
            for name, text in sdist.items():
                entry = tarfile.TarInfo(f"core_x-1.0.0/{name}")
                entry.size = len(text)
                sources.addfile(entry, io.BytesIO(text.encode()))
        return list(check.faults("core-x"))

    return found


def test_a_good_pair_has_no_faults(faults: Faults) -> None:
    assert faults() == []


@pytest.mark.parametrize("missing", ["core_x/py.typed", "core_x/_sync/driver.py", f"{INFO}/licenses/LICENSE"])
def test_a_file_that_the_wheel_lacks_is_named(faults: Faults, wheel: Dict[str, str], missing: str) -> None:
    del wheel[missing]
    assert f"the wheel lacks {missing}" in faults()


@pytest.mark.parametrize("name", ["tests/test_x.py", "core_x/tests/__init__.py", "core_x/conftest.py"])
def test_a_test_in_the_wheel_is_named(faults: Faults, wheel: Dict[str, str], name: str) -> None:
    wheel[name] = ""
    assert f"the wheel holds a test: {name}" in faults()


def test_a_driver_without_twin_is_named(faults: Faults, wheel: Dict[str, str], project: pathlib.Path) -> None:
    (project / "src" / "core_x" / "_async" / "extra.py").write_text("")
    wheel["core_x/_async/extra.py"] = ""
    assert "core_x/*/extra.py is in only one of _async and _sync" in faults()


@pytest.mark.parametrize(
    ("old", "new", "fault"),
    [
        ("Requires-Dist: core-backends<2,>=1.0\n", "", "Requires-Dist lacks core-backends<2,>=1.0"),
        ("core-backends<2,>=1.0", "core-backends==1.0.0", "Requires-Dist has core-backends==1.0.0"),
        ("; extra == 'socks'", "", "Requires-Dist has socksio<2,>=1.0, which is not expected"),
        (">=3.8", ">=3.9", "Requires-Python is '>=3.9'"),
        ("BSD-3-Clause", "MIT", "License-Expression is 'MIT'"),
        ("Version: 1.0.0", "Version: 1.0.1", "Version is '1.0.1'"),
        ("Words.\n", "", "the description is empty"),
    ],
)
def test_wrong_metadata_is_named(faults: Faults, wheel: Dict[str, str], old: str, new: str, fault: str) -> None:
    wheel[f"{INFO}/METADATA"] = METADATA.replace(old, new)
    assert any(line.startswith(fault) for line in faults())


def test_another_licence_is_named(faults: Faults, wheel: Dict[str, str]) -> None:
    wheel[f"{INFO}/licenses/LICENSE"] = "another"
    assert faults() == ["its licence is not the one of this repository"]


def test_what_the_sdist_lacks_or_has_too_much_is_named(faults: Faults, sdist: Dict[str, str]) -> None:
    del sdist["CHANGELOG.md"]
    sdist["tests/test_x.py"] = ""
    assert faults() == ["the sdist lacks CHANGELOG.md", "the sdist has tests/test_x.py, which is not expected"]


def test_a_changelog_without_the_version_is_named(faults: Faults, project: pathlib.Path) -> None:
    (project / "CHANGELOG.md").write_text("## [Unreleased]\n")
    assert faults() == ["CHANGELOG.md has no section for 1.0.0"]
