"""Targets: the handshakes with SOCKS and CONNECT proxies, and the response behind them.

Only documented exceptions leave, nothing is left open, and a request whose handshake failed was not sent.
"""

from __future__ import annotations

from typing import Iterator

import httpcore

from ..reliability.corpus.h1 import CASES
from .pieces import pack, unpack
from .script import DOCUMENTED, GOOD, ScriptedBackend

__all__ = ["run_connect", "run_socks", "seeds_connect", "seeds_socks"]

SOCKS = [
    ("socks5://proxy.test:1080", None),
    ("socks5://proxy.test:1080", ("user", "pass")),
    ("socks5h://proxy.test:1080", None),
]
GREETING = b"\x05\x00"
ACCEPTED = b"\x01\x00"
CONNECTED = b"\x05\x00\x00\x01\x7f\x00\x00\x01\x04\xd2"


def through(proxy: httpcore.Proxy, url: str, data: bytes) -> None:
    _, pieces = unpack(data)
    if not pieces:
        return
    backend = ScriptedBackend(pieces, lambda written: b"")
    with httpcore.ConnectionPool(max_connections=1, proxy=proxy, network_backend=backend) as pool:
        try:
            assert len(pool.request("GET", url).content) <= len(data)
        except DOCUMENTED:
            pass
    assert all(stream.closed for stream in backend.streams)
    assert sum(stream.reads for stream in backend.streams) <= 2 * len(data) + 20
    assert sum(stream.written for stream in backend.streams) <= 4000


def run_socks(data: bytes) -> None:
    url, auth = SOCKS[(data[0] if data else 0) % len(SOCKS)]
    through(httpcore.Proxy(url, auth=auth), "http://example.com/", data)


def seeds_socks() -> Iterator[bytes]:
    for options, begun in ((0, GREETING), (1, b"\x05\x02" + ACCEPTED)):
        yield pack(options, begun + CONNECTED + GOOD)
        yield pack(options, begun + b"\x05\x00\x00\x03\x0bexample.com\x01\xbb" + GOOD)
        yield pack(options, begun + b"\x05\x00\x00\x04" + b"\0" * 18 + GOOD)
        for code in range(1, 10):
            yield pack(options, begun + bytes((5, code)) + CONNECTED[2:])
    yield pack(0, b"\x05\xff")
    yield pack(1, b"\x05\x02\x01\x01")


def run_connect(data: bytes) -> None:
    through(httpcore.Proxy("http://proxy.test:8080"), "https://example.com/", data)


def seeds_connect() -> Iterator[bytes]:
    for case in CASES:
        if case.method == b"CONNECT":
            yield pack(0, case.sent)
            yield pack(0, case.sent + GOOD)
