"""Trailer fields: what may stand there, what must not, and where they end (RFC 9112 § 7.1.2, RFC 9110 § 6.5)."""

from __future__ import annotations

from typing import List

from .h1_case import CHUNKED, NEXT, H1Case, delivered, refused

__all__ = ["CASES"]

TRAILER = "RFC 9112 § 7.1.2"
FORBIDDEN = "RFC 9110 § 6.5.1: discarded, never merged into the head"
SYNTAX = "RFC 9112 § 5"
BODY = CHUNKED + b"5\r\nhello\r\n0\r\n"


def good(name: str, source: str, trailers: bytes, *, reusable: bool = True) -> H1Case:
    return delivered("trailers: " + name, source, BODY + trailers, reusable=reusable)


def bad(name: str, source: str, trailers: bytes, *, endless: bytes = b"") -> H1Case:
    return refused("trailers: " + name, source, BODY + trailers, within=200, endless=endless)


CASES: List[H1Case] = [
    good("one", TRAILER, b"Digest: x\r\n\r\n"),
    good("one without a value", TRAILER, b"Digest:\r\n\r\n"),
    good("twenty", TRAILER, b"".join(b"A%d: b\r\n" % n for n in range(20)) + b"\r\n"),
    good("the same name twice", TRAILER, b"A: b\r\nA: c\r\n\r\n"),
    good("spaces around the value", SYNTAX, b"A: \t b \t\r\n\r\n"),
    good("a folded one", "RFC 9112 § 5.2", b"A: b\r\n c\r\n\r\n"),
    good("ended by line feeds", "RFC 9112 § 2.2: a single LF may end a line", b"A: b\n\n"),
    good("Content-Length", FORBIDDEN, b"Content-Length: 100\r\n\r\n"),
    good("Transfer-Encoding", FORBIDDEN, b"Transfer-Encoding: chunked\r\n\r\n"),
    good("Connection: close", FORBIDDEN, b"Connection: close\r\n\r\n"),
    good("Host", FORBIDDEN, b"Host: evil\r\n\r\n"),
    good("Set-Cookie", FORBIDDEN, b"Set-Cookie: a=b\r\n\r\n"),
    good("Location", FORBIDDEN, b"Location: http://evil/\r\n\r\n"),
    good("Trailer", FORBIDDEN, b"Trailer: A\r\n\r\n"),
    bad("a Content-Length that is no number", "RFC 9110 § 8.6", b"Content-Length: x\r\n\r\n"),
    bad("two lengths that differ", "RFC 9112 § 6.3, rule 5", b"Content-Length: 1\r\nContent-Length: 2\r\n\r\n"),
    bad("a coding that nobody asked for", "RFC 9112 § 7.4", b"Transfer-Encoding: gzip\r\n\r\n"),
    bad("no colon", SYNTAX, b"nonsense\r\n\r\n"),
    bad("no name", SYNTAX, b": b\r\n\r\n"),
    bad("space in a name", SYNTAX, b"A b: c\r\n\r\n"),
    bad("space in front of the colon", "RFC 9112 § 5.1", b"A : b\r\n\r\n"),
    bad("NUL in a name", "RFC 9110 § 5.1", b"A\0: b\r\n\r\n"),
    bad("NUL in a value", "RFC 9110 § 5.5", b"A: \0\r\n\r\n"),
    bad("carriage return in a value", "RFC 9110 § 5.5", b"A: b\rc\r\n\r\n"),
    bad("folded line first", "RFC 9112 § 5.2", b" folded\r\n\r\n"),
    bad("another response in place of them", SYNTAX, NEXT),
    bad("a chunk in place of them", SYNTAX, b"5\r\nhello\r\n0\r\n\r\n"),
    bad("name beyond ASCII", "RFC 9110 § 5.1", b"\xc3\xa4: b\r\n\r\n"),
    bad("never ending", "care: a bound, as for the head", b"", endless=b"A: b\r\n"),
    bad("one that never ends", "care: a bound, as for the head", b"A: ", endless=b"b"),
    bad("a name that never ends", "care: a bound, as for the head", b"", endless=b"A"),
    bad("a fold that never ends", "care: a bound, as for the head", b"A: b\r\n", endless=b" c\r\n"),
    bad("spaces that never end", "care: a bound, as for the head", b"A:", endless=b" "),
    good("and another response", "RFC 9112 § 9.2", b"A: b\r\n\r\n" + NEXT, reusable=False),
    good("and a line end too many", "RFC 9112 § 9.2", b"A: b\r\n\r\n\r\n", reusable=False),
]
