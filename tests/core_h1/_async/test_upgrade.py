"""Switches of protocol: 101, and a 2xx to CONNECT."""

from __future__ import annotations

import gc
import ssl

import pytest

from core_backends import ConnectError, RemoteProtocolError, Request

from .fakes import OK, connected

SWITCH = b"HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n"


def upgrade() -> Request:
    return Request("GET", "https://example.com/", headers={"Host": "h", "Connection": "upgrade", "Upgrade": "x"})


def connect() -> Request:
    target = "target:443"
    return Request("CONNECT", "https://example.com/", headers={"Host": target}, extensions={"target": target})


@pytest.mark.parametrize(
    ("request_", "head"),
    [
        (upgrade(), SWITCH),
        (connect(), b"HTTP/1.1 200 Established\r\n\r\n"),
        (connect(), b"HTTP/1.0 200 Established\r\nContent-Length: 99\r\n\r\n"),
    ],
)
async def test_the_stream_is_handed_over_with_its_first_bytes(request_: Request, head: bytes) -> None:
    connection, stream = connected(head + b"first", b"second")
    response = await connection.handle_async_request(request_)
    network_stream = response.extensions["network_stream"]
    assert network_stream.get_extra_info("is_readable") is True
    assert await network_stream.read(3) == b"fir"
    assert await network_stream.read(100, timeout=1.0) == b"st"
    assert not network_stream.get_extra_info("is_readable")
    assert await network_stream.read(100, timeout=2.0) == b"second"
    await network_stream.write(b"own", timeout=3.0)
    assert stream.written[-1] == b"own" and stream.timeouts[-2:] == [("read", 2.0), ("write", 3.0)]
    assert network_stream.get_extra_info("socket") == "the socket"


async def test_tls_is_not_begun_behind_what_came_in_plain_text() -> None:
    connection, stream = connected(SWITCH + b"plain")
    response = await connection.handle_async_request(upgrade())
    with pytest.raises(ConnectError, match="5 bytes before the TLS handshake"):
        await response.extensions["network_stream"].start_tls(ssl.create_default_context())
    assert stream.aborted == 1 and stream.tls is None


async def test_without_first_bytes_it_is_the_stream_itself() -> None:
    connection, stream = connected(SWITCH)
    response = await connection.handle_async_request(upgrade())
    assert response.extensions["network_stream"] is stream


async def test_the_connection_serves_nothing_else_and_closes_with_the_response() -> None:
    connection, stream = connected(SWITCH + b"x")
    response = await connection.handle_async_request(upgrade())
    assert await response.aread() == b""
    assert not connection.is_available() and not connection.is_closed() and stream.is_open
    for _ in range(2):
        await response.aclose()
        assert connection.is_closed() and stream.closed == 1


async def test_a_dropped_response_leaves_the_stream_to_its_holder() -> None:
    connection, stream = connected(SWITCH)
    response = await connection.handle_async_request(upgrade())
    del response
    gc.collect()
    assert stream.is_open


async def test_a_refused_connect_is_an_ordinary_response() -> None:
    connection, _ = connected(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno", OK)
    response = await connection.handle_async_request(connect())
    assert (response.status, await response.aread()) == (403, b"no")
    assert connection.is_idle()


async def test_a_refused_upgrade_is_an_ordinary_response() -> None:
    connection, _ = connected(OK, OK)
    for _ in range(2):
        response = await connection.handle_async_request(upgrade())
        assert (response.status, await response.aread()) == (200, b"hello")
        assert connection.is_idle()


async def test_a_switch_that_nobody_asked_for_is_refused() -> None:
    connection, stream = connected(SWITCH)
    with pytest.raises(RemoteProtocolError):
        await connection.request("GET", "https://example.com/")
    assert not stream.is_open
