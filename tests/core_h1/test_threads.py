"""A sync connection that threads share."""

from __future__ import annotations

import threading
from typing import Any, Iterator, List

import pytest

from core_backends import ConnectionNotAvailable, ReadError, Request
from core_backends.testing import Background
from core_h1 import HTTP11Connection
from core_h1._fast_codec import FastCodec

from ._sync.fakes import OK, ORIGIN, EchoStream, ScriptedStream

URL = "https://example.com/"


def test_of_many_threads_one_gets_the_connection() -> None:
    connection = HTTP11Connection(ORIGIN, ScriptedStream([OK] * 4000))
    served: List[int] = []
    others: List[BaseException] = []

    def use() -> None:
        for _ in range(500):
            try:
                assert connection.request("GET", URL).content == b"hello"
                served.append(1)
            except ConnectionNotAvailable:
                continue
            except BaseException as exc:
                others.append(exc)
                raise

    threads = [threading.Thread(target=use) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not others and served
    assert connection.info().endswith(f"IDLE, Request Count: {len(served)}")


def test_closing_from_another_thread_ends_a_read() -> None:
    reading = threading.Event()
    closed = threading.Event()

    class Waiting(ScriptedStream):
        def read(self, max_bytes: int, timeout: Any = None) -> bytes:
            reading.set()
            assert closed.wait(10)
            return b""

        def close(self) -> None:
            super().close()
            closed.set()

    connection = HTTP11Connection(ORIGIN, Waiting())
    failures: List[BaseException] = []

    def use() -> None:
        try:
            connection.request("GET", URL)
        except BaseException as exc:
            failures.append(exc)

    thread = threading.Thread(target=use)
    thread.start()
    assert reading.wait(10)
    connection.close()
    thread.join(10)
    (failure,) = failures
    assert isinstance(failure, ReadError) and not connection.closed_before_response


@pytest.mark.parametrize("read", [lambda body: list(body), lambda body: body.read_whole()])
def test_an_exchange_that_one_thread_reads_as_another_closes_it_ends_once(
    read: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The second end would be that of whatever the connection is used for by then."""
    connection: Any = HTTP11Connection(ORIGIN, ScriptedStream([b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", OK]))
    body: Any = connection.handle_request(Request("GET", URL, headers={"Host": "example.com"})).stream
    ended, exchange_ended, body_ended = [], connection._exchange_ended, FastCodec.body_ended

    def read_meanwhile(codec: FastCodec) -> bool:
        monkeypatch.setattr(FastCodec, "body_ended", body_ended)
        with Background() as background, pytest.raises(ReadError, match="closed as its body"):
            background.start(read, body).wait()
        return body_ended(codec)

    def count(*args: Any) -> Any:
        ended.append(args)
        return exchange_ended(*args)

    monkeypatch.setattr(connection, "_exchange_ended", count)
    monkeypatch.setattr(FastCodec, "body_ended", read_meanwhile)
    body.close()
    assert len(ended) == 1
    assert connection.is_idle()
    assert connection.request("GET", URL).content == b"hello"


@pytest.mark.parametrize("close", ["response", "connection"])
def test_closing_while_the_reader_asks_for_a_part_leaves_the_generator_to_the_reader(close: str) -> None:
    asked = threading.Event()
    closed = threading.Event()
    ended: List[bool] = []

    def body() -> Iterator[bytes]:
        try:
            yield b"a"
            yield b"b"
            asked.set()
            assert closed.wait(10)
            yield b"c"
        finally:
            ended.append(True)

    stream = EchoStream(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
    connection = HTTP11Connection(ORIGIN, stream)
    headers = {"Host": "example.com", "Transfer-Encoding": "chunked"}
    response = connection.handle_request(Request("POST", URL, headers=headers, content=body()))

    def read() -> None:
        with pytest.raises(ReadError, match="closed"):
            response.read()

    with Background() as background:
        reading = background.start(read)
        assert asked.wait(10)
        (response if close == "response" else connection).close()
        assert not ended, "It is running: to close it now is an error."
        closed.set()
        reading.wait()
    assert ended == [True]
    assert connection.is_closed() and not stream.is_open
