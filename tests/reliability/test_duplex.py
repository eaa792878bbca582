"""Servers that answer while they read: neither side waits for the other's end, for who reads the answer sends the rest.

No request here has a time limit unless the test is about that: two sides that wait for each other wait for ever. All
buffers are small, so that they do wait.
"""

from __future__ import annotations

import contextlib
import hashlib
import socket
import struct
import sys
from collections import Counter
from typing import Any, AsyncIterator, Awaitable, Callable, Dict, Iterator, List, Optional, Set, Tuple

import pytest

import httpcore

from .nothing_left import NothingLeft
from .peers import PATIENCE, SMALL_BUFFER, Gate, Reader
from .routes import Network
from .stepping import Stepped
from .test_cancellation import ASYNCIO_WAYS, MOST_POINTS, TRIO_WAYS, Run, on_asyncio, on_trio
from .test_early_answers import EarlyServer, TwoWayProxy
from .worlds import WORLDS, run_async

PART = bytes(range(256)) * 64
HEAD = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
LAST = b"0\r\n\r\n"
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
MEGABYTES_64 = 64 * 1024 * 1024
# More than all buffers hold together.
PARTS = 40
MOST_SWEEPS = 20
# What an asyncio transport and the system may hold at a time, with room to spare: far less than what is sent.
MOST_HELD = 4 * 1024 * 1024

# anyio's streams do not tell of an answer while they write.
OUR_WAYS = [way for way in [*ASYNCIO_WAYS, *TRIO_WAYS] if not way.startswith("anyio-backend")]

Serve = Callable[[EarlyServer, Any, Reader], bool]


class SmallServer(EarlyServer):
    """One whose system sends little ahead of the client, too."""

    def serve(self, stream: socket.socket) -> None:
        stream.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SMALL_BUFFER)
        super().serve(stream)


def chunk(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data)


def next_chunk(reader: Reader) -> bytes:
    data = reader.exactly(int(reader.until(b"\r\n"), 16))
    assert reader.exactly(2) == b"\r\n"
    return data


def echo(server: EarlyServer, stream: Any, reader: Reader) -> bool:
    """Give each chunk back before the next is read."""
    stream.sendall(HEAD)
    while True:
        data = next_chunk(reader)
        if not data:
            stream.sendall(LAST)
            return True
        stream.sendall(chunk(data))


def answer_first(server: EarlyServer, stream: Any, reader: Reader) -> bool:
    """Read nothing before all of the body but its end has been read."""
    stream.sendall(HEAD + chunk(PART) * PARTS)
    assert reader.body_size(server.headers) == len(PART) * PARTS
    stream.sendall(LAST)
    return True


def whole_and(ending: str) -> Serve:
    """Give a whole answer when the first part has come; then end as `ending` says."""

    def serve(server: EarlyServer, stream: Any, reader: Reader) -> bool:
        next_chunk(reader)
        stream.sendall(OK)
        if ending == "reads on":
            while next_chunk(reader):
                pass
            return True
        if ending == "half-closes":
            # Not the method of an SSLSocket, which would end TLS in both directions.
            socket.socket.shutdown(stream, socket.SHUT_WR)
        elif ending == "resets":
            stream.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        if ending in ("stops reading", "half-closes"):
            server.hold()
        return False

    return serve


def hold(server: EarlyServer, stream: Any, reader: Reader) -> bool:
    """Neither read nor write behind the head."""
    stream.sendall(HEAD)
    server.hold()
    return False


def take_and(*then: Any) -> Serve:
    """Serve the first request by the first of `then`, the next by the second, and so on."""
    left = list(then)

    def serve(server: EarlyServer, stream: Any, reader: Reader) -> bool:
        function: Serve = left.pop(0)
        return function(server, stream, reader)

    return serve


