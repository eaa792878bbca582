"""What an editor shows over a public name: there is a text, and it names the parameters.

A method may leave to its base class what that has said; an editor shows the text of the nearest one that has any.
"""

from __future__ import annotations

import importlib
import inspect
import re
from typing import Any, Callable, Iterator, List, Tuple

import pytest

MODULES = [
    "core_backends",
    "core_backends.lowlevel",
    "core_backends.testing",
    "core_h1",
    "core_h2",
    "core_pool",
    "core_proxy",
    "httpcore",
]


def public(module_name: str) -> Iterator[Tuple[str, Any]]:
    """The classes and functions that a module exports; what else there is, aliases and tables, has no text."""
    module = importlib.import_module(module_name)
    for name in module.__all__:
        value = getattr(module, name)
        if inspect.isclass(value) or inspect.isroutine(value):
            yield name, value


def members(kind: type) -> Iterator[Tuple[str, Any]]:
    for name, value in inspect.getmembers(kind):
        if not name.startswith("_") and (inspect.isroutine(value) or isinstance(value, property)):
            yield name, value


def texts(kind: type, name: str) -> str:
    """All that is said of a member, by a class and by what it stands on."""
    return "\n".join(inspect.getdoc(vars(each)[name]) or "" for each in kind.__mro__ if name in vars(each))


def parameters(function: Callable[..., Any]) -> List[inspect.Parameter]:
    several = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    return [each for each in inspect.signature(function).parameters.values() if each.kind not in several]


def unnamed(names: List[str], text: str) -> List[str]:
    return [name for name in names if name != "self" and re.search(rf"\b{name}\b", text) is None]


@pytest.mark.parametrize("module", MODULES)
def test_every_public_name_has_a_text(module: str) -> None:
    silent = []
    for name, value in public(module):
        if not value.__doc__:
            silent.append(name)
        if inspect.isclass(value):
            silent += [f"{name}.{member}" for member, what in members(value) if not inspect.getdoc(what)]
    assert silent == []


@pytest.mark.parametrize("module", MODULES)
def test_the_text_of_a_function_names_its_parameters(module: str) -> None:
    silent = {}
    for name, value in public(module):
        if not inspect.isclass(value):
            silent[name] = unnamed([each.name for each in parameters(value)], value.__doc__)
    assert {name: missing for name, missing in silent.items() if missing} == {}


@pytest.mark.parametrize("module", MODULES)
def test_the_text_of_a_class_names_what_it_is_made_with(module: str) -> None:
    silent = {}
    for name, value in public(module):
        if inspect.isclass(value) and not issubclass(value, BaseException) and "__init__" in vars(value):
            said = "\n".join(each.__doc__ or "" for each in value.__mro__)
            silent[name] = unnamed([each.name for each in parameters(value)], said)
    assert {name: missing for name, missing in silent.items() if missing} == {}


@pytest.mark.parametrize("module", MODULES)
def test_the_text_of_a_method_names_what_may_be_none(module: str) -> None:
    """So that it says what None means; it is what may be left out most often."""
    silent = {}
    for name, value in public(module):
        if not inspect.isclass(value):
            continue
        for member, what in members(value):
            if inspect.isfunction(what):
                optional = [each.name for each in parameters(what) if each.default is None]
                said = texts(value, member) + "\n".join(each.__doc__ or "" for each in value.__mro__)
                silent[f"{name}.{member}"] = unnamed(optional, said)
    assert {name: missing for name, missing in silent.items() if missing} == {}
