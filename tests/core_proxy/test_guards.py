"""What is refused before it is sent, and that a refusal does not repeat it."""

from __future__ import annotations

from typing import Any, Tuple

import pytest

from core_backends import LocalProtocolError, Origin, UnsupportedProtocol
from core_proxy._guards import checked_credentials, checked_headers, checked_host, checked_port, show


@pytest.mark.parametrize("secret", ["s3cret\r\nX: y", "s3cret\x00", "s3cret\x7f", "s3cret\t", "s3cret" + "x" * 250])
@pytest.mark.parametrize("part", [0, 1])
def test_credentials_that_cannot_be_sent(secret: str, part: int) -> None:
    auth: Tuple[str, str] = (secret, "") if part == 0 else ("", secret)
    with pytest.raises(LocalProtocolError) as caught:
        checked_credentials(auth)
    assert ("user name", "password")[part] in str(caught.value)
    assert "s3cret" not in str(caught.value)


def test_credentials() -> None:
    assert checked_credentials(None) is None
    assert checked_credentials(("ann", b"\xc3\xa4")) == (b"ann", b"\xc3\xa4")
    assert checked_credentials((b"x" * 255, b"")) == (b"x" * 255, b"")
    with pytest.raises(TypeError, match=r"proxy_auth must be bytes or str, but got int\."):
        wrong: Any = (1, "x")
        checked_credentials(wrong)


@pytest.mark.parametrize(
    "header",
    [
        (b"X\r\nY", b"1"),
        (b"X Y", b"1"),
        (b"", b"1"),
        (b"X:", b"1"),
        (b"X", b"s3cret\r\nY: 1"),
        (b"X", b"s3cret\x00"),
        (b"X", b"s3cret\x7f"),
        (b"X", b" s3cret"),
        (b"X", b"s3cret\t"),
    ],
)
def test_headers_that_are_none(header: Tuple[bytes, bytes]) -> None:
    with pytest.raises(LocalProtocolError) as caught:
        checked_headers([(b"Fine", b"yes"), header])
    assert "s3cret" not in str(caught.value)


def test_headers_that_are_fine() -> None:
    checked_headers([(b"X", b""), (b"X-!#$%&'*+.^_`|~9", b"a\tb \xff")])


def test_hosts_and_ports() -> None:
    origin = Origin(b"https", b"2001:db8::1", 443)
    assert (checked_host(origin), checked_port(origin), show(origin)) == (b"2001:db8::1", 443, "[2001:db8::1]:443")
    with pytest.raises(UnsupportedProtocol, match="missing a host"):
        checked_host(Origin(b"https", b"", 443))
