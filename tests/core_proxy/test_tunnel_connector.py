"""The CONNECT connector on scripted proxies, with a tiny HTTP connection."""

from __future__ import annotations

import asyncio
import ssl
from typing import Any, Iterator, List, Optional, Tuple

import pytest

from core_backends import (
    ConnectError,
    ConnectTimeout,
    LocalProtocolError,
    Origin,
    ProxyError,
    ReadError,
    Request,
    Response,
    UnsupportedProtocol,
    WriteError,
)
from core_proxy._connect import MAX_REFUSAL_BYTES, MAX_ROUNDS, REFUSAL_SECONDS

from .worlds import Clock, World, single_bytes, steps_of

PROXY = Origin(b"http", b"proxy.test", 3128)
SECURE_PROXY = Origin(b"https", b"proxy.test", 3129)
ORIGIN = Origin(b"https", b"example.com", 443)
OK = b"HTTP/1.1 200 Connection established\r\nVia: x\r\n\r\n"
REQUEST = b"CONNECT example.com:443 HTTP/1.1\r\nHost: example.com:443\r\nAccept: */*\r\n\r\n"
CHALLENGE = b"HTTP/1.1 407 Auth\r\nProxy-Authenticate: Digest\r\nContent-Length: 4\r\n\r\nwho?"
TEN_SECONDS = {"timeout": {"connect": 10.0}}


def tunnel(world: World, *streams: Any, **options: Any) -> Any:
    return world.Tunnel(PROXY, world.Connection, connector=world.Connector(*streams), **options)


def test_connects_and_returns_the_stream_itself(world: World) -> None:
    stream = world.Stream([OK, b"hello"])
    route = world.Connector(stream)
    connector = world.Tunnel(PROXY, world.Connection, connector=route)
    assert world.call(connector.connect, ORIGIN, {}) is stream
    assert bytes(stream.written) == REQUEST
    assert route.origins == [PROXY]
    assert not stream.closed


def test_what_the_origin_sends_at_once_is_read_first(world: World) -> None:
    stream = world.Stream([OK + b"220 ready\r\n"], silent=True)
    early = world.call(tunnel(world, stream).connect, ORIGIN, TEN_SECONDS)
    assert world.call(early.read, 100) == b"220 ready\r\n"


def test_the_deadline_ends_with_the_handshake(world: World, clock: Clock) -> None:
    stream = world.Stream([OK + b"early", b"late"])
    early = world.call(tunnel(world, stream).connect, ORIGIN, TEN_SECONDS)
    clock.now += 60.0
    stream.timeouts.clear()
    assert world.call(early.read, 100, 7.0) == b"early"
    assert world.call(early.read, 100, 7.0) == b"late"
    world.call(early.write, b"x", None)
    assert stream.timeouts == [7.0, None]


def test_an_answer_in_single_bytes(world: World) -> None:
    stream = world.Stream([*single_bytes(OK), b"hello"])
    assert world.call(tunnel(world, stream).connect, ORIGIN, {}) is stream
    assert world.call(stream.read, 100) == b"hello"


#: All that a proxy says, at once or after a challenge, and how many bytes of it are the challenge.
TALKS = {"consent": (OK, 0), "challenge and consent": (CHALLENGE + OK, len(CHALLENGE))}
every_talk = pytest.mark.parametrize("talk", sorted(TALKS))


def dying_tunnels(world: World, talk: str, ending: List[Any], silent: bool = False) -> Iterator[Tuple[Any, Any]]:
    """For each byte of the talk the stream that ends there, and a connector over it and over one that has ended."""
    said, challenge = TALKS[talk]
    for at in range(len(said)):
        # What is read of the challenge brings nothing of what comes after the answer to it.
        parts = single_bytes(said[: min(at, challenge)]) + single_bytes(said[challenge:at])
        stream = world.Stream([*parts, *ending], silent=silent)
        hook = answering(world, {"Proxy-Authorization": "Digest x"}, {"Proxy-Authorization": "Digest x"})
        yield stream, tunnel(world, stream, world.Stream([*ending], silent=silent), on_challenge=hook)


