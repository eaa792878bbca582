"""Forwarding: the request that reaches the connection to the proxy, and the decorator around that."""

from __future__ import annotations

import pytest

from core_backends import URL, LocalProtocolError, Origin, Request, UnsupportedProtocol
from core_proxy._forward import absolute_target, forwarded_request

from .worlds import World

PROXY = Origin(b"http", b"proxy.test", 3128)
REMOTE = Origin(b"http", b"example.com", 80)


@pytest.mark.parametrize(
    ("url", "target"),
    [
        ("http://example.com", b"http://example.com/"),
        ("http://example.com:80/a?b=c", b"http://example.com/a?b=c"),
        ("http://example.com:8080/", b"http://example.com:8080/"),
        ("http://[2001:db8::1]/a", b"http://[2001:db8::1]/a"),
        ("http://[2001:db8::1]:81/a", b"http://[2001:db8::1]:81/a"),
        ("https://example.com:80/", b"https://example.com:80/"),
    ],
)
def test_the_absolute_form(url: str, target: bytes) -> None:
    assert absolute_target(URL(url)) == target


@pytest.mark.parametrize(
    ("target", "expected"), [(b"*", b"http://h"), (b"?a", b"http://h?a"), (b"//x", b"http://h//x")]
)
def test_targets_other_than_a_path(target: bytes, expected: bytes) -> None:
    assert absolute_target(URL(scheme=b"http", host=b"h", port=None, target=target)) == expected


@pytest.mark.parametrize(
    "target", [b"", b".evil.test/", b"@evil.test/", b":99/", b"http://evil.test/", b"evil.test:80"]
)
def test_a_target_cannot_name_another_host(target: bytes) -> None:
    with pytest.raises(LocalProtocolError):
        absolute_target(URL(scheme=b"http", host=b"h", port=None, target=target))


def test_a_host_cannot_break_the_target() -> None:
    with pytest.raises(UnsupportedProtocol):
        absolute_target(URL(scheme=b"http", host=b"h\r\nX: y", port=None, target=b"/"))


def test_headers_merge_and_the_origins_context_stays_here() -> None:
    request = Request(
        "POST",
        "http://example.com/a",
        headers=[("Host", "example.com"), ("x-both", "request")],
        content=b"abc",
        extensions={"target": b"/b?c", "sni_hostname": "x", "timeout": {"read": 1.0}, "own": 7},
    )
    headers = [(b"Proxy-Authorization", b"Basic eA=="), (b"X-Both", b"proxy")]
    forwarded = forwarded_request(request, PROXY, headers)
    assert forwarded.method == b"POST"
    target = b"http://example.com/b?c"
    assert forwarded.url == URL(scheme=b"http", host=b"proxy.test", port=3128, target=target)
    assert forwarded.headers == [
        (b"Proxy-Authorization", b"Basic eA=="),
        (b"Host", b"example.com"),
        (b"x-both", b"request"),
    ]
    assert forwarded.stream is request.stream
    assert forwarded.extensions == {"timeout": {"read": 1.0}, "own": 7}
    # The caller's own request is as it was: it may be sent again on another route.
    assert request.headers == [(b"Host", b"example.com"), (b"x-both", b"request")]
    assert request.extensions["target"] == b"/b?c"


def test_a_request_is_forwarded(world: World) -> None:
    headers = [(b"X-Proxy", b"1")]
    stream = world.Stream([b"HTTP/1.1 404 No\r\nContent-Length: 0\r\n\r\n"])
    connection = world.Forward(world.Connection(PROXY, stream), PROXY, REMOTE, headers)
    request = Request("GET", "http://example.com/a", headers={"Host": "example.com"})
    handle = getattr(connection, "handle_request" if world.name == "sync" else "handle_async_request")
    response = world.call(handle, request)
    assert response.status == 404
    assert bytes(stream.written) == b"GET http://example.com/a HTTP/1.1\r\nX-Proxy: 1\r\nHost: example.com\r\n\r\n"


def test_another_origin_is_refused(world: World) -> None:
    connection = world.Forward(world.Connection(PROXY, world.Stream()), PROXY, REMOTE)
    request = Request("GET", "http://other.test/")
    handle = getattr(connection, "handle_request" if world.name == "sync" else "handle_async_request")
    with pytest.raises(RuntimeError, match=r"http://other\.test:80 .* http://example\.com:80"):
        world.call(handle, request)


def test_state_is_the_inner_connections(world: World) -> None:
    stream = world.Stream()
    inner = world.Connection(PROXY, stream)
    connection = world.Forward(inner, PROXY, REMOTE)
    assert connection.can_handle_request(REMOTE)
    assert not connection.can_handle_request(PROXY)
    assert connection.is_available()
    assert connection.is_idle()
    assert not connection.has_expired()
    assert not connection.is_closed()
    assert connection.max_concurrent_requests is None
    name = f"{world.prefix}ForwardHTTPConnection"
    assert repr(connection) == f"<{name} ['http://proxy.test:3128', HTTP/1.1, IDLE, Request Count: 0]>"
    world.call(connection.close if world.name == "sync" else connection.aclose)
    assert connection.is_closed()
    assert stream.closed


def test_abort_closes_at_once(world: World) -> None:
    stream = world.Stream()
    world.Forward(world.Connection(PROXY, stream), PROXY, REMOTE).abort()
    assert stream.closed


def test_headers_that_are_none_are_refused_when_it_is_made(world: World) -> None:
    with pytest.raises(LocalProtocolError):
        world.Forward(world.Connection(PROXY, world.Stream()), PROXY, REMOTE, [(b"X", b"a\r\nb")])
