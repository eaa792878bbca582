"""The rules of a release, on repositories made for the test: what may be released, and what is refused and why."""

from __future__ import annotations

import os
import pathlib
import shutil
import subprocess
from types import ModuleType
from typing import Dict, List, Sequence, Tuple

import pytest

from .loading import load

pytestmark = pytest.mark.skipif(shutil.which("git") is None, reason="git is not installed")

PROJECT = '[project]\nname = "{name}"\nversion = "{version}"\ndependencies = [\n{requirements}]\n'
CHANGELOG = "# Changelog\n\n## [Unreleased]\n{unreleased}\n## [{version}]{date}\n{entries}"
DATE = " - 2026-11-21"
FIXED = "\n### Fixed\n\n- A thing.\n"
ADDED = "\n### Added\n\n- A thing.\n"


class Repository:
    """A repository with a ground and one distribution on it, both ready for their first release."""

    def __init__(self, root: pathlib.Path) -> None:
        self.root = root
        self.git("init", "-q")
        self.write("core-backends")
        self.write("core-h1", requirements=["core-backends>=1.0,<2"])
        self.commit()

    def git(self, *words: str) -> None:
        known = {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1"}
        who = ["-c", "user.name=test", "-c", "user.email=test@localhost", "-c", "commit.gpgsign=false"]
        command = ["git", "-C", str(self.root), *who, *words]
        subprocess.run(command, check=True, env={**os.environ, **known}, timeout=50, stdout=subprocess.DEVNULL)

    def write(
        self,
        name: str,
        version: str = "1.0.0",
        requirements: Sequence[str] = (),
        date: str = DATE,
        entries: str = ADDED,
        unreleased: str = "",
    ) -> None:
        folder = self.root / "packages" / name
        source = folder / "src" / name.replace("-", "_")
        source.mkdir(parents=True, exist_ok=True)
        (source / "__init__.py").touch()
        listed = "".join(f'    "{line}",\n' for line in requirements)
        (folder / "pyproject.toml").write_text(PROJECT.format(name=name, version=version, requirements=listed))
        text = CHANGELOG.format(unreleased=unreleased, version=version, date=date, entries=entries)
        (folder / "CHANGELOG.md").write_text(text)

    def change(self, name: str = "core-backends") -> None:
        source = self.root / "packages" / name / "src" / name.replace("-", "_") / "__init__.py"
        source.write_text(source.read_text() + "x = 1\n")

    def commit(self, *tags: str) -> None:
        self.git("add", "-A")
        self.git("commit", "-q", "--allow-empty", "-m", "a change")
        for tag in tags:
            self.git("tag", tag)


@pytest.fixture
def repository(tmp_path: pathlib.Path) -> Repository:
    return Repository(tmp_path)


@pytest.fixture
def release(repository: Repository, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    module = load("release")
    monkeypatch.setattr(module, "ROOT", repository.root)
    return module


class Said:
    """What the script prints, by distribution."""

    def __init__(self, code: int, text: str) -> None:
        self.code = code
        self.general: List[str] = []
        self.state: Dict[str, str] = {}
        self.lines: Dict[str, List[str]] = {}
        name = ""
        for line in text.splitlines():
            if line.startswith("  "):
                self.lines[name].append(line.strip())
            elif ": " in line and " " in line.partition(":")[0]:
                name = line.partition(" ")[0]
                self.state[name] = line.partition(": ")[2]
                self.lines[name] = []
            else:
                self.general.append(line)


def run(release: ModuleType, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], *words: str) -> Said:
    monkeypatch.setattr("sys.argv", ["release", *words])
    code = release.main()
    return Said(code, capsys.readouterr().out)


Fixtures = Tuple[ModuleType, pytest.MonkeyPatch, pytest.CaptureFixture[str]]


@pytest.fixture
def world(release: ModuleType, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Fixtures:
    return release, monkeypatch, capsys


def test_without_any_tag_everything_is_a_first_release(world: Fixtures) -> None:
    said = run(*world)
    assert said.code == 0
    assert said.state == {"core-backends": "first release", "core-h1": "first release"}
    assert said.lines == {
        "core-backends": [],
        "core-h1": ["before a release: no release of core-backends meets >=1.0,<2: release that first"],
    }


def test_the_ground_is_released_first(world: Fixtures, repository: Repository) -> None:
    assert run(*world, "core-backends").code == 0
    said = run(*world, "core-h1")
    assert said.code == 1 and said.lines["core-h1"][0].startswith("refused: no release of core-backends")
    repository.git("tag", "core-backends-v1.0.0")
    assert run(*world, "core-h1").code == 0


def test_what_is_as_released_has_nothing_to_release(world: Fixtures, repository: Repository) -> None:
    repository.git("tag", "core-backends-v1.0.0")
    (repository.root / "packages" / "core-backends" / "README.md").write_text("words\n")
    repository.commit()
    said = run(*world)
    assert said.code == 0 and said.state["core-backends"] == "as released"
    assert run(*world, "core-backends").lines["core-backends"] == ["refused: there is nothing to release"]


def test_a_change_needs_a_version_and_a_word(world: Fixtures, repository: Repository) -> None:
    repository.git("tag", "core-backends-v1.0.0")
    repository.change()
    repository.commit()
    said = run(*world)
    assert said.code == 0 and said.state["core-backends"] == "changed since 1.0.0"
    changed = "it has changed since core-backends-v1.0.0 and needs a new version: "
    assert said.lines["core-backends"] == [f"before a release: {changed}a word in its changelog"]
    repository.write("core-backends", unreleased=ADDED)
    repository.commit()
    said = run(*world, "core-backends")
    assert said.code == 1 and said.lines["core-backends"] == [f"refused: {changed}at least 1.1.0"]


@pytest.mark.parametrize(
    "entries, version, allowed",
    [
        (FIXED, "1.0.1", True),
        (FIXED, "1.1.0", True),
        (FIXED, "1.0.2", False),
        (FIXED, "1.2.0", False),
        (ADDED, "1.0.1", False),
        (ADDED, "1.1.0", True),
        (ADDED, "2.0.0", True),
        ("\n### Removed\n\n- A thing.\n", "1.1.0", False),
        ("\n### Changed\n\n- **Breaking**: a thing.\n", "1.1.0", False),
        ("\n### Changed\n\n- **Breaking**: a thing.\n", "2.0.0", True),
        ("\n- A thing under no heading.\n", "1.0.1", False),
    ],
)
def test_the_version_is_the_next_one_by_the_changelog(
    world: Fixtures, repository: Repository, entries: str, version: str, allowed: bool
) -> None:
    repository.git("tag", "core-backends-v1.0.0")
    repository.change()
    repository.write("core-backends", version, entries=entries)
    repository.write("core-h1", requirements=[f"core-backends>={version[:3]},<{int(version[0]) + 1}"])
    repository.commit()
    said = run(*world, "core-backends")
    assert said.state["core-backends"] == "to be released after 1.0.0"
    assert (said.code == 0) is allowed
    assert allowed or said.lines["core-backends"][0].startswith("refused: by its changelog the version after 1.0.0 is ")


@pytest.mark.parametrize(
    "options, why",
    [
        ({"date": ""}, "has no date"),
        ({"entries": ""}, "its changelog says nothing about 1.0.0"),
        ({"unreleased": FIXED}, "entries under Unreleased"),
    ],
)
def test_a_changelog_that_is_not_ready_refuses(
    world: Fixtures, repository: Repository, options: Dict[str, str], why: str
) -> None:
    repository.write("core-backends", **options)
    repository.commit()
    assert run(*world).code == 0
    said = run(*world, "core-backends")
    assert said.code == 1 and len(said.lines["core-backends"]) == 1 and why in said.lines["core-backends"][0]


@pytest.mark.parametrize(
    "requirements, why",
    [
        (["core-backends==1.0.0"], "is not a floor and the next major version"),
        (["core-backends"], "is not a floor and the next major version"),
        (["core-backends>=1.0,<3"], "is not a floor and the next major version"),
        (["core-backends>=1.1,<2"], "does not admit 1.0.0, which stands beside it"),
        (["core-backends>=1.0,<2", "core-backends[trio]>=1.0.0,<2"], "twice and differently"),
    ],
)
def test_pins_of_siblings_that_do_not_agree_are_always_wrong(
    world: Fixtures, repository: Repository, requirements: List[str], why: str
) -> None:
    repository.write("core-h1", requirements=requirements)
    repository.commit()
    said = run(*world)
    assert said.code == 1
    assert [line for line in said.lines["core-h1"] if line.startswith("wrong: ") and why in line]


def test_extras_pinned_alike_agree(world: Fixtures, repository: Repository) -> None:
    repository.write("core-h1", requirements=["core-backends>=1.0,<2", "core-backends[trio]>=1.0,<2", "h11>=0.16"])
    repository.commit()
    assert run(*world).code == 0


def test_a_version_below_the_tag_is_wrong(world: Fixtures, repository: Repository) -> None:
    repository.git("tag", "core-backends-v1.2.0")
    assert "wrong: its version 1.0.0 is lower than that of its tag, 1.2.0" in run(*world).lines["core-backends"]


def test_a_version_said_twice_must_be_one(world: Fixtures, repository: Repository) -> None:
    source = repository.root / "packages" / "core-h1" / "src" / "core_h1" / "__init__.py"
    source.write_text('__version__ = "1.0.1"\n')
    assert "wrong: __version__ is 1.0.1, and the version in pyproject.toml 1.0.0" in run(*world).lines["core-h1"]


def test_a_version_that_is_none_is_wrong(world: Fixtures, repository: Repository) -> None:
    repository.write("core-h1", version="1.0rc1", requirements=["core-backends>=1.0,<2"])
    assert run(*world).lines["core-h1"] == ["wrong: its version '1.0rc1' is not X.Y.Z"]


def test_what_is_not_committed_is_not_released(world: Fixtures, repository: Repository) -> None:
    repository.change()
    assert run(*world).code == 0
    said = run(*world, "core-backends")
    assert said.code == 1 and said.general == ["changes in packages/ are not committed"]


def test_tags_of_others_and_of_other_branches_do_not_count(world: Fixtures, repository: Repository) -> None:
    repository.git("tag", "core-backends-extra-v3.0.0")
    repository.git("tag", "core-backends-vNext")
    repository.git("checkout", "-q", "-b", "other")
    repository.commit("core-backends-v2.0.0")
    repository.git("checkout", "-q", "-")
    assert run(*world).state["core-backends"] == "first release"


def test_the_highest_of_tags_is_the_last(world: Fixtures, repository: Repository) -> None:
    repository.git("tag", "core-backends-v0.9.0")
    repository.git("tag", "core-backends-v0.10.0")
    assert run(*world).state["core-backends"].startswith("to be released after 0.10.0")


def test_the_tag_to_publish_is_compared_with_the_one_before(world: Fixtures, repository: Repository) -> None:
    repository.git("tag", "core-backends-v1.0.0")
    assert run(*world, "--tag", "core-backends-v1.0.0").code == 0
    repository.change()
    repository.write("core-backends", "1.0.1", entries=FIXED)
    repository.commit("core-backends-v1.0.1")
    said = run(*world, "--tag", "core-backends-v1.0.1")
    assert said.code == 0 and said.state["core-backends"] == "to be released after 1.0.0"


def test_a_tag_that_says_something_else_is_refused(world: Fixtures) -> None:
    said = run(*world, "--tag", "core-backends-v1.0.1")
    assert said.code == 1
    assert said.general == ["the tag says 1.0.1, packages/core-backends/pyproject.toml 1.0.0"]
    for tag in ("core-backends-1.0.0", "core-x-v1.0.0", "core-backends-v1"):
        with pytest.raises(SystemExit, match="is not a distribution and its version"):
            run(*world, "--tag", tag)


def test_a_folder_without_history_is_said_to_be_one(
    release: ModuleType, monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> None:
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    (elsewhere / "packages" / "core-x").mkdir(parents=True)
    (elsewhere / "packages" / "core-x" / "pyproject.toml").write_text('version = "1.0.0"\n')
    monkeypatch.setattr(release, "ROOT", elsewhere)
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(elsewhere.parent))
    monkeypatch.setattr("sys.argv", ["release"])
    with pytest.raises(SystemExit, match=r"git tag .* failed: "):
        release.main()
