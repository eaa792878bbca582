"""Target: the HTTP/2 engine with three open streams. Nothing is raised, and how the bytes are split does not matter.

What is to be written must be whole frames, and bounded by what came; what is kept is bounded by what came, too.
"""

from __future__ import annotations

from typing import Any, Iterator, List, Tuple

from h2.config import H2Configuration

from core_h2._engine import Engine
from core_h2._streams import Stream

from ..reliability.corpus.h2 import CASES
from ..reliability.corpus.h2_case import greeting
from .pieces import pack, unpack

__all__ = ["run", "seeds"]

CONFIG = H2Configuration(client_side=True, header_encoding=None)
WINDOW = 100_000
LIMIT = 10_000  # Of a header list.
_PREFACE_LENGTH = 24


def begin() -> Tuple[Engine, List[Stream]]:
    engine = Engine(CONFIG, initial_window_size=WINDOW, max_header_list_size=LIMIT, clock=lambda: 0.0)
    engine.start()
    streams = [
        engine.open_stream(method, b"https", b"example.com", b"/", [], body_size=size)
        for method, size in ((b"GET", 0), (b"HEAD", 0), (b"POST", None))
    ]
    engine.send_data(streams[2], memoryview(b"some of the request"), False)
    return engine, streams


def written_by(engine: Engine) -> bytes:
    parts = []
    while engine.outbound:
        parts.append(engine.take(1 << 16))
    return b"".join(parts)


def check_frames(data: bytes) -> None:
    at = _PREFACE_LENGTH
    while at < len(data):
        at += 9 + int.from_bytes(data[at : at + 3], "big")
    assert at == len(data), "half a frame is to be written"


def result(pieces: List[bytes], end: bool) -> Any:
    engine, streams = begin()
    for piece in pieces:
        engine.receive(piece)
    if end:
        engine.receive(b"")
    sent = sum(map(len, pieces))
    written = written_by(engine)
    check_frames(written)
    assert len(written) <= 2000 + 4 * sent
    assert sum(len(part) for stream in streams for part in stream.inbox) <= sent
    for stream in streams:
        for fields in (stream.head.headers if stream.head is not None else [], stream.trailers):
            assert sum(len(name) + len(value) + 32 for name, value in fields) <= LIMIT
    assert set(engine.streams) <= {1, 3, 5}
    return (
        written,
        None if engine.failure is None else (engine.failure.error, engine.failure.message),
        engine.goaway,
        [
            (
                None if stream.head is None else (stream.head.status, stream.head.headers),
                b"".join(stream.inbox),
                stream.trailers,
                None if stream.failure is None else (stream.failure.error, stream.failure.message),
                stream.local_open,
                stream.remote_open,
                stream.send_window,
            )
            for stream in streams
        ],
    )


def run(data: bytes) -> None:
    options, pieces = unpack(data)
    end = bool(options & 1)
    whole = b"".join(pieces)
    if options & 2:
        whole = greeting() + whole
        pieces.insert(0, greeting())
    assert result(pieces, end) == result([whole] if whole else [], end)


def seeds() -> Iterator[bytes]:
    for case in CASES:
        sent = b"".join(case.sent)
        if not case.endless and len(sent) <= 4000:
            yield pack(1 if case.end else 0, sent)
