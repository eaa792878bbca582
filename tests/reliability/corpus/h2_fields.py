"""Fields that may not stand in a response, or not there: malformed, the fault of its stream (RFC 9113 § 8.1.1)."""

from __future__ import annotations

from typing import List

from .h2_case import OK, H2Case, case, data, failed, headers, literal

__all__ = ["CASES"]

PSEUDO = "RFC 9113 § 8.3"
STATUS = "RFC 9113 § 8.3.2"
NAME = "RFC 9113 § 8.2.1"
SPECIFIC = "RFC 9113 § 8.2.2"
TRAILERS = "RFC 9113 § 8.1"
MALFORMED = "RST_STREAM PROTOCOL_ERROR"
CONTENT = data(1, b"hello", end=True)


def good(name: str, source: str, *fields: bytes, status: int = 200) -> H2Case:
    return case("fields: " + name, source, headers(1, b"".join(fields)) + CONTENT, status=status)


def bad(name: str, source: str, *fields: bytes) -> H2Case:
    return failed("fields: " + name, source, headers(1, b"".join(fields)) + CONTENT, answer=MALFORMED)


def status(value: bytes) -> bytes:
    return literal(b":status", value)


def good_trailers(name: str, source: str, *fields: bytes) -> H2Case:
    sent = headers(1) + data(1, b"hello") + headers(1, b"".join(fields), end=True)
    return case("trailers: " + name, source, sent)


def bad_trailers(name: str, source: str, *fields: bytes, end: bool = True) -> H2Case:
    sent = headers(1) + data(1, b"hello") + headers(1, b"".join(fields), end=end)
    return failed("trailers: " + name, source, sent, answer=MALFORMED, within=200)


