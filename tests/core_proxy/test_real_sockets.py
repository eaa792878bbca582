"""A TLS stream through a SOCKS proxy, on real sockets: the README's example, and the same under asyncio and trio."""

from __future__ import annotations

import pathlib
import re
import ssl
from typing import Any, Tuple

import pytest
import trustme

from core_backends import ConnectError, Origin

from .proxy_server import GREETING, socks_server
from .worlds import World

README = pathlib.Path(__file__).resolve().parents[2] / "packages" / "core-proxy" / "README.md"
MAIL = Origin(b"imaps", b"mail.example.com", 993)


@pytest.fixture(scope="module")
def contexts() -> Tuple[ssl.SSLContext, ssl.SSLContext]:
    """What the server shows, and a client's context that trusts it."""
    authority = trustme.CA()
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("mail.example.com").configure_cert(server)
    client = ssl.create_default_context()
    authority.configure_trust(client)
    return server, client


def test_the_example_of_the_readme(
    contexts: Tuple[ssl.SSLContext, ssl.SSLContext], monkeypatch: pytest.MonkeyPatch
) -> None:
    server, client = contexts
    example = re.search(r"```python\n(.*?)```", README.read_text(encoding="utf-8"), re.DOTALL)
    assert example is not None
    monkeypatch.setattr(ssl, "create_default_context", lambda: client)
    with socks_server(server) as proxy:
        code = example[1].replace("1080", str(proxy.port))
        names: Any = {}
        exec(compile(code, str(README), "exec"), names)
    assert names["greeting"] == GREETING
    assert proxy.asked == [b"mail.example.com:993"]
    assert proxy.server_names == ["mail.example.com"]


def test_a_tls_stream_through_socks(world: World, contexts: Tuple[ssl.SSLContext, ssl.SSLContext]) -> None:
    server, client = contexts
    with socks_server(server) as proxy:
        connector = world.Socks(Origin(b"socks5", b"127.0.0.1", proxy.port), ("user", "password"))
        assert world.call(world.exchange, connector, MAIL, client, b"", GREETING) == GREETING
    assert proxy.asked == [b"mail.example.com:993"]


def test_a_proxy_that_is_not_there(world: World) -> None:
    connector = world.Socks(Origin(b"socks5", b"127.0.0.1", 1))
    with pytest.raises(ConnectError):
        world.call(connector.connect, MAIL, {"timeout": {"connect": 10.0}})
