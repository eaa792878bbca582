"""What counts as a breakage of the public API, and what a waiver does about it and for how long."""

from __future__ import annotations

import datetime
import os
import pathlib
import shutil
import subprocess
import sys
from types import ModuleType
from typing import List

import pytest

from .loading import load

TODAY = datetime.date(2026, 11, 21)
BEFORE = "def kept(a: int) -> int: ...\ndef gone() -> None: ...\nclass Public:\n    def method(self, a=1): ...\n"
AFTER = "def kept(a: int, b: int) -> int: ...\nclass Public:\n    def method(self): ...\ndef more() -> None: ...\n"


@pytest.fixture
def check() -> ModuleType:
    return load("check_api_changes")


def waiver(check: ModuleType, name: str, expires: datetime.date = TODAY) -> object:
    return check.Waiver(name, "nobody uses it", expires)


def test_a_breakage_fails_unless_it_is_waived(check: ModuleType) -> None:
    breakages = [check.Breakage("core_x.f", "gone"), check.Breakage("core_x.g", "gone")]
    assert list(check.judged(breakages, [waiver(check, "core_x.g")], TODAY)) == ["core_x.f: gone"]


def test_a_waiver_ends(check: ModuleType) -> None:
    yesterday = TODAY - datetime.timedelta(days=1)
    breakages = [check.Breakage("core_x.f", "gone")]
    assert list(check.judged(breakages, [waiver(check, "core_x.f", yesterday)], TODAY)) == [
        "core_x.f: gone",
        "core_x.f: the waiver expired on 2026-11-20 (nobody uses it)",
    ]


def test_a_waiver_of_nothing_fails(check: ModuleType) -> None:
    assert list(check.judged([], [waiver(check, "core_x.f")], TODAY)) == [
        "core_x.f: nothing breaks there, so the waiver can go"
    ]


needs_toml = pytest.mark.skipif(sys.version_info < (3, 11), reason="the script reads TOML with the standard library's")


@needs_toml
def test_waivers_have_a_reason_and_a_day(check: ModuleType) -> None:
    good = '[[waiver]]\nobject = "a.b"\nreason = "why"\nexpires = 2027-01-01\n'
    assert check.read_waivers(good) == [check.Waiver("a.b", "why", datetime.date(2027, 1, 1))]
    assert check.read_waivers("") == []
    for line in good.splitlines()[1:]:
        with pytest.raises(SystemExit, match="waiver 1 must have"):
            check.read_waivers(good.replace(line + "\n", ""))
    for other in ('reason = " "', "reason = 1", 'expires = "soon"', "expires = 2027-01-01T00:00:00"):
        key = other.partition(" ")[0]
        wrong = "\n".join(other if line.startswith(key) else line for line in good.splitlines())
        with pytest.raises(SystemExit, match="waiver 1 must have"):
            check.read_waivers(wrong)


@needs_toml
def test_the_waivers_of_this_repository_can_be_read(check: ModuleType) -> None:
    check.read_waivers((check.ROOT / check.WAIVERS).read_text(encoding="utf-8"))


class Tree:
    """A repository with one distribution, released once and changed since."""

    def __init__(self, root: pathlib.Path) -> None:
        self.root = root
        self.git("init", "-q")
        self.write("1.0.0", BEFORE)
        self.git("add", "-A")
        self.git("commit", "-q", "-m", "before")

    def git(self, *words: str) -> None:
        who = ["-c", "user.name=test", "-c", "user.email=test@localhost", "-c", "commit.gpgsign=false"]
        environment = {**os.environ, "GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1"}
        subprocess.run(["git", "-C", str(self.root), *who, *words], check=True, env=environment, timeout=50)

    def write(self, version: str, source: str) -> None:
        folder = self.root / "packages" / "core-x"
        (folder / "src" / "core_x").mkdir(parents=True, exist_ok=True)
        (folder / "src" / "core_x" / "__init__.py").write_text(source)
        (folder / "pyproject.toml").write_text(f'version = "{version}"\n')

    def waive(self, *names: str) -> None:
        (self.root / "scripts").mkdir(exist_ok=True)
        entry = '[[waiver]]\nobject = "{}"\nreason = "why"\nexpires = 9999-01-01\n'
        (self.root / "scripts" / "api-waivers.toml").write_text("".join(map(entry.format, names)))


@pytest.fixture
def tree(check: ModuleType, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> Tree:
    pytest.importorskip("griffe")
    if shutil.which("git") is None:
        pytest.skip("git is not installed")
    monkeypatch.setattr(check, "ROOT", tmp_path)
    return Tree(tmp_path)


def run(check: ModuleType, monkeypatch: pytest.MonkeyPatch, *words: str) -> int:
    monkeypatch.setattr("sys.argv", ["check_api_changes", *words])
    code: int = check.main()
    return code


def said(capsys: pytest.CaptureFixture[str]) -> List[str]:
    return capsys.readouterr().out.splitlines()


def test_without_a_release_there_is_nothing_to_compare_with(
    check: ModuleType, tree: Tree, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(check, monkeypatch) == 0
    assert said(capsys) == ["core-x: no release yet, nothing to compare with"]


def test_what_users_would_break_on_is_named(
    check: ModuleType, tree: Tree, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    tree.git("tag", "core-x-v1.0.0")
    assert run(check, monkeypatch) == 0
    assert said(capsys) == ["core-x: 0 breakages since core-x-v1.0.0"]
    tree.write("1.0.0", AFTER)
    assert run(check, monkeypatch) == 1
    lines = said(capsys)
    assert lines[0] == "core-x: 3 breakages since core-x-v1.0.0"
    assert [line.split(":")[0].strip() for line in lines[1:]] == ["core_x.Public.method", "core_x.gone", "core_x.kept"]
    tree.waive("core_x.Public.method", "core_x.gone", "core_x.kept")
    assert run(check, monkeypatch) == 0
    tree.waive("core_x.Public.method", "core_x.gone", "core_x.kept", "elsewhere.thing")
    assert run(check, monkeypatch) == 1
    assert "elsewhere.thing: belongs to no distribution" in said(capsys)[-5:]


def test_another_major_version_may_break_anything(
    check: ModuleType, tree: Tree, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    tree.git("tag", "core-x-v1.0.0")
    tree.write("2.0.0", AFTER)
    assert run(check, monkeypatch) == 0
    assert said(capsys) == ["core-x: another major version than core-x-v1.0.0, anything may break"]


def test_a_tag_about_to_be_published_is_compared_with_the_one_before(
    check: ModuleType, tree: Tree, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    tree.git("tag", "core-x-v1.0.0")
    tree.write("1.1.0", AFTER)
    tree.git("commit", "-q", "-a", "-m", "after")
    tree.git("tag", "core-x-v1.1.0")
    assert run(check, monkeypatch) == 0
    assert run(check, monkeypatch, "--tag", "core-x-v1.1.0") == 1
    assert "core-x: 3 breakages since core-x-v1.0.0" in said(capsys)
