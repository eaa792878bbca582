"""What the documentation tells a reader to type exists: scripts, examples, environments, distributions and extras."""

from __future__ import annotations

import configparser
import pathlib
import re
import shlex
from typing import Iterator, List, Set, Tuple

import pytest

from .blocks import blocks_of

ROOT = pathlib.Path(__file__).resolve().parents[2]
PAGES = [
    ROOT / "README.md",
    ROOT / "CONTRIBUTING.md",
    *sorted((ROOT / "docs").rglob("*.md")),
    *sorted((ROOT / "packages").glob("*/README.md")),
]
DISTRIBUTIONS = {path.name for path in (ROOT / "packages").iterdir() if (path / "pyproject.toml").is_file()}


def commands(page: pathlib.Path) -> Iterator[List[str]]:
    """The commands of the page's console blocks, word by word; `&&` and `;` part commands, `#` begins a remark."""
    for block in blocks_of(page):
        if block.language not in ("console", ""):
            continue
        for line in block.source.replace("\\\n", " ").splitlines():
            text = line[2:] if line.startswith("$ ") else line
            if block.language == "console" and not line.startswith("$ "):
                continue
            try:
                words = shlex.split(text, comments=True)
            except ValueError:
                continue  # A drawing or an output, not a command.
            command: List[str] = []
            for word in [*words, "&&"]:
                if word in ("&&", ";", "|"):
                    if command:
                        yield command
                    command = []
                else:
                    command.append(word)


ALL = [(page, command) for page in PAGES for command in commands(page)]


def named(program: str) -> List[Tuple[str, List[str]]]:
    found = [
        (page.relative_to(ROOT).as_posix(), command)
        for page, command in ALL
        if command[0].rpartition("/")[2] == program
    ]
    assert found, f"no page tells to type {program}"
    return found


def extras_of(distribution: str) -> Set[str]:
    text = (ROOT / "packages" / distribution / "pyproject.toml").read_text(encoding="utf-8")
    section = re.search(r"^\[project\.optional-dependencies\]\n(.*?)(?:^\[|\Z)", text, re.MULTILINE | re.DOTALL)
    return set() if section is None else set(re.findall(r"^([\w-]+) *=", section[1], re.MULTILINE))


def test_what_is_to_be_installed_exists() -> None:
    for page, command in named("pip"):
        for word in command[2:]:
            match = re.fullmatch(r"(?:packages/)?([a-z0-9-]+)(?:\[([a-z0-9,]+)\])?", word)
            if match is None or match[1] not in DISTRIBUTIONS:
                continue
            asked = set(match[2].split(",")) if match[2] else set()
            assert asked <= extras_of(match[1]), f"{page}: {word}"


def test_extras_are_found_at_all() -> None:
    assert extras_of("httpcore") == {"asyncio", "http2", "socks", "trio"}


def test_what_is_to_be_run_exists() -> None:
    for page, command in named("python"):
        if command[1:2] and command[1].startswith("examples/"):
            assert (ROOT / command[1]).is_file(), f"{page}: {command}"
    scripts = [(page, command[0]) for page, command in ALL if re.match(r"(scripts|benchmarks)/|\.ci/", command[0])]
    assert scripts
    for page, script in scripts:
        assert (ROOT / script).is_file(), f"{page.relative_to(ROOT)}: {script}"


def test_environments_exist() -> None:
    known = environments()
    for page, command in named("tox"):
        if "-e" in command:
            for name in command[command.index("-e") + 1].split(","):
                assert name in known, f"{page}: {name}"


def environments() -> Set[str]:
    """The names of tox's environments, `{a, b}` in a section's name written out."""
    parser = configparser.ConfigParser(interpolation=None)
    parser.read(ROOT / "tox.ini", encoding="utf-8")
    found = set()
    for section in parser.sections():
        name = section.partition(":")[2]
        choice = re.search(r"\{([^}]*)\}", name)
        if choice is None:
            found.add(name)
        else:
            found.update(name.replace(choice[0], part.strip()) for part in choice[1].split(","))
    return found


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_links_into_the_repository(page: pathlib.Path) -> None:
    """Links of pages that are read on their own; the site's are checked by its build."""
    text = re.sub(r"^```.*?^```", "", page.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        if not target.startswith(("http:", "https:", "#", "mailto:")):
            assert (page.parent / target.partition("#")[0]).exists(), target
