"""The slot: connects on first use, secures, negotiates, delegates; and what is told of all that."""

from __future__ import annotations

import logging
import math
import ssl
from typing import Any, Callable, Dict, List, Optional, Tuple

import pytest

from core_backends import (
    AsyncNetworkStream,
    ConnectError,
    ConnectionNotAvailable,
    ConnectTimeout,
    Origin,
    ReadError,
    Request,
    Response,
    UnsupportedProtocol,
)
from core_backends.lowlevel import AsyncEvent
from core_backends.testing import AsyncBackground, AsyncScriptedBackend, AsyncScriptedStream
from core_pool import AsyncHTTPConnection

from ..waiting import LIMIT, async_until
from .fakes import AsyncFakeConnection, AsyncFakeNetwork

HTTP, HTTPS = Origin(b"http", b"example.com", 80), Origin(b"https", b"example.com", 443)


class Session:
    """What a TLS stream reports as its `ssl_object`."""

    def __init__(self, agreed: Optional[str]) -> None:
        self.agreed = agreed

    def selected_alpn_protocol(self) -> Optional[str]:
        return self.agreed


class World:
    """A scripted network and the connection on it."""

    def __init__(self, origin: Origin, *streams: Any, agreed: Optional[str] = "http/1.1", **options: Any) -> None:
        self.network = AsyncFakeNetwork(capacity=100 if options.get("http2") else 1)
        self.streams = list(streams) or [AsyncScriptedStream()]
        for stream in self.streams:
            if isinstance(stream, AsyncScriptedStream):
                stream.extra["ssl_object"] = Session(agreed) if origin.scheme == b"https" else None
        self.backend = AsyncScriptedBackend(self.streams)
        self.spoken: List[Tuple[str, AsyncNetworkStream, Any]] = []
        protocols: Dict[str, Callable[..., Any]] = {name: self.protocol(name) for name in ("http/1.1", "h2")}
        options.setdefault("protocols", protocols)
        options.setdefault("network_backend", self.backend)
        self.connection = AsyncHTTPConnection(origin, **options)
        self.url = f"{origin.scheme.decode()}://example.com/"

    def protocol(self, name: str) -> Callable[..., Any]:
        def make(origin: Origin, stream: AsyncNetworkStream, keepalive_expiry: Optional[float]) -> Any:
            self.spoken.append((name, stream, keepalive_expiry))
            connection = AsyncFakeConnection(self.network, origin)
            connection.connected = True
            return connection

        return make

    async def get(self, **extensions: Any) -> Response:
        return await self.connection.request("GET", self.url, extensions=extensions)


def recorder(events: List[Tuple[str, Any]]) -> Callable[..., Any]:
    async def trace(name: str, info: Any) -> None:
        events.append((name, info))

    return trace


async def test_it_connects_on_first_use_and_delegates() -> None:
    world = World(HTTP, keepalive_expiry=7.0)
    assert repr(world.connection) == f"<{type(world.connection).__name__} [CONNECTING]>"
    assert world.backend.calls == [] and not world.connection.is_closed() and not world.connection.is_idle()
    for _ in range(2):
        assert (await world.get()).content == b"onetwo"
    assert world.backend.calls == [
        {"host": "example.com", "port": 80, "timeout": None, "local_address": None, "socket_options": None}
    ]
    assert world.spoken == [("http/1.1", world.streams[0], 7.0)]
    assert repr(world.connection) == f"<{type(world.connection).__name__} [2 requests]>"
    assert world.connection.is_idle() and world.connection.is_available() and not world.connection.has_expired()
    await world.connection.aclose()
    assert world.connection.is_closed()
    with pytest.raises(ConnectionNotAvailable):
        await world.get()


async def test_how_to_connect_is_the_callers_choice() -> None:
    options: Any = [(1, 2, 3)]
    world = World(HTTP, local_address="127.0.0.9", socket_options=options)
    await world.get(timeout={"connect": 5.0})
    assert world.backend.calls[0]["local_address"] == "127.0.0.9"
    assert world.backend.calls[0]["socket_options"] == options
    assert world.backend.calls[0]["timeout"] == 5.0
    world = World(HTTP, uds="/run/some.sock", socket_options=options)
    await world.get(timeout={"connect": 5.0})
    assert world.backend.calls == [{"path": "/run/some.sock", "timeout": 5.0, "socket_options": options}]


