"""The forge's files: they can be read, they name what exists, and they take no more rights than they need."""

from __future__ import annotations

import configparser
import itertools
import os
import pathlib
import re
from typing import Any, Dict, Iterator, List, Set

import pytest

from .loading import ROOT

yaml = pytest.importorskip("yaml")

FORGE = ROOT / ".github"
WORKFLOWS = sorted((FORGE / "workflows").glob("*.yml"))
FORMS = sorted((FORGE / "ISSUE_TEMPLATE").glob("*.yml"))
# The keys that a step's `run` may read by `${{ ... }}`: nothing in them is an outsider's text.
HARMLESS = re.compile(r"matrix\.\w+")


def loaded(path: pathlib.Path) -> Dict[str, Any]:
    text = yaml.safe_load(path.read_text(encoding="utf-8"))
    assert isinstance(text, dict)
    # YAML 1.1 reads the key `on` as a truth value.
    return {"on" if key is True else key: value for key, value in text.items()}


def jobs() -> Iterator[Any]:
    for path in WORKFLOWS:
        for name, job in loaded(path)["jobs"].items():
            yield pytest.param(job, id=f"{path.stem}-{name}")


def steps() -> Iterator[Dict[str, Any]]:
    for path in WORKFLOWS:
        for job in loaded(path)["jobs"].values():
            for step in job["steps"]:
                yield {**step, "matrix": job.get("strategy", {}).get("matrix", {})}


def expanded(text: str) -> Set[str]:
    """Return the names that braces, as tox and bash have them, stand for; `tox` separates by commas and lines."""
    names: Set[str] = set()
    for word in re.findall(r"(?:[^\s,{}]|\{[^{}]*\})+", text):
        parts = [
            [choice.strip() for choice in part[1:-1].split(",")] if part.startswith("{") else [part]
            for part in re.split(r"(\{[^{}]*\})", word)
        ]
        names.update("".join(choice) for choice in itertools.product(*parts))
    return names


def environments() -> Set[str]:
    config = configparser.ConfigParser(interpolation=None)
    config.read(str(ROOT / "tox.ini"), encoding="utf-8")
    sections = (name[len("testenv:") :] for name in config.sections() if name.startswith("testenv:"))
    return set().union(*map(expanded, sections))


def test_braces_are_read_as_tox_and_bash_read_them() -> None:
    assert expanded("lint, py3{8, 9}\n combo-{a,b}-{c,d}") == {
        *("lint", "py38", "py39"),
        *("combo-a-c", "combo-a-d", "combo-b-c", "combo-b-d"),
    }


def test_there_is_something_to_look_at() -> None:
    assert {path.name for path in WORKFLOWS} >= {"test.yml", "publish.yml", "scheduled.yml", "docs.yml"}
    assert {"lint", "py38", "py314", "iso-core-h1", "combo-pool-h1", "downstream", "soak"} <= environments()


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
def test_a_workflow_says_when_it_runs_and_takes_few_rights(path: pathlib.Path) -> None:
    workflow = loaded(path)
    assert workflow["name"] == path.stem and workflow["on"]
    assert workflow["permissions"] in ({}, {"contents": "read"})


@pytest.mark.parametrize("job", list(jobs()))
def test_a_job_ends_and_takes_few_rights(job: Dict[str, Any]) -> None:
    assert job["runs-on"] and 0 < job["timeout-minutes"] <= 90
    assert job.get("permissions", {}) in ({}, {"contents": "read"}, {"id-token": "write"})
    if "id-token" in job.get("permissions", {}):
        assert not any("run" in step or "checkout" in step["uses"] for step in job["steps"]), "it only hands on"


def test_every_environment_that_is_run_exists() -> None:
    run: Set[str] = set()
    for step in steps():
        for named in re.findall(r"\btox run\b.*?-e\s*([\w,-]+|\$\{\{.*?\}\})", step.get("run", "")):
            variable = re.fullmatch(r"\$\{\{\s*matrix\.(\w+)\s*\}\}", named)
            run.update(step["matrix"][variable[1]] if variable else named.split(","))
    assert {"docs", "lowest", "downstream", "soak"} <= run
    assert run - environments() == set()


