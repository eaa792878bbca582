"""What a caller passes, by mistake or because somebody else chose it, never changes what is said on the wire.

Every string that goes into a request is tried with what could end the line or the field that it stands in. Peers keep
all that reaches them. The rest of the file is about callers that use a response, a body or a hook in the wrong way.
"""

from __future__ import annotations

import threading
from collections import Counter
from typing import Any, Callable, Dict, Iterator, List, Tuple

import anyio
import anyio.lowlevel
import pytest

import httpcore

from .nothing_left import NothingLeft, let_h2_compare_bytes_with_text
from .routes import HTTP2_ROUTES, ROUTES, Network
from .worlds import DOCUMENTED, WORLDS, AsyncChunks, Chunks, run_async

LIMITS = {"connect": 10.0, "read": 10.0, "write": 10.0, "pool": 10.0}
MARK = b"injected"
PAYLOADS = [
    b"a\r\nx-injected: 1",
    b"a\nx-injected: 1",
    b"a\rx-injected: 1",
    b"a\0x-injected",
    b"a\r\n\r\nGET /injected HTTP/1.1\r\nHost: a\r\n\r\n",
    b"\r\nx-injected: 1",
    b"a\r\n x-injected",
]
# Where a space, or a colon, is an injection too.
TOKEN_PAYLOADS = [*PAYLOADS, b"GET /injected HTTP/1.1", b"x:injected", b"", b"\xffinjected", b"x(injected)"]
TARGET_PAYLOADS = [*PAYLOADS, b"/ HTTP/1.1 injected", b"/\tinjected", b"/\x7finjected"]
HOST_PAYLOADS = [*PAYLOADS, b"a injected", b"a/injected", b"a@injected", b"injected\xff", b"injected#", b"[injected"]
# `TypeError` and `ValueError` are what the contract has for values that are no strings, ports or URLs at all.
REFUSED = (*DOCUMENTED, TypeError, ValueError)


def attempts() -> Iterator[Tuple[str, bytes]]:
    for payload in TOKEN_PAYLOADS:
        yield "method", payload
        yield "header name", payload
    for payload in TARGET_PAYLOADS:
        yield "target", payload
        yield "url target", payload
    for payload in PAYLOADS:
        for what in ("header value", "authorization", "content-length", "transfer-encoding", "host header"):
            yield what, payload
        yield "sni", payload
    for payload in HOST_PAYLOADS:
        yield "host", payload


def hostile_request(url: httpcore.URL, what: str, payload: bytes) -> httpcore.Request:
    method, target, host = b"GET", b"/", url.host
    headers: List[Tuple[bytes, bytes]] = [(b"Host", b"test")]
    extensions: Dict[str, Any] = {"timeout": LIMITS}
    if what == "method":
        method = payload
    elif what == "target":
        extensions["target"] = payload
    elif what == "url target":
        target = payload
    elif what == "host":
        host = payload
    elif what == "sni":
        extensions["sni_hostname"] = payload.decode("latin-1")
    elif what == "header name":
        headers.append((payload, b"1"))
    elif what == "host header":
        headers = [(b"Host", payload)]
    else:
        headers.append((what.encode("ascii") if what != "header value" else b"X-Value", payload))
    hostile = httpcore.URL(scheme=url.scheme, host=host, port=url.port, target=target)
    return httpcore.Request(method, hostile, headers=headers, extensions=extensions)


def seen_by_peers(network: Network) -> bytes:
    logs = [bytes(log) for peer in network.peers for log in peer.received]
    fields = [field for origin in (network.both, network.prior_knowledge) for field in origin.fields]
    return b"\n".join(logs) + b"\n".join(name + b": " + value for pairs in fields for name, value in pairs)


@pytest.fixture
def wire(network: Network) -> Iterator[Callable[[], bytes]]:
    def forget() -> None:
        for peer in network.peers:
            peer.reset_counts()
        for origin in (network.both, network.prior_knowledge):
            origin.fields.clear()

    forget()
    for peer in network.peers:
        peer.keep_received = True
    yield lambda: seen_by_peers(network)
    for peer in network.peers:
        peer.keep_received = False
    forget()


