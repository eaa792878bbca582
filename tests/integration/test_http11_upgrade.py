"""The raw stream after 101 Switching Protocols: a websocket (RFC 6455) spoken by hand through `network_stream`."""

from __future__ import annotations

import base64
import hashlib
import os
import typing

import pytest
from client_kinds import Client
from servers.content import header, pattern
from servers.endpoint import Endpoint

SERVERS = (
    "node-tcp",
    "node-tls",
    "node-unix",
    "nginx-tcp",
    "nginx-tls",
    "nginx-unix",
    "apache-tcp",
    "apache-tls",
    "haproxy-tcp",
    "haproxy-tls",
    "haproxy-unix",
    "hypercorn-tcp",
    "hypercorn-tls",
)
MASK = b"\x01\x02\x03\x04"
TEXT, CLOSE = 1, 8

pytestmark = pytest.mark.parametrize("endpoint", SERVERS, indirect=True)


class Frames:
    """Whole frames out of a byte stream, however it is cut."""

    def __init__(self, stream: typing.Any):
        self._stream = stream
        self._received = b""

    async def read(self) -> typing.Tuple[int, bytes]:
        while len(self._received) < 2 or len(self._received) < 2 + self._received[1]:
            part = await self._stream.read(4096, timeout=10.0)
            assert part, "the server ended the connection"
            self._received += part
        end = 2 + self._received[1]
        frame, self._received = self._received[:end], self._received[end:]
        return frame[0] & 0x0F, frame[2:]

    async def write(self, opcode: int, payload: bytes) -> None:
        masked = bytes(byte ^ MASK[index % 4] for index, byte in enumerate(payload))
        await self._stream.write(bytes([0x80 | opcode, 0x80 | len(payload)]) + MASK + masked, timeout=10.0)


@pytest.mark.parametrize("scheme", ["http", "ws"])
async def test_websocket(client: Client, endpoint: Endpoint, scheme: str) -> None:
    key = base64.b64encode(os.urandom(16))
    url = endpoint.url("/websocket")
    if scheme == "ws":
        url = "ws" + url[len("http") :]
    headers = [
        (b"Connection", b"Upgrade"),
        (b"Upgrade", b"websocket"),
        (b"Sec-WebSocket-Key", key),
        (b"Sec-WebSocket-Version", b"13"),
    ]
    async with client.pool(endpoint, max_connections=2) as pool:
        async with pool.stream("GET", url, headers=headers) as response:
            assert response.status == 101
            accept = base64.b64encode(hashlib.sha1(key + b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11").digest())
            assert header(response, "Sec-WebSocket-Accept") == accept.decode()
            frames = Frames(response.extensions["network_stream"])
            assert await frames.read() == (TEXT, b"welcome"), "sent along with the 101"
            for message in (b"hello", b"", b"x" * 125):
                await frames.write(TEXT, message)
                assert await frames.read() == (TEXT, message)
            # The pool goes on beside the upgraded connection.
            assert (await pool.request("GET", endpoint.url("/bytes/10"))).content == pattern(10)
            await frames.write(CLOSE, b"\x03\xe8")
            assert (await frames.read())[0] == CLOSE
        # An upgraded connection never returns to HTTP.
        assert len(pool.connections) == 1
