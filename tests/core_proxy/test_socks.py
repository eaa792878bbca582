"""The SOCKS exchanges from bytes to bytes."""

from __future__ import annotations

import sys
from typing import List, Optional, Tuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core_backends import ProxyError, UnsupportedProtocol
from core_proxy._socks import Exchange, Socks4Exchange, Socks5Exchange, is_ip_address, require_socksio

AUTH = (b"ann", b"s3cret")
CONNECTED_V4 = b"\x05\x00\x00\x01\x7f\x00\x00\x01\x04\xd2"
CONNECTED_V6 = b"\x05\x00\x00\x04" + bytes(15) + b"\x01\x04\xd2"
CONNECTED_NAME = b"\x05\x00\x00\x03\x05\xff.lan\x04\xd2"
ASK_FOR_NAME = b"\x05\x01\x00\x03\x0bexample.com\x01\xbb"


def fed(exchange: Exchange, parts: List[bytes]) -> bytes:
    """Everything that the exchange sends when it reads `parts`."""
    sent = exchange.start()
    for part in parts:
        sent += exchange.receive(part)
    return sent


def splits(data: bytes) -> List[List[bytes]]:
    """Every way to cut `data` in two, and into single bytes."""
    ways = [[data[:at], data[at:]] for at in range(1, len(data))]
    return [*ways, [data[at : at + 1] for at in range(len(data))]]


@pytest.mark.parametrize("connected", [CONNECTED_V4, CONNECTED_V6, CONNECTED_NAME], ids=["v4", "v6", "name"])
@pytest.mark.parametrize(
    ("auth", "replies", "sent"),
    [
        (None, b"\x05\x00", b"\x05\x01\x00" + ASK_FOR_NAME),
        (AUTH, b"\x05\x02\x01\x00", b"\x05\x01\x02" + b"\x01\x03ann\x06s3cret" + ASK_FOR_NAME),
        (AUTH, b"\x05\x02\x05\x00", b"\x05\x01\x02" + b"\x01\x03ann\x06s3cret" + ASK_FOR_NAME),
    ],
    ids=["no auth", "password", "password with version 5"],
)
def test_socks5_connects_however_the_replies_are_cut(
    auth: Optional[Tuple[bytes, bytes]], replies: bytes, sent: bytes, connected: bytes
) -> None:
    for parts in splits(replies + connected + b"SSH-2.0-x\r\n"):
        exchange = Socks5Exchange(b"example.com", 443, auth)
        assert fed(exchange, parts) == sent
        assert exchange.needed == 0
        assert exchange.trailing == b"SSH-2.0-x\r\n"


def test_socks5_asks_for_no_more_bytes_than_the_reply_has() -> None:
    exchange = Socks5Exchange(b"example.com", 443)
    exchange.start()
    stream = b"\x05\x00" + CONNECTED_NAME + b"from the origin"
    while exchange.needed:
        data, stream = stream[: exchange.needed], stream[exchange.needed :]
        exchange.receive(data)
    assert (exchange.trailing, stream) == (b"", b"from the origin")


@pytest.mark.parametrize(
    ("host", "address"),
    [
        (b"192.0.2.1", b"\x01\xc0\x00\x02\x01"),
        (b"2001:db8::1", b"\x04\x20\x01\x0d\xb8" + bytes(11) + b"\x01"),
        (b"example.com", b"\x03\x0bexample.com"),
        (b"x" * 255, b"\x03\xff" + b"x" * 255),
    ],
    ids=["IPv4", "IPv6", "name", "longest name"],
)
def test_socks5_addresses(host: bytes, address: bytes) -> None:
    exchange = Socks5Exchange(host, 8080)
    exchange.start()
    assert exchange.receive(b"\x05\x00") == b"\x05\x01\x00" + address + b"\x1f\x90"


@pytest.mark.parametrize("exchange", [Socks4Exchange, Socks5Exchange])
@pytest.mark.parametrize("host", [b"x" * 256, b"fe80::1%eth0"], ids=["too long", "with a zone"])
def test_hosts_that_cannot_be_asked_for(exchange: type, host: bytes) -> None:
    with pytest.raises(UnsupportedProtocol):
        exchange(host, 80)


@pytest.mark.parametrize(
    ("code", "text"),
    [
        (1, "General SOCKS server failure"),
        (2, "Connection not allowed by ruleset"),
        (3, "Network unreachable"),
        (4, "Host unreachable"),
        (5, "Connection refused"),
        (6, "TTL expired"),
        (7, "Command not supported"),
        (8, "Address type not supported"),
        (0xFE, "Reply 0xFE"),
    ],
)
def test_socks5_refusals(code: int, text: str) -> None:
    """A refusal counts as soon as it is there: what follows it may be missing, or nonsense."""
    exchange = Socks5Exchange(b"example.com", 443)
    exchange.start()
    exchange.receive(b"\x05\x00\x05")
    with pytest.raises(ProxyError) as caught:
        exchange.receive(bytes([code]))
    assert str(caught.value) == f"Proxy Server could not connect: {text}."


