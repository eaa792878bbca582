"""The public API against the one recorded in api.json, by check_api.py: both are copies of the project's contract."""

from __future__ import annotations

import inspect
import json
import pathlib
import subprocess
import sys
from typing import Any, Dict, List

import pytest

from . import check_api

httpcore = pytest.importorskip("httpcore")

RECORDED: Dict[str, Any] = json.loads(pathlib.Path(__file__).with_name("api.json").read_text(encoding="utf-8"))

ALIASES = {"SOCKET_OPTION"}  # a typing construct, which takes no attributes


@pytest.fixture(scope="module")
def faults() -> List[str]:
    return check_api.compare(RECORDED, check_api.public_api())


@pytest.mark.parametrize("name", sorted(RECORDED))
def test_name_is_as_recorded(name: str, faults: List[str]) -> None:
    assert [line for line in faults if line.startswith((f"{name}:", f"{name}."))] == []


def test_no_difference_is_about_anything_else(faults: List[str]) -> None:
    about = {line.partition(":")[0].partition(".")[0] for line in faults}
    assert about <= RECORDED.keys()


def test_all_is_complete() -> None:
    assert len(set(httpcore.__all__)) == len(httpcore.__all__)
    assert RECORDED.keys() <= set(httpcore.__all__)
    assert [name for name in httpcore.__all__ if not hasattr(httpcore, name)] == []


@pytest.mark.parametrize("name", sorted(RECORDED.keys() - ALIASES))
def test_name_says_that_it_is_of_httpcore(name: str) -> None:
    assert getattr(httpcore, name).__module__ == "httpcore"


def test_every_other_public_class_and_function_says_so_too() -> None:
    elsewhere = {
        name: value.__module__
        for name, value in ((name, getattr(httpcore, name)) for name in httpcore.__all__)
        if (inspect.isclass(value) or inspect.isfunction(value)) and value.__module__ != "httpcore"
    }
    assert elsewhere == {}


def test_version_is_a_successor_of_the_one_that_this_replaces() -> None:
    numbers = tuple(int(part) for part in httpcore.__version__.split("."))
    assert numbers[0] == 1
    assert numbers > (1, 0, 9)


def test_import_loads_no_optional_package() -> None:
    program = "import sys, httpcore; print(sorted({'anyio', 'h2', 'hpack', 'socksio', 'trio'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", program], stdout=subprocess.PIPE, timeout=50, check=True)
    assert done.stdout.decode().strip() == "[]"


def test_check_names_what_is_missing_or_moved() -> None:
    have = check_api.public_api()
    assert check_api.compare({"Nothing": {"kind": "value"}}, have) == ["Nothing: missing"]
    request = json.loads(json.dumps(RECORDED["request"]))
    request["parameters"][0][0] = "verb"
    assert "request: parameter 'verb' is missing or moved" in check_api.compare({"request": request}, have)
