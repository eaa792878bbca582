"""Connectors around connectors on real sockets: pairs of proxies and longer chains, and TLS inside TLS inside TLS."""

from __future__ import annotations

import contextlib
import pathlib
import re
from typing import Any, List, Tuple

import pytest
from proxy_peers import ScriptedProxy, basic, origin_server, proxy_server
from servers.certificates import certificates

from core_backends import Origin, Proxy

from .worlds import World

README = pathlib.Path(__file__).resolve().parents[2] / "packages" / "core-proxy" / "README.md"
CHAINS = [
    ("http", "socks5"),
    ("socks5", "http"),
    ("http", "http"),
    ("https", "https"),
    ("https", "socks5"),
    ("socks5", "https"),
    ("socks5", "socks4a"),
    ("socks4", "https", "http"),
    ("https", "https", "https"),
    ("https", "socks5", "https", "http"),
]


def connector_through(world: World, proxies: List[ScriptedProxy]) -> Any:
    """The connector whose way leads through `proxies`, the first one first; each is told another name and password."""
    connector = None
    for number, proxy in enumerate(proxies):
        # The first one is looked up here, where a name may have addresses that nobody listens on.
        host = b"localhost" if number else b"127.0.0.1"
        origin, auth = Origin(proxy.kind.encode(), host, proxy.port), credentials(number)
        if proxy.kind.startswith("http"):
            context = certificates().context() if proxy.kind == "https" else None
            headers = Proxy(proxy.url, auth=auth).headers
            connector = world.Tunnel(
                origin, world.Connection, connector=connector, headers=headers, proxy_ssl_context=context
            )
        elif proxy.kind.startswith("socks4"):
            connector = world.Socks(origin, (auth[1], ""), connector=connector)
        else:
            connector = world.Socks(origin, auth, connector=connector)
    return connector


def credentials(number: int) -> Tuple[str, str]:
    return f"user{number}", f"s3cret{number}"


@pytest.mark.parametrize("secure", [True, False], ids=["TLS", "clear"])
@pytest.mark.parametrize("kinds", CHAINS, ids="-".join)
def test_a_stream_through_a_chain(world: World, kinds: Tuple[str, ...], secure: bool) -> None:
    with contextlib.ExitStack() as stack:
        origin = stack.enter_context(origin_server())
        proxies = [stack.enter_context(proxy_server(kind, auth=kind.startswith("socks5"))) for kind in kinds]
        connector = connector_through(world, proxies)
        context = certificates().context() if secure else None
        target = Origin(b"any", b"localhost", origin.port)
        world.call(world.exchange, connector, target, context, b"GET /deep HTTP/1.1\r\n\r\n", b"\r\n\r\n/deep")
    assert [first[:2] == b"\x16\x03" for first in origin.first_bytes] == [secure]
    assert origin.server_names == ["localhost"] * secure
    for number, proxy in enumerate(proxies):
        assert len(proxy.heads) == 1
        assert proxy.server_names == (["localhost" if number else None] if proxy.kind == "https" else [])
        told = proxy.heads[0]
        for other in range(len(proxies)):
            secrets = (credentials(other)[1].encode(), basic(*credentials(other)))
            assert any(secret in told for secret in secrets) == (other == number), "each is told its own, and no other"


def test_the_second_example_of_the_readme() -> None:
    example = re.findall(r"```python\n(.*?)```", README.read_text(encoding="utf-8"), re.DOTALL)[1]
    with origin_server() as origin, proxy_server("socks5") as first, proxy_server("socks5", auth=True) as second:
        code = example.replace("1081", str(first.port)).replace("1082", str(second.port))
        names: Any = {}
        exec(compile(code.replace("4242", str(origin.port)), str(README), "exec"), names)
        names["stream"].write(b"GET /a HTTP/1.1\r\n\r\n", timeout=20.0)
        assert names["stream"].read(100, timeout=20.0).startswith(b"HTTP/1.1 200 OK")
        names["stream"].close()
    assert first.heads[0].endswith(b"\x01\x7f\x00\x00\x01" + second.port.to_bytes(2, "big"))
    assert second.heads[0].endswith(b"\x03\x13service.example.com" + origin.port.to_bytes(2, "big"))
    assert b"password" in second.heads[0]
    assert b"password" not in first.heads[0] + origin.requests[0]
