"""The SOCKS connector on scripted peers: what is sent, and that nothing is left open whatever happens."""

from __future__ import annotations

import asyncio
import functools
import logging
import ssl
import sys
from typing import Any, Dict, Tuple

import pytest

from core_backends import (
    ConnectError,
    ConnectTimeout,
    LocalProtocolError,
    Origin,
    ProxyError,
    ReadError,
    UnsupportedProtocol,
    WriteError,
)

from .worlds import Clock, World, single_bytes, steps_of

PROXY = Origin(b"socks5", b"proxy.test", 1080)
ORIGIN = Origin(b"https", b"example.com", 443)
REPLIES = b"\x05\x00" + b"\x05\x00\x00\x01\x7f\x00\x00\x01\x04\xd2"
AUTH_REPLIES = b"\x05\x02" + b"\x01\x00" + b"\x05\x00\x00\x01\x7f\x00\x00\x01\x04\xd2"
REQUEST = b"\x05\x01\x00" + b"\x05\x01\x00\x03\x0bexample.com\x01\xbb"
TEN_SECONDS = {"timeout": {"connect": 10.0}}

#: For each kind of handshake: the proxy's scheme, the credentials, and all that the proxy says to consent.
HANDSHAKES: Dict[str, Tuple[bytes, Any, bytes]] = {
    "socks5": (b"socks5", None, REPLIES),
    "socks5, bound to a name": (b"socks5h", None, b"\x05\x00" + b"\x05\x00\x00\x03\x05bound\x04\xd2"),
    "socks5, bound to IPv6": (b"socks5", None, b"\x05\x00" + b"\x05\x00\x00\x04" + bytes(16) + b"\x04\xd2"),
    "socks5 with a password": (b"socks5", ("ann", "s3cret"), AUTH_REPLIES),
    "socks4": (b"socks4", None, b"\x00\x5a" + bytes(6)),
    "socks4a with a user id": (b"socks4a", ("ann", ""), b"\x00\x5a" + bytes(6)),
}
every_handshake = pytest.mark.parametrize("handshake", sorted(HANDSHAKES))
# By its address, which SOCKS4 would otherwise look up.
ADDRESS = Origin(b"https", b"192.0.2.1", 443)


def connect(world: World, handshake: str, stream: Any, extensions: Any = None) -> Any:
    """What becomes of a connection through such a proxy over `stream`."""
    scheme, auth, _ = HANDSHAKES[handshake]
    connector = world.Socks(Origin(scheme, b"proxy.test", 1080), auth, connector=world.Connector(stream))
    return world.call(connector.connect, ADDRESS, {} if extensions is None else extensions)


def test_connects_and_returns_the_stream_itself(world: World) -> None:
    stream = world.Stream([REPLIES, b"hello"])
    route = world.Connector(stream)
    connector = world.Socks(PROXY, connector=route)
    assert world.call(connector.connect, ORIGIN, {}) is stream
    assert bytes(stream.written) == REQUEST
    assert route.origins == [PROXY]
    assert not stream.closed
    assert world.call(stream.read, 100) == b"hello"


@every_handshake
def test_replies_in_single_bytes(world: World, handshake: str) -> None:
    stream = world.Stream([*single_bytes(HANDSHAKES[handshake][2]), b"hello"])
    assert connect(world, handshake, stream) is stream
    assert world.call(stream.read, 100) == b"hello"


def test_credentials_are_sent_when_they_are_asked_for(world: World) -> None:
    stream = world.Stream(single_bytes(AUTH_REPLIES))
    connector = world.Socks(PROXY, ("ann", "s3cret"), connector=world.Connector(stream))
    world.call(connector.connect, ORIGIN, {})
    assert bytes(stream.written) == b"\x05\x01\x02\x01\x03ann\x06s3cret" + REQUEST[3:]


