"""Interim responses, lengths of content, and responses that have none (RFC 9113 § 8.1)."""

from __future__ import annotations

from typing import List

from .h2_case import OK, H2Case, case, data, failed, headers, literal, reset, string

__all__ = ["CASES"]

INTERIM = "RFC 9113 § 8.1, RFC 9110 § 15.2"
LENGTH = "RFC 9113 § 8.1.1"
EMPTY = "RFC 9113 § 8.1.1, RFC 9110 § 6.4.1"
MALFORMED = "RST_STREAM PROTOCOL_ERROR"
HEAD = b"HEAD"
CONTENT = data(1, b"hello", end=True)


def interim(code: bytes, *fields: bytes, end: bool = False) -> bytes:
    return headers(1, b"\x08" + string(code) + b"".join(fields), end=end)


def length(value: bytes) -> bytes:
    return literal(b"content-length", value)


def with_length(name: str, *values: bytes, content: bytes = b"hello") -> H2Case:
    sent = headers(1, OK + b"".join(map(length, values))) + data(1, content, end=True)
    return case("length: " + name, LENGTH, sent, body=content)


def no_length(name: str, *values: bytes) -> H2Case:
    sent = headers(1, OK + b"".join(map(length, values))) + CONTENT
    return failed("length: " + name, LENGTH, sent, answer=MALFORMED)


def mismatch(name: str, source: str, *sent: bytes, method: bytes = b"GET", status: int = 200) -> H2Case:
    return failed(name, source, *sent, answer=MALFORMED, within=status, method=method)