@every_talk
def test_a_proxy_that_hangs_up_at_any_byte(world: World, talk: str) -> None:
    for stream, connector in dying_tunnels(world, talk, []):
        with pytest.raises(ConnectError) as caught:
            world.call(connector.connect, ORIGIN, {})
        assert str(caught.value) == "The proxy proxy.test:3128 closed the connection in the CONNECT handshake."
        assert stream.closed


@every_talk
def test_a_proxy_that_resets_at_any_byte(world: World, talk: str) -> None:
    for stream, connector in dying_tunnels(world, talk, [ReadError("reset")]):
        with pytest.raises(ConnectError, match="reset") as caught:
            world.call(connector.connect, ORIGIN, {})
        assert isinstance(caught.value.__cause__, ReadError)
        assert stream.closed


@every_talk
def test_a_proxy_that_falls_silent_at_any_byte(world: World, talk: str) -> None:
    for stream, connector in dying_tunnels(world, talk, [], silent=True):
        with pytest.raises(ConnectTimeout):
            world.call(connector.connect, ORIGIN, TEN_SECONDS)
        assert stream.closed


def test_a_proxy_that_cannot_be_written_to(world: World) -> None:
    stream = world.Stream()
    stream.write_error = WriteError("broken pipe")
    with pytest.raises(ConnectError, match="broken pipe"):
        world.call(tunnel(world, stream).connect, ORIGIN, {})
    assert stream.closed


def test_a_proxy_that_does_not_speak_http(world: World) -> None:
    stream = world.Stream([b"\x05\x00 what?"], silent=True)
    with pytest.raises(ProxyError, match="broke the protocol in the CONNECT handshake: not HTTP"):
        world.call(tunnel(world, stream).connect, ORIGIN, TEN_SECONDS)
    assert stream.closed


def test_one_budget_for_every_byte(world: World, clock: Clock) -> None:
    stream = world.Stream(single_bytes(OK))

    def pass_a_second() -> None:
        clock.now += 1.0

    stream.suspend = world.hook(pass_a_second)
    with pytest.raises(ConnectTimeout):
        world.call(tunnel(world, stream).connect, ORIGIN, TEN_SECONDS)
    assert stream.closed
    assert stream.timeouts == [10.0, 9.0, 8.0, 7.0, 6.0, 5.0, 4.0, 3.0, 2.0, 1.0]


def test_cancelling_at_any_point_closes_the_stream() -> None:
    world = World("asyncio")
    streams = []

    def start(suspend: Any) -> Any:
        stream = world.Stream([CHALLENGE[:60], CHALLENGE[60:], OK[:10], OK[10:]])
        stream.suspend = suspend
        streams.append(stream)

        async def answer(request: Request, response: Response) -> Any:
            await suspend()
            return {"Proxy-Authorization": "Digest x"}

        connector = world.Tunnel(SECURE_PROXY, world.Connection, connector=world.Connector(stream), on_challenge=answer)
        return connector.connect(ORIGIN, {})

    steps = steps_of(start, asyncio.CancelledError())
    # To the proxy, which is the inner connector's; TLS, CONNECT, head, body; the hook; CONNECT, head in two reads.
    assert len(steps) >= 9
    assert [stream.closed for stream in streams] == [False] + [True] * (len(steps) - 1) + [False]


@pytest.mark.parametrize(
    ("answer", "text"),
    [
        (b"HTTP/1.1 403 Permission Denied\r\nX-Why: rule\r\nContent-Length: 7\r\n\r\nbecause", "403 Permission Denied"),
        (b"HTTP/1.0 502 Bad Gateway\r\nX-Why: rule\r\n\r\nbecause", "502 Bad Gateway"),
        (b"HTTP/1.1 302 Found\r\nX-Why: rule\r\nContent-Length: 7\r\n\r\nbecause", "302 Found"),
    ],
)
def test_refusals(world: World, answer: bytes, text: str) -> None:
    stream = world.Stream([answer])
    with pytest.raises(ProxyError) as caught:
        world.call(tunnel(world, stream).connect, ORIGIN, {})
    assert str(caught.value) == text
    response: Any = caught.value.response
    assert response.status == int(text[:3])
    assert (b"X-Why", b"rule") in response.headers
    assert response.content == b"because"
    assert "network_stream" not in response.extensions
    assert stream.closed


