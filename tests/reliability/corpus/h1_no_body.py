"""Responses that have no body whatever their fields say: HEAD, 204, 304, CONNECT (RFC 9112 § 6.3, rules 1 and 2)."""

from __future__ import annotations

from typing import List

from .h1_case import CHUNKED, HELLO_CHUNKS, NEXT, WITH_LENGTH, H1Case, delivered, head, refused

__all__ = ["CASES"]

EMPTY = "RFC 9112 § 6.3, rule 1"
TUNNEL = "RFC 9112 § 6.3, rule 2"
AFTER = "RFC 9112 § 9.2"
CONNECT = b"CONNECT"
HEAD = b"HEAD"
CLOSE = b"Connection: close"
CODED = b"Transfer-Encoding: chunked"
LENGTH = b"Content-Length: 5"
NO_CONTENT = b"HTTP/1.1 204 No Content"
NOT_MODIFIED = b"HTTP/1.1 304 Not Modified"
ESTABLISHED = b"HTTP/1.1 200 Connection established"


def to_head(name: str, sent: bytes, *, source: str = EMPTY, status: int = 200, reusable: bool = True) -> H1Case:
    return delivered("HEAD: " + name, source, sent, b"", status=status, method=HEAD, reusable=reusable)


def empty(name: str, status: int, sent: bytes, *, source: str = EMPTY, reusable: bool = True) -> H1Case:
    return delivered(f"{status}: {name}", source, sent, b"", status=status, reusable=reusable)


def tunnel(name: str, sent: bytes, first: bytes = b"", *, status: int = 200) -> H1Case:
    return delivered(
        "CONNECT: " + name, TUNNEL, sent, b"", status=status, method=CONNECT, reusable=False, switched=first
    )


