"""What a codec makes of one response: the yardstick for the corpus, and for two codecs beside each other."""

from __future__ import annotations

from typing import Iterator, List, NamedTuple, Optional, Sequence, Tuple, Type

from core_backends import RemoteProtocolError
from core_h1._codec import Codec, Head, Headers

__all__ = ["HEADERS", "Outcome", "codec_outcome", "splits"]

HEADERS: Headers = [(b"Host", b"example.com")]


class Outcome(NamedTuple):
    heads: Tuple[Head, ...]
    body: bytes
    trailers: Tuple[Tuple[bytes, bytes], ...]
    error: Optional[Tuple[Type[Exception], str]]
    heard: bool
    leftover: bytes
    reusable: bool
    pieces_used: int  # how many pieces had been received when the outcome was known


def codec_outcome(
    codec: Codec, method: bytes, pieces: Sequence[bytes], headers: Headers = HEADERS, peek: bool = False
) -> Outcome:
    """Send a request for `method`, receive `pieces` and then the end of the stream, as a connection would.

    `peek` asks after each piece of the body whether it ended, as a connection does; the outcome must not depend on it.
    """
    codec.encode_request(method, b"/", headers, b"")
    waiting = iter(pieces)
    used = 0
    heads: List[Head] = []
    body: List[bytes] = []
    error = None
    switched = False

    def receive() -> None:
        nonlocal used
        used += 1
        codec.receive(next(waiting, b""))

    try:
        while True:
            head = codec.next_head()
            if head is None:
                receive()
                continue
            heads.append(head)
            switched = head[1] == 101 or (method == b"CONNECT" and 200 <= head[1] < 300)
            if head[1] >= 200 or switched:
                break
        while not switched:
            data = codec.next_body()
            if data is None:
                receive()
            elif data:
                body.append(data)
                if peek and codec.body_ended():
                    break
            else:
                break
    except RemoteProtocolError as exc:
        error = (type(exc), str(exc))
    trailers = tuple(codec.trailers)
    heard = codec.heard
    leftover = codec.leftover() if error is None else b""
    reusable = error is None and codec.next_cycle()
    return Outcome(tuple(heads), b"".join(body), trailers, error, heard, leftover, reusable, used)


def splits(data: bytes) -> Iterator[List[bytes]]:
    """Every way to cut `data` in two, and all of its bytes one by one."""
    for at in range(1, len(data)):
        yield [data[:at], data[at:]]
    yield [data[at : at + 1] for at in range(len(data))]
