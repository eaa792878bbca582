"""Runs each async test on asyncio, and on trio where that is installed; and what drives a connection on each codec."""

from __future__ import annotations

import pytest

from core_h1 import _choice

from .. import each_library
from ..each_library import pytest_pyfunc_call

__all__ = ["codec", "pytest_generate_tests", "pytest_pyfunc_call"]


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    each_library.pytest_generate_tests(metafunc)
    if metafunc.definition.path.parent.name in ("_async", "_sync"):
        metafunc.parametrize("codec", ["fast", "h11"], indirect=True)


@pytest.fixture(autouse=True)
def codec(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """The codec that connections get by default."""
    name = getattr(request, "param", None)
    if name is not None:
        monkeypatch.setattr(_choice, "_default", _choice.codec_factory(name))