async def test_a_connector_replaces_the_way_there() -> None:
    stream = AsyncScriptedStream(extra={"ssl_object": Session("http/1.1")})
    seen = []

    class Connector:
        async def connect(self, origin: Origin, extensions: Any) -> Any:
            seen.append((origin, extensions["mine"]))
            return stream

    world = World(HTTPS, connector=Connector())
    await world.get(mine="value")
    assert seen == [(HTTPS, "value")] and world.backend.calls == []
    assert stream.tls == ["example.com"]


async def test_a_request_for_another_origin_is_refused() -> None:
    world = World(HTTP)
    assert world.connection.can_handle_request(HTTP) and not world.connection.can_handle_request(HTTPS)
    for url in ("http://example.org/", "https://example.com/", "http://example.com:81/"):
        with pytest.raises(RuntimeError, match=r"on connection to http://example\.com:80"):
            await world.connection.request("GET", url)
    assert world.backend.calls == []


@pytest.mark.parametrize(
    "http1, http2, offer",
    [(True, False, ["http/1.1"]), (True, True, ["h2", "http/1.1"]), (False, True, ["h2"])],
)
async def test_what_is_offered_by_alpn(http1: bool, http2: bool, offer: List[str]) -> None:
    world = World(HTTPS, http1=http1, http2=http2, agreed=offer[0])
    await world.get()
    assert world.streams[0].alpn_protocols == [offer]
    assert world.spoken[0][0] == offer[0]


@pytest.mark.parametrize("agreed, spoken", [("h2", "h2"), ("http/1.1", "http/1.1"), (None, "http/1.1")])
async def test_what_is_spoken_is_what_the_stream_reports(agreed: Optional[str], spoken: str) -> None:
    for http2 in (False, True):
        world = World(HTTPS, agreed=agreed, http2=http2)
        await world.get()
        assert world.spoken[0][0] == spoken


async def test_http2_without_tls_is_prior_knowledge() -> None:
    world = World(HTTP, http1=False, http2=True)
    await world.get()
    assert world.spoken[0][0] == "h2"
    world = World(HTTP, http1=True, http2=True)
    await world.get()
    assert world.spoken[0][0] == "http/1.1"


async def test_a_users_stream_finds_the_offer_in_the_context() -> None:
    offers = []

    class Context(ssl.SSLContext):
        def set_alpn_protocols(self, protocols: Any) -> None:
            offers.append(protocols)

    class Stream(AsyncScriptedStream):
        accepts_alpn_protocols = False

    world = World(HTTPS, Stream(), ssl_context=Context(ssl.PROTOCOL_TLS_CLIENT), http2=True)
    await world.get()
    assert offers == [["h2", "http/1.1"]]


async def test_a_protocol_that_is_not_there_is_named_and_not_tried_again() -> None:
    world = World(HTTPS, agreed="h2", http2=True, protocols={}, retries=3)
    with pytest.raises(UnsupportedProtocol, match=r"https://example\.com:443 speaks 'h2', for which .* no protocol"):
        await world.get()
    assert world.streams[0].closed
    assert len(world.backend.calls) == 1 and world.backend.pauses == []
    assert world.connection.is_closed()


async def test_the_server_name_is_the_callers_or_the_host() -> None:
    world = World(HTTPS)
    await world.get()
    assert world.streams[0].tls == ["example.com"]
    for name in ("other.example", b"other.example"):
        world = World(HTTPS)
        await world.get(sni_hostname=name)
        assert world.streams[0].tls == ["other.example"]


async def test_the_connect_timeout_is_one_budget_with_tls(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [100.0]
    monkeypatch.setattr("core_backends._deadline.time", type("Clock", (), {"monotonic": lambda: now[0]}))
    world = World(HTTPS)

    async def four_seconds(operation: str) -> None:
        now[0] += 4.0

    world.backend.hook = four_seconds
    await world.get(timeout={"connect": 10.0})
    assert world.backend.calls[0]["timeout"] == 10.0
    assert world.streams[0].timeouts[0] == ("start_tls", 6.0)


async def test_making_the_default_context_is_not_on_the_connect_timeout(monkeypatch: pytest.MonkeyPatch) -> None:
    """It may take longer than a connection nearby may, and it is made once."""
    now, made = [100.0], [0]
    monkeypatch.setattr("core_backends._deadline.time", type("Clock", (), {"monotonic": lambda: now[0]}))

    def make(offer: Any) -> ssl.SSLContext:
        now[0] += 0 if made[0] else 4.0
        made[0] += 1
        return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)

    monkeypatch.setattr("core_pool._async.connection.shared_ssl_context", make)
    world = World(HTTPS)
    await world.get(timeout={"connect": 1.0})
    assert made[0] and world.streams[0].timeouts[0] == ("start_tls", 1.0)


