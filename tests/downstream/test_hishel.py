"""hishel: a cache over httpx's transports, which reads bodies through to a store and closes what it does not need."""

from __future__ import annotations

import pathlib

import httpx
from hishel import AsyncSqliteStorage, SqliteStorage
from hishel.httpx import AsyncCacheClient, AsyncCacheTransport, CacheClient, CacheTransport

from .application import Exchange, Server
from .conftest import Run

PIECES = [b"x" * 65536 for _ in range(16)]
# Of two requests for each, how many reach the server.
EXPECTED = (("/fresh", 1), ("/checked", 2), ("/never", 2), ("/big", 1))


def answer(exchange: Exchange) -> None:
    """`/fresh` and `/big` may be kept for an hour, `/checked` must be asked for again, the rest must not be kept."""
    path = exchange.seen.path
    if path == "/fresh":
        exchange.answer(200, b"fresh", Cache_Control="max-age=3600")
    elif path == "/big":
        exchange.answer_pieces(PIECES, Cache_Control="max-age=3600")
    elif path == "/checked" and exchange.seen.headers["If-None-Match"] == '"1"':
        exchange.answer(304, ETag='"1"', Cache_Control="no-cache")
    elif path == "/checked":
        exchange.answer(200, b"checked", ETag='"1"', Cache_Control="no-cache")
    else:
        exchange.answer(200, path.encode(), Cache_Control="no-store")


def test_keeps_checks_and_passes_on(tmp_path: pathlib.Path) -> None:
    storage = SqliteStorage(database_path=tmp_path / "cache.db")
    with Server(answer) as server, CacheClient(storage=storage, rfc=True) as client:
        for path, requests in EXPECTED:
            before = len(server.seen)
            first, second = (client.get(server.url + path) for _ in range(2))
            assert first.content == second.content != b""
            assert len(server.seen) - before == requests
            assert second.extensions["caching"]["from_cache"] is (path != "/never")
        assert len({seen.peer for seen in server.seen}) == 1


def test_async_keeps_checks_and_passes_on(run: Run, tmp_path: pathlib.Path) -> None:
    async def main(server: Server) -> None:
        storage = AsyncSqliteStorage(database_path=tmp_path / "cache.db")
        async with AsyncCacheClient(storage=storage, rfc=True) as client:
            for path, requests in EXPECTED:
                before = len(server.seen)
                first, second = [await client.get(server.url + path) for _ in range(2)]
                assert first.content == second.content != b""
                assert len(server.seen) - before == requests
                assert second.extensions["caching"]["from_cache"] is (path != "/never")
        assert len({seen.peer for seen in server.seen}) == 1

    with Server(answer) as server:
        run(lambda: main(server))


def test_a_stream_closed_early_frees_its_place(tmp_path: pathlib.Path) -> None:
    limits = httpx.Limits(max_connections=1)
    transport = CacheTransport(
        httpx.HTTPTransport(limits=limits), SqliteStorage(database_path=tmp_path / "cache.db"), rfc=True
    )
    with Server(answer) as server, httpx.Client(transport=transport) as client:
        with client.stream("GET", f"{server.url}/big") as response:
            assert next(response.iter_raw())
        assert client.get(f"{server.url}/big").content == b"".join(PIECES)


def test_async_stream_closed_early_frees_its_place(run: Run, tmp_path: pathlib.Path) -> None:
    async def main(server: Server) -> None:
        limits = httpx.Limits(max_connections=1)
        storage = AsyncSqliteStorage(database_path=tmp_path / "cache.db")
        transport = AsyncCacheTransport(httpx.AsyncHTTPTransport(limits=limits), storage, rfc=True)
        async with httpx.AsyncClient(transport=transport) as client:
            async with client.stream("GET", f"{server.url}/big") as response:
                async for piece in response.aiter_raw():
                    assert piece
                    break
            assert (await client.get(f"{server.url}/big")).content == b"".join(PIECES)

    with Server(answer) as server:
        run(lambda: main(server))
