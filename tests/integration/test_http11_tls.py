"""TLS as real servers speak it: what is refused, client certificates, server name indication, versions."""

from __future__ import annotations

import ssl
import typing

import pytest
from client_kinds import Client
from servers.certificates import ALIAS, certificates
from servers.content import json_of
from servers.endpoint import Endpoint
from servers.fleet import Fleet
from servers.node import DISHONEST

import httpcore

DEMANDING = (
    "node-client_certificate",
    "nginx-client_certificate",
    "apache-client_certificate",
    "haproxy-client_certificate",
)
VERSIONS = (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3)


@pytest.mark.parametrize("problem", DISHONEST)
async def test_unacceptable_certificate_is_refused(client: Client, fleet: Fleet, problem: str) -> None:
    endpoint = fleet.endpoint("node-" + problem)
    before = fleet.node.counts(problem)
    async with client.pool(endpoint) as pool:
        for _ in range(2):
            with pytest.raises(httpcore.ConnectError) as caught:
                await pool.request("POST", endpoint.url("/digest"), content=b"secret")
            assert "certificate" in str(caught.value).lower()
        assert pool.connections == []
    after = fleet.node.counts(problem)
    assert after["connections"] == before["connections"] + 2
    assert after["requests"] == before["requests"], "nothing of the request may reach the server"


async def test_unacceptable_certificate_accepted_on_request(client: Client, fleet: Fleet) -> None:
    """The servers above do answer: what stops the requests is the certificate alone."""
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    for problem in DISHONEST:
        endpoint = fleet.endpoint("node-" + problem)
        async with client.pool(endpoint, ssl_context=context) as pool:
            assert json_of(await pool.request("GET", endpoint.url("/headers")))["method"] == "GET"


async def test_default_context_does_not_trust_a_private_authority(client: Client, fleet: Fleet) -> None:
    endpoint = fleet.endpoint("node-tls")
    async with client.pool() as pool:
        with pytest.raises(httpcore.ConnectError):
            await pool.request("GET", endpoint.url("/bytes/1"))


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1"])
async def test_host_name_and_address_in_the_certificate(client: Client, fleet: Fleet, host: str) -> None:
    port = fleet.node.ports["tls"]
    endpoint = Endpoint("node-tls", scheme="https", host=host, port=port, context=certificates().context)
    async with client.pool(endpoint) as pool:
        answer = json_of(await pool.request("GET", endpoint.url("/headers")))
    # RFC 6066 § 3: a literal address is never sent as a server name.
    assert answer["servername"] in ("localhost" if host == "localhost" else None, False)


async def test_server_name_override(client: Client, fleet: Fleet) -> None:
    endpoint = fleet.endpoint("node-tls")
    async with client.pool(endpoint) as pool:
        response = await pool.request("GET", endpoint.url("/headers"), extensions={"sni_hostname": ALIAS})
        assert json_of(response)["servername"] == ALIAS
    async with client.pool(endpoint) as pool:
        with pytest.raises(httpcore.ConnectError):
            await pool.request("GET", endpoint.url("/headers"), extensions={"sni_hostname": "other.example"})


@pytest.mark.parametrize("version", VERSIONS, ids=lambda version: version.name)
@pytest.mark.parametrize("endpoint", ["node-tls", "nginx-tls", "apache-tls", "haproxy-tls"], indirect=True)
async def test_tls_versions(client: Client, endpoint: Endpoint, version: ssl.TLSVersion) -> None:
    async with client.pool(endpoint, ssl_context=certificates().context(version=version)) as pool:
        async with pool.stream("GET", endpoint.url("/bytes/1")) as response:
            secured = response.extensions["network_stream"].get_extra_info("ssl_object")
            assert secured.version() == version.name.replace("_", ".")
            assert secured.selected_alpn_protocol() in ("http/1.1", None)
            await response.aread()