@pytest.mark.parametrize(
    ("auth", "reply", "text"),
    [
        (None, 2, "Requested NO AUTHENTICATION REQUIRED from proxy server, but got USERNAME/PASSWORD."),
        (None, 1, "Requested NO AUTHENTICATION REQUIRED from proxy server, but got GSSAPI."),
        (None, 0xFF, "Requested NO AUTHENTICATION REQUIRED from proxy server, but got NO ACCEPTABLE METHODS."),
        (AUTH, 0, "Requested USERNAME/PASSWORD from proxy server, but got NO AUTHENTICATION REQUIRED."),
        (AUTH, 0xFF, "Requested USERNAME/PASSWORD from proxy server, but got NO ACCEPTABLE METHODS."),
        (AUTH, 0x80, "Requested USERNAME/PASSWORD from proxy server, but got METHOD 0x80."),
    ],
)
def test_socks5_methods_that_do_not_agree(auth: Optional[Tuple[bytes, bytes]], reply: int, text: str) -> None:
    exchange = Socks5Exchange(b"example.com", 443, auth)
    exchange.start()
    with pytest.raises(ProxyError) as caught:
        exchange.receive(bytes([5, reply]))
    assert str(caught.value) == text


@pytest.mark.parametrize("reply", [b"\x01\x01", b"\x01\xff", b"\x05\x01", b"\x00\x00"])
def test_socks5_wrong_password(reply: bytes) -> None:
    exchange = Socks5Exchange(b"example.com", 443, AUTH)
    exchange.start()
    exchange.receive(b"\x05\x02")
    with pytest.raises(ProxyError) as caught:
        exchange.receive(reply)
    assert str(caught.value) == "Invalid username/password"


@pytest.mark.parametrize("reply", [b"HTTP/1.1 400 Bad Request\r\n", b"\x04\x5a", b"\x05\x00\x00\x5a"])
def test_an_answer_in_another_protocol(reply: bytes) -> None:
    exchange = Socks5Exchange(b"example.com", 443)
    exchange.start()
    with pytest.raises(ProxyError, match=r"Malformed reply from proxy server: version \d+ where 5 belongs\."):
        exchange.receive(reply)


def test_an_address_type_that_does_not_exist() -> None:
    exchange = Socks5Exchange(b"example.com", 443)
    exchange.start()
    with pytest.raises(ProxyError, match="unknown address type 0x07"):
        exchange.receive(b"\x05\x00\x05\x00\x00\x07\x00")


@pytest.mark.parametrize(
    ("host", "auth", "request_bytes"),
    [
        (b"192.0.2.1", None, b"\x04\x01\x00\x50\xc0\x00\x02\x01\x00"),
        (b"192.0.2.1", (b"ann", b""), b"\x04\x01\x00\x50\xc0\x00\x02\x01ann\x00"),
        (b"example.com", None, b"\x04\x01\x00\x50\x00\x00\x00\xff\x00example.com\x00"),
        (b"example.com", (b"ann", b""), b"\x04\x01\x00\x50\x00\x00\x00\xffann\x00example.com\x00"),
    ],
)
def test_socks4_connects_however_the_reply_is_cut(
    host: bytes, auth: Optional[Tuple[bytes, bytes]], request_bytes: bytes
) -> None:
    for parts in splits(b"\x00\x5a\x00\x50\xc0\x00\x02\x01" + b"early"):
        exchange = Socks4Exchange(host, 80, auth)
        assert fed(exchange, parts) == request_bytes
        assert (exchange.needed, exchange.trailing) == (0, b"early")


def test_socks4_has_no_ipv6() -> None:
    with pytest.raises(UnsupportedProtocol, match="SOCKS4 has no IPv6 addresses"):
        Socks4Exchange(b"::1", 80)


@pytest.mark.parametrize(("code", "text"), [(0x5B, "Request rejected or failed"), (0x5C, "identd"), (0x00, "0x00")])
def test_socks4_refusals(code: int, text: str) -> None:
    exchange = Socks4Exchange(b"example.com", 80)
    exchange.start()
    with pytest.raises(ProxyError, match=f"^Proxy Server could not connect: .*{text}"):
        exchange.receive(bytes([0, code]))


@given(st.lists(st.binary(min_size=1, max_size=8), max_size=12), st.booleans(), st.booleans())
@settings(deadline=None)
def test_whatever_comes_is_consent_refusal_or_not_yet_decided(parts: List[bytes], socks5: bool, auth: bool) -> None:
    kind = Socks5Exchange if socks5 else Socks4Exchange
    exchange = kind(b"example.com", 80, AUTH if auth else None)
    exchange.start()
    received = b""
    for part in parts:
        assert exchange.needed >= 0
        received += part
        try:
            exchange.receive(part)
        except ProxyError as exc:
            assert "s3cret" not in str(exc)
            return
    if exchange.needed == 0:
        assert received.endswith(exchange.trailing)
    else:
        assert exchange.trailing == b""


@pytest.mark.parametrize(
    ("host", "expected"),
    [(b"127.0.0.1", True), (b"::1", True), (b"localhost", False), (b"1.2.3", False), (b"\xff", False)],
)
def test_ip_addresses(host: bytes, expected: bool) -> None:
    assert is_ip_address(host) is expected


def test_without_socksio_the_error_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "socksio", None)
    with pytest.raises(RuntimeError) as caught:
        require_socksio()
    assert "pip install 'core-proxy[socks]'" in str(caught.value)
    assert "pip install 'httpcore[socks]'" in str(caught.value)