class Parts:
    """A body of `count` parts (None: without an end), from generators; what has been read is told by `got`."""

    def __init__(self, count: Optional[int], failure: Optional[Exception] = None) -> None:
        self.count = count
        self.failure = failure
        self.given = 0
        self.got = 0
        self.most_held = 0
        self.closed = False

    def _next(self) -> Optional[bytes]:
        if self.given == self.count:
            if self.failure is not None:
                raise self.failure
            return None
        self.given += 1
        self.most_held = max(self.most_held, self.given * len(PART) - self.got)
        return PART

    def __iter__(self) -> Iterator[bytes]:
        try:
            part = self._next()
            while part is not None:
                yield part
                part = self._next()
        finally:
            self.closed = True

    async def __aiter__(self) -> AsyncIterator[bytes]:
        try:
            part = self._next()
            while part is not None:
                yield part
                part = self._next()
        finally:
            self.closed = True


class Player:
    """Gives the next ping when the last one's pong has been read, and nothing before; ten in all."""

    def __init__(self) -> None:
        self.pings = 0
        self.pongs: List[bytes] = []

    def __iter__(self) -> Player:
        return self

    def __aiter__(self) -> Player:
        return self

    def __next__(self) -> bytes:
        if len(self.pongs) == 10:
            raise StopIteration
        if self.pings > len(self.pongs):
            return b""
        self.pings += 1
        return b"ping %d" % self.pings

    async def __anext__(self) -> bytes:
        if len(self.pongs) == 10:
            raise StopAsyncIteration
        return self.__next__()


class Client:
    """A pool of one connection, with the same spelling in each world: in threads, nothing that is awaited waits."""

    def __init__(self, pool: Any, url: str) -> None:
        self.pool = pool
        self.url = url
        self.in_threads = isinstance(pool, httpcore.ConnectionPool)

    async def post(self, content: Any, timeouts: Optional[Dict[str, float]] = None) -> Any:
        """The response to `content`, its body unread."""
        headers = [("Host", "test"), ("Transfer-Encoding", "chunked")]
        extensions = {} if timeouts is None else {"timeout": timeouts}
        request = httpcore.Request("POST", self.url, headers=headers, content=content, extensions=extensions)
        if self.in_threads:
            return self.pool.handle_request(request)
        return await self.pool.handle_async_request(request)

    def body(self, response: Any) -> Any:
        return iter(response.stream) if self.in_threads else response.stream.__aiter__()

    async def next(self, body: Any) -> Optional[bytes]:
        """The next part, None at the end."""
        if self.in_threads:
            part: Optional[bytes] = next(body, None)
            return part
        try:
            return await body.__anext__()  # type: ignore[no-any-return]
        except StopAsyncIteration:
            return None

    async def read(self, response: Any) -> bytes:
        return response.read() if self.in_threads else await response.aread()  # type: ignore[no-any-return]

    async def close(self, response: Any) -> None:
        if self.in_threads:
            response.close()
        else:
            await response.aclose()

    async def check_next(self) -> None:
        """The place in the pool is free: another request is served without waiting for it."""
        assert await self.read(await self.post(Parts(1), {"pool": 0})) == PART


class Places:
    """A server for each transport, and how to reach it; in the shape that the sweep of cancellations wants."""

    def __init__(self, network: Network) -> None:
        self.client_tls = network.client_tls
        tls = SmallServer(network.server_tls)
        self.servers = {"direct": SmallServer(), "tls": tls, "tunnel": tls, "tls-in-tls": tls}
        self.proxies = {"tunnel": TwoWayProxy(), "tls-in-tls": TwoWayProxy(network.server_tls)}
        self.gate = Gate()

    def options(self, route: str, **more: Any) -> Dict[str, Any]:
        # Set before the connection is made, so that the server is told of no more room.
        small = [(socket.SOL_SOCKET, option, SMALL_BUFFER) for option in (socket.SO_SNDBUF, socket.SO_RCVBUF)]
        options = {"ssl_context": self.client_tls, "max_connections": 1, "socket_options": small, **more}
        proxy = self.proxies.get(route)
        if proxy is not None:
            scheme = "http" if route == "tunnel" else "https"
            tls = self.client_tls if scheme == "https" else None
            options["proxy"] = httpcore.Proxy(f"{scheme}://127.0.0.1:{proxy.port}", ssl_context=tls)
        return options

    def url(self, route: str, target: str = "/") -> str:
        scheme = "http" if route == "direct" else "https"
        return f"{scheme}://127.0.0.1:{self.servers[route].port}{target}"

    def wait_until_idle(self) -> None:
        for peer in (*self.servers.values(), *self.proxies.values()):
            peer.wait_until_idle()

    def close(self) -> None:
        for peer in (*self.servers.values(), *self.proxies.values()):
            peer.close()


