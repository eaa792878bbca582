"""A stream of which some bytes have been read already."""

from __future__ import annotations

import ssl
from typing import Any

import pytest

from core_backends import ConnectError, NetworkStream, ReadError
from core_backends.lowlevel import AsyncLeadingStream, LeadingStream
from core_backends.testing import AsyncScriptedStream, ScriptedStream


def test_leading_bytes_are_read_first() -> None:
    below = ScriptedStream([b"second"], extra={"is_readable": False, "socket": "the socket"})
    stream = LeadingStream(below, b"first")
    assert stream.get_extra_info("is_readable") is True
    assert [stream.read(3), stream.read(100, 1.0)] == [b"fir", b"st"]
    assert stream.get_extra_info("is_readable") is False
    assert stream.read(100, 2.0) == b"second"
    stream.write(b"own", 3.0)
    assert below.written == b"own"
    assert below.timeouts == [("read", 2.0), ("write", 3.0)]
    assert stream.get_extra_info("socket") == "the socket"


def test_closing_forgets_them_and_closes_what_is_below() -> None:
    for close in ("close", "abort"):
        below = ScriptedStream([b"second"])
        stream: Any = LeadingStream(below, b"first")
        getattr(stream, close)()
        assert below.closed and below.aborted == (close == "abort")
        with pytest.raises(ReadError):
            stream.read(5)


def test_tls_is_refused_on_bytes_that_came_before_it(run: Any) -> None:
    async def main() -> None:
        below = AsyncScriptedStream()
        with pytest.raises(ConnectError, match="5 bytes before the TLS handshake"):
            await AsyncLeadingStream(below, b"plain").start_tls(ssl.create_default_context())
        assert below.aborted and not below.tls

    run(main)


def test_tls_takes_the_offer_along(run: Any) -> None:
    async def main() -> None:
        below = AsyncScriptedStream([b"x"])
        stream = AsyncLeadingStream(below, b"-")
        assert await stream.read(1) == b"-"
        assert stream.accepts_alpn_protocols
        context = ssl.create_default_context()
        assert await stream.start_tls(context, "h", 5.0, alpn_protocols=["h2"]) is below
        assert (below.tls, below.alpn_protocols, below.timeouts) == (["h"], [["h2"]], [("start_tls", 5.0)])

    run(main)


def test_a_stream_of_the_users_own_is_asked_for_what_the_contract_has_only() -> None:
    class Own(NetworkStream):
        arguments: Any = None

        def start_tls(self, ssl_context: Any, server_hostname: Any = None, timeout: Any = None) -> Any:
            self.arguments = (ssl_context, server_hostname, timeout)
            return self

    below = Own()
    context = ssl.create_default_context()
    stream = LeadingStream(below, b"")
    assert not stream.accepts_alpn_protocols
    assert stream.start_tls(context, server_hostname="h") is below
    assert below.arguments == (context, "h", None)
    assert not hasattr(stream, "write_some") and not hasattr(stream, "write_some_nowait")


def test_parts_are_written_where_the_stream_below_can() -> None:
    class Partial(ScriptedStream):
        def write_some(self, buffer: bytes, timeout: Any = None) -> int:
            return 3

        def write_some_nowait(self, buffer: bytes) -> int:
            return 2

    stream = LeadingStream(Partial(), b"x")
    assert (stream.write_some(b"12345", 1), stream.write_some_nowait(b"12345")) == (3, 2)


def test_who_writes_and_watches_is_told_of_the_bytes_in_front_first() -> None:
    class Watching(ScriptedStream):
        def write_some_unless_readable(self, buffer: bytes, timeout: Any = None) -> int:
            return 3

    stream = LeadingStream(Watching(), b"x")
    assert stream.write_some_unless_readable(b"12345", 1) == 0
    assert stream.read(10) == b"x"
    assert stream.write_some_unless_readable(b"12345", 1) == 3
    assert not hasattr(LeadingStream(ScriptedStream(), b"x"), "write_some_unless_readable")
