"""vcrpy up to 8.1: it replaces `handle_request` on our pools, and swaps the streams of requests and responses."""

from __future__ import annotations

import pathlib
from typing import AsyncIterator, Iterator

import pytest
import vcr
from vcr.errors import CannotOverwriteExistingCassetteException

import httpcore

from ..application import Server
from ..conftest import Run


def test_recorded_then_played_back_without_a_server(tmp_path: pathlib.Path, echoing: Server) -> None:
    def pieces() -> Iterator[bytes]:
        yield b"two "
        yield b"pieces"

    def ask(pool: httpcore.ConnectionPool) -> object:
        with vcr.use_cassette(str(tmp_path / "tape.yaml"), match_on=["method", "uri", "body"]) as tape:
            posted = pool.request("POST", f"{echoing.url}/a", content=pieces())
            with pool.stream("GET", f"{echoing.url}/b") as response:
                got = response.read()
            return posted.status, posted.content, got, dict(response.extensions)["reason_phrase"], tape.play_count

    with httpcore.ConnectionPool(max_connections=1) as pool:
        assert ask(pool) == (200, b"POST /a two pieces", b"GET /b ", b"OK", 0)
        # Recording leaves the connection to the pool, which goes on with it.
        assert pool.request("GET", f"{echoing.url}/c").status == 200
        assert len({seen.peer for seen in echoing.seen}) == 1
        echoing.stop()
        assert ask(pool) == (200, b"POST /a two pieces", b"GET /b ", b"OK", 2)


def test_async_recorded_then_played_back_without_a_server(run: Run, tmp_path: pathlib.Path, echoing: Server) -> None:
    async def pieces() -> AsyncIterator[bytes]:
        yield b"two "
        yield b"pieces"

    async def ask(pool: httpcore.AsyncConnectionPool) -> object:
        with vcr.use_cassette(str(tmp_path / "tape.yaml"), match_on=["method", "uri", "body"]) as tape:
            posted = await pool.request("POST", f"{echoing.url}/a", content=pieces())
            async with pool.stream("GET", f"{echoing.url}/b") as response:
                got = await response.aread()
            return posted.status, posted.content, got, tape.play_count

    async def main() -> None:
        async with httpcore.AsyncConnectionPool(max_connections=1) as pool:
            assert await ask(pool) == (200, b"POST /a two pieces", b"GET /b ", 0)
            assert (await pool.request("GET", f"{echoing.url}/c")).status == 200
            assert len({seen.peer for seen in echoing.seen}) == 1
            echoing.stop()
            assert await ask(pool) == (200, b"POST /a two pieces", b"GET /b ", 2)

    run(main)


def test_through_a_proxy_and_by_the_top_level_function(tmp_path: pathlib.Path, echoing: Server) -> None:
    tape = str(tmp_path / "tape.yaml")
    with vcr.use_cassette(tape):
        assert httpcore.request("GET", f"{echoing.url}/a").content == b"GET /a "
    # Played back by a pool whose proxy is not there.
    with vcr.use_cassette(tape), httpcore.HTTPProxy("http://127.0.0.1:1") as proxy:
        assert proxy.request("GET", f"{echoing.url}/a").content == b"GET /a "


def test_what_is_not_on_the_tape_is_refused(tmp_path: pathlib.Path, echoing: Server) -> None:
    tape = str(tmp_path / "tape.yaml")
    with httpcore.ConnectionPool() as pool:
        with vcr.use_cassette(tape):
            pool.request("GET", f"{echoing.url}/a")
        with vcr.use_cassette(tape, record_mode=vcr.mode.NONE), pytest.raises(CannotOverwriteExistingCassetteException):
            pool.request("GET", f"{echoing.url}/b")
