"""Connectors around connectors: what each proxy on the way is told, and what it is not."""

from __future__ import annotations

import traceback
from typing import Any, List

import pytest

from core_backends import ConnectError, ConnectTimeout, Origin, Proxy, ProxyError

from .worlds import Clock, World

HTTP = Origin(b"http", b"one.test", 3128)
SECOND_HTTP = Origin(b"http", b"two.test", 8080)
SOCKS = Origin(b"socks5", b"socks.test", 1080)
ORIGIN = Origin(b"https", b"example.com", 443)
OK = b"HTTP/1.1 200 OK\r\n\r\n"
SOCKS_OK = b"\x05\x02" + b"\x01\x00" + b"\x05\x00\x00\x01\x7f\x00\x00\x01\x04\xd2"
FIRST = Proxy("http://one.test:3128", auth=("ann", "first-s3cret"))
SECOND = Proxy("http://two.test:8080", auth=("ben", "second-s3cret"))
SECRETS = [b"first-s3cret", b"second-s3cret", b"socks-s3cret", FIRST.headers[0][1], SECOND.headers[0][1]]


def one(world: World, route: Any) -> Any:
    return world.Tunnel(HTTP, world.Connection, connector=route, headers=FIRST.headers)


def two(world: World, route: Any) -> Any:
    return world.Tunnel(SECOND_HTTP, world.Connection, connector=route, headers=SECOND.headers)


def socks(world: World, route: Any) -> Any:
    return world.Socks(SOCKS, ("cid", "socks-s3cret"), connector=route)


def connect_head(target: bytes, proxy: Proxy) -> bytes:
    lines = [b"CONNECT %b HTTP/1.1" % target, b"Host: " + target, b"Accept: */*"]
    return b"\r\n".join([*lines, b"Proxy-Authorization: " + proxy.headers[0][1]]) + b"\r\n\r\n"


SOCKS_TO_ORIGIN = b"\x05\x01\x02\x01\x03cid\x0csocks-s3cret\x05\x01\x00\x03\x0bexample.com\x01\xbb"
SOCKS_TO_ONE = b"\x05\x01\x02\x01\x03cid\x0csocks-s3cret\x05\x01\x00\x03\x08one.test\x0c\x38"


def test_socks_through_an_http_proxy(world: World) -> None:
    stream = world.Stream([OK, SOCKS_OK])
    route = world.Connector(stream)
    assert world.call(socks(world, one(world, route)).connect, ORIGIN, {}) is stream
    assert bytes(stream.written) == connect_head(b"socks.test:1080", FIRST) + SOCKS_TO_ORIGIN
    assert route.origins == [HTTP]


def test_connect_through_socks(world: World) -> None:
    stream = world.Stream([SOCKS_OK, OK])
    assert world.call(one(world, socks(world, world.Connector(stream))).connect, ORIGIN, {}) is stream
    assert bytes(stream.written) == SOCKS_TO_ONE + connect_head(b"example.com:443", FIRST)


def test_two_http_proxies(world: World) -> None:
    stream = world.Stream([OK, OK])
    assert world.call(two(world, one(world, world.Connector(stream))).connect, ORIGIN, {}) is stream
    to_first, to_second = connect_head(b"two.test:8080", FIRST), connect_head(b"example.com:443", SECOND)
    assert bytes(stream.written) == to_first + to_second
    assert FIRST.headers[0][1] not in to_second
    assert SECOND.headers[0][1] not in to_first


@pytest.mark.parametrize("script", [[], [OK], [OK, SOCKS_OK[:1]], [OK, SOCKS_OK[:5]], [OK, SOCKS_OK[:13]]])
def test_one_budget_for_the_whole_way(world: World, script: List[bytes], clock: Clock) -> None:
    stream = world.Stream(script, silent=True)

    def pass_a_second() -> None:
        clock.now += 1.0

    stream.suspend = world.hook(pass_a_second)
    extensions = {"timeout": {"connect": 30.0, "read": 1.0, "write": 1.0}}
    with pytest.raises(ConnectTimeout):
        world.call(socks(world, one(world, world.Connector(stream))).connect, ORIGIN, extensions)
    assert stream.closed
    assert stream.timeouts == [30.0 - second for second in range(len(stream.timeouts))]


@pytest.mark.parametrize(
    "script",
    [
        [],
        [b"garbage"],
        [b"HTTP/1.1 407 No\r\nContent-Length: 0\r\n\r\n"],
        [OK],
        [OK, b"\x05\xff"],
        [OK, b"\x05\x02\x01\x01"],
        [OK, b"\x05\x02\x01\x00\x05\x05"],
    ],
)
def test_no_secret_in_what_is_raised_logged_or_shown(
    world: World, script: List[bytes], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    stream = world.Stream(script)
    connector = socks(world, one(world, world.Connector(stream)))
    with pytest.raises((ConnectError, ProxyError)) as caught:
        world.call(connector.connect, ORIGIN, {})
    error = caught.value
    shown = "".join(traceback.format_exception(type(error), error, error.__traceback__)) + repr(error)
    shown += caplog.text + repr(connector) + repr(FIRST)
    if isinstance(error, ProxyError) and error.response is not None:
        shown += repr(error.response) + repr(vars(error.response))
    for secret in SECRETS:
        assert secret.decode() not in shown
    assert stream.closed