@pytest.fixture(scope="module")
def places(network: Network) -> Iterator[Places]:
    with contextlib.closing(Places(network)) as places:
        yield places


def play(
    world: str, route: str, places: Places, serve: Serve, scene: Callable[[Client], Awaitable[None]]
) -> Tuple[EarlyServer, int]:
    """Run `scene` against a server that serves by `serve`; return that, and how many connections were kept."""
    server = places.servers[route]
    server.serve_request = serve
    server.client_has_answer.clear()
    server.reset_counts()
    kept: List[int] = []

    async def in_pool(pool: Any) -> None:
        await scene(Client(pool, places.url(route)))
        server.client_has_answer.set()
        kept.append(len(pool.connections))

    async def in_tasks() -> None:
        async with httpcore.AsyncConnectionPool(**places.options(route)) as pool:
            await in_pool(pool)

    with NothingLeft():
        if world == "threads":
            with httpcore.ConnectionPool(**places.options(route)) as pool, pytest.raises(StopIteration):
                in_pool(pool).send(None)
        else:
            run_async(world, in_tasks)
        places.wait_until_idle()
    return server, kept[0]


everywhere = pytest.mark.parametrize("route", ["direct", "tls"])
in_each_world = pytest.mark.parametrize("world", WORLDS)


@pytest.mark.timeout(240)
@everywhere
@in_each_world
@pytest.mark.parametrize("whole", [False, True], ids=["in parts", "at once"])
def test_an_echo_of_64_megabytes(world: str, route: str, whole: bool, places: Places) -> None:
    count = MEGABYTES_64 // len(PART)
    content = Parts(count)

    async def scene(client: Client) -> None:
        response = await client.post(content)
        assert content.given < count / 10
        digest = hashlib.sha256()
        if whole:
            digest.update(await client.read(response))
        else:
            body = client.body(response)
            part = await client.next(body)
            while part is not None:
                content.got += len(part)
                digest.update(part)
                part = await client.next(body)
            assert content.most_held < MOST_HELD
        assert digest.digest() == hashlib.sha256(PART * count).digest()
        await client.check_next()

    server, kept = play(world, route, places, echo, scene)
    assert kept == 1 and server.accepted == 1


@pytest.mark.timeout(120)
@in_each_world
@pytest.mark.parametrize("route", ["tunnel", "tls-in-tls"])
def test_an_echo_through_a_proxy(world: str, route: str, places: Places) -> None:
    async def scene(client: Client) -> None:
        assert await client.read(await client.post(Parts(PARTS * 5))) == PART * PARTS * 5
        await client.check_next()

    server, kept = play(world, route, places, echo, scene)
    assert kept == 1 and server.accepted == 1


@pytest.mark.timeout(120)
@everywhere
@in_each_world
def test_a_conversation_in_turns(world: str, route: str, places: Places) -> None:
    player = Player()

    async def scene(client: Client) -> None:
        body = client.body(await client.post(player))
        pong = await client.next(body)
        while pong is not None:
            player.pongs.append(pong)
            assert len(player.pongs) == player.pings
            pong = await client.next(body)
        await client.check_next()

    _, kept = play(world, route, places, echo, scene)
    assert player.pongs == [b"ping %d" % number for number in range(1, 11)]
    assert kept == 1


