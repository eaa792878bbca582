"""Target: the fast HTTP/1.1 codec and h11 give the same heads, bodies, errors and leftover bytes for the same input."""

from __future__ import annotations

from typing import Iterator

from core_h1._fast_codec import FastCodec
from core_h1._h11_codec import H11Codec

from ..core_h1.exchange import HEADERS, codec_outcome
from ..reliability.corpus.h1 import CASES
from .pieces import pack, unpack

__all__ = ["run", "seeds"]

LIMIT = 2000  # Small, so that a fuzzer finds it.
METHODS = [b"GET", b"HEAD", b"CONNECT", b"POST"]
EXTRA = [[], [(b"Connection", b"close")], [(b"Upgrade", b"x"), (b"Connection", b"Upgrade")], [(b"TE", b"trailers")]]


def run(data: bytes) -> None:
    options, pieces = unpack(data)
    method = METHODS[options & 3]
    headers = [*HEADERS, *EXTRA[options >> 2 & 3]]
    peek = bool(options & 16)
    fast = codec_outcome(FastCodec(LIMIT), method, pieces, headers, peek)
    authority = codec_outcome(H11Codec(LIMIT), method, pieces, headers, peek)
    assert fast == authority, (method, pieces, fast, authority)
    sent = sum(map(len, pieces))
    assert len(fast.body) <= sent and len(fast.leftover) <= sent


def seeds() -> Iterator[bytes]:
    for case in CASES:
        sent = case.sent + case.endless * (LIMIT // len(case.endless or b"x"))
        if len(sent) <= 2 * LIMIT:
            method = METHODS.index(case.method) if case.method in METHODS else 0
            yield pack(method | (8 if case.request_headers else 0), sent)
