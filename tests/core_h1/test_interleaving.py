"""Both codecs where a response comes before its request has ended: the same bytes, results, errors and reuse."""

from __future__ import annotations

from typing import Any, List, Tuple

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from core_backends import LocalProtocolError, RemoteProtocolError
from core_h1._codec import Headers
from core_h1._fast_codec import FastCodec
from core_h1._h11_codec import H11Codec

from .corpus import CORPUS, Case
from .exchange import HEADERS

LIMIT = 100 * 1024
CHUNKED: Headers = [*HEADERS, (b"Transfer-Encoding", b"chunked")]
LENGTH: Headers = [*HEADERS, (b"Content-Length", b"6")]
PARTS = [b"ab", b"", b"cde", b"f"]


def outcome(codec: Any, method: bytes, headers: Headers, parts: List[bytes], pieces: List[bytes], turns: int) -> Any:
    """What comes of sending `parts` and the end, and of receiving `pieces`; the bits of `turns` say which is next."""
    to_send = [*parts, None]
    to_receive = list(pieces)
    sent = list(codec.encode_request(method, b"/", headers, None))
    heads: List[Any] = []
    body = b""
    final = ended = False
    error = None
    try:
        while to_send or to_receive:
            sends = bool(turns & 1) if to_send and to_receive else bool(to_send)
            turns >>= 1
            if sends:
                part = to_send.pop(0)
                sent += codec.encode_end() if part is None else codec.encode_data(part)
                continue
            codec.receive(to_receive.pop(0))
            while not final:
                head = codec.next_head()
                if head is None:
                    break
                heads.append(head)
                final = head[1] >= 200 or head[1] == 101
            while final and not ended:
                data = codec.next_body()
                if data is None:
                    break
                ended = not data
                body += data
                ended = ended or codec.body_ended()
    except (LocalProtocolError, RemoteProtocolError) as exc:
        error = (type(exc), str(exc))
    reusable = error is None and ended and codec.next_cycle()
    return b"".join(map(bytes, sent)), heads, body, ended, error, reusable


def both(*arguments: Any) -> Tuple[Any, Any]:
    return outcome(FastCodec(LIMIT), *arguments), outcome(H11Codec(LIMIT), *arguments)


@pytest.mark.parametrize("turns", [0, 0b1, 0b101, 0b11011, -1])
@pytest.mark.parametrize("headers", [CHUNKED, LENGTH], ids=["chunked", "length"])
@pytest.mark.parametrize("case", CORPUS, ids=lambda case: case.name)
def test_the_corpus(case: Case, headers: Headers, turns: int) -> None:
    for at in {1, len(case.sent) // 2, len(case.sent)}:
        pieces = [piece for piece in (case.sent[:at], case.sent[at:]) if piece]
        fast, authority = both(case.method, headers, PARTS, pieces, turns)
        assert fast == authority
        if case.reusable:
            assert fast[5], "Both ends are whole, in whichever order they ended."


@settings(max_examples=500, deadline=None)
@given(
    case=st.sampled_from(CORPUS),
    headers=st.sampled_from([CHUNKED, LENGTH, [*CHUNKED, (b"Connection", b"close")], [*LENGTH, (b"Expect", b"x")]]),
    parts=st.lists(st.binary(min_size=1, max_size=4), max_size=4),
    cuts=st.lists(st.integers(0, 200), max_size=4),
    turns=st.integers(0, 1023),
)
@example(Case("", b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"), LENGTH, [b"abcd", b"efgh"], [], 0)
@example(Case("", b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"), LENGTH, [b"abcd"], [], 0)
def test_any_request_beside_any_response(
    case: Case, headers: Headers, parts: List[bytes], cuts: List[int], turns: int
) -> None:
    places = sorted({min(cut, len(case.sent)) for cut in cuts} | {0, len(case.sent)})
    pieces = [case.sent[start:end] for start, end in zip(places, places[1:])]
    fast, authority = both(case.method, headers, parts, pieces, turns)
    assert fast == authority


@pytest.mark.parametrize("codec", [FastCodec, H11Codec])
@pytest.mark.parametrize("headers", [CHUNKED, LENGTH], ids=["chunked", "length"])
def test_reuse_needs_both_ends(codec: Any, headers: Headers) -> None:
    one = codec(LIMIT)
    for _ in range(2):
        one.encode_request(b"POST", b"/", headers, None)
        one.encode_data(b"abc")
        one.receive(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
        assert one.next_head() is not None and one.next_body() == b"ok" and one.next_body() == b""
        assert one.body_ended() and not one.next_cycle()
        one.encode_data(b"def")
        one.encode_end()
        assert one.next_cycle()


@pytest.mark.parametrize("codec", [FastCodec, H11Codec])
@pytest.mark.parametrize("parts, error", [([b"abc"], "Too little data"), ([b"abc", b"defg"], "Too much data")])
def test_a_body_that_is_not_as_long_as_it_says(codec: Any, parts: List[bytes], error: str) -> None:
    one = codec(LIMIT)
    one.encode_request(b"POST", b"/", LENGTH, None)
    one.receive(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
    assert one.next_head() is not None and one.next_body() == b"ok" and one.body_ended()
    with pytest.raises(LocalProtocolError, match=f"{error} for declared Content-Length"):
        for part in parts:
            one.encode_data(part)
        one.encode_end()
