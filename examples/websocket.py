"""Upgrade a connection to WebSocket (RFC 6455), send a line and print what comes back.

    python examples/websocket.py URL TEXT

A `101` gives the connection out of HTTP's hands: `response.extensions["network_stream"]` is the byte stream, with what
the server sent along with its answer still to be read. The framing here does for short texts; a library such as wsproto
does for everything.
"""

from __future__ import annotations

import base64
import hashlib
import os
import struct
import sys
from typing import Any, Tuple

import httpcore

GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
TEXT, CLOSE = 0x1, 0x8


def send_frame(stream: httpcore.NetworkStream, kind: int, payload: bytes) -> None:
    mask = os.urandom(4)
    masked = bytes(byte ^ mask[index % 4] for index, byte in enumerate(payload))
    if len(payload) < 126:
        head = struct.pack("!BB", 0x80 | kind, 0x80 | len(payload))
    else:
        head = struct.pack("!BBH", 0x80 | kind, 0x80 | 126, len(payload))
    stream.write(head + mask + masked, timeout=10.0)


def exactly(stream: httpcore.NetworkStream, count: int) -> bytes:
    data = b""
    while len(data) < count:
        piece = stream.read(count - len(data), timeout=10.0)
        if not piece:
            raise EOFError("The server ended the connection in the middle of a frame.")
        data += piece
    return data


def receive_frame(stream: httpcore.NetworkStream) -> Tuple[int, bytes]:
    first, length = exactly(stream, 2)
    if length == 126:
        (length,) = struct.unpack("!H", exactly(stream, 2))
    return first & 0x0F, exactly(stream, length)


def main(url: str, text: str) -> None:
    key = base64.b64encode(os.urandom(16))
    headers: Any = {
        "Connection": "Upgrade",
        "Upgrade": "websocket",
        "Sec-WebSocket-Version": "13",
        "Sec-WebSocket-Key": key,
    }
    with httpcore.ConnectionPool() as pool, pool.stream("GET", url, headers=headers) as response:
        if response.status != 101:
            raise SystemExit(f"The server answered {response.status} where it should have switched protocols.")
        accepts = [value for name, value in response.headers if name.lower() == b"sec-websocket-accept"]
        if accepts != [base64.b64encode(hashlib.sha1(key + GUID).digest())]:
            raise SystemExit("The server did not answer this handshake.")
        stream = response.extensions["network_stream"]
        send_frame(stream, TEXT, text.encode())
        print(receive_frame(stream)[1].decode())
        send_frame(stream, CLOSE, struct.pack("!H", 1000))
        kind, _ = receive_frame(stream)
        print("closed" if kind == CLOSE else f"unexpected frame {kind}")


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
