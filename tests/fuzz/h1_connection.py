"""Target: a pool of one HTTP/1.1 connection. Only documented exceptions, and the second request gets its own answer."""

from __future__ import annotations

from typing import Iterator

import httpcore

from ..reliability.corpus.h1 import CASES
from .pieces import pack, unpack
from .script import DOCUMENTED, GOOD_BODY, ScriptedBackend

__all__ = ["run", "seeds"]

METHODS = ["GET", "HEAD", "CONNECT", "POST"]
UPGRADE = [(b"Host", b"example.com"), (b"Upgrade", b"x"), (b"Connection", b"Upgrade")]
URL = "http://example.com/"


def run(data: bytes) -> None:
    options, pieces = unpack(data)
    if not pieces:
        return
    backend = ScriptedBackend(pieces)
    with httpcore.ConnectionPool(max_connections=1, network_backend=backend) as pool:
        try:
            with pool.stream(METHODS[options & 3], URL, headers=UPGRADE if options & 4 else None) as response:
                assert 101 <= response.status <= 999 and (response.status == 101 or response.status >= 200)
                size = 0
                for part in response.iter_stream():
                    size += len(part)
                    if options & 8:
                        break
                assert size <= len(data)
        except DOCUMENTED:
            pass
        assert pool.request("GET", URL).content == GOOD_BODY
        assert len(pool.connections) <= 1
    assert all(stream.closed for stream in backend.streams)
    assert sum(stream.reads for stream in backend.streams) <= len(data) + 10


def seeds() -> Iterator[bytes]:
    for case in CASES:
        if not case.endless and len(case.sent) <= 4000:
            method = METHODS.index(case.method.decode()) if case.method.decode() in METHODS else 0
            yield pack(method | (4 if case.request_headers else 0), case.sent)
