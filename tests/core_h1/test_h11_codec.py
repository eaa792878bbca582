"""The h11 codec, from bytes."""

from __future__ import annotations

from typing import Any, List, Tuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core_backends import LocalProtocolError, RemoteProtocolError
from core_h1._h11_codec import H11Codec

from .corpus import CORPUS, Case
from .exchange import HEADERS, Outcome, codec_outcome, splits

LIMIT = 100 * 1024


def make() -> H11Codec:
    return H11Codec(LIMIT)


def check(case: Case, outcome: Outcome) -> None:
    if case.body is None:
        assert outcome.error is not None and outcome.error[0] is RemoteProtocolError
        assert case.text in outcome.error[1]
    else:
        assert outcome.error is None
        assert outcome.body == case.body
        assert outcome.reusable is case.reusable
    if case.status is not None:
        assert outcome.heads[-1][1] == case.status


@pytest.mark.parametrize("case", CORPUS, ids=lambda case: case.name)
def test_the_corpus_in_one_piece(case: Case) -> None:
    check(case, codec_outcome(make(), case.method, [case.sent]))


@pytest.mark.parametrize("case", CORPUS, ids=lambda case: case.name)
def test_the_corpus_split_at_every_point(case: Case) -> None:
    for pieces in splits(case.sent):
        outcome = codec_outcome(make(), case.method, pieces)
        # What comes behind a complete response may not have arrived when it is complete.
        if case.body is not None and not case.reusable and outcome.reusable:
            assert codec_outcome(make(), case.method, [case.sent]).leftover
            continue
        check(case, outcome)


def test_a_head_within_the_limit_and_one_beyond_it() -> None:
    codec = H11Codec(1000)
    codec.encode_request(b"GET", b"/", HEADERS, b"")
    codec.receive(b"HTTP/1.1 200 OK\r\nA: " + b"x" * 980)
    assert codec.next_head() is None
    codec.receive(b"x")
    with pytest.raises(RemoteProtocolError, match="too long"):
        codec.next_head()


def test_errors_are_repeated() -> None:
    codec = make()
    codec.encode_request(b"GET", b"/", HEADERS, b"")
    codec.receive(b"garbage\r\n\r\n")
    for _ in range(2):
        with pytest.raises(RemoteProtocolError):
            codec.next_head()


def test_an_error_seen_ahead_is_raised_when_its_turn_comes() -> None:
    codec = make()
    codec.encode_request(b"GET", b"/", HEADERS, b"")
    codec.receive(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\nx\r\n")
    assert codec.next_head() is not None
    assert codec.next_body() == b"a"
    assert not codec.body_ended() and not codec.body_ended()
    for _ in range(2):
        with pytest.raises(RemoteProtocolError, match="chunk header"):
            codec.next_body()


def test_a_credential_in_a_response_is_not_repeated() -> None:
    codec = make()
    codec.encode_request(b"GET", b"/", HEADERS, b"")
    codec.receive(b"HTTP/1.1 200 OK\r\nset-Cookie: sid=secret\x00\r\n\r\n")
    with pytest.raises(RemoteProtocolError, match="illegal header line") as caught:
        codec.next_head()
    assert "secret" not in repr(caught.value)
    assert caught.value.__cause__ is None and caught.value.__context__ is None


def test_not_every_mention_of_a_cookie_is_a_credential() -> None:
    codec = make()
    codec.encode_request(b"GET", b"/", HEADERS, b"")
    codec.receive(b"HTTP/1.1 200 OK\r\nbroken line\r\n\r\n")
    with pytest.raises(RemoteProtocolError, match="broken line"):
        codec.next_head()


def test_a_second_exchange_needs_the_first_to_be_complete_on_both_sides() -> None:
    codec = make()
    codec.encode_request(b"POST", b"/", [*HEADERS, (b"Content-Length", b"2")], None)
    codec.encode_data(b"a")
    codec.receive(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
    assert codec.next_head() is not None and codec.body_ended()
    assert not codec.next_cycle()
    codec.encode_data(b"b")
    codec.encode_end()
    assert codec.next_cycle()
    assert not codec.heard


@pytest.mark.parametrize("beyond", range(-2, 3))
def test_bytes_behind_a_response_are_seen_wherever_it_ends(beyond: int) -> None:
    """h11 is fed in slices, and one may end where the response does."""
    head = b"HTTP/1.1 204 No Content\r\nA: "
    sent = head + b"a" * (4096 + beyond - len(head) - 4) + b"\r\n\r\n"
    assert codec_outcome(make(), b"GET", [sent]).reusable
    outcome = codec_outcome(make(), b"GET", [sent + b"evil"])
    assert not outcome.reusable and outcome.leftover == b"evil"


def test_the_end_of_the_stream_ends_reuse() -> None:
    codec = make()
    codec.encode_request(b"GET", b"/", HEADERS, b"")
    codec.receive(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
    assert codec.next_head() is not None and codec.body_ended()
    codec.receive(b"")
    assert not codec.next_cycle()


@given(st.lists(st.just(b"") | st.binary(min_size=1, max_size=40), max_size=8))
@settings(deadline=None)
def test_chunks_say_what_they_hold(pieces: List[bytes]) -> None:
    import h11

    codec = make()
    buffers: List[Any] = codec.encode_request(b"POST", b"/", [*HEADERS, (b"Transfer-Encoding", b"chunked")], None)
    for piece in pieces:
        buffers += codec.encode_data(piece)
    buffers += codec.encode_end()
    server = h11.Connection(h11.SERVER)
    server.receive_data(b"".join(buffers))
    body = b""
    event = server.next_event()
    while event is not h11.NEED_DATA and not isinstance(event, h11.EndOfMessage):
        body += bytes(event.data) if isinstance(event, h11.Data) else b""
        event = server.next_event()
    assert isinstance(event, h11.EndOfMessage) and body == b"".join(pieces)


@pytest.mark.parametrize("body", [b"", b"x", b"x" * 65536, b"x" * 65537])
@pytest.mark.parametrize("framing", [(b"Content-Length", b"%d"), (b"Transfer-Encoding", b"chunked")])
def test_a_body_in_memory_equals_the_same_in_pieces(body: bytes, framing: Tuple[bytes, bytes]) -> None:
    name, value = framing
    headers = [*HEADERS, (name, value.replace(b"%d", b"%d" % len(body)))]
    whole = make().encode_request(b"POST", b"/", headers, body)
    codec = make()
    pieces = [*codec.encode_request(b"POST", b"/", headers, None), *codec.encode_data(body), *codec.encode_end()]
    assert b"".join(whole) == b"".join(pieces)
    assert len(whole) == 1 or len(body) > 65536


def test_views_count_in_bytes() -> None:
    import array

    values = array.array("I", [1, 2, 3])
    codec = make()
    buffers = codec.encode_request(b"POST", b"/", [*HEADERS, (b"Content-Length", b"24")], None)
    buffers += codec.encode_data(values)
    buffers += codec.encode_data(memoryview(values)[::-1])
    assert b"".join(buffers[1:]) == bytes(values) + memoryview(values)[::-1].tobytes()
    assert codec.encode_end() == []


def test_the_body_may_not_go_on_after_its_end() -> None:
    codec = make()
    codec.encode_request(b"GET", b"/", HEADERS, b"")
    with pytest.raises(LocalProtocolError):
        codec.encode_data(b"x")
