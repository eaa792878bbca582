"""The fast codec beside the h11 codec: the same results and errors for the same bytes, however they are split."""

from __future__ import annotations

import os
import random
from typing import Any, List, Optional, Tuple

import h11
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from core_backends import LocalProtocolError, RemoteProtocolError
from core_h1._fast_codec import FastCodec
from core_h1._h11_codec import H11Codec

from .corpus import CORPUS, Case
from .exchange import HEADERS, Outcome, codec_outcome, splits

LIMIT = 100 * 1024


def both(
    method: bytes, pieces: List[bytes], headers: Any = HEADERS, limit: int = LIMIT, peek: bool = False
) -> Tuple[Outcome, Outcome]:
    return (
        codec_outcome(FastCodec(limit), method, pieces, headers, peek),
        codec_outcome(H11Codec(limit), method, pieces, headers, peek),
    )


def assert_same(
    method: bytes, pieces: List[bytes], headers: Any = HEADERS, limit: int = LIMIT, peek: bool = False
) -> None:
    fast, authority = both(method, pieces, headers, limit, peek)
    assert fast == authority, pieces


@pytest.mark.parametrize("peek", [False, True])
@pytest.mark.parametrize("case", CORPUS, ids=lambda case: case.name)
def test_the_corpus_at_every_split(case: Case, peek: bool) -> None:
    assert_same(case.method, [case.sent], peek=peek)
    for pieces in splits(case.sent):
        assert_same(case.method, pieces, peek=peek)


@pytest.mark.parametrize("method", [b"GET", b"HEAD", b"POST", b"CONNECT", b"PURGE"])
@pytest.mark.parametrize("case", CORPUS, ids=lambda case: case.name)
def test_the_corpus_for_every_method(case: Case, method: bytes) -> None:
    assert_same(method, [case.sent])


@pytest.mark.parametrize("option", [b"close", b"keep-alive", b"Close", b"upgrade", b"close, te", b""])
@pytest.mark.parametrize("case", CORPUS, ids=lambda case: case.name)
def test_the_corpus_for_requests_that_say_what_comes_after(case: Case, option: bytes) -> None:
    assert_same(case.method, [case.sent], [*HEADERS, (b"Connection", option), (b"Upgrade", b"x")])
    assert_same(case.method, [case.sent], [*HEADERS, (b"Connection", option)])


# Never empty: hypothesis keeps what it drew in a dict, where b"" meets 0, and -bb lets nobody compare the two.
BINARY = st.binary(min_size=1, max_size=20)

# Responses made of parts that are right, nearly right, and wrong, so that most are ordinary up to one place.
LINE_ENDS = st.sampled_from([b"\r\n"] * 12 + [b"\n", b"\r", b"\r\r\n", b" \r\n", b"\r\n ", b"\n\r\n", b""])
NAMES = st.sampled_from(
    [b"Content-Length", b"content-length", b"Transfer-Encoding", b"Connection", b"X", b"Keep-Alive", b"Date"]
) | st.sampled_from([b"", b"A b", b"X\x00", b"\xe4", b"Content-Length ", b"Upgrade"])
VALUES = st.one_of(
    st.sampled_from([b"5", b"5", b"0", b"12", b"chunked", b"chunked", b"Chunked", b"close", b"keep-alive", b"a b"])
    | st.sampled_from(
        [b"", b" ", b"5, 5", b"5,6", b"+5", b"gzip", b"x\x00", b"x\x0b", b"x\x1f", b"\xff", b"a\t", b"\t"]
    )
    | st.sampled_from([b"\xb2", b"1" * 20, b"1" * 21, b"Close", b"Keep-Alive, x", b"upgrade"]),
)
STATUS_LINES = st.sampled_from(
    [b"HTTP/1.1 200 OK"] * 6
    + [b"HTTP/1.1 204 No", b"HTTP/1.1 304 X", b"HTTP/1.1 200", b"HTTP/1.1 200 ", b"HTTP/1.0 200 OK", b"HTTP/1.1 100 C"]
    + [
        b"HTTP/1.1 101 S",
        b"HTTP/1.1 2000",
        b"HTTP/1.1 199 x",
        b"HTTP/2 200",
        b"HTTP/1.1 404 a\tb \xff",
        b"HTTP/1.1  200",
    ]
)


@st.composite
def heads(draw: Any) -> bytes:
    parts = [draw(STATUS_LINES), draw(LINE_ENDS)]
    for _ in range(draw(st.integers(0, 4))):
        parts += [draw(NAMES), draw(st.sampled_from([b": "] * 6 + [b":", b":\t ", b" :", b""])), draw(VALUES)]
        parts.append(draw(LINE_ENDS))
    return b"".join(parts) + draw(LINE_ENDS)


