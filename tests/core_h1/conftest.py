"""Runs each async test on asyncio, and on trio where that is installed; and what drives a connection on each codec."""

from __future__ import annotations

import asyncio
import functools
import inspect
from typing import Any, Optional

import pytest

from core_h1 import _choice


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if inspect.iscoroutinefunction(metafunc.function):
        metafunc.fixturenames.append("library")
        metafunc.parametrize("library", ["asyncio", "trio"])
    if metafunc.definition.path.parent.name in ("_async", "_sync"):
        metafunc.parametrize("codec", ["fast", "h11"], indirect=True)


@pytest.fixture(autouse=True)
def codec(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """The codec that connections get by default."""
    name = getattr(request, "param", None)
    if name is not None:
        monkeypatch.setattr(_choice, "_default", _choice.codec_factory(name))


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> Optional[bool]:
    if not inspect.iscoroutinefunction(pyfuncitem.obj):
        return None
    library = pyfuncitem.callspec.params["library"]
    wanted = inspect.signature(pyfuncitem.obj).parameters
    test: Any = functools.partial(pyfuncitem.obj, **{name: pyfuncitem.funcargs[name] for name in wanted})
    if library == "trio":
        pytest.importorskip("trio").run(test)
    else:
        asyncio.run(test())
    return True
