"""TLS sessions that a pool resumes, as a server counts them, and those that it does not."""

from __future__ import annotations

import ssl
from typing import Any, Iterator, List, Optional

import pytest

import httpcore
from core_backends.lowlevel import TLSSessions

from ..tls_peer import TLSPeer, tls_peer

VERSIONS = [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3]
each_version = pytest.mark.parametrize("version", VERSIONS, ids=lambda version: str(version.name))


@pytest.fixture
def peer() -> Iterator[TLSPeer]:
    with tls_peer() as made:
        yield made


def resuming_pool(context: ssl.SSLContext, **options: Any) -> httpcore.AsyncConnectionPool:
    return httpcore.AsyncConnectionPool(ssl_context=context, tls_session_resumption=True, **options)


async def ask(pool: Any, peer: TLSPeer, server_name: Optional[str] = None) -> str:
    """Make a request, on a connection of its own, and return what the server says of that."""
    timeouts = {"connect": 20, "read": 20, "write": 20, "pool": 20}
    extensions = {"timeout": timeouts, "sni_hostname": server_name}
    response = await pool.request("GET", peer.url, extensions=extensions)
    assert response.status == 200
    return str(response.content.decode())


@each_version
async def test_connections_resume_what_the_one_before_has_left(peer: TLSPeer, version: ssl.TLSVersion) -> None:
    peer.version = version
    peer.start()
    async with resuming_pool(peer.trusted()) as pool:
        assert [await ask(pool, peer) for _ in range(5)] == ["full"] + ["resumed"] * 4
    assert peer.resumed == [False] + [True] * 4
    assert peer.context.session_stats()["hits"] == 4


@each_version
async def test_nothing_is_resumed_unless_it_is_asked_for(peer: TLSPeer, version: ssl.TLSVersion) -> None:
    peer.version = version
    peer.start()
    async with httpcore.AsyncConnectionPool(ssl_context=peer.trusted()) as pool:
        assert [await ask(pool, peer) for _ in range(3)] == ["full"] * 3
    assert peer.context.session_stats()["hits"] == 0


async def test_a_resumed_connection_tells_so_and_knows_the_certificate(peer: TLSPeer) -> None:
    certificates = []
    async with resuming_pool(peer.trusted()) as pool:
        for resumed in (False, True, True):
            async with pool.stream("GET", peer.url) as response:
                secured = response.extensions["network_stream"].get_extra_info("ssl_object")
                assert secured.session_reused is resumed
                certificates.append(secured.getpeercert(binary_form=True))
                await response.aread()
    assert certificates[0]
    assert certificates == [certificates[0]] * 3


async def test_a_default_context_resumes_as_well(peer: TLSPeer, monkeypatch: pytest.MonkeyPatch) -> None:
    from core_pool._async import connection

    shared = peer.trusted()
    monkeypatch.setattr(connection, "shared_ssl_context", lambda offer: shared)
    async with httpcore.AsyncConnectionPool(tls_session_resumption=True) as pool:
        assert [await ask(pool, peer) for _ in range(3)] == ["full", "resumed", "resumed"]
    async with httpcore.AsyncConnectionPool() as pool:
        assert [await ask(pool, peer) for _ in range(2)] == ["full", "full"]


@each_version
async def test_a_server_with_new_keys_gets_a_full_handshake(peer: TLSPeer, version: ssl.TLSVersion) -> None:
    peer.version = version
    peer.start()
    async with resuming_pool(peer.trusted()) as pool:
        assert [await ask(pool, peer) for _ in range(2)] == ["full", "resumed"]
        peer.start()
        assert [await ask(pool, peer) for _ in range(3)] == ["full", "resumed", "resumed"]


async def test_a_full_handshake_after_a_refused_session_verifies(peer: TLSPeer) -> None:
    """Whoever took the server's place has a certificate for the name, of an authority that nobody trusts."""
    async with resuming_pool(peer.trusted()) as pool:
        assert [await ask(pool, peer) for _ in range(2)] == ["full", "resumed"]
        trusted = peer.context
        with tls_peer() as impostor:
            peer.context = impostor.context
            with pytest.raises(httpcore.ConnectError, match="certificate verify failed"):
                await ask(pool, peer)
        peer.context = trusted
        assert await ask(pool, peer) == "full"


async def test_a_session_is_the_names_for_which_it_was_verified() -> None:
    with tls_peer("localhost", "alias.example") as peer:
        async with resuming_pool(peer.trusted()) as pool:
            assert [await ask(pool, peer) for _ in range(2)] == ["full", "resumed"]
            assert [await ask(pool, peer, "alias.example") for _ in range(2)] == ["full", "resumed"]
            for _ in range(2):
                with pytest.raises(httpcore.ConnectError, match="certificate verify failed"):
                    await ask(pool, peer, "elsewhere.example")
            assert await ask(pool, peer) == "resumed"


