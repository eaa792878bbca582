"""A connection makes the same of a response however it arrives, on its first exchange and on its third."""

from __future__ import annotations

from typing import List

from hypothesis import given, settings
from hypothesis import strategies as st

from core_backends import RemoteProtocolError, Request
from core_h1 import HTTP11Connection

from ._sync.fakes import OK, ORIGIN, ScriptedStream
from .corpus import CORPUS, Case


def pieces_of(sent: bytes, cuts: List[int]) -> List[bytes]:
    points = [0, *sorted({cut % (len(sent) + 1) for cut in cuts}), len(sent)]
    return [sent[start:end] for start, end in zip(points, points[1:]) if end > start]


@given(
    case=st.sampled_from(CORPUS),
    cuts=st.lists(st.integers(0, 10000), max_size=6),
    exchanges_before=st.integers(0, 2),
)
@settings(deadline=None)
def test_any_split(case: Case, cuts: List[int], exchanges_before: int) -> None:
    pieces = pieces_of(case.sent, cuts)
    stream = ScriptedStream([OK] * exchanges_before + pieces)
    connection = HTTP11Connection(ORIGIN, stream)
    for _ in range(exchanges_before):
        assert connection.request("GET", "https://example.com/").content == b"hello"
    request = Request(case.method, "https://example.com/", headers={"Host": "h"})
    if case.body is None:
        try:
            connection.handle_request(request).read()
        except RemoteProtocolError as exc:
            assert case.text in str(exc)
        else:
            raise AssertionError("not refused")
        assert connection.is_closed() and not stream.is_open
        return
    assert connection.handle_request(request).read() == case.body
    assert connection.is_closed() is not stream.is_open
    if connection.is_idle():
        # What came too late to be seen here stands unread in the stream, where `is_readable` shows it.
        assert case.reusable or stream.reads
    else:
        assert not case.reusable
