"""The mocks: reads from a list, writes to nowhere, and TLS that is only said."""

from __future__ import annotations

from typing import Any

import pytest

from core_backends import (
    AsyncMockBackend,
    AsyncMockStream,
    MockBackend,
    MockStream,
    ReadError,
    default_ssl_context,
)


def test_a_mock_stream_reads_item_by_item_and_nothing_after_the_last() -> None:
    stream = MockStream([b"a long item", b"b"])
    assert stream.read(1) == b"a long item"
    stream.write(b"swallowed")
    assert [stream.read(100), stream.read(100), stream.read(100)] == [b"b", b"", b""]
    stream.close()
    with pytest.raises(ReadError):
        stream.read(1)


@pytest.mark.parametrize(("http2", "protocol"), [(False, "http/1.1"), (True, "h2")])
def test_a_mock_stream_is_secured_at_once(http2: bool, protocol: str) -> None:
    stream = MockStream([], http2=http2)
    assert stream.start_tls(default_ssl_context()) is stream
    assert stream.get_extra_info("ssl_object").selected_alpn_protocol() == protocol
    assert stream.get_extra_info("socket") is None


def test_each_connection_of_a_mock_backend_has_the_whole_buffer() -> None:
    backend = MockBackend([b"x"])
    for stream in (backend.connect_tcp("h", 1), backend.connect_unix_socket("/p")):
        assert stream.read(1) == b"x"
    backend.sleep(1e9)


def test_async_mocks_do_the_same(run: Any) -> None:
    async def main() -> None:
        backend = AsyncMockBackend([b"x"], http2=True)
        await backend.sleep(1e9)
        for stream in (await backend.connect_tcp("h", 1), await backend.connect_unix_socket("/p")):
            assert await stream.read(1) == b"x"
            assert await stream.read(1) == b""
            await stream.write(b"swallowed")
            assert await stream.start_tls(default_ssl_context()) is stream
            assert stream.get_extra_info("ssl_object").selected_alpn_protocol() == "h2"
            await stream.aclose()
            with pytest.raises(ReadError):
                await stream.read(1)

    run(main)


def test_reprs_are_those_that_user_code_knows() -> None:
    assert repr(MockStream([])) == "<httpcore.MockStream>"
    assert repr(AsyncMockStream([])) == "<httpcore.AsyncMockStream>"
