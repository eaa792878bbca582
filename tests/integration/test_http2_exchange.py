"""One request, one response over HTTP/2: against every server, negotiated by ALPN and with prior knowledge."""

from __future__ import annotations

import typing

import pytest
from client_kinds import Client
from servers.certificates import certificates
from servers.content import LARGE, connection_id, header, json_of, pattern, sha256
from servers.endpoint import Endpoint
from servers.fleet import Fleet

SERVERS = (
    "nginx-h2",
    "nginx-h2c",
    "apache-h2",
    "apache-h2c",
    "haproxy-h2",
    "haproxy-h2c",
    "hypercorn-h2",
    "hypercorn-h2c",
    "nghttpx-h2",
    "nghttpx-h2c",
    "node2-h2",
    "node2-h2c",
)
NGHTTPD = ("nghttpd-h2", "nghttpd-h2c", "nghttpd-early", "nghttpd-padding", "nghttpd-trailer")

every_server = pytest.mark.parametrize("endpoint", SERVERS, indirect=True)
every_server_and_nghttpd = pytest.mark.parametrize("endpoint", SERVERS + NGHTTPD, indirect=True)


@every_server_and_nghttpd
async def test_get(client: Client, endpoint: Endpoint) -> None:
    async with client.pool(endpoint) as pool:
        responses = [await pool.request("GET", endpoint.url("/bytes/1000")) for _ in range(3)]
        assert "HTTP/2" in repr(pool.connections[0])
        assert len(pool.connections) == 1
    for response in responses:
        assert response.status == 200
        assert response.content == pattern(1000)
        assert response.extensions["http_version"] == b"HTTP/2"
        assert "reason_phrase" not in response.extensions
    assert [response.extensions["stream_id"] for response in responses] == [1, 3, 5]


@every_server_and_nghttpd
async def test_head_has_no_body(client: Client, endpoint: Endpoint) -> None:
    async with client.pool(endpoint) as pool:
        response = await pool.request("HEAD", endpoint.url("/bytes/1000"))
        again = await pool.request("GET", endpoint.url("/bytes/10"))
    assert (response.status, response.content) == (200, b"")
    assert header(response, "Content-Length") == "1000"
    assert again.content == pattern(10)


@every_server
@pytest.mark.parametrize("status", [204, 304])
async def test_status_without_body(client: Client, endpoint: Endpoint, status: int) -> None:
    async with client.pool(endpoint) as pool:
        response = await pool.request("GET", endpoint.url(f"/status/{status}"))
        assert (response.status, response.content) == (status, b"")
        assert (await pool.request("GET", endpoint.url("/bytes/10"))).content == pattern(10)
        assert len(pool.connections) == 1


@every_server
async def test_post(client: Client, endpoint: Endpoint) -> None:
    body = pattern(3000)
    async with client.pool(endpoint) as pool:
        answer = json_of(await pool.request("POST", endpoint.url("/digest"), content=body))
        assert (answer["method"], answer["length"], answer["sha256"]) == ("POST", 3000, sha256(body))
        parts = client.body(body, b"x", body)
        answer = json_of(await pool.request("POST", endpoint.url("/digest"), content=parts))
        assert (answer["length"], answer["sha256"]) == (6001, sha256(body + b"x" + body))
        for empty in (b"", client.body()):
            answer = json_of(await pool.request("POST", endpoint.url("/digest"), content=empty))
            assert answer["length"] == 0
        assert len(pool.connections) == 1


@every_server
async def test_connection_specific_fields_stay_home(client: Client, endpoint: Endpoint) -> None:
    """RFC 9113 § 8.2.2: a peer would treat a request that has them as malformed."""
    headers = [
        ("Host", endpoint.authority),
        ("Connection", "keep-alive, x-hop"),
        ("Keep-Alive", "timeout=5"),
        ("Transfer-Encoding", "chunked"),
        ("Upgrade", "h2c"),
        ("TE", "trailers"),
        ("X-MiXeD", "Value"),
    ]
    async with client.pool(endpoint) as pool:
        content = client.body(b"body")
        answer = json_of(await pool.request("POST", endpoint.url("/digest"), headers=headers, content=content))
    assert answer["length"] == 4
    received = answer["headers"]
    if isinstance(received, dict):
        received = [text for pair in received.items() for text in pair]
    assert "Value" in received


