"""The HTTP/1.1 corpus through both codecs: what is expected, and the same from both, whole and at every split.

Long cases are split at points spread over them, and at each of their first bytes.
"""

from __future__ import annotations

import tracemalloc
from typing import Callable, Iterator, List

import pytest

from core_h1._codec import Codec
from core_h1._fast_codec import FastCodec
from core_h1._h11_codec import H11Codec

from ..core_h1.exchange import HEADERS, Outcome, codec_outcome
from .corpus.h1 import CASES, H1Case

LIMIT = 100 * 1024
READ = 64 * 1024
# What a client may take of a response that never ends, before it refuses.
MOST_READ = LIMIT + 2 * READ
# What it may need for that: what was received, a copy on its way to the parser, and the fields made of it.
MOST_MEMORY = 16 * LIMIT

SHORT = 400
SPREAD = 40

FINITE = [case for case in CASES if not case.endless]
ENDLESS = [case for case in CASES if case.endless]
# How many informational responses there may be is for the connection to say.
REFUSED_BY_CODECS = [case for case in ENDLESS if not case.endless.endswith(b"\r\n\r\n")]


def outcome(codec: Callable[[int], Codec], case: H1Case, pieces: List[bytes], peek: bool = False) -> Outcome:
    return codec_outcome(codec(LIMIT), case.method, pieces, [*HEADERS, *case.request_headers], peek)


def splits_of(sent: bytes) -> Iterator[List[bytes]]:
    size = len(sent)
    points = range(1, size) if size <= SHORT else sorted({*range(1, 60), *range(60, size, size // SPREAD), size - 1})
    for at in points:
        yield [sent[:at], sent[at:]]
    if size <= SHORT:
        yield [sent[at : at + 1] for at in range(size)]


def check(case: H1Case, got: Outcome, whole: bool) -> None:
    final = [head for head in got.heads if head[1] >= 200 or head[1] == 101]
    assert [head[1] for head in final] == ([] if case.status is None else [case.status])
    assert (None if got.error is None else got.error[0].__name__) == case.error, got.error
    if case.error is not None:
        return
    assert got.body == case.body
    if case.switched is not None:
        assert case.switched.startswith(got.leftover) and (got.leftover == case.switched or not whole)
        assert not got.reusable
    # Bytes behind a response may come too late to be seen here.
    elif whole:
        # What the `Keep-Alive` hint says is for the connection to heed.
        hinted = any(name.lower() == b"keep-alive" for name, _ in final[0][3])
        assert got.reusable == case.reusable or (hinted and got.reusable)


def test_the_corpus_is_as_large_as_promised() -> None:
    assert len(CASES) >= 600
    assert len({case.name for case in CASES}) == len(CASES)
    assert all(case.source.startswith(("RFC ", "care: ")) for case in CASES)


@pytest.mark.parametrize("case", FINITE, ids=lambda case: case.name)
def test_a_case_through_both_codecs(case: H1Case) -> None:
    fast, authority = outcome(FastCodec, case, [case.sent]), outcome(H11Codec, case, [case.sent])
    assert fast == authority
    check(case, authority, True)
    assert outcome(FastCodec, case, [case.sent], True) == outcome(H11Codec, case, [case.sent], True)
    for pieces in splits_of(case.sent):
        fast, authority = outcome(FastCodec, case, pieces), outcome(H11Codec, case, pieces)
        assert fast == authority, pieces
        check(case, authority, False)


@pytest.mark.parametrize("size", [97, 4096, READ])
@pytest.mark.parametrize("codec", [FastCodec, H11Codec])
@pytest.mark.parametrize("case", REFUSED_BY_CODECS, ids=lambda case: case.name)
def test_a_response_without_an_end_is_refused_in_time(case: H1Case, codec: Callable[[int], Codec], size: int) -> None:
    much = case.sent + case.endless * (1 + 2 * MOST_READ // len(case.endless))
    got = outcome(codec, case, [much[at : at + size] for at in range(0, len(much), size)])
    check(case, got, False)
    assert got.pieces_used * size <= MOST_READ


@pytest.mark.parametrize("codec", [FastCodec, H11Codec])
@pytest.mark.parametrize("case", ENDLESS, ids=lambda case: case.name)
def test_a_response_without_an_end_takes_bounded_memory(case: H1Case, codec: Callable[[int], Codec]) -> None:
    piece = case.endless * (1 + READ // len(case.endless))
    pieces = [case.sent, *[piece] * 100]
    tracemalloc.start()
    try:
        outcome(codec, case, pieces)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < MOST_MEMORY
