"""Starting TLS, on a stream of ours and on a user's own."""

from __future__ import annotations

import socket
from typing import Any, List

import pytest

from core_backends import AsyncNetworkStream, NetworkStream, SyncBackend
from core_backends.lowlevel import async_start_tls, start_tls

NAMES = [
    ("example.com.", "example.com"),
    ("example.com", "example.com"),
    ("127.0.0.1", "127.0.0.1"),
    ("fe80::1%eth0", "fe80::1"),
    ("::1", "::1"),
    (None, None),
]


@pytest.mark.parametrize("given, asked_for", NAMES)
def test_what_is_for_the_resolver_alone_is_not_asked_for(given: Any, asked_for: Any, run: Any, tls: Any) -> None:
    names: List[Any] = []

    class Stream(NetworkStream):
        def start_tls(self, ssl_context: Any, server_hostname: Any = None, timeout: Any = None) -> NetworkStream:
            names.append(server_hostname)
            return self

    class AsyncStream(AsyncNetworkStream):
        async def start_tls(
            self, ssl_context: Any, server_hostname: Any = None, timeout: Any = None
        ) -> AsyncNetworkStream:
            names.append(server_hostname)
            return self

    start_tls(Stream(), tls.client, given, 20, None)
    run(lambda: async_start_tls(AsyncStream(), tls.client, given, 20, None))
    assert names == [asked_for, asked_for]


def test_a_certificate_for_a_name_is_one_for_the_name_with_a_dot(serve: Any, tls: Any) -> None:
    def server(connection: socket.socket) -> None:
        secured = tls.server.wrap_socket(connection, server_side=True)
        secured.sendall(b"secured")
        secured.close()

    plain = SyncBackend().connect_tcp(host="127.0.0.1", port=serve(server), timeout=20)
    stream = start_tls(plain, tls.client, "localhost.", 20, None)
    assert stream.read(100, 20) == b"secured"
    stream.close()
