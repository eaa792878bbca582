"""What is secret stays out of the DEBUG log, out of exceptions and out of reprs, on every route."""

from __future__ import annotations

import base64
import logging
from typing import Any, List

import h2.config
import h2.connection
import pytest

import httpcore

from .routes import CREDENTIALS, ROUTES, Network
from .worlds import run_async

SECRET = "hunter2-9d1f"
SECRETS = [
    SECRET,
    CREDENTIALS[1],
    base64.b64encode(":".join(CREDENTIALS).encode("ascii")).decode("ascii"),
]
HEADERS = [("Host", "test"), ("Authorization", f"Bearer {SECRET}"), ("Cookie", f"session={SECRET}")]


def found_in(text: str) -> List[str]:
    return [secret for secret in SECRETS if secret in text]


@pytest.mark.parametrize("world", ["threads", "asyncio"])
@pytest.mark.parametrize("route", ROUTES)
def test_the_log_of_a_request_has_no_secrets(
    route: str, world: str, network: Network, caplog: pytest.LogCaptureFixture
) -> None:
    url = network.url(route)
    caplog.set_level(logging.DEBUG, logger="httpcore")

    def threads() -> None:
        with httpcore.ConnectionPool(**network.options(route)) as pool:
            assert pool.request("GET", url, headers=HEADERS).status == 200
            assert not found_in(repr(pool) + repr(pool.connections))

    async def tasks() -> None:
        async with httpcore.AsyncConnectionPool(**network.options(route)) as pool:
            assert (await pool.request("GET", url, headers=HEADERS)).status == 200
            assert not found_in(repr(pool) + repr(pool.connections))

    threads() if world == "threads" else run_async(world, tasks)
    network.wait_until_idle()
    ours = [record for record in caplog.records if record.name.startswith("httpcore")]
    assert any("send_request_headers" in record.getMessage() for record in ours)
    for record in ours:
        assert not found_in(f"{record.getMessage()} {record.args!r}"), record.getMessage()


def http11_answer() -> List[bytes]:
    return [
        b"HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n",
        f"Set-Cookie: session={SECRET}\r\nWWW-Authenticate: Negotiate {SECRET}\r\n\r\n".encode("ascii"),
    ]


def http2_answer() -> List[bytes]:
    fields = [(":status", "401"), ("set-cookie", f"session={SECRET}"), ("www-authenticate", f"Negotiate {SECRET}")]
    server = h2.connection.H2Connection(h2.config.H2Configuration(client_side=False))
    server.initiate_connection()
    client = h2.connection.H2Connection()
    client.initiate_connection()
    client.send_headers(1, [(":method", "GET"), (":scheme", "https"), (":authority", "test"), (":path", "/")], True)
    server.receive_data(client.data_to_send())
    server.send_headers(1, fields, end_stream=True)
    return [server.data_to_send()]


@pytest.mark.parametrize("world", ["threads", "asyncio"])
@pytest.mark.parametrize("version", ["HTTP/1.1", "HTTP/2"])
def test_the_log_of_a_response_has_no_secrets_but_the_response_and_a_hook_have(
    version: str, world: str, caplog: pytest.LogCaptureFixture
) -> None:
    http2 = version == "HTTP/2"
    answer = http2_answer() if http2 else http11_answer()
    caplog.set_level(logging.DEBUG, logger="httpcore")
    told: List[Any] = []
    responses: List[httpcore.Response] = []

    def hook(name: str, info: Any) -> None:
        told.append(info)

    async def async_hook(name: str, info: Any) -> None:
        told.append(info)

    def threads() -> None:
        with httpcore.ConnectionPool(network_backend=httpcore.MockBackend(answer, http2=http2), http2=http2) as pool:
            responses.append(pool.request("GET", "https://test/", extensions={"trace": hook}))

    async def tasks() -> None:
        backend = httpcore.AsyncMockBackend(answer, http2=http2)
        async with httpcore.AsyncConnectionPool(network_backend=backend, http2=http2) as pool:
            responses.append(await pool.request("GET", "https://test/", extensions={"trace": async_hook}))

    threads() if world == "threads" else run_async(world, tasks)
    assert responses[0].extensions["http_version"] == version.encode("ascii")
    assert found_in(repr(responses[0].headers)) and found_in(repr(told))
    assert "Negotiate [secure]" in caplog.text
    for record in caplog.records:
        assert not found_in(f"{record.getMessage()} {record.args!r}"), record.getMessage()


@pytest.mark.parametrize("name", ["Authorization", "Proxy-Authorization", "Cookie"])
@pytest.mark.parametrize("route", ROUTES)
def test_an_illegal_secret_is_not_repeated(route: str, name: str, network: Network) -> None:
    with httpcore.ConnectionPool(**network.options(route)) as pool:
        with pytest.raises(httpcore.LocalProtocolError) as caught:
            pool.request("GET", network.url(route), headers=[(name, f"{SECRET}\r\nX: y")])
    error: Any = caught.value
    while error is not None:
        assert not found_in(f"{error!s} {error!r}")
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    network.wait_until_idle()


def test_a_proxy_does_not_show_its_credentials() -> None:
    proxy = httpcore.Proxy("http://127.0.0.1:1", auth=CREDENTIALS)
    pool = httpcore.ConnectionPool(proxy=proxy)
    assert not found_in(repr(proxy) + repr(pool))


@pytest.mark.parametrize("route", ["forward", "tunnel", "tunnel-h2", "tls-proxy-tunnel"])
def test_the_origin_is_not_told_the_proxys_credentials(route: str, network: Network) -> None:
    for peer in network.peers:
        peer.reset_counts()
        peer.keep_received = True
    network.both.fields.clear()
    try:
        with httpcore.ConnectionPool(**network.options(route)) as pool:
            assert pool.request("GET", network.url(route)).status == 200
        network.wait_until_idle()
        encoded = SECRETS[2].encode("ascii")
        at_origins = b"".join(bytes(log) for origin in (network.both, network.plain) for log in origin.received)
        assert encoded not in at_origins
        assert encoded not in repr(network.both.fields).encode("ascii")
        at_proxies = b"".join(bytes(log) for peer in (network.proxy, network.tls_proxy) for log in peer.received)
        assert encoded in at_proxies
    finally:
        for peer in network.peers:
            peer.keep_received = False
            peer.reset_counts()