def test_a_refusals_body_is_bounded(world: World) -> None:
    head = b"HTTP/1.1 403 No\r\nContent-Length: 10000000\r\n\r\n"
    stream = world.Stream([head, *[b"x" * 4096] * 1000])
    with pytest.raises(ProxyError) as caught:
        world.call(tunnel(world, stream).connect, ORIGIN, {})
    response: Any = caught.value.response
    assert len(response.content) == MAX_REFUSAL_BYTES
    assert len(stream.script) > 900
    assert stream.closed


@pytest.mark.parametrize("end", ["silent", "hangs up", "resets"])
def test_a_refusal_stands_without_the_end_of_its_body(world: World, end: str) -> None:
    script: List[Any] = [b"HTTP/1.1 403 No\r\nContent-Length: 100\r\n\r\npart"]
    if end == "resets":
        script.append(ReadError("reset"))
    stream = world.Stream(script, silent=end == "silent")
    with pytest.raises(ProxyError, match="403 No") as caught:
        world.call(tunnel(world, stream).connect, ORIGIN, {})
    response: Any = caught.value.response
    assert response.content == b"part"
    assert stream.closed


@pytest.mark.parametrize(("connect", "waited"), [(None, REFUSAL_SECONDS), (2.0, 2.0), (60.0, REFUSAL_SECONDS)])
def test_a_refusals_body_is_not_waited_for_for_long(
    world: World, clock: Clock, connect: Optional[float], waited: float
) -> None:
    stream = world.Stream([b"HTTP/1.1 403 No\r\nContent-Length: 100\r\n\r\n"], silent=True)
    with pytest.raises(ProxyError, match="403 No"):
        world.call(tunnel(world, stream).connect, ORIGIN, {"timeout": {"connect": connect}})
    assert stream.timeouts[-1] == waited


def answering(world: World, *answers: Any) -> Any:
    """A hook that gives `answers` in order, and keeps what it was asked."""
    left = list(answers)

    def answer(request: Request, response: Response) -> Any:
        hook.asked.append((request, response))
        return left.pop(0)

    hook: Any = world.hook(answer)
    if world.name != "sync":
        inner = hook

        async def wrapped(request: Request, response: Response) -> Any:
            return await inner(request, response)

        hook = wrapped
    hook.asked = []
    return hook


def test_a_challenge_is_answered_on_the_same_connection(world: World) -> None:
    stream = world.Stream([CHALLENGE, OK])
    hook = answering(world, {"proxy-authorization": "Digest right"})
    headers = [(b"Proxy-Authorization", b"Basic wrong"), (b"X-Own", b"1")]
    connector = tunnel(world, stream, headers=headers, on_challenge=hook)
    assert world.call(connector.connect, ORIGIN, {}) is stream
    head = b"CONNECT example.com:443 HTTP/1.1\r\nHost: example.com:443\r\nAccept: */*\r\n"
    first = head + b"Proxy-Authorization: Basic wrong\r\nX-Own: 1\r\n\r\n"
    second = head + b"X-Own: 1\r\nproxy-authorization: Digest right\r\n\r\n"
    assert bytes(stream.written) == first + second
    request, response = hook.asked[0]
    assert (request.method, request.url.target) == (b"CONNECT", b"example.com:443")
    assert (response.status, response.content) == (407, b"who?")
    assert (b"Proxy-Authenticate", b"Digest") in response.headers
    # One connection's answer is not another one's: the next tunnel starts with what was configured.
    assert connector._headers == headers


def test_two_steps_of_one_handshake(world: World) -> None:
    stream = world.Stream([CHALLENGE, CHALLENGE, OK])
    hook = answering(world, {"Proxy-Authorization": "NTLM 1"}, {"Proxy-Authorization": "NTLM 3"})
    assert world.call(tunnel(world, stream, on_challenge=hook).connect, ORIGIN, {}) is stream
    assert [request.headers[2:] for request, _ in hook.asked] == [[], [(b"Proxy-Authorization", b"NTLM 1")]]
    assert stream.written.count(b"NTLM 3") == 1


