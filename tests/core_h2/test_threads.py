"""One connection shared by many threads, which time out, close early and drop what they got."""

from __future__ import annotations

import random
import threading
from typing import Any, Iterator, List

import pytest

from core_backends import ReadError, ReadTimeout, RemoteProtocolError, Request
from core_h2 import HTTP2Connection
from core_h2._engine import Engine

from ._sync.pipe import ORIGIN, URL, Pipe
from .peer import Exchange, Peer
from .tasks import gather

THREADS = 16
REQUESTS = 60


class Moody(Peer):
    """Answers at once, in parts, with a reset, or not at all."""

    def __init__(self) -> None:
        super().__init__({})
        self.random = random.Random(3)

    def on_end(self, stream_id: int, exchange: Exchange) -> None:
        mood = self.random.random()
        if mood < 0.6:
            self.respond(stream_id, b"%d " % stream_id * 50)
        elif mood < 0.8:
            self.head(stream_id)
            self.data(stream_id, b"%d " % stream_id * 20)
            self.data(stream_id, b"%d " % stream_id * 30, end=True)
        elif mood < 0.9:
            self.reset(stream_id, 8)


def test_threads_get_their_own_answers_and_nothing_else() -> None:
    peer = Moody()
    pipe = Pipe(peer, read_size=3_000)
    connection = HTTP2Connection(ORIGIN, pipe)
    seen: List[int] = []
    lock = threading.Lock()

    def work(number: int) -> None:
        choices = random.Random(number)
        for _ in range(REQUESTS):
            size = choices.choice([0, 0, 10, 5_000, 60_000])
            extensions = {"timeout": {"read": 0.05 if choices.random() < 0.5 else 0.2, "write": 5}}
            try:
                request = Request("POST", URL, content=b"x" * size, extensions=extensions)
                response = connection.handle_request(request)
            except (ReadTimeout, RemoteProtocolError) as exc:
                assert "reset" in str(exc) or "in time" in str(exc)
                continue
            stream_id = response.extensions["stream_id"]
            with lock:
                seen.append(stream_id)
            fate = choices.random()
            if fate < 0.7:
                try:
                    assert response.read() == b"%d " % stream_id * 50
                finally:
                    response.close()
            elif fate < 0.9:
                response.close()
            # Otherwise it is dropped.

    results = gather([lambda number=number: work(number) for number in range(THREADS)])  # type: ignore[misc]
    assert results == [None] * THREADS
    assert len(set(seen)) == len(seen)
    assert pipe.most_readers == 1
    assert connection.is_idle() and connection.is_available()
    assert not connection._h2_state.streams
    assert len(peer.exchanges) == THREADS * REQUESTS


def test_closing_from_another_thread_ends_every_wait() -> None:
    for _ in range(20):
        peer = Peer({})
        peer.on_end = lambda stream_id, exchange: None  # type: ignore[method-assign]
        pipe = Pipe(peer)
        connection = HTTP2Connection(ORIGIN, pipe)

        def get(connection: HTTP2Connection = connection) -> None:
            connection.request("GET", URL)

        def close(connection: HTTP2Connection = connection, pipe: Pipe = pipe) -> None:
            pipe.reader_waits()
            connection.close()

        *results, closed = gather([get] * 8 + [close])
        assert closed is None
        assert {type(result).__name__ for result in results} <= {"ReadError", "WriteError", "ConnectionNotAvailable"}
        assert isinstance(results[0], Exception) and not isinstance(results[0], AssertionError)
        assert connection.is_closed() and pipe.closed


class AnotherThreadsTurn:
    """A lock after which somebody else has his turn, once `due`."""

    def __init__(self, due: Any, turn: Any) -> None:
        self._lock = threading.Lock()
        self._due, self._turn = due, turn

    def __enter__(self) -> None:
        self._lock.acquire()

    def __exit__(self, *exc_info: Any) -> None:
        self._lock.release()
        turn = self._turn
        if turn is not None and self._due():
            self._turn = None
            turn()

    def _is_owned(self) -> bool:
        return False


def test_a_response_that_is_closed_as_its_reader_begins_to_wait_ends_the_wait() -> None:
    peer = Peer({})
    peer.on_end = lambda stream_id, exchange: peer.head(stream_id)  # type: ignore[method-assign]
    connection = HTTP2Connection(ORIGIN, Pipe(peer))
    multiplexer: Any = connection._multiplexer
    response = connection.handle_request(Request("GET", URL, extensions={"timeout": {"read": 20}}))
    body: Any = response.stream
    multiplexer.lock = AnotherThreadsTurn(lambda: multiplexer._reading, lambda: gather([body.close]))
    with pytest.raises(ReadError, match="closed while its body was being read"):
        next(iter(body))
    # The server's answer to the one who closed ended it, and not the time limit.
    assert connection._h2_state.pings_answered == 1
    assert connection.is_idle()


@pytest.mark.parametrize("step", ["open_stream", "receive", "reset"])
def test_a_generator_that_is_finalised_while_its_thread_is_inside(step: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """It closes its response then, and would wait for its own thread."""

    class Beginning(Peer):
        def on_end(self, stream_id: int, exchange: Exchange) -> None:
            self.head(stream_id)
            self.data(stream_id, b"part")

    connection = HTTP2Connection(ORIGIN, Pipe(Beginning({})))

    def streamed() -> Iterator[bytes]:
        with connection.stream("GET", URL) as response:
            yield from response.iter_stream()

    garbage: List[Any] = []
    original = getattr(Engine, step)

    def collecting(self: Engine, *args: Any, **options: Any) -> Any:
        if garbage:
            garbage.clear()
        return original(self, *args, **options)

    parts: Any = streamed()
    assert next(parts) == b"part"
    garbage.append(parts)
    del parts
    monkeypatch.setattr(Engine, step, collecting)

    def another() -> None:
        with connection.stream("GET", URL) as response:
            assert next(response.iter_stream()) == b"part"

    thread = threading.Thread(target=another, daemon=True)
    thread.start()
    thread.join(20)
    assert not thread.is_alive(), "the finaliser waits for its own thread"
    assert not garbage and connection.is_idle()


class Crumbling(Peer):
    """Sends content in pieces of one and two bytes, to all in turns, when so many requests have come."""

    wanted = 4

    def on_end(self, stream_id: int, exchange: Exchange) -> None:
        self.head(stream_id)
        if len(self.exchanges) % self.wanted:
            return
        waiting = [each for each, exchange in self.exchanges.items() if exchange.ended][-self.wanted :]
        for position in range(0, 3_000, 3):
            for each in waiting:
                self.data(each, b"%d" % (position % 10))
                self.data(each, b"%02d" % (position % 100))
        for each in waiting:
            self.data(each, end=True)


def test_pieces_that_are_put_together_while_they_are_taken_keep_their_order() -> None:
    pipe = Pipe(Crumbling({}), read_size=31)
    connection = HTTP2Connection(ORIGIN, pipe)
    expected = b"".join(b"%d%02d" % (position % 10, position % 100) for position in range(0, 3_000, 3))

    def work() -> bytes:
        return connection.request("GET", URL, extensions={"timeout": {"read": 20}}).content

    for _ in range(3):
        assert gather([work] * Crumbling.wanted) == [expected] * Crumbling.wanted