CASES: List[H2Case] = [
    good("as they should be", STATUS, OK, literal(b"server", b"x")),
    good("a hundred", "RFC 9113 § 8.2", OK, literal(b"a", b"b") * 100),
    good("status 404", STATUS, status(b"404"), status=404),
    good("status 500", STATUS, b"\x8e", status=500),
    good("status 600", "RFC 9110 § 15", status(b"600"), status=600),
    good("status 999", "RFC 9110 § 15", status(b"999"), status=999),
    bad("no status", STATUS, literal(b"server", b"x")),
    bad("nothing at all", STATUS),
    bad("status empty", STATUS, status(b"")),
    bad("status of two digits", STATUS, status(b"20")),
    bad("status of four digits", STATUS, status(b"2000")),
    bad("status in words", STATUS, status(b"abc")),
    bad("status 000", "RFC 9110 § 15", status(b"000")),
    bad("status 099", "RFC 9110 § 15", status(b"099")),
    bad("status with a space in front", STATUS, status(b" 200")),
    bad("status with a space behind", STATUS, status(b"200 ")),
    bad("status with a reason", STATUS, status(b"200 OK")),
    bad("status with a sign", STATUS, status(b"+20")),
    bad("status in other digits", STATUS, status(b"\xb2\xb2\xb2")),
    bad("status 101", "RFC 9113 § 8.6", status(b"101")),
    bad("status twice, the same", PSEUDO, OK, OK),
    bad("status twice, others", PSEUDO, OK, status(b"404")),
    bad("status behind a field", PSEUDO, literal(b"server", b"x"), OK),
    bad("status before and behind a field", PSEUDO, OK, literal(b"server", b"x"), OK),
    bad("status in capitals", PSEUDO, literal(b":STATUS", b"200")),
    bad("status without its colon", STATUS, literal(b"status", b"200")),
    bad("a request's :method", PSEUDO, OK, literal(b":method", b"GET")),
    bad("a request's :path", PSEUDO, OK, b"\x84"),
    bad("a request's :authority", PSEUDO, OK, literal(b":authority", b"evil")),
    bad("a request's fields in place of a response's", PSEUDO, b"\x82\x84\x86"),
    bad("a pseudo-field that nobody knows", PSEUDO, OK, literal(b":evil", b"x")),
    bad("a colon as a name", PSEUDO, OK, literal(b":", b"x")),
    bad("a colon within a name", NAME, OK, literal(b"a:b", b"x")),
    bad("an empty name", NAME, OK, literal(b"", b"x")),
    bad("a name in capitals", NAME, OK, literal(b"Server", b"x")),
    bad("one capital in a name", NAME, OK, literal(b"serveR", b"x")),
    bad("a space in a name", NAME, OK, literal(b"a b", b"x")),
    bad("a space behind a name", NAME, OK, literal(b"content-length ", b"5")),
    bad("a tab in a name", NAME, OK, literal(b"a\tb", b"x")),
    bad("NUL in a name", NAME, OK, literal(b"a\0b", b"x")),
    bad("CR LF in a name", NAME, OK, literal(b"a: b\r\nc", b"x")),
    bad("LF in a name", NAME, OK, literal(b"a\nb", b"x")),
    bad("DEL in a name", NAME, OK, literal(b"a\x7f", b"x")),
    bad("UTF-8 in a name", NAME, OK, literal(b"\xc3\xa4", b"x")),
    bad("NUL in a value", NAME, OK, literal(b"a", b"b\0c")),
    bad("CR in a value", NAME, OK, literal(b"a", b"b\rc")),
    bad("LF in a value", NAME, OK, literal(b"a", b"b\nc")),
    bad("CR LF and a field in a value", NAME, OK, literal(b"a", b"b\r\nset-cookie: evil")),
    bad("LF behind a value", NAME, OK, literal(b"a", b"b\n")),
    bad("a space in front of a value", NAME, OK, literal(b"a", b" b")),
    bad("a space behind a value", NAME, OK, literal(b"a", b"b ")),
    bad("a tab behind a value", NAME, OK, literal(b"a", b"b\t")),
    bad("a value of one space", NAME, OK, literal(b"a", b" ")),
    good("spaces and tabs within a value", NAME, OK, literal(b"a", b"b \t c")),
    good("Latin-1 and UTF-8 in values", "RFC 9110 § 5.5", OK, literal(b"a", b"\xe4"), literal(b"b", b"\xc3\xa4")),
    good("control characters in a value", NAME, OK, literal(b"a", b"\x01\x1b\x7f")),
    good("set-cookie three times", "RFC 9110 § 5.3", OK, literal(b"set-cookie", b"a=b") * 3),
    good("host, which means nothing", "care: a response has none", OK, literal(b"host", b"evil")),
    bad("connection", SPECIFIC, OK, literal(b"connection", b"close")),
    bad("keep-alive", SPECIFIC, OK, literal(b"keep-alive", b"timeout=5")),
    bad("proxy-connection", SPECIFIC, OK, literal(b"proxy-connection", b"close")),
    bad("transfer-encoding: chunked", SPECIFIC, OK, literal(b"transfer-encoding", b"chunked")),
    bad("transfer-encoding: identity", SPECIFIC, OK, literal(b"transfer-encoding", b"identity")),
    bad("upgrade", SPECIFIC, OK, literal(b"upgrade", b"websocket")),
    # Trailers.
    good_trailers("one", TRAILERS, literal(b"digest", b"x")),
    good_trailers("none, but their frame", TRAILERS),
    good_trailers("content-length, which means nothing there", "RFC 9110 § 6.5.1", literal(b"content-length", b"99")),
    case("trailers: without content", TRAILERS, headers(1) + headers(1, literal(b"digest", b"x"), end=True), body=b""),
    bad_trailers("with a status", TRAILERS, OK),
    bad_trailers("with a status behind a field", TRAILERS, literal(b"a", b"b"), OK),
    bad_trailers("with a request's pseudo-field", TRAILERS, literal(b":path", b"/")),
    bad_trailers("a name in capitals", NAME, literal(b"Digest", b"x")),
    bad_trailers("an empty name", NAME, literal(b"", b"x")),
    bad_trailers("CR LF in a value", NAME, literal(b"a", b"b\r\nc: d")),
    bad_trailers("connection", SPECIFIC, literal(b"connection", b"close")),
    bad_trailers("that do not end the stream", TRAILERS, literal(b"digest", b"x"), end=False),
    bad_trailers("a second response", TRAILERS, OK, end=False),
    case(
        "trailers: twice",
        "RFC 9113 § 5.1",
        headers(1) + data(1, b"hello") + headers(1, literal(b"a", b"b"), end=True) * 2,
        answer="GOAWAY STREAM_CLOSED",
        reusable=False,
    ),
    case(
        "trailers: and then content",
        "RFC 9113 § 5.1",
        headers(1) + data(1, b"hello") + headers(1, literal(b"a", b"b"), end=True) + data(1, b"more", end=True),
        answer="GOAWAY STREAM_CLOSED",
        reusable=False,
    ),
]