@each_version
async def test_what_was_not_verified_is_not_resumed_where_it_must_be(peer: TLSPeer, version: ssl.TLSVersion) -> None:
    peer.version = version
    peer.start()
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    async with resuming_pool(context) as pool:
        assert [await ask(pool, peer) for _ in range(2)] == ["full", "resumed"]
        context.verify_mode = ssl.CERT_REQUIRED
        with pytest.raises(httpcore.ConnectError, match="certificate verify failed"):
            await ask(pool, peer)
        peer.authority.configure_trust(context)
        assert [await ask(pool, peer) for _ in range(2)] == ["full", "resumed"]
        context.check_hostname = True
        assert [await ask(pool, peer) for _ in range(2)] == ["full", "resumed"]


async def test_a_session_is_its_contexts_alone(peer: TLSPeer) -> None:
    peer.demand = ssl.CERT_OPTIONAL
    peer.start()
    known = peer.trusted(identity="ann.example")
    async with resuming_pool(known) as pool:
        assert [await ask(pool, peer) for _ in range(2)] == ["full ann.example", "resumed ann.example"]
        # The attribute is among those that other projects set.
        pool._ssl_context = peer.trusted()
        assert [await ask(pool, peer) for _ in range(2)] == ["full", "resumed"]
        pool._ssl_context = peer.trusted(identity="bob.example")
        assert await ask(pool, peer) == "full bob.example"
        pool._ssl_context = known
        assert await ask(pool, peer) == "resumed ann.example"


async def test_a_session_is_its_pools_alone(peer: TLSPeer) -> None:
    context = peer.trusted()
    async with resuming_pool(context) as pool, resuming_pool(context) as other:
        assert [await ask(pool, peer) for _ in range(2)] == ["full", "resumed"]
        assert [await ask(other, peer) for _ in range(2)] == ["full", "resumed"]


async def test_closing_a_pool_forgets_its_sessions(peer: TLSPeer) -> None:
    pool = resuming_pool(peer.trusted())
    async with pool:
        assert [await ask(pool, peer) for _ in range(2)] == ["full", "resumed"]
    async with pool:
        assert [await ask(pool, peer) for _ in range(2)] == ["full", "resumed"]


async def test_connections_without_a_pool_share_what_they_are_given(peer: TLSPeer) -> None:
    context, sessions = peer.trusted(), TLSSessions()
    origin = httpcore.URL(peer.url).origin
    said: List[str] = []
    for given in (sessions, sessions, None, sessions):
        async with httpcore.AsyncHTTPConnection(origin, ssl_context=context, tls_sessions=given) as connection:
            said.append(await ask(connection, peer))
    assert said == ["full", "resumed", "full", "resumed"]


async def test_a_traced_handshake_resumes_and_tells_what_it_always_told(peer: TLSPeer) -> None:
    told: List[Any] = []

    async def trace(name: str, info: Any) -> None:
        if name == "connection.start_tls.started":
            told.append(set(info))

    async with resuming_pool(peer.trusted()) as pool:
        for said in (b"full", b"resumed"):
            response = await pool.request("GET", peer.url, extensions={"trace": trace})
            assert response.content == said
    assert told == [{"ssl_context", "server_hostname", "timeout"}] * 2


async def test_a_class_in_the_connections_place_is_given_what_it_always_was(monkeypatch: pytest.MonkeyPatch) -> None:
    from httpcore._async import connection_pool

    given: List[Any] = []
    monkeypatch.setattr(connection_pool, "AsyncHTTPConnection", lambda **options: given.append(set(options)))
    origin = httpcore.Origin(b"https", b"localhost", 443)
    for resuming in (False, True):
        httpcore.AsyncConnectionPool(tls_session_resumption=resuming).create_connection(origin)
    assert given[1] - given[0] == {"tls_sessions"}
    assert given[0] == {
        "origin",
        "ssl_context",
        "keepalive_expiry",
        "http1",
        "http2",
        "retries",
        "local_address",
        "uds",
        "socket_options",
        "network_backend",
    }


class OwnStream(httpcore.AsyncNetworkStream):
    """A stream of a user's own, with what the contract has and nothing more."""

    def __init__(self, stream: httpcore.AsyncNetworkStream) -> None:
        self._stream = stream

    async def read(self, max_bytes: int, timeout: Optional[float] = None) -> bytes:
        return await self._stream.read(max_bytes, timeout)

    async def write(self, buffer: bytes, timeout: Optional[float] = None) -> None:
        await self._stream.write(buffer, timeout)

    async def aclose(self) -> None:
        await self._stream.aclose()

    async def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: Optional[str] = None, timeout: Optional[float] = None
    ) -> httpcore.AsyncNetworkStream:
        return OwnStream(await self._stream.start_tls(ssl_context, server_hostname, timeout))

    def get_extra_info(self, info: str) -> Any:
        return {"ssl_object": self._stream.get_extra_info("ssl_object"), "is_readable": False}[info]


class OwnBackend(httpcore.AsyncNetworkBackend):
    async def connect_tcp(self, host: str, port: int, *args: Any, **options: Any) -> httpcore.AsyncNetworkStream:
        pool = httpcore.AsyncConnectionPool()
        return OwnStream(await pool._network_backend.connect_tcp(host, port, *args, **options))


async def test_streams_of_a_users_own_make_full_handshakes(peer: TLSPeer) -> None:
    async with resuming_pool(peer.trusted(), network_backend=OwnBackend()) as pool:
        assert [await ask(pool, peer) for _ in range(3)] == ["full"] * 3