def test_what_the_origin_sends_at_once_is_read_first(world: World) -> None:
    """A stream of a user may return more than was asked for."""
    stream = world.Stream([REPLIES + b"220 ready\r\n", b"250 ok\r\n"], greedy=True)
    connector = world.Socks(PROXY, connector=world.Connector(stream))
    early = world.call(connector.connect, ORIGIN, {})
    assert early.get_extra_info("is_readable") is True
    assert early.get_extra_info("socket") == "the socket below"
    assert world.call(early.read, 4) == b"220 "
    assert world.call(early.read, 100) == b"ready\r\n"
    assert early.get_extra_info("is_readable") == "the is_readable below"
    assert world.call(early.read, 100) == b"250 ok\r\n"
    world.call(early.write, b"QUIT\r\n")
    assert stream.written.endswith(b"QUIT\r\n")
    world.call(early.close if world.name == "sync" else early.aclose)
    assert stream.closed


def test_tls_does_not_begin_behind_bytes_that_are_not_its_own(world: World) -> None:
    context = ssl.create_default_context()
    stream = world.Stream([REPLIES + b"smuggled"], greedy=True)
    early = world.call(world.Socks(PROXY, connector=world.Connector(stream)).connect, ORIGIN, {})
    with pytest.raises(ConnectError, match="before the TLS handshake"):
        world.call(early.start_tls, context)
    assert stream.closed
    # Once they have been read, as in STARTTLS, the way is free.
    stream = world.Stream([REPLIES + b"220 ready\r\n"], greedy=True)
    early = world.call(world.Socks(PROXY, connector=world.Connector(stream)).connect, ORIGIN, {})
    world.call(early.read, 100)
    assert world.call(functools.partial(early.start_tls, context, "example.com", alpn_protocols=["h2"])) is stream
    assert stream.tls == [{"context": context, "name": "example.com", "alpn": ["h2"]}]


@every_handshake
def test_a_proxy_that_hangs_up_at_any_byte(world: World, handshake: str) -> None:
    replies = HANDSHAKES[handshake][2]
    for at in range(len(replies)):
        stream = world.Stream([replies[:at]] if at else [])
        with pytest.raises(ConnectError) as caught:
            connect(world, handshake, stream)
        assert str(caught.value) == "The proxy proxy.test:1080 closed the connection in the SOCKS handshake."
        assert stream.closed


@every_handshake
def test_a_proxy_that_resets_at_any_byte(world: World, handshake: str) -> None:
    replies = HANDSHAKES[handshake][2]
    for at in range(len(replies)):
        stream = world.Stream([*single_bytes(replies[:at]), ReadError("reset")])
        with pytest.raises(ConnectError, match="reset") as caught:
            connect(world, handshake, stream)
        assert isinstance(caught.value.__cause__, ReadError)
        assert stream.closed


@every_handshake
def test_a_proxy_that_falls_silent_at_any_byte(world: World, handshake: str) -> None:
    replies = HANDSHAKES[handshake][2]
    for at in range(len(replies)):
        stream = world.Stream(single_bytes(replies[:at]), silent=True)
        with pytest.raises(ConnectTimeout):
            connect(world, handshake, stream, TEN_SECONDS)
        assert stream.closed
        assert all(timeout is not None and timeout <= 10.0 for timeout in stream.timeouts)


def test_a_proxy_that_cannot_be_written_to(world: World) -> None:
    stream = world.Stream()
    stream.write_error = WriteError("broken pipe")
    with pytest.raises(ConnectError, match="broken pipe"):
        world.call(world.Socks(PROXY, connector=world.Connector(stream)).connect, ORIGIN, {})
    assert stream.closed


def test_one_budget_for_every_byte(world: World, clock: Clock) -> None:
    """Each read takes a second and brings a byte, which is progress, but not in time."""
    stream = world.Stream(single_bytes(REPLIES))

    def pass_a_second() -> None:
        clock.now += 1.0

    stream.suspend = world.hook(pass_a_second)
    with pytest.raises(ConnectTimeout):
        world.call(world.Socks(PROXY, connector=world.Connector(stream)).connect, ORIGIN, TEN_SECONDS)
    assert stream.closed
    # To the proxy, the greeting, two bytes of the method, the request, six bytes of the reply.
    assert stream.timeouts == [10.0, 9.0, 8.0, 7.0, 6.0, 5.0, 4.0, 3.0, 2.0, 1.0]


