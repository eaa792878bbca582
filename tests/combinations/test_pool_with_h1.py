"""core-pool and core-h1 without the rest: HTTP/1.1 over a pool, wired by hand in a few lines."""

from __future__ import annotations

import asyncio

import core_h1
import core_pool
from core_backends import Origin


def connection(origin: Origin) -> core_pool.HTTPConnection:
    return core_pool.HTTPConnection(origin, protocols={"http/1.1": core_h1.HTTP11Connection})


def async_connection(origin: Origin) -> core_pool.AsyncHTTPConnection:
    return core_pool.AsyncHTTPConnection(origin, protocols={"http/1.1": core_h1.AsyncHTTP11Connection})


def test_sync_requests_share_a_connection(url: str) -> None:
    with core_pool.ConnectionPool(connection) as pool:
        assert pool.request("GET", f"{url}/1").content == b"GET /1"
        assert pool.request("GET", f"{url}/2").content == b"GET /2"
        assert len(pool.connections) == 1


def test_async_requests_share_a_connection(url: str) -> None:
    async def main() -> None:
        async with core_pool.AsyncConnectionPool(async_connection) as pool:
            assert (await pool.request("GET", f"{url}/1")).content == b"GET /1"
            assert (await pool.request("GET", f"{url}/2")).content == b"GET /2"
            assert len(pool.connections) == 1

    asyncio.run(main())