CASES: List[H1Case] = [
    to_head("length", WITH_LENGTH),
    to_head("length beyond 2^64", head(b"Content-Length: 99999999999999999999")),
    to_head("chunked", CHUNKED),
    to_head("neither", head()),
    to_head("on a 404", head(LENGTH, line=b"HTTP/1.1 404 N"), status=404),
    to_head("on a 204", head(line=NO_CONTENT), status=204),
    to_head("behind a hint", b"HTTP/1.1 103 H\r\n\r\n" + WITH_LENGTH),
    to_head("with close", head(LENGTH, CLOSE), source="RFC 9112 § 9.6", reusable=False),
    to_head("as HTTP/1.0", head(LENGTH, line=b"HTTP/1.0 200 OK"), source="RFC 9112 § 9.3", reusable=False),
    to_head("both framings", head(LENGTH, CODED), source="RFC 9112 § 6.3, rule 3", reusable=False),
    to_head("with the body all the same", WITH_LENGTH + b"hello", source=AFTER, reusable=False),
    to_head("with chunks all the same", CHUNKED + HELLO_CHUNKS, source=AFTER, reusable=False),
    to_head("with another response behind it", WITH_LENGTH + NEXT, source=AFTER, reusable=False),
    refused("HEAD: two lengths that differ", "RFC 9112 § 6.3, rule 5", head(LENGTH, b"Content-Length: 6"), method=HEAD),
    refused("HEAD: length that is no number", "RFC 9110 § 8.6", head(b"Content-Length: x"), method=HEAD),
    refused("HEAD: coding that nobody asked for", "RFC 9112 § 7.4", head(b"Transfer-Encoding: gzip"), method=HEAD),
    refused("HEAD: cut off in the head", "RFC 9112 § 8", WITH_LENGTH[:-2], method=HEAD),
    empty("bare", 204, head(line=NO_CONTENT)),
    empty("with a length of zero", 204, head(b"Content-Length: 0", line=NO_CONTENT)),
    empty("with a length", 204, head(LENGTH, line=NO_CONTENT)),
    empty("chunked", 204, head(CODED, line=NO_CONTENT)),
    empty("with close", 204, head(CLOSE, line=NO_CONTENT), source="RFC 9112 § 9.6", reusable=False),
    empty("both framings", 204, head(LENGTH, CODED, line=NO_CONTENT), source="RFC 9112 § 6.3, rule 3", reusable=False),
    empty("with the body all the same", 204, head(LENGTH, line=NO_CONTENT) + b"hello", source=AFTER, reusable=False),
    empty("with chunks all the same", 204, head(CODED, line=NO_CONTENT) + HELLO_CHUNKS, source=AFTER, reusable=False),
    empty("with another response behind it", 204, head(line=NO_CONTENT) + NEXT, source=AFTER, reusable=False),
    empty("as HTTP/1.0", 204, head(line=b"HTTP/1.0 204 N"), source="RFC 9112 § 9.3", reusable=False),
    empty("bare", 304, head(line=NOT_MODIFIED)),
    empty("with the length of what was not modified", 304, head(LENGTH, line=NOT_MODIFIED)),
    empty("chunked", 304, head(CODED, line=NOT_MODIFIED)),
    empty("with the body all the same", 304, head(LENGTH, line=NOT_MODIFIED) + b"hello", source=AFTER, reusable=False),
    empty("with another response behind it", 304, head(line=NOT_MODIFIED) + NEXT, source=AFTER, reusable=False),
    empty("with close", 304, head(CLOSE, line=NOT_MODIFIED), source="RFC 9112 § 9.6", reusable=False),
    refused(
        "204: two lengths that differ", "RFC 9112 § 6.3, rule 5", head(LENGTH, b"Content-Length: 6", line=NO_CONTENT)
    ),
    empty("with a length of zero", 205, head(b"Content-Length: 0", line=b"HTTP/1.1 205 R"), source="RFC 9110 § 15.3.6"),
    empty(
        "without a length, until the end",
        205,
        head(line=b"HTTP/1.1 205 R"),
        source="RFC 9112 § 6.3, rule 8",
        reusable=False,
    ),
    delivered(
        "205: with a body, which is framed like any other",
        "RFC 9112 § 6.3, rule 6",
        head(LENGTH, line=b"HTTP/1.1 205 R") + b"hello",
        status=205,
    ),
    delivered(
        "206: is framed by its length, not by its range",
        "RFC 9110 § 15.3.7",
        head(b"Content-Range: bytes 0-99/100", LENGTH, line=b"HTTP/1.1 206 P") + b"hello",
        status=206,
    ),
    delivered(
        "302: has a body like any other",
        "RFC 9110 § 15.4",
        head(b"Location: /", LENGTH, line=b"HTTP/1.1 302 F") + b"hello",
        status=302,
    ),
    delivered("POST: is framed like a GET", "RFC 9112 § 6.3", WITH_LENGTH + b"hello", method=b"POST"),
    delivered("OPTIONS: is framed like a GET", "RFC 9112 § 6.3", CHUNKED + HELLO_CHUNKS, method=b"OPTIONS"),
    delivered(
        "PURGE: a method that nobody knows is framed like a GET",
        "RFC 9112 § 6.3",
        WITH_LENGTH + b"hello",
        method=b"PURGE",
    ),
    delivered("head: methods are case-sensitive", "RFC 9110 § 9.1", WITH_LENGTH + b"hello", method=b"head"),
    tunnel("established", head(line=ESTABLISHED)),
    tunnel("with a length, which means nothing", head(LENGTH, line=ESTABLISHED) + b"hello", b"hello"),
    tunnel("chunked, which means nothing", head(CODED, line=ESTABLISHED) + HELLO_CHUNKS, HELLO_CHUNKS),
    tunnel("with first bytes from the other end", head(line=ESTABLISHED) + b"SSH-2.0-x\r\n", b"SSH-2.0-x\r\n"),
    tunnel("with a response behind it", head(line=ESTABLISHED) + NEXT, NEXT),
    tunnel("by a 204", head(line=b"HTTP/1.1 204 N"), status=204),
    tunnel("by a 299", head(line=b"HTTP/1.1 299 X") + b"first", b"first", status=299),
    tunnel("behind a continue", b"HTTP/1.1 100 C\r\n\r\n" + head(line=ESTABLISHED) + b"first", b"first"),
    tunnel("as HTTP/1.0", head(line=b"HTTP/1.0 200 OK") + b"first", b"first"),
    delivered(
        "CONNECT: refused with a body",
        TUNNEL,
        head(LENGTH, line=b"HTTP/1.1 403 N") + b"hello",
        status=403,
        method=CONNECT,
    ),
    delivered(
        "CONNECT: refused with chunks",
        TUNNEL,
        head(CODED, line=b"HTTP/1.1 502 N") + HELLO_CHUNKS,
        status=502,
        method=CONNECT,
    ),
    delivered(
        "CONNECT: credentials wanted",
        "RFC 9110 § 15.5.8",
        head(b"Proxy-Authenticate: Basic", LENGTH, line=b"HTTP/1.1 407 P") + b"hello",
        status=407,
        method=CONNECT,
    ),
    delivered(
        "CONNECT: redirected",
        TUNNEL,
        head(b"Location: /", LENGTH, line=b"HTTP/1.1 302 F") + b"hello",
        status=302,
        method=CONNECT,
    ),
    delivered(
        "CONNECT: refused with both framings",
        "RFC 9112 § 6.3, rule 3",
        head(LENGTH, CODED, line=b"HTTP/1.1 403 N") + HELLO_CHUNKS,
        status=403,
        method=CONNECT,
        reusable=False,
    ),
    refused("CONNECT: malformed field", "RFC 9112 § 5", head(b"A b: c", line=ESTABLISHED), method=CONNECT),
    refused("CONNECT: cut off", "RFC 9112 § 8", head(line=ESTABLISHED)[:-2], method=CONNECT),
    refused(
        "CONNECT: 101 in place of 200", "RFC 9110 § 7.8", head(b"Upgrade: x", line=b"HTTP/1.1 101 S"), method=CONNECT
    ),
]