@pytest.mark.parametrize(
    ("replies", "text"),
    [
        (b"\x05\x02", "Requested NO AUTHENTICATION REQUIRED from proxy server, but got USERNAME/PASSWORD."),
        (b"\x05\x00\x05\x05", "Proxy Server could not connect: Connection refused."),
    ],
)
def test_refusals(world: World, replies: bytes, text: str) -> None:
    stream = world.Stream([replies])
    with pytest.raises(ProxyError) as caught:
        world.call(world.Socks(PROXY, connector=world.Connector(stream)).connect, ORIGIN, {})
    assert str(caught.value) == text
    assert caught.value.response is None
    assert stream.closed


def test_a_proxy_that_cannot_be_reached(world: World) -> None:
    error = ConnectError("refused")
    with pytest.raises(ConnectError) as caught:
        world.call(world.Socks(PROXY, connector=world.Connector(error)).connect, ORIGIN, {})
    assert caught.value is error


@pytest.mark.parametrize("error", [asyncio.CancelledError(), KeyboardInterrupt()])
def test_cancelling_at_any_point_closes_the_stream(error: BaseException) -> None:
    world = World("asyncio")
    streams = []

    def start(suspend: Any) -> Any:
        stream = world.Stream(single_bytes(AUTH_REPLIES))
        stream.suspend = suspend
        streams.append(stream)
        secure = ssl.create_default_context()
        route = world.Connector(stream)
        return world.Socks(PROXY, ("ann", "x"), connector=route, proxy_ssl_context=secure).connect(ORIGIN, {})

    # Not before the connection is there: until then it is the inner connector's. TLS, three writes, a read per byte.
    steps = steps_of(start, error)
    assert len(steps) == 1 + 1 + 3 + len(AUTH_REPLIES)
    assert [stream.closed for stream in streams] == [False] + [True] * (len(steps) - 1) + [False]


def test_a_socks_proxy_behind_tls(world: World) -> None:
    context = ssl.create_default_context()
    stream = world.Stream([REPLIES])
    connector = world.Socks(PROXY, connector=world.Connector(stream), proxy_ssl_context=context)
    world.call(connector.connect, ORIGIN, {"sni_hostname": "inner.test"})
    assert stream.tls == [{"context": context, "name": "proxy.test", "alpn": None}]


def test_tls_to_the_proxy_that_fails_closes_the_stream(world: World) -> None:
    stream = world.Stream()
    stream.tls_error = ConnectError("certificate")
    connector = world.Socks(PROXY, connector=world.Connector(stream), proxy_ssl_context=ssl.create_default_context())
    with pytest.raises(ConnectError, match="certificate"):
        world.call(connector.connect, ORIGIN, {})
    assert stream.closed


def test_the_way_to_the_proxy_gets_the_budget_and_not_the_origins_context(world: World) -> None:
    route = world.Connector(world.Stream([REPLIES]))
    extensions = {"timeout": {"connect": 10.0, "read": 1.0}, "sni_hostname": "x", "target": b"/"}
    world.call(world.Socks(PROXY, connector=route).connect, ORIGIN, extensions)
    inner = route.extensions[0]
    assert "sni_hostname" not in inner
    assert "target" not in inner
    assert 9.0 < inner["timeout"]["connect"] <= 10.0


def test_trace_events(world: World, caplog: pytest.LogCaptureFixture) -> None:
    seen = []

    def trace(name: str, info: Any) -> None:
        seen.append((name, info))

    stream = world.Stream([AUTH_REPLIES])
    connector = world.Socks(PROXY, ("ann", "s3cret"), connector=world.Connector(stream))
    with caplog.at_level(logging.DEBUG, logger="httpcore"):
        world.call(connector.connect, ORIGIN, {"trace": world.hook(trace)})
    assert seen == [
        ("socks.setup_socks5_connection.started", {"stream": stream, "host": "example.com", "port": 443}),
        ("socks.setup_socks5_connection.complete", {"return_value": None}),
    ]
    assert "s3cret" not in caplog.text
    assert "ann" not in caplog.text
    assert [record.name for record in caplog.records] == ["httpcore.socks"] * 2


