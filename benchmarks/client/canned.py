"""Requests whose answers are there before they are sent: what a client itself does, without a system call.

`python -m client.canned PATH COUNT` sends COUNT small GETs on one connection. `benchmarks/instructions` counts what the
processor executes for them.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import http.client
import io
import struct
from typing import Any, Callable, Dict, Optional

import httpcore

__all__ = ["PATHS"]

URL = "http://127.0.0.1:8000/small"
HEADERS = [("Accept", "*/*"), ("Accept-Encoding", "gzip, deflate"), ("User-Agent", "benchmark")]
BODY = b"x" * 1024
FIELDS = [
    (b"Server", b"nginx/1.22.1"),
    (b"Date", b"Sat, 21 Nov 2026 06:00:00 GMT"),
    (b"Content-Type", b"application/octet-stream"),
    (b"Content-Length", b"1024"),
    (b"Last-Modified", b"Sat, 21 Nov 2026 06:00:00 GMT"),
    (b"Connection", b"keep-alive"),
    (b"ETag", b'"6741f0a0-400"'),
    (b"Accept-Ranges", b"bytes"),
]
ANSWER = b"HTTP/1.1 200 OK\r\n" + b"".join(b"%b: %b\r\n" % field for field in FIELDS) + b"\r\n" + BODY


class AsyncStream(httpcore.AsyncNetworkStream):
    async def read(self, max_bytes: int, timeout: Optional[float] = None) -> bytes:
        return ANSWER

    async def write(self, buffer: bytes, timeout: Optional[float] = None) -> None:
        return None

    async def aclose(self) -> None:
        return None

    def get_extra_info(self, info: str) -> Any:
        return False if info == "is_readable" else None


class AsyncBackend(httpcore.AsyncNetworkBackend):
    async def connect_tcp(self, *args: Any, **options: Any) -> httpcore.AsyncNetworkStream:
        return AsyncStream()


class Stream(httpcore.NetworkStream):
    def read(self, max_bytes: int, timeout: Optional[float] = None) -> bytes:
        return ANSWER

    def write(self, buffer: bytes, timeout: Optional[float] = None) -> None:
        return None

    def close(self) -> None:
        return None

    def get_extra_info(self, info: str) -> Any:
        return False if info == "is_readable" else None


class Backend(httpcore.NetworkBackend):
    def connect_tcp(self, *args: Any, **options: Any) -> httpcore.NetworkStream:
        return Stream()


def _frame(kind: int, flags: int, stream_id: int, payload: bytes) -> bytes:
    return struct.pack(">I", len(payload))[1:] + struct.pack(">BBI", kind, flags, stream_id) + payload


class HTTP2Stream(Stream):
    """Answers the stream whose turn it is: SETTINGS once, then HEADERS and DATA."""

    # Status 200 by its index, the rest as literals that are not indexed (RFC 7541 § 6.2.2).
    _HEAD = b"\x88" + b"".join(
        b"\x00%c%b%c%b" % (len(name), name.lower(), len(value), value)
        for name, value in FIELDS
        if name != b"Connection"
    )

    def __init__(self) -> None:
        self._next = 1
        self._begun = False

    def read(self, max_bytes: int, timeout: Optional[float] = None) -> bytes:
        stream_id, self._next = self._next, self._next + 2
        begin = b"" if self._begun else _frame(4, 0, 0, b"")
        self._begun = True
        return begin + _frame(1, 4, stream_id, self._HEAD) + _frame(0, 1, stream_id, BODY)


class HTTP2Backend(httpcore.NetworkBackend):
    def connect_tcp(self, *args: Any, **options: Any) -> httpcore.NetworkStream:
        return HTTP2Stream()


def h1_sync(count: int) -> None:
    with httpcore.ConnectionPool(network_backend=Backend()) as pool:
        for _ in range(count):
            assert len(pool.request("GET", URL, headers=HEADERS).content) == len(BODY)


def h1_async(count: int) -> None:
    async def main() -> None:
        async with httpcore.AsyncConnectionPool(network_backend=AsyncBackend()) as pool:
            for _ in range(count):
                assert len((await pool.request("GET", URL, headers=HEADERS)).content) == len(BODY)

    asyncio.run(main())


def h2_sync(count: int) -> None:
    with httpcore.ConnectionPool(network_backend=HTTP2Backend(), http1=False, http2=True) as pool:
        for _ in range(count):
            assert len(pool.request("GET", URL, headers=HEADERS).content) == len(BODY)


class _Socket:
    def sendall(self, data: bytes) -> None:
        return None

    def makefile(self, mode: str) -> io.BytesIO:
        return io.BytesIO(ANSWER)

    def close(self) -> None:
        return None


def http_client(count: int) -> None:
    """The standard library's client: the measure that the others are counted in."""
    connection = http.client.HTTPConnection("127.0.0.1", 8000)
    connection.sock = _Socket()
    for _ in range(count):
        connection.request("GET", "/small", headers=dict(HEADERS))
        response = connection.getresponse()
        assert len(response.read()) == len(BODY)


PATHS: Dict[str, Callable[[int], None]] = {
    "http_client": http_client,
    "h1_sync": h1_sync,
    "h1_async": h1_async,
    "h2_sync": h2_sync,
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("path", choices=PATHS)
    parser.add_argument("count", type=int)
    options = parser.parse_args()
    # When it collects hangs on what is allocated before, to the object.
    gc.disable()
    PATHS[options.path](options.count)


if __name__ == "__main__":
    main()