@pytest.mark.timeout(120)
@pytest.mark.parametrize("world", ["threads", "asyncio"])
@pytest.mark.parametrize("route", ROUTES)
def test_nothing_that_is_passed_gets_out_of_its_place(
    route: str, world: str, network: Network, wire: Callable[[], bytes], swept: Counter[str]
) -> None:
    url = httpcore.URL(network.url(route))
    wrong = []

    def judge(what: str, payload: bytes, outcome: Any) -> None:
        where = f"{what} {payload!r}"
        if isinstance(outcome, Exception):
            if not isinstance(outcome, REFUSED):
                wrong.append(f"{where}: {outcome!r}")
        elif not may_pass(route, what):
            wrong.append(f"{where}: was sent")
        swept["injection attempts"] += 1

    def threads() -> None:
        with httpcore.ConnectionPool(**network.options(route)) as pool:
            for what, payload in attempts():
                outcome: Any = None
                if what == "sni":
                    # It matters to a new connection only.
                    pool.close()
                try:
                    response = pool.handle_request(hostile_request(url, what, payload))
                    response.close()
                except Exception as exc:
                    outcome = exc
                judge(what, payload, outcome)
                pool._plan.check()
                assert pool._plan.leases == 0, what

    async def tasks() -> None:
        async with httpcore.AsyncConnectionPool(**network.options(route)) as pool:
            for what, payload in attempts():
                outcome: Any = None
                if what == "sni":
                    await pool.aclose()
                try:
                    response = await pool.handle_async_request(hostile_request(url, what, payload))
                    await response.aclose()
                except Exception as exc:
                    outcome = exc
                judge(what, payload, outcome)
                pool._plan.check()
                assert pool._plan.leases == 0, what

    with NothingLeft(network):
        threads() if world == "threads" else run_async(world, tasks)
    assert not wrong, "\n".join(wrong)
    assert MARK not in wire().lower()


def may_pass(route: str, what: str) -> bool:
    """Whether this string is not used on that route, so that it cannot do harm."""
    if what == "sni":
        return route in ("direct", "h2-prior-knowledge", "forward", "socks")
    # HTTP/2 has an :authority of its own, made from the URL, and does without these.
    return route in HTTP2_ROUTES and what in ("host header", "transfer-encoding")


@pytest.mark.parametrize("payload", PAYLOADS)
@pytest.mark.parametrize("part", ["name", "value", "user", "password"])
@pytest.mark.parametrize("proxy", ["proxy", "tls_proxy", "socks"])
def test_nothing_for_a_proxy_gets_out_of_its_place(
    proxy: str, part: str, payload: bytes, network: Network, wire: Callable[[], bytes]
) -> None:
    if proxy == "socks" and part in ("name", "value"):
        pytest.skip("SOCKS has no headers")
    headers = {"name": [(payload, b"1")], "value": [(b"X-Value", payload)]}.get(part, [])
    auth = {"user": (payload, b"p"), "password": (b"u", payload)}.get(part)
    scheme = {"proxy": "http", "tls_proxy": "https", "socks": "socks5"}[proxy]
    port = getattr(network, proxy).port
    tls = network.client_tls if proxy == "tls_proxy" else None
    for url, http2 in ((network.url("forward"), False), (network.url("tunnel"), False), (network.url("tunnel"), True)):
        with NothingLeft(network):
            try:
                through = httpcore.Proxy(f"{scheme}://127.0.0.1:{port}", auth=auth, headers=headers, ssl_context=tls)
                with httpcore.ConnectionPool(proxy=through, ssl_context=network.client_tls, http2=http2) as pool:
                    pool.request("GET", url, extensions={"timeout": LIMITS})
            except REFUSED:
                pass
            else:
                # Basic credentials are encoded: whatever they are made of, it is one word.
                assert proxy != "socks" and part in ("user", "password")
    assert MARK not in wire().lower()


