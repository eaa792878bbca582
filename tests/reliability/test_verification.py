"""Certificates are verified unless the caller says otherwise, at every hop, and before anything else is said.

A peer whose handshake does not complete has been sent nothing that its program could read: no request, no CONNECT, no
credentials.
"""

from __future__ import annotations

import datetime
import ssl
from typing import Any, Callable, Dict, Iterator

import pytest
import trustme

import httpcore

from .nothing_left import NothingLeft
from .peers import Origin
from .routes import CREDENTIALS, Network
from .worlds import WORLDS, run_async

TLS_ROUTES = ["tls", "h2", "tunnel", "tunnel-h2", "tls-proxy-tunnel", "socks-tls"]
SECRET = {"Host": "test", "Authorization": "Bearer hunter2", "Cookie": "session=hunter2"}
LIMITS = {"connect": 10.0, "read": 10.0, "write": 10.0, "pool": 10.0}


def refused(world: str, url: str, options: Dict[str, Any], **extensions: Any) -> httpcore.ConnectError:
    """Make a request that has to fail for its peer's certificate, and return the failure."""
    request = {"headers": SECRET, "content": b"hunter2", "extensions": {"timeout": LIMITS, **extensions}}

    def threads() -> Any:
        with httpcore.ConnectionPool(**options) as pool:
            with pytest.raises(httpcore.ConnectError) as caught:
                pool.request("POST", url, **request)
            assert pool.connections == []
            return caught.value

    async def tasks() -> Any:
        async with httpcore.AsyncConnectionPool(**options) as pool:
            with pytest.raises(httpcore.ConnectError) as caught:
                await pool.request("POST", url, **request)
            assert pool.connections == []
            return caught.value

    return threads() if world == "threads" else run_async(world, tasks)  # type: ignore[no-any-return]


@pytest.fixture
def listening(network: Network) -> Iterator[Callable[[], None]]:
    """Have the peers keep what they are sent; the function asserts that origins were sent nothing, and no secrets."""
    for peer in network.peers:
        peer.reset_counts()
        peer.keep_received = True

    def nothing_was_said() -> None:
        for origin in (network.both, network.plain, network.prior_knowledge):
            assert origin.received == [], "a handshake was completed"
        assert b"hunter2" not in b"".join(bytes(log) for peer in network.peers for log in peer.received)

    yield nothing_was_said
    for peer in network.peers:
        peer.keep_received = False
        peer.reset_counts()


@pytest.mark.parametrize("world", WORLDS)
@pytest.mark.parametrize("scheme", ["https", "wss"])
@pytest.mark.parametrize("route", TLS_ROUTES)
def test_an_unknown_authority_is_refused_by_default(
    route: str, scheme: str, world: str, network: Network, listening: Callable[[], None]
) -> None:
    url = network.url(route).replace("https", scheme)
    with NothingLeft(network):
        error = refused(world, url, network.options(route, ssl_context=None))
    assert isinstance(error.__cause__, ssl.SSLCertVerificationError)
    listening()


@pytest.mark.parametrize("world", WORLDS)
@pytest.mark.parametrize("route", TLS_ROUTES)
def test_a_certificate_for_another_host_is_refused(
    route: str, world: str, network: Network, listening: Callable[[], None]
) -> None:
    with NothingLeft(network):
        error = refused(world, network.url(route), network.options(route), sni_hostname="elsewhere.test")
    assert isinstance(error.__cause__, ssl.SSLCertVerificationError)
    listening()


@pytest.mark.parametrize("world", WORLDS)
@pytest.mark.parametrize("url", ["tls", "direct"])
def test_a_proxy_whose_authority_is_unknown_is_told_nothing(
    url: str, world: str, network: Network, listening: Callable[[], None]
) -> None:
    """Neither what it is to connect to or forward, nor the credentials for it."""
    proxy = httpcore.Proxy(f"https://127.0.0.1:{network.tls_proxy.port}", auth=CREDENTIALS)
    with NothingLeft(network):
        error = refused(world, network.url(url), network.options(url, proxy=proxy))
    assert isinstance(error.__cause__, ssl.SSLCertVerificationError)
    assert network.tls_proxy.received == []
    listening()


@pytest.mark.parametrize("world", WORLDS)
def test_an_expired_certificate_is_refused(world: str) -> None:
    authority = trustme.CA()
    yesterday = datetime.datetime.now(datetime.timezone.utc) - datetime.timedelta(days=1)
    try:
        certificate = authority.issue_cert("127.0.0.1", not_after=yesterday)
    except TypeError:
        pytest.skip("this trustme issues no expired certificates")
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    certificate.configure_cert(server)
    client = ssl.create_default_context()
    authority.configure_trust(client)
    with NothingLeft(), Origin(server) as origin:
        origin.keep_received = True
        error = refused(world, f"https://127.0.0.1:{origin.port}/", {"ssl_context": client})
        origin.wait_until_idle()
        assert origin.received == []
    assert isinstance(error.__cause__, ssl.SSLCertVerificationError)


@pytest.mark.parametrize("world", WORLDS)
@pytest.mark.parametrize("route", ["tls", "h2"])
def test_a_server_without_tls_is_not_talked_to_in_the_clear(
    route: str, world: str, network: Network, listening: Callable[[], None]
) -> None:
    with NothingLeft(), Origin() as origin:
        url = f"https://127.0.0.1:{origin.port}/"

        def hang_up(connection: Any) -> None:
            raise EOFError

        origin.serve = hang_up  # type: ignore[method-assign]
        refused(world, url, network.options(route))
        origin.wait_until_idle()
    listening()


def test_verification_is_on_in_the_default_context() -> None:
    context = httpcore.default_ssl_context()
    assert context.verify_mode is ssl.CERT_REQUIRED
    assert context.check_hostname
