"""Target: the HTTP/2 engine with three open streams. Nothing is raised, and how the bytes are split does not matter."""

from __future__ import annotations

from typing import Iterator

from ..reliability.corpus.h2 import CASES
from ..reliability.corpus.h2_case import greeting
from ..reliability.corpus.h2_outcome import outcome
from .framed import framed, unframed
from .pieces import pack, unpack

__all__ = ["run", "seeds"]

END, GREETED, FRAMED = 1, 2, 4


def run(data: bytes) -> None:
    options, pieces = unpack(data)
    if options & FRAMED:
        whole = framed(b"".join(pieces))
        places = [len(b"".join(pieces[:count])) % (len(whole) + 1) for count in range(1, len(pieces))]
        points = sorted({0, len(whole), *places})
        pieces = [whole[start:stop] for start, stop in zip(points, points[1:])]
    if options & GREETED:
        pieces.insert(0, greeting())
    end = bool(options & END)
    whole = b"".join(pieces)
    assert outcome(pieces, end) == outcome([whole] if whole else [], end)


def seeds() -> Iterator[bytes]:
    for case in CASES:
        sent = b"".join(case.sent)
        if case.endless or len(sent) > 4000:
            continue
        options = END if case.end else 0
        yield pack(options, sent)
        frames = unframed(sent)
        if frames is not None:
            yield pack(options | GREETED | FRAMED, frames)
