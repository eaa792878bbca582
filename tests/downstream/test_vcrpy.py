"""vcrpy: it records what httpx's transports answer, and plays it back without a connection."""

from __future__ import annotations

import gzip
import pathlib

import httpx
import pytest
import vcr
from vcr.errors import CannotOverwriteExistingCassetteException

from .application import Exchange, Server
from .conftest import Run


def answer(exchange: Exchange) -> None:
    if exchange.seen.path == "/gzip":
        exchange.answer(200, gzip.compress(b"packed"), Content_Encoding="gzip")
    elif exchange.seen.path == "/pieces":
        exchange.answer_pieces([b"one ", b"two"])
    else:
        exchange.answer(201, exchange.seen.method.encode() + b" " + exchange.seen.body, X_A="b")


def test_recorded_then_played_back_without_a_server(tmp_path: pathlib.Path) -> None:
    def ask(url: str) -> object:
        with vcr.use_cassette(str(tmp_path / "tape.yaml"), match_on=["method", "uri", "body"]) as tape:
            with httpx.Client() as client:
                posted = client.post(url, content=b"body")
                packed = client.get(f"{url}/gzip")
                with client.stream("GET", f"{url}/pieces") as pieces:
                    streamed = b"".join(pieces.iter_bytes())
            return posted.status_code, posted.text, posted.headers["X-A"], packed.text, streamed, tape.play_count

    with Server(answer) as server:
        assert ask(server.url) == (201, "POST body", "b", "packed", b"one two", 0)
        assert len({seen.peer for seen in server.seen}) == 1
        server.stop()
        assert ask(server.url) == (201, "POST body", "b", "packed", b"one two", 3)
        assert len(server.seen) == 3


def test_async_recorded_then_played_back_without_a_server(run: Run, tmp_path: pathlib.Path) -> None:
    async def ask(url: str) -> object:
        with vcr.use_cassette(str(tmp_path / "tape.yaml"), match_on=["method", "uri", "body"]) as tape:
            async with httpx.AsyncClient() as client:
                posted = await client.post(url, content=b"body")
                packed = await client.get(f"{url}/gzip")
                async with client.stream("GET", f"{url}/pieces") as pieces:
                    streamed = await pieces.aread()
            return posted.status_code, posted.text, posted.headers["X-A"], packed.text, streamed, tape.play_count

    with Server(answer) as server:
        assert run(lambda: ask(server.url)) == (201, "POST body", "b", "packed", b"one two", 0)
        assert len({seen.peer for seen in server.seen}) == 1
        server.stop()
        assert run(lambda: ask(server.url)) == (201, "POST body", "b", "packed", b"one two", 3)


def test_what_is_not_on_the_tape_is_refused(tmp_path: pathlib.Path) -> None:
    with Server(answer) as server:
        tape = str(tmp_path / "tape.yaml")
        with vcr.use_cassette(tape), httpx.Client() as client:
            client.get(f"{server.url}/a")
        with vcr.use_cassette(tape, record_mode=vcr.mode.NONE), httpx.Client() as client:
            assert client.get(f"{server.url}/a").status_code == 201
            with pytest.raises(CannotOverwriteExistingCassetteException):
                client.get(f"{server.url}/b")
        assert httpx.get(f"{server.url}/b").status_code == 201
        assert [seen.path for seen in server.seen] == ["/a", "/b"]


def test_failures_are_not_recorded(tmp_path: pathlib.Path) -> None:
    with Server(Exchange.drop) as server:
        with vcr.use_cassette(str(tmp_path / "tape.yaml")) as tape, httpx.Client() as client:
            with pytest.raises(httpx.RemoteProtocolError):
                client.get(server.url)
        assert len(tape) == 0