def test_every_environment_of_ci_exists() -> None:
    text = (ROOT / ".ci" / "run").read_text(encoding="utf-8")
    named = set().union(*map(expanded, re.findall(r"^for environment in (.*); do$", text, re.MULTILINE)))
    for job in re.findall(r"^ *(?:jobs|beside)\+?=\((.+)\)$", text, re.MULTILINE):
        # One with arguments stands in quotes.
        named.update(job.strip('"').split(" -- ")[0].split())
    named = {name for name in named if not name.startswith("$")}
    assert {"lint", "combo-pool-h1", "lowest", "instructions", "docs"} <= named
    assert named - environments() == set()
    config = configparser.ConfigParser(interpolation=None)
    config.read(str(ROOT / "tox.ini"), encoding="utf-8")
    assert expanded(config["tox"]["env_list"]) - environments() == set()


def test_every_script_that_is_run_exists() -> None:
    named = {word for step in steps() for word in re.findall(r"(?<![\w./-])(?:scripts|\.ci)/\w+", step.get("run", ""))}
    assert named >= {".ci/run", "scripts/build", "scripts/release", "scripts/check_api_changes"}
    for name in named:
        assert (ROOT / name).is_file()
        assert os.name == "nt" or os.access(str(ROOT / name), os.X_OK)


def test_no_text_of_an_outsider_becomes_a_command() -> None:
    for step in steps():
        for expression in re.findall(r"\$\{\{\s*(.*?)\s*\}\}", step.get("run", "")):
            assert HARMLESS.fullmatch(expression), expression


def test_checkouts_leave_no_credentials_behind() -> None:
    checkouts = [step for step in steps() if step.get("uses", "").startswith("actions/checkout@")]
    assert checkouts and all(step["with"]["persist-credentials"] is False for step in checkouts)


def test_a_tag_of_each_distribution_publishes_it() -> None:
    tags = set(loaded(FORGE / "workflows" / "publish.yml")["on"]["push"]["tags"])
    assert tags == {f"{path.parent.name}-v*" for path in ROOT.glob("packages/*/pyproject.toml")}


def test_every_python_that_is_declared_is_tested() -> None:
    matrix = loaded(FORGE / "workflows" / "test.yml")["jobs"]["matrix"]["strategy"]["matrix"]
    project = (ROOT / "packages" / "httpcore" / "pyproject.toml").read_text(encoding="utf-8")
    declared = set(re.findall(r"Python :: (3\.\d+)\"", project))
    assert declared and declared <= set(matrix["python"])
    assert {name.partition("-")[0] for name in matrix["os"]} == {"ubuntu", "macos", "windows"}


@pytest.mark.parametrize("path", [path for path in FORMS if path.stem != "config"], ids=lambda path: path.stem)
def test_a_form_can_be_filled_in(path: pathlib.Path) -> None:
    form = loaded(path)
    assert form["name"] and form["description"]
    ids: List[str] = [field["id"] for field in form["body"] if field["type"] != "markdown"]
    assert ids and len(set(ids)) == len(ids)
    for field in form["body"]:
        assert field["type"] in {"markdown", "textarea", "input", "dropdown", "checkboxes"}
        assert field["attributes"]["value" if field["type"] == "markdown" else "label"]
        assert all(isinstance(option, str) for option in field["attributes"].get("options", []))


def test_dependabot_looks_at_actions_and_requirements() -> None:
    config = loaded(FORGE / "dependabot.yml")
    assert config["version"] == 2
    assert {update["package-ecosystem"] for update in config["updates"]} == {"github-actions", "pip"}
    assert all(update["schedule"]["interval"] for update in config["updates"])


def test_what_is_asked_of_strangers_names_nobody() -> None:
    for name in ("SECURITY.md", "CODE_OF_CONDUCT.md"):
        text = (ROOT / name).read_text(encoding="utf-8")
        assert "Report a vulnerability" in text and not re.search(r"[\w.]+@[\w.]+", text)