@pytest.mark.parametrize("payload", [*PAYLOADS, b"a injected", b"a\tinjected", b"a\x7finjected"])
@pytest.mark.parametrize("place", ["host", "port", "target", "proxy host", "proxy port"])
def test_nothing_in_a_url_gets_out_of_its_place(
    place: str, payload: bytes, network: Network, wire: Callable[[], bytes]
) -> None:
    text = payload.decode("ascii")
    url, proxy_url = network.url("forward", "/url"), f"http://127.0.0.1:{network.proxy.port}"
    if place == "host":
        url = url.replace("127.0.0.1", text)
    elif place == "port":
        url = url.replace("/url", f"{text}/url")
    elif place == "target":
        url += text
    elif place == "proxy host":
        proxy_url = proxy_url.replace("127.0.0.1", text)
    else:
        proxy_url += text
    with NothingLeft(network), pytest.raises(REFUSED):
        with httpcore.ConnectionPool(proxy=httpcore.Proxy(proxy_url)) as pool:
            pool.request("GET", url, extensions={"timeout": LIMITS})
    with NothingLeft(network), pytest.raises(REFUSED):
        if "proxy" in place:
            httpcore.SOCKSProxy(proxy_url.replace("http", "socks5")).request("GET", url)
        with httpcore.ConnectionPool() as pool:
            pool.request("GET", url, extensions={"timeout": LIMITS})
    assert MARK not in wire().lower()


class OwnError(Exception):
    pass


class Raising:
    """A body that fails after one chunk."""

    def __iter__(self) -> Iterator[bytes]:
        yield b"12"
        raise OwnError

    async def __aiter__(self) -> Any:
        yield b"12"
        raise OwnError


class Unstartable:
    """A body whose iteration cannot even begin."""

    def __iter__(self) -> Iterator[bytes]:
        raise OwnError

    def __aiter__(self) -> Any:
        raise OwnError


class Unclosable(AsyncChunks):
    """A body that fails, and then fails to be closed, too."""

    def __iter__(self) -> Iterator[bytes]:
        return self  # type: ignore[return-value]

    def __next__(self) -> bytes:
        raise OwnError

    async def __anext__(self) -> bytes:
        raise OwnError

    def close(self) -> None:
        raise RuntimeError("It does not want to be closed.")

    async def aclose(self) -> None:
        raise RuntimeError("It does not want to be closed.")


BODIES: List[Tuple[str, Any, List[Tuple[bytes, bytes]], Any]] = [
    ("raises", Raising(), [(b"Transfer-Encoding", b"chunked")], OwnError),
    ("raises at once", Unstartable(), [(b"Transfer-Encoding", b"chunked")], OwnError),
    ("cannot be closed", Unclosable([]), [(b"Transfer-Encoding", b"chunked")], OwnError),
    ("raises below its length", Raising(), [(b"Content-Length", b"3")], OwnError),
    ("two lengths", Chunks(b"12"), [(b"Content-Length", b"2"), (b"Content-Length", b"3")], httpcore.LocalProtocolError),
    ("too short", Chunks(b"12"), [(b"Content-Length", b"3")], httpcore.LocalProtocolError),
    ("too long", Chunks(b"12", b"34"), [(b"Content-Length", b"3")], httpcore.LocalProtocolError),
    ("text", Chunks("12"), [(b"Transfer-Encoding", b"chunked")], TypeError),
    ("numbers", Chunks(b"12", 3), [(b"Transfer-Encoding", b"chunked")], TypeError),
    ("nothing", Chunks(None), [(b"Transfer-Encoding", b"chunked")], TypeError),
    ("too short in memory", b"12", [(b"Content-Length", b"3")], httpcore.LocalProtocolError),
    ("too long in memory", b"1234", [(b"Content-Length", b"3")], httpcore.LocalProtocolError),
    ("empty but announced", b"", [(b"Content-Length", b"3")], httpcore.LocalProtocolError),
]


