"""What the HTTP/2 engine makes of bytes from a server, while three requests are open.

Streams 1 (GET) and 3 (HEAD) wait for an answer, of the request on stream 5 (POST) a part has been sent. What is to be
written must be whole frames, and bounded by what came; what is kept is bounded by what came, too.
"""

from __future__ import annotations

from typing import Any, List, Sequence

from h2.config import H2Configuration

from core_h2._engine import Engine
from core_h2._streams import Stream

__all__ = ["HEADER_LIST_SIZE", "Opened", "outcome"]

HEADER_LIST_SIZE = 100 * 1024

_config = H2Configuration(client_side=True, header_encoding=None)
_PREFACE_LENGTH = 24
# What the client says unasked: its preface, three requests, and why it ends.
_UNASKED = 2000


class Opened:
    """An engine with three open streams, whose clock stands still."""

    def __init__(self, window: int = 100_000) -> None:
        self.engine = Engine(
            _config, initial_window_size=window, max_header_list_size=HEADER_LIST_SIZE, clock=lambda: 0.0
        )
        self.engine.start()
        self.streams: List[Stream] = [
            self.engine.open_stream(method, b"https", b"example.com", b"/", [], body_size=size)
            for method, size in ((b"GET", 0), (b"HEAD", 0), (b"POST", None))
        ]
        self.engine.send_data(self.streams[2], memoryview(b"some of the request"), False)

    def written(self) -> bytes:
        """Return what is to be written; it must be whole frames."""
        parts: List[bytes] = []
        while self.engine.outbound:
            parts.append(self.engine.take(1 << 16))
        data = b"".join(parts)
        at = _PREFACE_LENGTH if data.startswith(b"PRI") else 0
        while at < len(data):
            at += 9 + int.from_bytes(data[at : at + 3], "big")
        assert at == len(data), "half a frame is to be written"
        return data


def outcome(pieces: Sequence[bytes], end: bool) -> Any:
    """Return all that can be seen of an engine that has received `pieces`, and then the end if there is one."""
    opened = Opened()
    engine = opened.engine
    for piece in pieces:
        engine.receive(piece)
    if end:
        engine.receive(b"")
    sent = sum(map(len, pieces))
    written = opened.written()
    assert len(written) <= _UNASKED + 4 * sent
    assert sum(len(part) for stream in opened.streams for part in stream.inbox) <= sent
    assert set(engine.streams) <= {1, 3, 5}
    for stream in opened.streams:
        for fields in (stream.head.headers if stream.head is not None else [], stream.trailers):
            assert sum(len(name) + len(value) + 32 for name, value in fields) <= HEADER_LIST_SIZE
    return (
        written,
        None if engine.failure is None else (engine.failure.error, engine.failure.message),
        engine.goaway,
        engine.send_window,
        # Settings that were refused have been taken in part.
        None if engine.failed else dict(engine.remote_settings),
        [
            (
                None if stream.head is None else (stream.head.status, stream.head.headers),
                # How much there is of a body that failed depends on how it came.
                None if stream.failure is not None else b"".join(stream.inbox),
                stream.trailers,
                None if stream.failure is None else (stream.failure.error, stream.failure.message),
                stream.local_open,
                stream.remote_open,
                stream.send_window,
            )
            for stream in opened.streams
        ],
    )
