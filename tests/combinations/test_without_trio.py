"""httpcore without trio: the other runtimes work, and the backend by that name says what to install."""

from __future__ import annotations

import asyncio

import pytest

import httpcore


def test_asyncio_works(url: str) -> None:
    async def main() -> None:
        async with httpcore.AsyncConnectionPool() as pool:
            assert (await pool.request("GET", f"{url}/a")).content == b"GET /a"

    asyncio.run(main())


def test_the_backend_names_what_is_missing() -> None:
    with pytest.raises(RuntimeError, match="trio"):
        httpcore.TrioBackend()