@pytest.mark.parametrize(
    "challenge",
    [
        CHALLENGE.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"),
        b"HTTP/1.0 407 Auth\r\n\r\nuntil the end",
        CHALLENGE,
    ],
    ids=["says so", "HTTP/1.0", "says nothing"],
)
def test_a_proxy_that_closes_after_its_challenge_is_connected_to_again(world: World, challenge: bytes) -> None:
    first, second = world.Stream([challenge]), world.Stream([OK])
    hook = answering(world, {"Proxy-Authorization": "Digest x"})
    connector = tunnel(world, first, second, on_challenge=hook)
    assert world.call(connector.connect, ORIGIN, {}) is second
    assert first.closed
    assert b"Digest x" in second.written


def test_a_hook_may_give_up(world: World) -> None:
    stream = world.Stream([CHALLENGE])
    with pytest.raises(ProxyError, match=r"^407 Auth$") as caught:
        world.call(tunnel(world, stream, on_challenge=answering(world, None)).connect, ORIGIN, {})
    response: Any = caught.value.response
    assert response.content == b"who?"
    assert stream.closed


def test_a_proxy_that_never_has_enough(world: World) -> None:
    stream = world.Stream([CHALLENGE] * 20)
    hook = answering(world, *[{"Proxy-Authorization": "Digest x"}] * 20)
    with pytest.raises(ProxyError, match="407"):
        world.call(tunnel(world, stream, on_challenge=hook).connect, ORIGIN, {})
    assert stream.written.count(b"CONNECT ") == MAX_ROUNDS
    assert stream.closed


def test_a_proxy_that_never_stays(world: World) -> None:
    streams = [world.Stream([CHALLENGE]) for _ in range(20)]
    hook = answering(world, *[{"Proxy-Authorization": "Digest x"}] * 20)
    with pytest.raises((ProxyError, ConnectError)):
        world.call(tunnel(world, *streams, on_challenge=hook).connect, ORIGIN, {})
    assert 1 < sum(stream.closed for stream in streams) <= MAX_ROUNDS
    assert all(stream.closed for stream in streams if stream.written)


def test_the_last_round_is_not_asked_again(world: World) -> None:
    """Four requests are answered by a challenge or not at all, and so is the fifth, on a connection that was kept."""
    streams = [world.Stream([CHALLENGE, CHALLENGE]), world.Stream([CHALLENGE]), world.Stream([OK])]
    hook = answering(world, *[{"Proxy-Authorization": "Digest x"}] * 20)
    with pytest.raises(ConnectError, match="closed the connection"):
        world.call(tunnel(world, *streams, on_challenge=hook).connect, ORIGIN, {})
    assert [stream.written.count(b"CONNECT ") for stream in streams] == [3, 2, 0]


def test_the_time_for_a_refusals_body_is_not_the_time_for_the_next_round(world: World, clock: Clock) -> None:
    def think(request: Request, response: Response) -> Any:
        clock.now += 3 * REFUSAL_SECONDS
        return {"Proxy-Authorization": "Digest x"}

    stream = world.Stream([CHALLENGE, OK])
    connector = tunnel(world, stream, on_challenge=world.hook(think))
    assert world.call(connector.connect, ORIGIN, {"timeout": {"connect": 60.0}}) is stream


def test_a_hook_that_fails_closes_the_stream(world: World) -> None:
    def fail(request: Request, response: Response) -> Any:
        raise ReadError("the hook's own")

    stream = world.Stream([CHALLENGE])
    with pytest.raises(ReadError, match="the hook's own"):
        world.call(tunnel(world, stream, on_challenge=world.hook(fail)).connect, ORIGIN, {})
    assert stream.closed


def test_other_refusals_are_no_challenge(world: World) -> None:
    stream = world.Stream([CHALLENGE.replace(b"407", b"401")])
    hook = answering(world)
    with pytest.raises(ProxyError, match=r"^401 Auth$"):
        world.call(tunnel(world, stream, on_challenge=hook).connect, ORIGIN, {})
    assert hook.asked == []