@every_server_and_nghttpd
async def test_ten_megabytes_down(client: Client, endpoint: Endpoint) -> None:
    async with client.pool(endpoint) as pool:
        async with pool.stream("GET", endpoint.url(f"/bytes/{LARGE}")) as response:
            parts = [part async for part in response.aiter_stream()]
    body = b"".join(parts)
    assert len(parts) > 10
    assert all(parts)
    assert (len(body), sha256(body)) == (LARGE, sha256(pattern(LARGE)))


@every_server
async def test_ten_megabytes_up_and_down(client: Client, endpoint: Endpoint) -> None:
    body = pattern(LARGE)
    async with client.pool(endpoint) as pool:
        response = await pool.request("POST", endpoint.url("/digest"), content=body)
        assert json_of(response)["sha256"] == sha256(body)
        response = await pool.request("POST", endpoint.url("/digest"), content=client.body(*[body[:100000]] * 100))
        assert json_of(response)["length"] == LARGE


@pytest.mark.parametrize("endpoint", NGHTTPD, indirect=True)
async def test_upload_that_nghttpd_sends_back(client: Client, endpoint: Endpoint) -> None:
    """With early responses too: the small ones are answered before the body has arrived."""
    async with client.pool(endpoint) as pool:
        for size in [1, 100, 5000] * 10:
            response = await pool.request("POST", endpoint.url("/echo"), content=pattern(size))
            assert response.status == 200
            assert response.content == pattern(size)
        assert len(pool.connections) == 1


@pytest.mark.parametrize("endpoint", ["node2-h2", "node2-h2c", "haproxy-h2", "nghttpx-h2"], indirect=True)
async def test_informational_responses_are_passed_over(client: Client, endpoint: Endpoint) -> None:
    async with client.pool(endpoint) as pool:
        for _ in range(2):
            assert json_of(await pool.request("GET", endpoint.url("/early-hints"))) == {"after": "hints"}


@pytest.mark.parametrize("endpoint", ["node2-h2", "haproxy-h2", "nghttpx-h2"], indirect=True)
async def test_trailers_are_not_a_second_response(client: Client, endpoint: Endpoint) -> None:
    async with client.pool(endpoint) as pool:
        for _ in range(2):
            response = await pool.request("GET", endpoint.url("/trailers"))
            assert (response.status, response.content) == (200, b"body")
        assert len(pool.connections) == 1


@pytest.mark.parametrize("endpoint", ["nginx-h2", "apache-h2", "haproxy-h2", "hypercorn-h2"], indirect=True)
async def test_http1_where_http2_is_not_offered(client: Client, endpoint: Endpoint) -> None:
    async with client.pool(endpoint, http2=False) as pool:
        response = await pool.request("GET", endpoint.url("/bytes/10"))
    assert response.extensions["http_version"] == b"HTTP/1.1"


@pytest.mark.parametrize("endpoint", ["nginx-tls", "apache-tls", "haproxy-tls", "node-tls"], indirect=True)
async def test_http1_where_the_server_has_nothing_else(client: Client, endpoint: Endpoint) -> None:
    async with client.pool(endpoint, http2=True, max_connections=3) as pool:

        async def get(_: int) -> typing.Tuple[bytes, str]:
            response = await pool.request("GET", endpoint.url("/bytes/10"))
            return response.extensions["http_version"], connection_id(response)

        answers = await client.gather(get, range(20))
    assert {version for version, _ in answers} == {b"HTTP/1.1"}
    assert len({connection for _, connection in answers}) <= 3


async def test_one_context_for_pools_with_and_without_http2(client: Client, fleet: Fleet) -> None:
    endpoint = fleet.endpoint("nginx-h2")
    context = certificates().context()
    async with client.pool(endpoint, ssl_context=context) as two:
        async with client.pool(endpoint, ssl_context=context, http2=False) as one:

            async def get(index: int) -> typing.Tuple[bool, bytes]:
                pool = (one, two)[index % 2]
                response = await pool.request("GET", endpoint.url("/close" if index % 2 == 0 else "/bytes/1"))
                return bool(index % 2), response.extensions["http_version"]

            answers = set(await client.gather(get, range(40)))
    assert answers == {(False, b"HTTP/1.1"), (True, b"HTTP/2")}