@st.composite
def chunked_bodies(draw: Any) -> bytes:
    parts: List[bytes] = []
    for _ in range(draw(st.integers(0, 4))):
        data = draw(st.binary(min_size=1, max_size=20))
        size = draw(st.sampled_from([b"%x", b"%x", b"%X", b"0%x", b"%x;a=b", b"%x ", b" %x", b"0x%x", b"-%x"]))
        parts += [size % len(data), draw(LINE_ENDS), data, draw(LINE_ENDS)]
    parts += [draw(st.sampled_from([b"0", b"0", b"00", b"0;x", b""])), draw(LINE_ENDS)]
    parts.append(draw(st.sampled_from([b"", b"", b"A: b\r\n", b"A:\nB: c\r\n", b"bad\r\n", b" folded\r\n"])))
    return b"".join(parts) + draw(LINE_ENDS)


@st.composite
def responses(draw: Any) -> bytes:
    informational = draw(st.sampled_from([b"", b"", b"", b"HTTP/1.1 103 H\r\nA: b\r\n\r\n"]))
    head = draw(heads() | st.sampled_from([b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"]))
    body = draw(chunked_bodies() | BINARY)
    behind = draw(st.sampled_from([b"", b"", b"", b"\r\n", b"HTTP/1.1 200 OK\r\n\r\n"]))
    return bytes(informational + head + body + behind)


METHODS = st.sampled_from([b"GET", b"GET", b"HEAD", b"POST", b"CONNECT"])
REQUESTS = st.sampled_from(
    [
        HEADERS,
        HEADERS,
        [*HEADERS, (b"Connection", b"close")],
        [*HEADERS, (b"Upgrade", b"x"), (b"Connection", b"upgrade")],
    ]
)


@settings(max_examples=500, deadline=None)
@given(
    response=responses(),
    method=METHODS,
    headers=REQUESTS,
    cuts=st.lists(st.integers(0, 400), max_size=5),
    peek=st.booleans(),
)
def test_made_up_responses(response: bytes, method: bytes, headers: Any, cuts: List[int], peek: bool) -> None:
    points = [0, *sorted({cut for cut in cuts if cut < len(response)}), len(response)]
    pieces = [response[start:end] for start, end in zip(points, points[1:]) if end > start]
    assert_same(method, pieces, headers, peek=peek)


@settings(max_examples=500, deadline=None)
@given(
    case=st.sampled_from([case for case in CORPUS if case.body is not None]),
    edits=st.lists(
        st.tuples(
            st.integers(0, 400),
            st.integers(0, 3),
            st.sampled_from(
                [b"", b"\r", b"\n", b"\r\n", b" ", b"\t", b":", b"\x00", b"0", b";", b"\x0b", b"\xff", b"5"]
            )
            | BINARY,
        ),
        min_size=1,
        max_size=3,
    ),
    cut=st.none() | st.integers(0, 400),
    peek=st.booleans(),
)
def test_damaged_responses(case: Case, edits: Any, cut: Optional[int], peek: bool) -> None:
    sent = case.sent
    for at, removed, inserted in edits:
        at %= len(sent) + 1
        sent = sent[:at] + inserted + sent[at + removed :]
    if cut is None or cut >= len(sent):
        assert_same(case.method, [sent] if sent else [], peek=peek)
    else:
        assert_same(case.method, [piece for piece in (sent[:cut], sent[cut:]) if piece], peek=peek)


TOKENS = [
    *(b"", b"\r", b"\n", b"\r\n", b" ", b"\t", b":", b"\x00", b"0", b";", b"\x0b", b"\x0c", b"\xff", b"5", b"F", b","),
    *(b"a", b"\r\n\r\n", b"0\r\n\r\n", b"Content-Length: 5\r\n", b"Transfer-Encoding: chunked\r\n"),
    *(b"Connection: close\r\n", b"HTTP/1.1 200 OK\r\n", b"HTTP/1.1 100 C\r\n\r\n"),
]
REQUEST_HEADERS = [HEADERS, HEADERS, [*HEADERS, (b"Connection", b"close")], [*HEADERS, (b"Upgrade", b"x")]]


def test_much_random_damage() -> None:
    """`H1_FUZZ` is how many responses to damage; more of them have been than in a run of the test suite."""
    chance = random.Random(os.environ.get("H1_FUZZ_SEED", "7"))
    for _ in range(int(os.environ.get("H1_FUZZ", "5000"))):
        case = chance.choice(CORPUS)
        sent = case.sent + (chance.choice(CORPUS).sent if chance.random() < 0.3 else b"")
        for _ in range(chance.choice([0, 1, 1, 1, 2, 3])):
            at = chance.randrange(len(sent) + 1)
            sent = sent[:at] + chance.choice(TOKENS) + sent[at + chance.choice([0, 0, 1, 1, 2, 3]) :]
        cuts = [chance.randrange(len(sent) + 1) for _ in range(chance.choice([0, 0, 1, 1, 2, 5]))]
        points = sorted({0, len(sent), *cuts})
        pieces = [sent[start:end] for start, end in zip(points, points[1:])]
        headers = chance.choice(
            [HEADERS, HEADERS, [*HEADERS, (b"Connection", b"close")], [*HEADERS, (b"Upgrade", b"x")]]
        )
        method = chance.choice([case.method, case.method, b"GET", b"HEAD", b"CONNECT"])
        limit = chance.choice([LIMIT, LIMIT, 60, 20])
        assert_same(method, pieces, headers, limit, peek=chance.random() < 0.5)


@pytest.mark.parametrize("limit", [10, 60, 100])
@pytest.mark.parametrize("case", CORPUS, ids=lambda case: case.name)
def test_the_corpus_with_small_limits(case: Case, limit: int) -> None:
    assert_same(case.method, [case.sent], limit=limit)
    assert_same(case.method, [case.sent[at : at + 7] for at in range(0, len(case.sent), 7)], limit=limit)
    assert_same(case.method, [case.sent[at : at + 1] for at in range(len(case.sent))], limit=limit)


# Requests.

TEXT = (
    st.sampled_from([b"a", b"GET", b"/", b"/a?b=c", b"x y", b"", b"\x00", b"a\r\nb", b"a\nb", b" a", b"a ", b"a\tb"])
    | st.sampled_from([b"Host", b"host", b"Content-Length", b"Transfer-Encoding", b"Connection", b"Upgrade", b"Expect"])
    | st.sampled_from([b"5", b"0", b"05", b"5, 5", b"-1", b"1" * 20, b"1" * 21, b"chunked", b"Chunked", b"keep-alive"])
    | st.sampled_from([b"close", b"Close", b"100-continue", b"a:b", b"A: b", b"\xb2", b"x\x0b", b"x\x0c", b"\r", b"\n"])
    | BINARY
)


ODD = st.sampled_from(["text", "caf\xe9", "GET", 7, None, bytearray(b"a"), memoryview(b"5")])


def encoded(codec: Any, method: Any, target: Any, headers: Any, body: Any, later: List[Any]) -> Any:
    try:
        buffers = codec.encode_request(method, target, headers, body)
    except LocalProtocolError as exc:
        return str(exc)
    try:
        if body is None:
            for piece in later:
                buffers += codec.encode_data(piece)
            buffers += codec.encode_end()
    except (LocalProtocolError, TypeError) as exc:
        return b"".join(buffers), str(exc)
    return b"".join(buffers)


@settings(max_examples=1000, deadline=None)
@given(
    method=st.sampled_from([b"GET", b"POST", b"CONNECT", b"X-Y"]) | TEXT | ODD,
    target=st.sampled_from([b"/", b"*", b"http://h/"]) | TEXT | ODD,
    headers=st.lists(st.tuples(TEXT | ODD, TEXT | ODD) | st.tuples(TEXT, TEXT) | st.tuples(TEXT, TEXT), max_size=4),
    host=st.booleans(),
    body=st.sampled_from([None, b"", b"hello", b"x" * 65537, bytearray(b"hello"), memoryview(b"hello")]),
    later=st.lists(st.sampled_from([b"", b"he", b"llo", b"x", bytearray(b"y"), "text", 7]), max_size=4),
)
@example(b"GET", b"/", [(b"A", b"b\r\nC: d")], True, b"", [])
@example(b"GET", b"/", [(b"A: b", b"c")], True, b"", [])
@example(b"GET", b"/", [(b"A", b"b\nC: d")], True, b"", [])
@example(b"POST", b"/", [(b"Content-Length", b"5"), (b"Transfer-Encoding", b"chunked")], True, None, [b"hello"])
def test_requests(method: Any, target: Any, headers: Any, host: bool, body: Any, later: Any) -> None:
    if host:
        headers = [*headers[:1], (b"Host", b"example.com"), *headers[1:]]
    fast = encoded(FastCodec(LIMIT), method, target, headers, body, later)
    assert fast == encoded(H11Codec(LIMIT), method, target, headers, body, later)


@pytest.mark.parametrize("length", [0, 1, 5])
def test_a_body_after_its_end(length: int) -> None:
    codec = FastCodec(LIMIT)
    codec.encode_request(b"POST", b"/", [*HEADERS, (b"Content-Length", b"%d" % length)], b"x" * length)
    with pytest.raises(LocalProtocolError):
        codec.encode_data(b"x")
    with pytest.raises(LocalProtocolError):
        codec.encode_end()


# Exchanges in a row.


@settings(max_examples=100, deadline=None)
@given(
    cases=st.lists(st.sampled_from([case for case in CORPUS if case.reusable]), min_size=2, max_size=5),
    seed=st.integers(0, 1000),
)
def test_exchanges_in_a_row(cases: List[Case], seed: int) -> None:
    chance = random.Random(seed)
    fast, authority = FastCodec(LIMIT), H11Codec(LIMIT)
    for case in cases:
        at = chance.randrange(len(case.sent))
        pieces = chance.choice([[case.sent], [case.sent[:at], case.sent[at:]]])
        pieces = [piece for piece in pieces if piece]
        outcome = codec_outcome(fast, case.method, pieces)
        assert outcome == codec_outcome(authority, case.method, pieces)
        assert outcome.reusable and outcome.body == case.body


def test_an_early_answer_is_not_reused_until_the_request_is_sent() -> None:
    for response in (b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", b"HTTP/1.1 200 OK\nContent-Length: 0\n\n"):
        codec = FastCodec(LIMIT)
        codec.encode_request(b"POST", b"/", [*HEADERS, (b"Content-Length", b"2")], None)
        codec.encode_data(b"a")
        codec.receive(response)
        assert codec.next_head() is not None and codec.body_ended()
        assert not codec.next_cycle()


# What is ordinary is not left to h11: otherwise all of the above would compare h11 with itself.


def test_ordinary_exchanges_do_without_h11(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any, **__: Any) -> None:
        raise AssertionError("left to h11")

    monkeypatch.setattr(h11, "Connection", refuse)
    names = {"length", "chunked", "chunks", "no content", "not modified", "HEAD", "no reason", "connection close"}
    names |= {"connection keep-alive", "bytes behind a length", "header values beyond ASCII", "HEAD, chunked"}
    cases = [case for case in CORPUS if case.name in names]
    assert len(cases) == len(names)
    for case in cases:
        outcome = codec_outcome(FastCodec(LIMIT), case.method, [case.sent])
        assert (outcome.body, outcome.reusable) == (case.body, case.reusable)
    chunked = next(case for case in cases if case.name == "chunks").sent
    body_at = chunked.index(b"\r\n\r\n") + 4
    for at in range(body_at, len(chunked)):
        assert codec_outcome(FastCodec(LIMIT), b"GET", [chunked[:at], chunked[at:]]).body == b"hello"


def test_many_small_chunks_take_linear_time() -> None:
    """The pieces of one read are one piece of the body, and are cut out of it once."""
    count = 5000
    codec = FastCodec(LIMIT)
    codec.encode_request(b"GET", b"/", HEADERS, b"")
    codec.receive(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + b"1\r\nx\r\n" * count + b"0\r\n\r\n")
    assert codec.next_head() is not None
    assert codec.next_body() == b"x" * count
    assert codec.body_ended() and codec.next_cycle()


@pytest.mark.parametrize("value", [b" " * 500000 + b"\x00", b"a " * 250000 + b"\x00", b"a" * 500000 + b"\x00"])
def test_hostile_header_values_of_a_caller_take_linear_time(value: bytes) -> None:
    """Squared, this would take minutes; the test suite's own limit is the yardstick."""
    headers = [*HEADERS, (b"A", value)]
    for codec in (FastCodec(LIMIT), H11Codec(LIMIT)):
        with pytest.raises(LocalProtocolError):
            codec.encode_request(b"GET", b"/", headers, b"")


HEAD = b"HTTP/1.1 200 OK\r\n"
CHUNKED = HEAD + b"Transfer-Encoding: chunked\r\n\r\n"


@pytest.mark.parametrize(
    "sent",
    [
        HEAD + b"A:" + b" " * 90000 + b"\x00\r\n\r\n",
        HEAD + b"A: b" + b" \t" * 45000 + b"\x00\r\n\r\n",
        HEAD + b"A: " + b"a " * 45000 + b"\x00\r\n\r\n",
        b"HTTP/1.1 200 " + b" " * 90000 + b"\x00\r\n\r\n",
        CHUNKED + b"5" + b" " * 90000 + b"x\r\nhello\r\n",
        CHUNKED + b"5;" + b" " * 90000 + b"\n\r\nhello\r\n",
        CHUNKED + b"5\r\nhello\r\n0\r\nA:" + b" " * 90000 + b"\x00\r\n\r\n",
    ],
)
@pytest.mark.parametrize("size", [1000, 64 * 1024, 200000])
@pytest.mark.parametrize("codec", [FastCodec, H11Codec])
def test_hostile_responses_take_linear_time(sent: bytes, size: int, codec: Any) -> None:
    """h11 alone takes half a minute for the worst of them; the test suite's own limit is the yardstick."""
    pieces = [sent[at : at + size] for at in range(0, len(sent), size)]
    outcome = codec_outcome(codec(LIMIT), b"GET", pieces)
    assert outcome.error is not None and outcome.error[0] is RemoteProtocolError


@pytest.mark.parametrize("head", [b"HTTP/1.0 200 OK\r\n\r\n", b"HTTP/1.1 200 OK\n\n", HEAD + b"\r\n"])
@pytest.mark.parametrize("size", [1, 7, 4096, 100000])
def test_a_body_may_hold_as_many_spaces_as_it_likes(head: bytes, size: int) -> None:
    body = b" " * 5000 + b"x" + b"\t" * 5000
    sent = head + body
    outcome, _ = both(b"GET", [sent[at : at + size] for at in range(0, len(sent), size)])
    assert outcome.error is None and outcome.body == body
    chunked = CHUNKED + b"%x;a\r\n" % len(body) + body + b"\r\n0\r\n\r\n"
    outcome, _ = both(b"GET", [chunked[at : at + size] for at in range(0, len(chunked), size)])
    assert outcome.error is None and outcome.body == body and outcome.reusable


@pytest.mark.parametrize("size", [1000, 64 * 1024])
def test_long_lines_within_the_bounds_are_read(size: int) -> None:
    sent = HEAD + b"Transfer-Encoding: chunked\r\nA: " + b"a" * 90000 + b" " * 2000 + b"a\r\n\r\n"
    sent += b"5;" + b"a" * 7000 + b"\r\nhello\r\n0\r\nA: " + b"a" * 7000 + b"\r\n\r\n"
    assert_same(b"GET", [sent[at : at + size] for at in range(0, len(sent), size)])
    outcome, _ = both(b"GET", [sent[at : at + size] for at in range(0, len(sent), size)])
    assert outcome.error is None and outcome.body == b"hello" and len(outcome.trailers[0][1]) == 7000


def test_made_up_header_names_are_not_all_remembered() -> None:
    from core_h1 import _fast_codec

    for number in range(3000):
        FastCodec(LIMIT).encode_request(b"GET", b"/", [*HEADERS, (b"X-%d" % number, b"")], b"")
    assert len(_fast_codec._names) <= 1024


def test_headers_that_were_sent_before_are_not_taken_for_those_that_follow() -> None:
    """The connection remembers the headers that it wrote last."""
    headers = [(b"Host", b"a"), (b"X-A", b"1")]
    sections = [
        headers,
        headers,
        [(b"Host", b"a"), (b"X-A", b"2")],
        [(b"Host", b"a"), (b"x-a", b"2")],
        [(b"X-A", b"2"), (b"Host", b"a")],
        [(b"Host", b"a"), (b"Content-Length", b"1")],
        [(b"Host", b"a"), (b"Content-Length", b"1")],
        headers,
        [(b"Host", b"a"), (b"Connection", b"close")],
    ]
    codec = FastCodec(LIMIT)
    for section in sections:
        body = b"b" * sum(name == b"Content-Length" for name, _ in section)
        sent = codec.encode_request(b"GET", b"/", section, body)
        assert sent == FastCodec(LIMIT).encode_request(b"GET", b"/", list(section), body)
        codec.receive(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
        assert codec.next_head() is not None and codec.next_body() == b""
        assert codec.next_cycle() is ((b"Connection", b"close") not in section)


def test_a_list_of_headers_that_its_owner_changes_is_sent_as_it_is_now() -> None:
    headers = [(b"Host", b"a"), (b"X-A", b"1")]
    codec = FastCodec(LIMIT)
    codec.encode_request(b"GET", b"/", headers, b"")
    headers.append((b"X-B", b"2"))
    assert codec.encode_request(b"GET", b"/", headers, b"") == [
        b"GET / HTTP/1.1\r\nHost: a\r\nX-A: 1\r\nX-B: 2\r\n\r\n"
    ]
    headers[1] = (b"X-A", b"1\r\nX-C: 3")
    with pytest.raises(LocalProtocolError):
        codec.encode_request(b"GET", b"/", headers, b"")