def test_an_https_proxy(world: World) -> None:
    context = ssl.create_default_context()
    stream = world.Stream([OK])
    route = world.Connector(stream)
    connector = world.Tunnel(SECURE_PROXY, world.Connection, connector=route, proxy_ssl_context=context)
    extensions = {"sni_hostname": "inner.test", "target": b"/secret", "timeout": {"connect": 10.0, "read": 1.0}}
    world.call(connector.connect, ORIGIN, extensions)
    assert stream.tls == [{"context": context, "name": "proxy.test", "alpn": ["http/1.1"]}]
    assert bytes(stream.written) == REQUEST
    inner = world.Connection.made[-1].requests[0].extensions
    assert "sni_hostname" not in inner
    assert "target" not in inner
    assert 9.0 < inner["timeout"]["read"] <= 10.0


def test_an_https_proxy_without_a_context_is_verified_by_the_default_one(world: World) -> None:
    stream = world.Stream([OK])
    connector = world.Tunnel(SECURE_PROXY, world.Connection, connector=world.Connector(stream))
    world.call(connector.connect, ORIGIN, {})
    assert stream.tls[0]["context"].verify_mode == ssl.CERT_REQUIRED
    assert stream.tls[0]["context"].check_hostname


def test_tls_to_the_proxy_is_traced(world: World) -> None:
    seen = []

    def trace(name: str, info: Any) -> None:
        seen.append((name, info))

    stream = world.Stream([OK])
    connector = world.Tunnel(SECURE_PROXY, world.Connection, connector=world.Connector(stream))
    world.call(connector.connect, ORIGIN, {"trace": world.hook(trace)})
    assert [name for name, _ in seen] == ["connection.start_tls.started", "connection.start_tls.complete"]
    assert seen[0][1]["server_hostname"] == "proxy.test"


def test_a_factory_that_fails_closes_the_stream(world: World) -> None:
    def factory(origin: Origin, stream: Any) -> Any:
        raise ValueError("no")

    stream = world.Stream()
    with pytest.raises(ValueError, match="no"):
        world.call(world.Tunnel(PROXY, factory, connector=world.Connector(stream)).connect, ORIGIN, {})
    assert stream.closed


def test_a_connection_that_is_busy_does_not_send_the_pool_round_in_circles(world: World) -> None:
    def factory(origin: Origin, stream: Any) -> Any:
        connection = world.Connection(origin, stream)
        connection.busy = True
        return connection

    stream = world.Stream()
    with pytest.raises(ConnectError, match="takes no CONNECT request"):
        world.call(world.Tunnel(PROXY, factory, connector=world.Connector(stream)).connect, ORIGIN, {})
    assert stream.closed


def test_a_connection_without_a_network_stream_is_an_error(world: World) -> None:
    class Forgetful(world.Connection):  # type: ignore[name-defined, misc]
        def _response(self, request: Request, lines: List[bytes]) -> Response:
            response: Response = super()._response(request, lines)
            del response.extensions["network_stream"]
            return response

    stream = world.Stream([OK])
    with pytest.raises(RuntimeError, match="gave no network stream"):
        world.call(world.Tunnel(PROXY, Forgetful, connector=world.Connector(stream)).connect, ORIGIN, {})
    assert stream.closed


def test_an_origin_that_cannot_be_asked_for_is_refused_before_anything_is_opened(world: World) -> None:
    route = world.Connector()
    with pytest.raises(UnsupportedProtocol):
        world.call(world.Tunnel(PROXY, world.Connection, connector=route).connect, Origin(b"https", b"a\r\nb", 443), {})
    assert route.origins == []


def test_arguments_that_do_not_fit(world: World) -> None:
    with pytest.raises(UnsupportedProtocol, match="starts with http or https"):
        world.Tunnel(Origin(b"socks5", b"p", 1080), world.Connection)
    with pytest.raises(RuntimeError, match="not allowed for the http scheme"):
        world.Tunnel(PROXY, world.Connection, proxy_ssl_context=ssl.create_default_context())
    with pytest.raises(LocalProtocolError):
        world.Tunnel(PROXY, world.Connection, headers=[(b"X", b"a\nb")])
    with pytest.raises(UnsupportedProtocol):
        world.Tunnel(Origin(b"http", b"a b", 3128), world.Connection)


def test_repr_has_no_headers(world: World) -> None:
    connector = world.Tunnel(PROXY, world.Connection, headers=[(b"Proxy-Authorization", b"Basic s3cret")])
    assert repr(connector) == f"<{world.prefix}TunnelConnector [http://proxy.test:3128]>"
