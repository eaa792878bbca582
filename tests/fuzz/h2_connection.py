"""Target: a pool of one HTTP/2 connection. Only documented exceptions, nothing hangs, nothing is left open."""

from __future__ import annotations

from typing import Iterator

import httpcore

from ..reliability.corpus.h2 import CASES
from ..reliability.corpus.h2_case import greeting
from .framed import framed, unframed
from .pieces import pack, unpack
from .script import DOCUMENTED, ScriptedBackend

__all__ = ["run", "seeds"]

METHODS = ["GET", "HEAD", "POST", "CONNECT"]
URL = "http://example.com/"


def run(data: bytes) -> None:
    options, pieces = unpack(data)
    if options & 16:
        pieces = [greeting(), framed(b"".join(pieces))]
    if not pieces:
        return
    backend = ScriptedBackend(pieces, lambda written: b"")
    content = b"x" * 100_000 if options & 4 else None
    with httpcore.ConnectionPool(max_connections=1, http1=False, http2=True, network_backend=backend) as pool:
        for _ in range(2):
            try:
                with pool.stream(METHODS[options & 3], URL, content=content) as response:
                    assert 200 <= response.status <= 999
                    size = 0
                    for part in response.iter_stream():
                        size += len(part)
                        if options & 8:
                            break
                    assert size <= 2 * len(data)
            except DOCUMENTED:
                pass
        assert len(pool.connections) <= 1
    assert all(stream.closed for stream in backend.streams)
    assert sum(stream.reads for stream in backend.streams) <= 2 * len(data) + 20
    assert sum(stream.written for stream in backend.streams) <= 500_000 + 4 * len(data)


def seeds() -> Iterator[bytes]:
    for case in CASES:
        sent = b"".join(case.sent)
        if not case.endless and len(sent) <= 4000:
            options = METHODS.index(case.method.decode()) | (4 if case.content else 0)
            yield pack(options, sent)
            frames = unframed(sent)
            if frames is not None:
                yield pack(options | 16, frames)