@pytest.mark.parametrize("version", VERSIONS, ids=lambda version: version.name)
@pytest.mark.parametrize("endpoint", DEMANDING, indirect=True)
async def test_client_certificate(client: Client, endpoint: Endpoint, version: ssl.TLSVersion) -> None:
    async with client.pool(endpoint, ssl_context=certificates().context(client=True, version=version)) as pool:
        for _ in range(2):
            assert json_of(await pool.request("POST", endpoint.url("/digest"), content=b"body"))["length"] == 4
        assert len(pool.connections) == 1


@pytest.mark.parametrize("version", VERSIONS, ids=lambda version: version.name)
@pytest.mark.parametrize(
    "endpoint", ["node-client_certificate", "apache-client_certificate", "haproxy-client_certificate"], indirect=True
)
async def test_missing_client_certificate(client: Client, endpoint: Endpoint, version: ssl.TLSVersion) -> None:
    """TLS 1.2 fails in the handshake; in TLS 1.3 the server's alert comes after it, when the request is under way."""
    expected: typing.Tuple[typing.Type[Exception], ...] = (httpcore.ConnectError,)
    if version == ssl.TLSVersion.TLSv1_3:
        expected = (httpcore.ConnectError, httpcore.ReadError, httpcore.WriteError, httpcore.RemoteProtocolError)
    async with client.pool(endpoint, ssl_context=certificates().context(version=version)) as pool:
        for content in (b"body", b"x" * 1000000):
            with pytest.raises(expected):
                await pool.request("POST", endpoint.url("/digest"), content=content)
            assert pool.connections == []


@pytest.mark.parametrize("endpoint", ["nginx-client_certificate"], indirect=True)
async def test_missing_client_certificate_where_the_server_answers(client: Client, endpoint: Endpoint) -> None:
    async with client.pool(endpoint) as pool:
        response = await pool.request("GET", endpoint.url("/bytes/1"))
    assert response.status == 400
    assert b"No required SSL certificate was sent" in response.content


@pytest.mark.parametrize("endpoint", ["apache-late_client_certificate"], indirect=True)
async def test_client_certificate_demanded_after_the_handshake(client: Client, endpoint: Endpoint) -> None:
    """TLS 1.3 post-handshake authentication (RFC 8446 § 4.6.2): asked for one path, in the middle of the connection."""
    context = certificates().context(client=True, post_handshake=True, version=ssl.TLSVersion.TLSv1_3)
    async with client.pool(endpoint, ssl_context=context) as pool:
        assert (await pool.request("GET", endpoint.url("/bytes/1"))).status == 200
        assert json_of(await pool.request("GET", endpoint.url("/headers")))["method"] == "GET"
        assert len(pool.connections) == 1


@pytest.mark.parametrize("endpoint", ["apache-late_client_certificate"], indirect=True)
async def test_client_certificate_demanded_after_the_handshake_and_missing(client: Client, endpoint: Endpoint) -> None:
    context = certificates().context(post_handshake=True, version=ssl.TLSVersion.TLSv1_3)
    async with client.pool(endpoint, ssl_context=context) as pool:
        assert (await pool.request("GET", endpoint.url("/bytes/1"))).status == 200
        # Apache answers 403 or cuts the connection, by version: either way nothing but a response or our exception.
        try:
            response = await pool.request("GET", endpoint.url("/headers"))
        except (httpcore.NetworkError, httpcore.RemoteProtocolError):
            assert pool.connections == []
        else:
            assert response.status == 403
        assert (await pool.request("GET", endpoint.url("/bytes/1"))).status == 200


async def test_plain_request_to_a_tls_port(client: Client, fleet: Fleet) -> None:
    port = fleet.node.ports["tls"]
    async with client.pool() as pool:
        with pytest.raises((httpcore.RemoteProtocolError, httpcore.ReadError)):
            await pool.request("GET", f"http://127.0.0.1:{port}/")
        assert pool.connections == []


async def test_tls_to_a_plain_port(client: Client, fleet: Fleet) -> None:
    port = fleet.node.ports["tcp"]
    async with client.pool(ssl_context=certificates().context()) as pool:
        with pytest.raises(httpcore.ConnectError):
            await pool.request("GET", f"https://127.0.0.1:{port}/")
        assert pool.connections == []
