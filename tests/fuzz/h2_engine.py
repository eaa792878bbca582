"""Target: the HTTP/2 engine with three open streams. Nothing is raised, and how the bytes are split does not matter."""

from __future__ import annotations

from typing import Iterator

from ..reliability.corpus.h2 import CASES
from ..reliability.corpus.h2_case import greeting
from ..reliability.corpus.h2_outcome import outcome
from .pieces import pack, unpack

__all__ = ["run", "seeds"]


def run(data: bytes) -> None:
    options, pieces = unpack(data)
    if options & 2:
        pieces.insert(0, greeting())
    end = bool(options & 1)
    whole = b"".join(pieces)
    assert outcome(pieces, end) == outcome([whole] if whole else [], end)


def seeds() -> Iterator[bytes]:
    for case in CASES:
        sent = b"".join(case.sent)
        if not case.endless and len(sent) <= 4000:
            yield pack(1 if case.end else 0, sent)