async def test_closing_is_told_to_the_log(caplog: pytest.LogCaptureFixture) -> None:
    world = World(HTTP)
    with caplog.at_level(logging.DEBUG, "httpcore.connection"):
        await world.connection.aclose()
        assert not caplog.messages
    world = World(HTTP)
    await world.get()
    with caplog.at_level(logging.DEBUG, "httpcore.connection"):
        await world.connection.aclose()
    assert caplog.messages == ["close.started", "close.complete"]


async def test_the_events_of_connecting() -> None:
    events: List[Tuple[str, Any]] = []
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    world = World(HTTPS, ConnectError("refused"), AsyncScriptedStream(), retries=1, ssl_context=context)
    await world.get(trace=recorder(events), timeout={"connect": 5.0})
    assert [name for name, _ in events] == [
        "connection.connect_tcp.started",
        "connection.connect_tcp.failed",
        "connection.retry.started",
        "connection.retry.complete",
        "connection.connect_tcp.started",
        "connection.connect_tcp.complete",
        "connection.start_tls.started",
        "connection.start_tls.complete",
    ]
    assert events[0][1] == {
        "host": "example.com",
        "port": 443,
        "local_address": None,
        "timeout": 5.0,
        "socket_options": None,
    }
    assert isinstance(events[1][1]["exception"], ConnectError)
    assert events[2][1] == {}
    assert events[5][1] == {"return_value": world.streams[-1]}
    assert set(events[6][1]) == {"ssl_context", "server_hostname", "timeout"}
    assert events[6][1]["ssl_context"] is context and events[6][1]["server_hostname"] == "example.com"


@pytest.mark.parametrize("event", ["connect_tcp.complete", "start_tls.started", "start_tls.complete"])
async def test_a_hook_that_fails_leaves_no_stream_open(event: str) -> None:
    async def trace(name: str, info: Any) -> None:
        if name == f"connection.{event}":
            raise ValueError("the hook's own")

    world = World(HTTPS)
    with pytest.raises(ValueError, match="the hook's own"):
        await world.get(trace=trace)
    assert world.streams[0].closed


@pytest.mark.parametrize("error", [ConnectError, ConnectTimeout])
async def test_connecting_is_retried_with_growing_pauses(error: Any) -> None:
    world = World(HTTP, *[error("no") for _ in range(5)], AsyncScriptedStream(), retries=5)
    assert (await world.get()).content == b"onetwo"
    assert world.backend.pauses == [0, 0.5, 1, 2, 4]


@pytest.mark.parametrize("retries", [1.0, 0.5, math.inf, 10**30])
async def test_a_number_of_retries_may_be_of_any_kind(retries: Any) -> None:
    world = World(HTTP, ConnectError("no"), AsyncScriptedStream(), retries=retries)
    assert (await world.get()).content == b"onetwo"
    assert world.backend.pauses == [0]


async def test_tls_is_retried_on_a_new_stream() -> None:
    async def fail(operation: str) -> None:
        if operation == "start_tls":
            raise ConnectError("handshake failed")

    first, second = AsyncScriptedStream(hook=fail), AsyncScriptedStream()
    world = World(HTTPS, first, second, retries=1)
    assert (await world.get()).content == b"onetwo"
    assert first.closed and not second.closed
    assert world.backend.pauses == [0]


async def test_retries_come_to_an_end() -> None:
    world = World(HTTP, ConnectError("first"), ConnectError("second"), retries=1)
    with pytest.raises(ConnectError, match="second"):
        await world.get()
    assert world.backend.pauses == [0]
    assert repr(world.connection) == f"<{type(world.connection).__name__} [CONNECTION FAILED]>"
    assert world.connection.is_closed() and world.connection.has_expired() and not world.connection.is_available()
    with pytest.raises(ConnectionNotAvailable):
        await world.get()


@pytest.mark.parametrize("error", [ReadError("broken"), ValueError("a bug")])
async def test_nothing_else_is_retried(error: Exception) -> None:
    world = World(HTTP, error, AsyncScriptedStream(), retries=3)
    with pytest.raises(type(error)):
        await world.get()
    assert world.backend.pauses == []


