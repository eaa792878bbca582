"""core-proxy with core-h1 as the HTTP that CONNECT is sent on, and nothing else."""

from __future__ import annotations

import asyncio
from typing import Any, Dict, List, Type

import pytest

import core_backends
import core_h1
import core_proxy
from core_backends import ConnectError, NetworkStream, Origin, ProxyError, Request, Response

PROXY = Origin(b"http", b"proxy.test", 3128)
SOCKS = Origin(b"socks5", b"socks.test", 1080)
ORIGIN = Origin(b"https", b"example.com", 443)
OK = b"HTTP/1.1 200 Connection established\r\nContent-Length: 5\r\n\r\n"
CHALLENGE = b"HTTP/1.1 407 Who\r\nProxy-Authenticate: Digest\r\nContent-Length: 4\r\n\r\nwho?"
REQUEST = b"CONNECT example.com:443 HTTP/1.1\r\nHost: example.com:443\r\nAccept: */*\r\n\r\n"


class Peer(core_backends.MockStream):
    """Says `buffer`, then hangs up; keeps what it is told."""

    def __init__(self, buffer: List[bytes]) -> None:
        super().__init__(buffer)
        self.written = b""

    def write(self, buffer: bytes, timeout: Any = None) -> None:
        self.written += bytes(buffer)

    @property
    def closed(self) -> bool:
        return self._closed


class Backend(core_backends.MockBackend):
    """Connects to the peers that it is given, in order."""

    def __init__(self, *peers: Peer) -> None:
        super().__init__([])
        self.peers = list(peers)

    def connect_tcp(self, *args: Any, **options: Any) -> NetworkStream:
        return self.peers.pop(0)


class AsyncPeer(core_backends.AsyncMockStream):
    """The same for async code, on the peer of the other side."""

    def __init__(self, peer: Peer) -> None:
        super().__init__(peer._buffer)
        self.peer = peer

    async def write(self, buffer: bytes, timeout: Any = None) -> None:
        self.peer.write(buffer)

    async def aclose(self) -> None:
        await super().aclose()
        self.peer.close()


class AsyncBackend(core_backends.AsyncMockBackend):
    def __init__(self, *peers: Peer) -> None:
        super().__init__([])
        self.peers = list(peers)

    async def connect_tcp(self, *args: Any, **options: Any) -> core_backends.AsyncNetworkStream:
        return AsyncPeer(self.peers.pop(0))


class Side:
    """Sync or async: a tunnel through `peers`, and calling."""

    def __init__(self, asynchronous: bool) -> None:
        self.asynchronous = asynchronous
        self.Socks: Type[Any] = core_proxy.AsyncSocksConnector if asynchronous else core_proxy.SocksConnector

    def tunnel(self, *peers: Peer, **options: Any) -> Any:
        if self.asynchronous:
            return core_proxy.AsyncTunnelConnector(
                PROXY,
                core_h1.AsyncHTTP11Connection,
                connector=core_backends.AsyncDirectConnector(AsyncBackend(*peers)),
                **options,
            )
        return core_proxy.TunnelConnector(
            PROXY, core_h1.HTTP11Connection, connector=core_backends.DirectConnector(Backend(*peers)), **options
        )

    def call(self, function: Any, *args: Any) -> Any:
        if not self.asynchronous:
            return function(*args)

        async def main() -> Any:
            return await function(*args)

        return asyncio.run(main())


@pytest.fixture(params=[False, True], ids=["sync", "async"])
def side(request: pytest.FixtureRequest) -> Side:
    return Side(request.param)


def test_a_tunnel(side: Side) -> None:
    """What a 2xx to CONNECT says about a body is void (RFC 9110 § 9.3.6): everything behind it is from the origin."""
    peer = Peer([OK, b"hello"])
    stream = side.call(side.tunnel(peer).connect, ORIGIN, {})
    assert peer.written == REQUEST
    assert side.call(stream.read, 100) == b"hello"
    assert not peer.closed


def test_early_bytes_of_the_origin(side: Side) -> None:
    peer = Peer([OK + b"220 ready\r\n"])
    stream = side.call(side.tunnel(peer).connect, ORIGIN, {"timeout": {"connect": 5.0}})
    assert side.call(stream.read, 4) == b"220 "
    assert side.call(stream.read, 100) == b"ready\r\n"
    side.call(stream.write, b"QUIT\r\n")
    assert peer.written == REQUEST + b"QUIT\r\n"


def test_interim_responses_are_passed_over(side: Side) -> None:
    peer = Peer([b"HTTP/1.1 100 Continue\r\n\r\n" + OK])
    side.call(side.tunnel(peer).connect, ORIGIN, {})
    assert not peer.closed


@pytest.mark.parametrize("at", range(len(OK)))
def test_a_proxy_that_hangs_up(side: Side, at: int) -> None:
    peer = Peer([OK[:at]] if at else [])
    with pytest.raises(ConnectError, match=r"proxy\.test:3128"):
        side.call(side.tunnel(peer).connect, ORIGIN, {})
    assert peer.closed


@pytest.mark.parametrize(
    "answer", [b"SSH-2.0-x\r\n\r\n", b"HTTP/1.1 2000 OK\r\n\r\n", b"HTTP/1.1 200 OK\r\nbad\r\n\r\n"]
)
def test_a_proxy_that_does_not_speak_http(side: Side, answer: bytes) -> None:
    peer = Peer([answer])
    with pytest.raises(ProxyError, match="broke the protocol"):
        side.call(side.tunnel(peer).connect, ORIGIN, {})
    assert peer.closed


def test_a_refusal(side: Side) -> None:
    peer = Peer(
        [b"HTTP/1.1 403 Permission Denied\r\nX-Why: 7\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nwhy\r\n0\r\n\r\n"]
    )
    with pytest.raises(ProxyError) as caught:
        side.call(side.tunnel(peer).connect, ORIGIN, {})
    response: Any = caught.value.response
    assert str(caught.value) == "403 Permission Denied"
    assert (response.status, response.content) == (403, b"why")
    assert (b"X-Why", b"7") in response.headers
    assert peer.closed


def test_a_challenge_answered_on_the_same_connection_and_on_a_new_one(side: Side) -> None:
    def answer(request: Request, response: Response) -> Dict[str, str]:
        assert response.content == b"who?"
        return {"Proxy-Authorization": "Digest x"}

    async def async_answer(request: Request, response: Response) -> Dict[str, str]:
        return answer(request, response)

    hook: Any = async_answer if side.asynchronous else answer
    peer = Peer([CHALLENGE, OK])
    side.call(side.tunnel(peer, on_challenge=hook).connect, ORIGIN, {})
    assert peer.written.count(b"CONNECT ") == 2
    assert peer.written.count(b"Digest x") == 1
    for challenge in (CHALLENGE, CHALLENGE.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n")):
        first, second = Peer([challenge]), Peer([OK])
        side.call(side.tunnel(first, second, on_challenge=hook).connect, ORIGIN, {})
        assert first.closed
        assert b"Digest x" in second.written


def test_socks_through_connect(side: Side) -> None:
    peer = Peer([OK, b"\x05\x00", b"\x05\x00\x00\x01\x7f\x00\x00\x01\x04\xd2", b"hello"])
    connector = side.Socks(SOCKS, connector=side.tunnel(peer))
    stream = side.call(connector.connect, ORIGIN, {})
    assert peer.written.endswith(b"\x05\x01\x00\x05\x01\x00\x03\x0bexample.com\x01\xbb")
    assert side.call(stream.read, 100) == b"hello"
