"""httpcore as a bare install: HTTP/1.1 for threads and asyncio, and clear words where an extra is needed."""

from __future__ import annotations

import asyncio

import pytest

import httpcore


def test_threads_and_asyncio_work(url: str) -> None:
    async def main() -> bytes:
        async with httpcore.AsyncConnectionPool() as pool:
            return (await pool.request("GET", f"{url}/a")).content

    with httpcore.ConnectionPool() as pool:
        assert pool.request("GET", f"{url}/s").content == b"GET /s"
    assert asyncio.run(main()) == b"GET /a"


@pytest.mark.parametrize("pool", [httpcore.ConnectionPool, httpcore.AsyncConnectionPool])
def test_http2_says_which_extra_to_install(pool: type) -> None:
    with pytest.raises((ImportError, RuntimeError), match=r"httpcore\[http2\]"):
        pool(http2=True)
