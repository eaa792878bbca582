"""httpcore without anyio: asyncio works all the same, and the backend by that name says what to install."""

from __future__ import annotations

import asyncio

import pytest

import httpcore


def test_asyncio_needs_no_anyio(url: str) -> None:
    async def main() -> None:
        async with httpcore.AsyncConnectionPool() as pool:
            assert (await pool.request("GET", f"{url}/a")).content == b"GET /a"

    asyncio.run(main())


def test_the_backend_names_what_is_missing() -> None:
    with pytest.raises(RuntimeError, match="anyio"):
        httpcore.AnyIOBackend()