@pytest.mark.timeout(120)
@everywhere
@in_each_world
@pytest.mark.parametrize("whole", [False, True], ids=["in parts", "at once"])
def test_a_server_that_reads_when_its_answer_has_been_read(world: str, route: str, whole: bool, places: Places) -> None:
    async def scene(client: Client) -> None:
        for _ in range(2):
            response = await client.post(Parts(PARTS))
            if whole:
                assert await client.read(response) == PART * PARTS
                continue
            parts = []
            body = client.body(response)
            part = await client.next(body)
            while part is not None:
                parts.append(part)
                part = await client.next(body)
            assert b"".join(parts) == PART * PARTS

    server, kept = play(world, route, places, answer_first, scene)
    assert kept == 1 and server.accepted == 1


@pytest.mark.timeout(120)
@everywhere
@in_each_world
@pytest.mark.parametrize("ending", ["half-closes", "closes", "resets"])
def test_a_whole_answer_is_delivered_however_the_server_ends(
    world: str, route: str, ending: str, places: Places
) -> None:
    if ending in ("closes", "resets") and sys.platform != "linux":
        pytest.skip("what was received before a reset stays readable on Linux only")
    content = Parts(None)

    async def scene(client: Client) -> None:
        assert await client.read(await client.post(content)) == b"ok"

    _, kept = play(world, route, places, whole_and(ending), scene)
    assert content.closed and kept == 0


@pytest.mark.timeout(120)
@everywhere
@in_each_world
def test_behind_a_whole_answer_the_rest_is_sent_to_a_server_that_reads_on(
    world: str, route: str, places: Places
) -> None:
    async def scene(client: Client) -> None:
        for _ in range(2):
            content = Parts(PARTS * 3)
            body = client.body(await client.post(content))
            assert await client.next(body) == b"ok"
            assert not content.closed
            assert await client.next(body) is None
            assert content.closed and content.given == PARTS * 3

    server, kept = play(world, route, places, whole_and("reads on"), scene)
    assert kept == 1 and server.accepted == 1


@pytest.mark.timeout(120)
@everywhere
@in_each_world
def test_a_whole_answer_outlives_a_server_that_takes_no_more(world: str, route: str, places: Places) -> None:
    content = Parts(None)

    async def scene(client: Client) -> None:
        timeouts = {"write": PATIENCE}
        response = await client.post(content, timeouts)
        timeouts["write"] = 0.1  # Only now: the server takes its time to answer.
        assert await client.read(response) == b"ok"

    _, kept = play(world, route, places, whole_and("stops reading"), scene)
    assert content.closed and kept == 0


@pytest.mark.timeout(120)
@everywhere
@in_each_world
@pytest.mark.parametrize("parts_read", [0, 1])
def test_closing_early_cuts_the_request_short(world: str, route: str, parts_read: int, places: Places) -> None:
    content = Parts(None)

    async def scene(client: Client) -> None:
        response = await client.post(content)
        body = client.body(response)
        for _ in range(parts_read):
            assert await client.next(body)
        assert not content.closed
        await client.close(response)
        assert content.closed
        with pytest.raises((httpcore.ReadError, RuntimeError)):
            await client.next(client.body(response))
        await client.check_next()

    server, kept = play(world, route, places, echo, scene)
    assert kept == 1 and server.accepted == 2


@pytest.mark.timeout(120)
@everywhere
@in_each_world
def test_what_the_iterator_raises_leaves_unchanged(world: str, route: str, places: Places) -> None:
    failure = httpcore.WriteError("the caller's own")

    async def scene(client: Client) -> None:
        response = await client.post(Parts(PARTS * 3, failure))
        with pytest.raises(httpcore.WriteError) as caught:
            await client.read(response)
        assert caught.value is failure
        await client.check_next()

    server, kept = play(world, route, places, echo, scene)
    assert kept == 1 and server.accepted == 2