@pytest.mark.parametrize("world", WORLDS)
@pytest.mark.parametrize("body", BODIES, ids=[name for name, *_ in BODIES])
@pytest.mark.parametrize("route", ["direct", "h2", "h2-prior-knowledge", "forward", "tunnel-h2", "socks-tls"])
def test_a_body_that_is_not_what_it_should_be_fails_alone(
    route: str, body: Tuple[str, Any, List[Tuple[bytes, bytes]], Any], world: str, network: Network
) -> None:
    _, content, framing, error = body
    url = network.url(route, "/body")
    headers = [(b"Host", b"test"), *framing]

    def threads() -> None:
        with httpcore.ConnectionPool(**network.options(route)) as pool:
            with pytest.raises(error):
                pool.request("POST", url, headers=headers, content=content, extensions={"timeout": LIMITS})
            pool._plan.check()
            assert pool._plan.leases == 0
            assert pool.request("GET", url, extensions={"timeout": {**LIMITS, "pool": 0}}).content == b"GET /body 0 -"

    async def tasks() -> None:
        async with httpcore.AsyncConnectionPool(**network.options(route)) as pool:
            with pytest.raises(error):
                await pool.request("POST", url, headers=headers, content=content, extensions={"timeout": LIMITS})
            pool._plan.check()
            assert pool._plan.leases == 0
            response = await pool.request("GET", url, extensions={"timeout": {**LIMITS, "pool": 0}})
            assert response.content == b"GET /body 0 -"

    with NothingLeft(network):
        threads() if world == "threads" else run_async(world, tasks)


@pytest.mark.parametrize("route", ["direct", "tls", "h2"])
def test_a_body_may_use_the_pool_that_it_is_sent_by(route: str, network: Network) -> None:
    url = network.url(route, "/again")

    class ReEntering:
        def __init__(self, pool: httpcore.ConnectionPool) -> None:
            self._pool = pool

        def __iter__(self) -> Iterator[bytes]:
            yield self._pool.request("GET", url, extensions={"timeout": LIMITS}).content

    with NothingLeft(network), httpcore.ConnectionPool(**network.options(route, max_connections=2)) as pool:
        response = pool.request("POST", url, content=ReEntering(pool), extensions={"timeout": LIMITS})
        assert response.content == b"POST /again 14 -"


@pytest.mark.parametrize("world", ["asyncio", "trio"])
@pytest.mark.parametrize("route", ["direct", "tls", "h2"])
def test_an_async_body_may_use_the_pool_that_it_is_sent_by(route: str, world: str, network: Network) -> None:
    url = network.url(route, "/again")

    async def tasks() -> None:
        async with httpcore.AsyncConnectionPool(**network.options(route, max_connections=2)) as pool:

            class ReEntering(AsyncChunks):
                async def __anext__(self) -> bytes:
                    await super().__anext__()
                    return (await pool.request("GET", url, extensions={"timeout": LIMITS})).content

            response = await pool.request("POST", url, content=ReEntering([b"1"]), extensions={"timeout": LIMITS})
            assert response.content == b"POST /again 14 -"

    with NothingLeft(network):
        run_async(world, tasks)


@pytest.mark.parametrize("world", WORLDS)
@pytest.mark.parametrize("route", ROUTES)
def test_a_body_may_close_the_pool_that_it_is_sent_by(route: str, world: str, network: Network) -> None:
    url = network.url(route, "/closing")

    def threads() -> None:
        with httpcore.ConnectionPool(**network.options(route)) as pool:

            class Closing:
                def __iter__(self) -> Iterator[bytes]:
                    yield b"1"
                    pool.close()
                    yield b"2"

            with pytest.raises(DOCUMENTED):
                pool.request("POST", url, content=Closing(), extensions={"timeout": LIMITS})
            pool._plan.check()
            assert pool._plan.leases == 0
            assert pool.request("GET", url, extensions={"timeout": {**LIMITS, "pool": 0}}).status == 200

    async def tasks() -> None:
        async with httpcore.AsyncConnectionPool(**network.options(route)) as pool:

            class Closing(AsyncChunks):
                async def __anext__(self) -> Any:
                    if len(self._chunks) == 1:
                        await pool.aclose()
                    return await super().__anext__()

            with pytest.raises(DOCUMENTED):
                await pool.request("POST", url, content=Closing([b"1", b"2"]), extensions={"timeout": LIMITS})
            pool._plan.check()
            assert pool._plan.leases == 0
            assert (await pool.request("GET", url, extensions={"timeout": {**LIMITS, "pool": 0}})).status == 200

    with NothingLeft(network):
        threads() if world == "threads" else run_async(world, tasks)