def test_a_trace_hook_that_fails_closes_the_stream(world: World) -> None:
    def trace(name: str, info: Any) -> None:
        raise ValueError(name)

    stream = world.Stream([REPLIES])
    connector = world.Socks(PROXY, connector=world.Connector(stream))
    with pytest.raises(ValueError, match="started"):
        world.call(connector.connect, ORIGIN, {"trace": world.hook(trace)})
    assert stream.closed


def test_an_origin_that_cannot_be_asked_for_is_refused_before_anything_is_opened(world: World) -> None:
    route = world.Connector()
    connector = world.Socks(PROXY, connector=route)
    for host, port in [(b"a\x00b", 80), (b"", 80), (b"x" * 256, 80), (b"a", 0)]:
        with pytest.raises(UnsupportedProtocol):
            world.call(connector.connect, Origin(b"http", host, port), {})
    assert route.origins == []


def test_socks4a_sends_the_name(world: World) -> None:
    stream = world.Stream([b"\x00\x5a" + bytes(6)])
    connector = world.Socks(Origin(b"socks4a", b"p", 1080), ("ann", ""), connector=world.Connector(stream))
    world.call(connector.connect, ORIGIN, {})
    assert bytes(stream.written) == b"\x04\x01\x01\xbb\x00\x00\x00\xffann\x00example.com\x00"


@pytest.mark.parametrize("scheme", [b"socks4", b"socks5"])
def test_local_resolution(world: World, scheme: bytes) -> None:
    """The file of hosts resolves this name everywhere, without a query."""
    socks5 = scheme == b"socks5"
    stream = world.Stream([REPLIES if socks5 else b"\x00\x5a" + bytes(6)])
    connector = world.Socks(Origin(scheme, b"p", 1080), connector=world.Connector(stream), resolve_locally=socks5)
    world.call(connector.connect, Origin(b"http", b"localhost", 80), TEN_SECONDS)
    written = bytes(stream.written)
    assert b"localhost" not in written
    if socks5:
        assert written[3:] in (
            b"\x05\x01\x00\x01\x7f\x00\x00\x01\x00\x50",
            b"\x05\x01\x00\x04" + bytes(15) + b"\x01\x00\x50",
        )
    else:
        assert written == b"\x04\x01\x00\x50\x7f\x00\x00\x01\x00"


@pytest.mark.parametrize("scheme", [b"socks5", b"socks5h"])
def test_the_proxy_resolves_unless_asked_otherwise(world: World, scheme: bytes) -> None:
    stream = world.Stream([REPLIES])
    connector = world.Socks(Origin(scheme, b"p", 1080), connector=world.Connector(stream))
    world.call(connector.connect, Origin(b"http", b"localhost", 80), {})
    assert b"\x03\x09localhost" in stream.written


def test_arguments_that_do_not_fit(world: World) -> None:
    with pytest.raises(UnsupportedProtocol, match="starts with socks5"):
        world.Socks(Origin(b"http", b"p", 80))
    with pytest.raises(UnsupportedProtocol, match="SOCKS4 has no passwords"):
        world.Socks(Origin(b"socks4", b"p", 1080), ("ann", "x"))
    with pytest.raises(RuntimeError, match="socks5h means that the proxy resolves"):
        world.Socks(Origin(b"socks5h", b"p", 1080), resolve_locally=True)
    with pytest.raises(LocalProtocolError):
        world.Socks(PROXY, ("ann\n", "x"))
    with pytest.raises(UnsupportedProtocol):
        world.Socks(Origin(b"socks5", b"a b", 1080))


def test_without_socksio_making_a_connector_fails(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "socksio", None)
    with pytest.raises(RuntimeError, match=r"core-proxy\[socks\]"):
        world.Socks(PROXY)


def test_repr_has_no_credentials(world: World) -> None:
    connector = world.Socks(PROXY, ("ann", "s3cret"))
    assert repr(connector) == f"<{world.prefix}SocksConnector [socks5://proxy.test:1080]>"
