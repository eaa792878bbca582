"""hishel 0.1: a cache around a pool of ours, which rewrites requests, reads responses, and stores them as text."""

from __future__ import annotations

import pathlib
from typing import AsyncIterator, Iterator

import hishel
import httpx
import pytest

import httpcore

from ..application import Exchange, Server
from ..conftest import Run

# After a 304 it drops the answer, neither read nor closed. The pool takes the place back, and says so.
pytestmark = pytest.mark.filterwarnings("ignore:A response was dropped without being closed:ResourceWarning")


def answer(exchange: Exchange) -> None:
    """`/fresh` may be kept for an hour, `/checked` must be asked for again, the rest must not be kept."""
    path = exchange.seen.path
    if path == "/fresh":
        exchange.answer(200, b"fresh " + exchange.seen.body, Cache_Control="max-age=3600")
    elif path == "/checked" and exchange.seen.headers["If-None-Match"] == '"1"':
        exchange.answer(304, ETag='"1"', Cache_Control="max-age=0")
    elif path == "/checked":
        exchange.answer(200, b"checked", ETag='"1"', Cache_Control="max-age=0")
    else:
        exchange.answer(200, path.encode(), Cache_Control="no-store")


# Of two requests for each: how many reach the server, and what the cache says of the second.
EXPECTED = (("/fresh", 1, True, False), ("/checked", 2, True, True), ("/never", 2, False, False))


def test_keeps_checks_and_passes_on(tmp_path: pathlib.Path) -> None:
    storage = hishel.FileStorage(base_path=tmp_path)
    inner = httpcore.ConnectionPool(max_connections=1)
    with Server(answer) as server, hishel.CacheConnectionPool(inner, storage=storage) as pool:
        for path, requests, from_cache, revalidated in EXPECTED:
            before = len(server.seen)
            first, second = (pool.request("GET", server.url + path) for _ in range(2))
            assert first.status == second.status == 200
            assert first.content == second.content != b""
            assert len(server.seen) - before == requests
            assert second.extensions["from_cache"] is from_cache
            assert second.extensions["revalidated"] is revalidated


def test_async_keeps_checks_and_passes_on(run: Run, tmp_path: pathlib.Path) -> None:
    async def main(server: Server) -> None:
        storage = hishel.AsyncFileStorage(base_path=tmp_path)
        inner = httpcore.AsyncConnectionPool(max_connections=1)
        async with hishel.AsyncCacheConnectionPool(inner, storage=storage) as pool:
            for path, requests, from_cache, revalidated in EXPECTED:
                before = len(server.seen)
                first, second = [await pool.request("GET", server.url + path) for _ in range(2)]
                assert first.content == second.content != b""
                assert len(server.seen) - before == requests
                assert second.extensions["from_cache"] is from_cache
                assert second.extensions["revalidated"] is revalidated

    with Server(answer) as server:
        run(lambda: main(server))


def test_posts_are_told_apart_by_their_bodies() -> None:
    def pieces() -> Iterator[bytes]:
        yield b"on"
        yield b"e"

    controller = hishel.Controller(cacheable_methods=["GET", "POST"])
    pool = hishel.CacheConnectionPool(
        httpcore.ConnectionPool(), storage=hishel.InMemoryStorage(), controller=controller
    )
    with Server(answer) as server, pool:
        url = f"{server.url}/fresh"
        assert pool.request("POST", url, content=b"one").content == b"fresh one"
        assert pool.request("POST", url, content=b"two").content == b"fresh two"
        assert pool.request("POST", url, content=pieces()).content == b"fresh one"
        assert len(server.seen) == 2


def test_async_posts_are_told_apart_by_their_bodies(run: Run) -> None:
    async def pieces() -> AsyncIterator[bytes]:
        yield b"on"
        yield b"e"

    async def main(server: Server) -> None:
        controller = hishel.Controller(cacheable_methods=["GET", "POST"])
        async with hishel.AsyncCacheConnectionPool(
            httpcore.AsyncConnectionPool(), storage=hishel.AsyncInMemoryStorage(), controller=controller
        ) as pool:
            url = f"{server.url}/fresh"
            assert (await pool.request("POST", url, content=b"one")).content == b"fresh one"
            assert (await pool.request("POST", url, content=b"two")).content == b"fresh two"
            assert (await pool.request("POST", url, content=pieces())).content == b"fresh one"
            assert len(server.seen) == 2

    with Server(answer) as server:
        run(lambda: main(server))


def test_a_stale_answer_when_the_server_is_gone() -> None:
    pool = hishel.CacheConnectionPool(
        httpcore.ConnectionPool(),
        storage=hishel.InMemoryStorage(),
        controller=hishel.Controller(allow_stale=True),
    )
    with Server(answer) as server, pool:
        assert pool.request("GET", f"{server.url}/checked").content == b"checked"
        server.stop()
        assert pool.request("GET", f"{server.url}/checked").content == b"checked"


def test_under_httpx(run: Run, tmp_path: pathlib.Path) -> None:
    async def main(server: Server) -> None:
        storage = hishel.AsyncFileStorage(base_path=tmp_path / "async")
        async with hishel.AsyncCacheClient(storage=storage) as client:
            texts = [(await client.get(f"{server.url}/checked")).text for _ in range(2)]
        assert texts == ["checked", "checked"]

    with Server(answer) as server:
        storage = hishel.FileStorage(base_path=tmp_path / "sync")
        with hishel.CacheClient(storage=storage) as client:
            assert [client.get(f"{server.url}/fresh").text for _ in range(2)] == ["fresh ", "fresh "]
            assert [client.get(f"{server.url}/checked").text for _ in range(2)] == ["checked", "checked"]
        run(lambda: main(server))
        assert httpx.get(f"{server.url}/never").text == "/never"