def test_a_body_that_waits_for_its_own_connection_gets_a_pool_timeout(network: Network) -> None:
    url = network.url("direct")

    class ReEntering:
        def __init__(self, pool: httpcore.ConnectionPool) -> None:
            self._pool = pool

        def __iter__(self) -> Iterator[bytes]:
            yield self._pool.request("GET", url, extensions={"timeout": {"pool": 0.01}}).content

    with NothingLeft(network), httpcore.ConnectionPool(**network.options("direct")) as pool:
        with pytest.raises(httpcore.PoolTimeout):
            pool.request("POST", url, content=ReEntering(pool))
        assert pool.request("GET", url).status == 200


def large(route: str) -> int:
    """The size of what `/large` is answered with; the forwarding proxy answers by itself, and in few bytes."""
    return len(b"GET /large 0 -") + (0 if route == "forward" else 1 << 20)


@pytest.mark.parametrize("route", ROUTES)
class TestResponses:
    def test_dropped_without_being_closed(self, route: str, network: Network) -> None:
        url = network.url(route, "/large")
        with NothingLeft(network), httpcore.ConnectionPool(**network.options(route)) as pool:
            with pytest.warns(ResourceWarning, match="dropped without being closed"):
                let_h2_compare_bytes_with_text()
                response = pool.handle_request(httpcore.Request("GET", url, headers={"Host": "test"}))
                del response
            assert pool.request("GET", url, extensions={"timeout": {**LIMITS, "pool": 1.0}}).status == 200
            pool._plan.check()

    def test_closed_twice_and_read_afterwards(self, route: str, network: Network) -> None:
        url = network.url(route, "/large")
        with NothingLeft(network), httpcore.ConnectionPool(**network.options(route)) as pool:
            response = pool.handle_request(httpcore.Request("GET", url, headers={"Host": "test"}))
            response.close()
            response.close()
            assert pool._plan.leases == 0
            with pytest.raises((httpcore.ReadError, RuntimeError)):
                response.read()
            pool._plan.check()
            assert pool.request("GET", url, extensions={"timeout": {**LIMITS, "pool": 0}}).status == 200

    def test_closed_from_another_thread(self, route: str, network: Network) -> None:
        url = network.url(route, "/large")
        with NothingLeft(network), httpcore.ConnectionPool(**network.options(route)) as pool:
            response = pool.handle_request(httpcore.Request("GET", url, headers={"Host": "test"}))
            thread = threading.Thread(target=response.close)
            thread.start()
            thread.join(10)
            assert not thread.is_alive()
            assert pool._plan.leases == 0
            assert pool.request("GET", url, extensions={"timeout": {**LIMITS, "pool": 0}}).status == 200

    def test_closed_from_another_thread_while_it_is_read(self, route: str, network: Network) -> None:
        """Whoever reads is told, or had all of it; the next request is served."""
        url = network.url(route, "/large")
        with NothingLeft(network), httpcore.ConnectionPool(**network.options(route)) as pool:
            response = pool.handle_request(httpcore.Request("GET", url, headers={"Host": "test"}))
            thread = threading.Thread(target=response.close, daemon=True)
            size = 0
            try:
                for part in response.iter_stream():
                    size += len(part)
                    if thread.ident is None:
                        thread.start()
            except (httpcore.ReadError, RuntimeError):
                pass
            else:
                assert size == large(route)
            thread.join(10)
            assert not thread.is_alive()
            response.close()
            pool._plan.check()
            assert pool._plan.leases == 0
            assert pool.request("GET", url, extensions={"timeout": {**LIMITS, "pool": 0}}).status == 200

    @pytest.mark.parametrize("world", ["asyncio", "trio"])
    def test_closed_from_another_task_while_it_is_read(self, route: str, world: str, network: Network) -> None:
        url = network.url(route, "/large")

        async def tasks() -> None:
            async with httpcore.AsyncConnectionPool(**network.options(route)) as pool:
                response = await pool.handle_async_request(httpcore.Request("GET", url, headers={"Host": "test"}))
                begun = anyio.Event()
                size = 0

                async def close() -> None:
                    await begun.wait()
                    await response.aclose()

                async with anyio.create_task_group() as group:
                    group.start_soon(close)
                    try:
                        async for part in response.aiter_stream():
                            size += len(part)
                            begun.set()
                            await anyio.lowlevel.checkpoint()
                    except (httpcore.ReadError, RuntimeError):
                        pass
                    else:
                        assert size == large(route)
                await response.aclose()
                pool._plan.check()
                assert pool._plan.leases == 0
                limits = {"timeout": {**LIMITS, "pool": 0}}
                assert (await pool.request("GET", url, extensions=limits)).status == 200

        with NothingLeft(network):
            run_async(world, tasks)

    @pytest.mark.parametrize("world", ["asyncio", "trio"])
    def test_dropped_and_closed_twice_in_tasks(self, route: str, world: str, network: Network) -> None:
        url = network.url(route, "/large")

        async def tasks() -> None:
            async with httpcore.AsyncConnectionPool(**network.options(route)) as pool:
                with pytest.warns(ResourceWarning, match="dropped without being closed"):
                    let_h2_compare_bytes_with_text()
                    response = await pool.handle_async_request(httpcore.Request("GET", url, headers={"Host": "test"}))
                    del response
                limits = {"timeout": {**LIMITS, "pool": 1.0}}
                response = await pool.handle_async_request(
                    httpcore.Request("GET", url, headers={"Host": "test"}, extensions=limits)
                )
                await response.aclose()
                await response.aclose()
                assert pool._plan.leases == 0
                with pytest.raises((httpcore.ReadError, RuntimeError)):
                    await response.aread()
                assert (await pool.request("GET", url, extensions=limits)).status == 200
                pool._plan.check()

        with NothingLeft(network):
            run_async(world, tasks)


