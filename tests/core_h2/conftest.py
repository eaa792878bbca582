"""Runs each async test on asyncio, and on trio where that is installed."""

from __future__ import annotations

from ..each_library import pytest_generate_tests, pytest_pyfunc_call

__all__ = ["pytest_generate_tests", "pytest_pyfunc_call"]