CASES: List[H2Case] = [
    case("1xx: continue", INTERIM, interim(b"100") + headers(1) + CONTENT),
    case("1xx: hints", INTERIM, interim(b"103", literal(b"link", b"</a>")) + headers(1) + CONTENT),
    case("1xx: hints ten times", INTERIM, interim(b"103", literal(b"link", b"</a>")) * 10 + headers(1) + CONTENT),
    case("1xx: a hundred", "care: that many may be meant", interim(b"100") * 100 + headers(1) + CONTENT),
    case("1xx: 199, which nobody knows", INTERIM, interim(b"199") + headers(1) + CONTENT),
    case("1xx: with a content-length", LENGTH, interim(b"103", length(b"99")) + headers(1) + CONTENT),
    failed("1xx: 101", "RFC 9113 § 8.6", interim(b"101") + headers(1) + CONTENT, answer=MALFORMED),
    failed("1xx: that ends the stream", INTERIM, interim(b"100", end=True), answer=MALFORMED),
    failed("1xx: with content", INTERIM, interim(b"103") + CONTENT, answer=MALFORMED),
    failed("1xx: behind the response", INTERIM, headers(1) + interim(b"103") + CONTENT, answer=MALFORMED, within=200),
    failed(
        "1xx: behind content",
        INTERIM,
        headers(1) + data(1, b"hel") + interim(b"100") + CONTENT,
        answer=MALFORMED,
        within=200,
    ),
    failed(
        "1xx: malformed",
        "RFC 9113 § 8.2.1",
        interim(b"103", literal(b"Link", b"x")) + headers(1) + CONTENT,
        answer=MALFORMED,
    ),
    failed(
        "1xx: connection-specific",
        "RFC 9113 § 8.2.2",
        interim(b"103", literal(b"connection", b"close")) + headers(1) + CONTENT,
        answer=MALFORMED,
    ),
    failed("1xx: two hundred", "care: a bound", interim(b"100") * 200 + headers(1) + CONTENT, answer=MALFORMED),
    failed("1xx: and then the end of the stream", INTERIM, interim(b"103"), end=True, answer=""),
    with_length("as it should be", b"5"),
    with_length("twice the same", b"5", b"5"),
    with_length("zeros in front", b"005"),
    with_length("zero", b"0", content=b""),
    case("length: zero, and the head ends the stream", LENGTH, headers(1, OK + length(b"0"), end=True), body=b""),
    case(
        "length: over several frames",
        LENGTH,
        headers(1, OK + length(b"5")) + data(1, b"he") + data(1) + data(1, b"llo") + data(1, end=True),
    ),
    case(
        "length: with trailers",
        LENGTH,
        headers(1, OK + length(b"5")) + data(1, b"hello") + headers(1, literal(b"a", b"b"), end=True),
    ),
    mismatch("length: one byte too few", LENGTH, headers(1, OK + length(b"6")) + CONTENT),
    mismatch("length: one byte too many", LENGTH, headers(1, OK + length(b"4")) + CONTENT),
    mismatch("length: zero, and content", LENGTH, headers(1, OK + length(b"0")) + CONTENT),
    mismatch("length: five, and the head ends the stream", LENGTH, headers(1, OK + length(b"5"), end=True)),
    mismatch(
        "length: five, and trailers at once",
        LENGTH,
        headers(1, OK + length(b"5")) + headers(1, literal(b"a", b"b"), end=True),
    ),
    mismatch(
        "length: too many, before the end",
        LENGTH,
        headers(1, OK + length(b"2")) + data(1, b"hel") + data(1, b"lo", end=True),
    ),
    mismatch("length: far more than comes", LENGTH, headers(1, OK + length(b"999999999999")) + CONTENT),
    no_length("two that differ", b"5", b"6"),
    no_length("empty", b""),
    no_length("negative", b"-5"),
    no_length("with a plus", b"+5"),
    no_length("hexadecimal", b"0x5"),
    no_length("decimal point", b"5.0"),
    no_length("in words", b"five"),
    no_length("a list", b"5, 5"),
    no_length("a superscript", b"\xb2"),
    no_length("a space within", b"0 5"),
    no_length("a hundred digits", b"9" * 100),
    case("HEAD: with a length", EMPTY, headers(1, OK + length(b"5"), end=True), body=b"", method=HEAD),
    case("HEAD: without", EMPTY, headers(1, end=True), body=b"", method=HEAD),
    case(
        "HEAD: ended by an empty frame", EMPTY, headers(1, OK + length(b"5")) + data(1, end=True), body=b"", method=HEAD
    ),
    mismatch("HEAD: with content all the same", EMPTY, headers(1, OK + length(b"5")) + CONTENT, method=HEAD),
    mismatch("HEAD: with content and no length", EMPTY, headers(1) + CONTENT, method=HEAD),
    case("204: as it should be", EMPTY, headers(1, b"\x89", end=True), body=b"", status=204),
    case("204: ended by an empty frame", EMPTY, headers(1, b"\x89") + data(1, end=True), body=b"", status=204),
    case("204: with a length", EMPTY, headers(1, b"\x89" + length(b"5"), end=True), body=b"", status=204),
    mismatch("204: with content", EMPTY, headers(1, b"\x89") + CONTENT, status=204),
    case(
        "304: with the length of what was not modified",
        EMPTY,
        headers(1, b"\x8b" + length(b"5"), end=True),
        body=b"",
        status=304,
    ),
    mismatch("304: with content", EMPTY, headers(1, b"\x8b" + length(b"5")) + CONTENT, status=304),
    case(
        "205: with content, which is framed like any other",
        "RFC 9113 § 8.1",
        headers(1, b"\x08" + string(b"205")) + CONTENT,
        status=205,
    ),
    case("POST: is answered like a GET", "RFC 9113 § 8.1", headers(1) + CONTENT, method=b"POST"),
    case(
        "early: before the request is whole",
        "RFC 9113 § 8.1",
        headers(1, b"\x08" + string(b"413")) + CONTENT,
        method=b"POST",
        status=413,
        content=b"x" * 100_000,
    ),
    case(
        "early: and the rest of the request is not wanted",
        "RFC 9113 § 8.1",
        headers(1, b"\x08" + string(b"413")) + CONTENT + reset(1, 0),
        method=b"POST",
        status=413,
        content=b"x" * 100_000,
    ),
]