async def test_requests_are_not_retried() -> None:
    world = World(HTTP, retries=3)

    async def fail(operation: str, connection: AsyncFakeConnection) -> None:
        raise ConnectError("in the middle of a request")

    world.network.hook = fail
    with pytest.raises(ConnectError, match="in the middle"):
        await world.get()
    assert world.backend.pauses == [] and len(world.backend.calls) == 1


async def test_no_pause_goes_beyond_the_deadline(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("core_pool._async.connection.time.monotonic", lambda: 100.0)
    world = World(HTTP, *[ConnectError("no") for _ in range(9)], retries=8)
    with pytest.raises(ConnectError):
        await world.get(deadline=101.5)
    assert world.backend.pauses == [0, 0.5, 1]


async def shared_attempt(world: World, outcome: Callable[[], None], count: int = 5) -> List[Any]:
    """Send `count` requests while the first is connecting, and return what becomes of them after `outcome()`."""
    gate = AsyncEvent()

    async def hold(operation: str) -> None:
        await gate.wait(LIMIT)
        outcome()

    world.backend.hook = hold
    results: List[Any] = []

    async def one() -> None:
        try:
            results.append((await world.get(timeout={"connect": LIMIT})).content)
        except Exception as exc:
            results.append(exc)

    waiting: List[Any] = []
    original = AsyncEvent.wait

    async def counted(event: Any, timeout: Optional[float] = None) -> bool:
        waiting.append(event)
        return await original(event, timeout)

    AsyncEvent.wait = counted  # type: ignore[method-assign]
    try:
        async with AsyncBackground() as background:
            for _ in range(count):
                background.start(one)
            await async_until(lambda: len(waiting) == count)
            gate.set()
    finally:
        AsyncEvent.wait = original  # type: ignore[method-assign]
    return results


async def test_requests_that_come_while_connecting_share_the_connection() -> None:
    world = World(HTTPS, agreed="h2", http2=True)
    assert await shared_attempt(world, lambda: None) == [b"onetwo"] * 5
    assert len(world.backend.calls) == 1


async def test_requests_that_come_while_connecting_share_the_failure() -> None:
    world = World(HTTPS, ConnectError("dead"), http2=True)
    results = await shared_attempt(world, lambda: None)
    assert [str(result) for result in results] == ["dead"] * 5
    assert len({id(result) for result in results}) == 5, "one exception raised in five places"
    assert len(world.backend.calls) == 1


async def test_a_foreign_exception_that_cannot_be_copied_is_shared_as_its_text() -> None:
    class Refused(ConnectError):
        def __init__(self, host: str, port: int) -> None:
            super().__init__(f"{host}:{port} is dead")

    world = World(HTTPS, Refused("h", 1), http2=True)
    results = await shared_attempt(world, lambda: None)
    assert [str(result) for result in results] == ["h:1 is dead"] * 5
    assert all(isinstance(result, ConnectError) for result in results)


async def test_what_one_requests_hook_raises_is_not_the_others() -> None:
    world = World(HTTPS, AsyncScriptedStream(), agreed="h2", http2=True)
    blame: List[ValueError] = [ValueError("the backend's own bug")]

    def fail_once() -> None:
        if blame:
            raise blame.pop()

    results = await shared_attempt(world, fail_once, count=3)
    assert sorted(map(repr, results)) == ['ValueError("the backend\'s own bug")', "b'onetwo'", "b'onetwo'"]
    assert len(world.backend.calls) == 2


async def test_who_waits_for_another_to_connect_waits_no_longer_than_he_may() -> None:
    world = World(HTTPS, agreed="h2", http2=True)
    gate = AsyncEvent()

    async def hold(operation: str) -> None:
        await gate.wait(LIMIT)

    world.backend.hook = hold
    async with AsyncBackground() as background:
        first = background.start(world.get)
        await async_until(lambda: world.backend.calls)
        with pytest.raises(ConnectTimeout, match=r"Connecting to https://example\.com:443 took too long"):
            await world.get(timeout={"connect": 0.01})
        gate.set()
        assert (await first.wait()).content == b"onetwo"


async def impatient_attempt(world: World, *patience: Optional[float]) -> List[Any]:
    """Send a request for each `patience`; the first one's attempt runs out of time when all others wait for it, except
    those without any.
    """
    gate = AsyncEvent()
    timeouts: List[ConnectTimeout] = [ConnectTimeout("too slow")]

    async def hold(operation: str) -> None:
        if timeouts:
            await gate.wait(LIMIT)
            raise timeouts.pop()

    world.backend.hook = hold
    results: List[Any] = [None] * len(patience)

    def requester(index: int, connect: Optional[float]) -> Callable[[], Any]:
        async def one() -> None:
            try:
                results[index] = (await world.get(timeout={"connect": connect})).content
            except ConnectTimeout as exc:
                results[index] = exc

        return one

    async with AsyncBackground() as background:
        for index, connect in enumerate(patience):
            background.start(requester(index, connect))
            await async_until(lambda: world.backend.calls)
        attempt: Any = world.connection._attempt
        gone = [index for index, connect in enumerate(patience) if connect == 0.0]
        await async_until(lambda: all(results[index] is not None for index in gone))
        await async_until(lambda: attempt.waiting == len(patience) - 1 - len(gone))
        gate.set()
    return results


async def test_who_has_time_left_goes_on_where_anothers_has_run_out() -> None:
    world = World(HTTPS, agreed="h2", http2=True)
    first, *others = await impatient_attempt(world, LIMIT, LIMIT, None, LIMIT)
    assert str(first) == "too slow"
    assert others == [b"onetwo"] * 3
    assert [call["timeout"] is None or 0 < call["timeout"] <= LIMIT for call in world.backend.calls] == [True] * 2


async def test_what_times_out_without_a_limit_is_everybodys() -> None:
    """The system itself gave up: another attempt would take as long."""
    world = World(HTTPS, agreed="h2", http2=True)
    results = await impatient_attempt(world, None, LIMIT, LIMIT)
    assert [str(result) for result in results] == ["too slow"] * 3
    assert len({id(result) for result in results}) == 3, "one exception raised in three places"
    assert len(world.backend.calls) == 1
    assert world.connection.is_closed()


async def test_running_out_of_time_alone_fails_the_connection() -> None:
    world = World(HTTPS, agreed="h2", http2=True)
    results = await impatient_attempt(world, LIMIT, 0.0)
    assert [type(result) for result in results] == [ConnectTimeout] * 2
    assert world.connection.is_closed() and world.connection.info() == "CONNECTION FAILED"


async def test_before_it_is_established_room_is_promised_where_http2_may_come_of_it() -> None:
    assert World(HTTPS, http2=True).connection.max_concurrent_requests == 100
    assert World(HTTPS, http2=True).connection.is_available()
    assert World(HTTP, http2=True, http1=False).connection.is_available()
    for world in (World(HTTPS), World(HTTP), World(HTTP, http2=True)):
        assert world.connection.max_concurrent_requests == 1
        assert not world.connection.is_available()


async def test_closed_before_it_is_used_it_takes_no_request() -> None:
    world = World(HTTPS, http2=True)
    await world.connection.aclose()
    assert world.connection.is_closed() and not world.connection.is_available()
    with pytest.raises(ConnectionNotAvailable):
        await world.get()
    assert world.backend.calls == []


async def test_whether_a_request_may_be_repeated_is_the_protocols_to_say() -> None:
    world = World(HTTP)
    assert not world.connection.closed_before_response
    await world.get()
    assert not world.connection.closed_before_response
    world.connection._connection.closed_before_response = True  # type: ignore[union-attr]
    assert world.connection.closed_before_response


async def test_a_failure_that_is_shared_is_so_with_what_it_says_about_the_response() -> None:
    failure = ConnectError("closed")
    failure.closed_before_response = False
    world = World(HTTPS, agreed="h2", http2=True)
    gate = AsyncEvent()

    async def fail(operation: str) -> None:
        await gate.wait(LIMIT)
        raise failure

    world.backend.hook = fail
    async with AsyncBackground() as background:
        requests = [background.start(world.get) for _ in range(2)]
        connection: Any = world.connection
        await async_until(lambda: connection._attempt is not None and connection._attempt.waiting == 1)
        gate.set()
        for request in requests:
            with pytest.raises(ConnectError) as caught:
                await request.wait()
            assert caught.value.closed_before_response is False


async def test_it_is_a_context_manager() -> None:
    world = World(HTTP)
    async with world.connection as connection:
        response = await connection.handle_async_request(Request("GET", world.url))
        assert await response.aread() == b"onetwo"
    assert connection.is_closed()
