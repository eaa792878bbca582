"""CONNECT requests and what is made of their answers, without I/O."""

from __future__ import annotations

from typing import Any, List, Tuple

import pytest

from core_backends import LocalProtocolError, Origin, Response, UnsupportedProtocol
from core_proxy._connect import (
    challenge_answer,
    connect_request,
    handshake_extensions,
    merged_headers,
    refusal,
    refused_response,
)

from .worlds import Clock

PROXY = Origin(b"http", b"proxy.test", 3128)
Headers = List[Tuple[bytes, bytes]]


@pytest.mark.parametrize(
    ("host", "port", "target"),
    [
        (b"example.com", 443, b"example.com:443"),
        (b"example.com", 80, b"example.com:80"),
        (b"192.0.2.1", 8443, b"192.0.2.1:8443"),
        (b"2001:db8::1", 443, b"[2001:db8::1]:443"),
    ],
)
def test_the_target_is_the_authority(host: bytes, port: int, target: bytes) -> None:
    request = connect_request(PROXY, Origin(b"https", host, port), [], {})
    assert request.method == b"CONNECT"
    assert request.url.target == target
    assert request.headers == [(b"Host", target), (b"Accept", b"*/*")]
    assert request.url.origin == PROXY


def test_the_proxys_headers_win_on_the_same_name() -> None:
    headers = [(b"accept", b"text/plain"), (b"Proxy-Authorization", b"Basic eA==")]
    request = connect_request(PROXY, Origin(b"https", b"example.com", 443), headers, {})
    assert request.headers == [(b"Host", b"example.com:443"), *headers]


@pytest.mark.parametrize("host", [b"", b"a\r\nb", b"a b", b"a\x00b", b"a/b", b"a@b", b"a?b", b"a#b", b"\xff", b"a\tb"])
def test_hosts_that_would_break_the_request(host: bytes) -> None:
    with pytest.raises(UnsupportedProtocol):
        connect_request(PROXY, Origin(b"https", host, 443), [], {})


@pytest.mark.parametrize("port", [0, -1, 65536])
def test_ports_that_do_not_exist(port: int) -> None:
    with pytest.raises(UnsupportedProtocol, match="illegal port"):
        connect_request(PROXY, Origin(b"foo", b"example.com", port), [], {})


@pytest.mark.parametrize(
    ("first", "last", "merged"),
    [
        ([], [], []),
        ([(b"A", b"1")], [], [(b"A", b"1")]),
        (
            [(b"A", b"1"), (b"B", b"2"), (b"a", b"3")],
            [(b"a", b"4"), (b"A", b"5")],
            [(b"B", b"2"), (b"a", b"4"), (b"A", b"5")],
        ),
    ],
)
def test_merged_headers(first: Headers, last: Headers, merged: Headers) -> None:
    assert merged_headers(first, last) == merged


def test_the_context_of_a_handshake_is_the_requests_without_what_belongs_to_the_origin(clock: Clock) -> None:
    trace = object()
    extensions = {
        "timeout": {"connect": 9.0, "read": 1.0, "total": 30.0},
        "deadline": clock.now + 30.0,
        "sni_hostname": "inner.test",
        "target": b"/path",
        "trace": trace,
    }
    assert handshake_extensions(extensions, 5.0) == {
        "timeout": {"connect": 5.0, "read": 5.0, "write": 5.0, "pool": 5.0},
        "deadline": clock.now + 5.0,
        "trace": trace,
    }
    assert handshake_extensions({}, None) == {"timeout": {"connect": None, "read": None, "write": None, "pool": None}}


@pytest.mark.parametrize(
    ("status", "reason", "text"),
    [
        (403, b"Permission Denied", "403 Permission Denied"),
        (407, b"", "407"),
        (502, b"\xff\x1b[31m", "502 \\xff\x1b[31m"),
    ],
)
def test_a_refusals_text_is_status_and_reason(status: int, reason: bytes, text: str) -> None:
    response = Response(status, extensions={"reason_phrase": reason})
    error = refusal(response)
    assert str(error) == text
    assert error.response is response


def test_a_refused_response_has_values_and_no_stream_of_the_proxy() -> None:
    original = Response(
        403,
        headers=[(b"X-Why", b"no")],
        extensions={"http_version": b"HTTP/1.1", "reason_phrase": b"No", "network_stream": object()},
    )
    refused = refused_response(original, b"because")
    assert (refused.status, refused.headers, refused.content) == (403, [(b"X-Why", b"no")], b"because")
    assert refused.extensions == {"http_version": b"HTTP/1.1", "reason_phrase": b"No"}


def test_an_answer_to_a_challenge() -> None:
    assert challenge_answer(None) is None
    assert challenge_answer({"Proxy-Authorization": "Digest x"}) == [(b"Proxy-Authorization", b"Digest x")]
    with pytest.raises(LocalProtocolError):
        challenge_answer({"Proxy-Authorization": "Digest\r\nx"})
    with pytest.raises(TypeError, match="headers must be a mapping"):
        challenge_answer(5)


def test_an_async_hook_on_a_sync_connector() -> None:
    async def hook() -> Any:
        raise AssertionError("this is never awaited")

    with pytest.raises(TypeError, match="'on_challenge' hook of a synchronous connector must be a plain function"):
        challenge_answer(hook())
