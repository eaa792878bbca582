"""The httpcore API under asyncio with the anyio backend chosen by hand."""

from __future__ import annotations

import importlib
from typing import Any

from ..job import Job
from . import httpcore_api

__all__ = ["open_asyncio", "use"]

_package: Any = None


def use(name: str) -> None:
    """Import the package under measurement."""
    global _package
    _package = importlib.import_module(name)
    httpcore_api.use(name)


async def open_asyncio(job: Job) -> httpcore_api.AsyncClient:
    return httpcore_api.AsyncClient(job, network_backend=_package.AnyIOBackend())