class Hook:
    """A trace hook that does something at its `at`-th event."""

    def __init__(self, at: int, action: Callable[[], Any]) -> None:
        self.at = at
        self.action = action
        self.count = 0

    def __call__(self, name: str, info: Any) -> None:
        self.count += 1
        if self.count == self.at:
            self.action()

    async def asynchronous(self, name: str, info: Any) -> None:
        self.count += 1
        if self.count == self.at:
            result = self.action()
            if result is not None:
                await result


def fail() -> None:
    raise OwnError


@pytest.mark.timeout(120)
@pytest.mark.parametrize("action", ["raises", "closes the pool"])
@pytest.mark.parametrize("world", WORLDS)
@pytest.mark.parametrize("route", ROUTES)
def test_a_trace_hook_may_fail_or_close_the_pool_at_any_event(
    route: str, world: str, action: str, network: Network, swept: Counter[str]
) -> None:
    url = network.url(route)
    allowed = OwnError if action == "raises" else DOCUMENTED
    limits = {**LIMITS, "pool": 0.0}

    def threads(at: int) -> int:
        with httpcore.ConnectionPool(**network.options(route)) as pool:
            hook = Hook(at, fail if action == "raises" else pool.close)
            try:
                pool.request("POST", url, content=b"123", extensions={"timeout": LIMITS, "trace": hook})
            except allowed:
                pass
            pool._plan.check()
            assert pool._plan.leases == 0, f"event {at}"
            assert pool.request("GET", url, extensions={"timeout": limits}).status == 200
            return hook.count

    async def tasks(at: int) -> int:
        async with httpcore.AsyncConnectionPool(**network.options(route)) as pool:
            hook = Hook(at, fail if action == "raises" else pool.aclose)
            trace = hook.asynchronous
            try:
                await pool.request("POST", url, content=b"123", extensions={"timeout": LIMITS, "trace": trace})
            except allowed:
                pass
            pool._plan.check()
            assert pool._plan.leases == 0, f"event {at}"
            assert (await pool.request("GET", url, extensions={"timeout": limits})).status == 200
            return hook.count

    for at in range(1, 100):
        try:
            with NothingLeft(network):
                count = threads(at) if world == "threads" else run_async(world, lambda at=at: tasks(at))  # type: ignore[misc]
        except BaseException as exc:
            raise AssertionError(f"event {at}: {exc!r}") from exc
        swept["trace events"] += 1
        if count < at:
            break


def test_chunks_are_iterable_both_ways() -> None:
    assert list(Chunks(b"1")) == [b"1"]
    assert isinstance(Chunks(b"1").__aiter__(), AsyncChunks)