@pytest.mark.timeout(120)
@everywhere
@in_each_world
@pytest.mark.parametrize(
    "timeouts, error",
    [
        ({"read": 0.1, "write": PATIENCE}, httpcore.ReadTimeout),
        ({"read": PATIENCE, "write": 0.1}, httpcore.WriteTimeout),
        ({"write": 0.1}, httpcore.WriteTimeout),
        ({"total": 1.0}, httpcore.TimeoutException),
    ],
    ids=["read", "write", "write alone", "total"],
)
def test_a_server_that_neither_takes_nor_gives_is_left_in_time(
    world: str, route: str, timeouts: Dict[str, float], error: Any, places: Places
) -> None:
    content = Parts(None)

    async def scene(client: Client) -> None:
        patient = {phase: max(limit, PATIENCE) if phase != "total" else limit for phase, limit in timeouts.items()}
        with pytest.raises(error):
            response = await client.post(content, patient)
            patient.update(timeouts)  # Only now: the server takes its time to answer.
            await client.read(response)
        places.servers[route].client_has_answer.set()
        await client.check_next()

    server, kept = play(world, route, places, take_and(hold, echo), scene)
    assert kept == 1 and server.accepted == 2


class DuplexRun(Run):
    """One echo, cancelled at its `at`-th suspension."""

    async def main(self, pool: Any, pause: Callable[[], Awaitable[Any]], cancel: Callable[[Any], None]) -> bytes:
        content = Parts(PARTS)
        held: List[bool] = []

        async def request() -> bytes:
            client = Client(pool, self.url)
            response = await client.post(content, self.limits)
            held.append(not content.closed)
            try:
                if self.whole:
                    return await client.read(response)
                parts = []
                body = client.body(response)
                part = await client.next(body)
                while part is not None:
                    parts.append(part)
                    part = await client.next(body)
                return b"".join(parts)
            finally:
                await client.close(response)

        def at_suspension(number: int, yielded: Any) -> None:
            phase = "both ways" if held and not content.closed else stepped.phase()
            self.phases.add(phase)
            if number == self.at:
                self.phase = phase
                cancel(yielded)

        stepped = Stepped(request(), at_suspension)
        try:
            result: bytes = await stepped.run()
        finally:
            # Whatever has become of it, nobody asks the generator for more.
            assert content.closed or not content.given
        assert result == PART * PARTS
        return result

    async def check_pool(self, pool: Any) -> None:
        pool._plan.check()
        assert pool._plan.leases == 0 and pool._plan.waiting == 0, f"{pool!r} after {self.phase}"
        await Client(pool, self.url).check_next()
        assert all(connection.is_idle() for connection in pool.connections), pool.connections
        await pool.aclose()
        assert pool.connections == []


@pytest.mark.timeout(240)
@everywhere
@pytest.mark.parametrize("way", [*OUR_WAYS, "task-whole", "trio-scope-whole"])
def test_cancelling_anywhere_leaves_nothing(route: str, way: str, places: Any, swept: Counter[str]) -> None:
    if way == "timeout" and sys.version_info < (3, 11):
        pytest.skip("asyncio.timeout is there since Python 3.11")
    whole = way.endswith("-whole")
    way = way[: -len("-whole")] if whole else way
    places.servers[route].serve_request = echo
    phases: Set[str] = set()
    # Where the server happens to be ahead of the client all the time, nothing waits in both directions: once more.
    for _ in range(MOST_SWEEPS):
        _sweep(route, way, whole, places, swept, phases)
        if "both ways" in phases:
            return
    raise AssertionError(f"The request was sent before its response was read: {phases}")


def _sweep(route: str, way: str, whole: bool, places: Any, swept: Counter[str], phases: Set[str]) -> None:
    for at in range(1, MOST_POINTS):
        run = DuplexRun(places, route, at, "alone")
        run.closes_pool = way.endswith("aclose")
        run.whole = whole
        if way == "wait_for":
            run.limits = {}
        try:
            with NothingLeft(places) as left:
                cancelled = (on_trio if way in TRIO_WAYS else on_asyncio)(run, way, left)
        except BaseException as exc:
            raise AssertionError(f"{route}, {way}: point {at}, in {run.phase}: {exc!r}") from exc
        phases |= run.phases
        if not cancelled:
            return
        assert run.phase is not None
        swept[f"points cancelled in: {run.phase}"] += 1
        swept["points cancelled in all"] += 1
    raise AssertionError("The request never completed.")
