"""Runs each async test on asyncio, and on trio where that is installed: hooks for the conftest.py that imports them."""

from __future__ import annotations

import asyncio
import functools
import inspect
from typing import Any, Optional

import pytest

__all__ = ["pytest_generate_tests", "pytest_pyfunc_call"]


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if inspect.iscoroutinefunction(metafunc.function):
        metafunc.fixturenames.append("library")
        metafunc.parametrize("library", ["asyncio", "trio"])


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
