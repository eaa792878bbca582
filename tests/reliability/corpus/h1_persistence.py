"""What a server says about the time after its response: Connection, Keep-Alive, versions (RFC 9112 § 9)."""

from __future__ import annotations

from typing import List

from .h1_case import CHUNKED, HELLO_CHUNKS, H1Case, delivered, head

__all__ = ["CASES"]

PERSIST = "RFC 9112 § 9.3"
CLOSE = "RFC 9112 § 9.6"
TOKENS = "RFC 9110 § 7.6.1"
HINT = "RFC 2068 § 19.7.1.1"
LENGTH = b"Content-Length: 5"


def said(name: str, source: str, *fields: bytes, reusable: bool, line: bytes = b"HTTP/1.1 200 OK") -> H1Case:
    return delivered("after: " + name, source, head(*fields, LENGTH, line=line) + b"hello", reusable=reusable)


CASES: List[H1Case] = [
    said("nothing is said", PERSIST, reusable=True),
    said("Connection: keep-alive", PERSIST, b"Connection: keep-alive", reusable=True),
    said("Connection: Keep-Alive", TOKENS, b"Connection: Keep-Alive", reusable=True),
    said("Connection is empty", TOKENS, b"Connection:", reusable=True),
    said("Connection of commas", TOKENS, b"Connection: ,, ,", reusable=True),
    said("Connection: close", CLOSE, b"Connection: close", reusable=False),
    said("Connection: Close", TOKENS, b"Connection: Close", reusable=False),
    said("Connection: CLOSE", TOKENS, b"Connection: CLOSE", reusable=False),
    said("connection in lower case", TOKENS, b"connection: close", reusable=False),
    said("close first in a list", TOKENS, b"Connection: close, x", reusable=False),
    said("close last in a list", TOKENS, b"Connection: x,close", reusable=False),
    said("close in the middle of a list", TOKENS, b"Connection: x , close , y", reusable=False),
    said("close between empty elements", TOKENS, b"Connection: ,,close,,", reusable=False),
    said("close with tabs around it", TOKENS, b"Connection: x,\tclose\t,y", reusable=False),
    said("close in the second field", TOKENS, b"Connection: x", b"Connection: close", reusable=False),
    said("close in the first field", TOKENS, b"Connection: close", b"Connection: keep-alive", reusable=False),
    said("keep-alive and close", PERSIST, b"Connection: keep-alive, close", reusable=False),
    said("close and keep-alive", PERSIST, b"Connection: close, keep-alive", reusable=False),
    said("close in a fold", "RFC 9112 § 5.2", b"Connection: x,", b" close", reusable=False),
    said("close twenty times", TOKENS, *[b"Connection: close"] * 20, reusable=False),
    said("a word that begins with close", TOKENS, b"Connection: closed", reusable=True),
    said("a word that ends with close", TOKENS, b"Connection: no-close", reusable=True),
    said("close in quotes", TOKENS, b'Connection: "close"', reusable=True),
    said("close as a parameter", TOKENS, b"Connection: x;close", reusable=True),
    said("another field that begins like it", TOKENS, b"Connection-X: close", reusable=True),
    said("Proxy-Connection", "RFC 9112 appendix C.2.2", b"Proxy-Connection: close", reusable=True),
    said("Connection: upgrade", TOKENS, b"Connection: upgrade", b"Upgrade: h2c", reusable=True),
    said("HTTP/1.0", PERSIST, line=b"HTTP/1.0 200 OK", reusable=False),
    said(
        "HTTP/1.0 with keep-alive",
        "RFC 9112 appendix C.2.2: may be reused, and need not",
        b"Connection: keep-alive",
        line=b"HTTP/1.0 200 OK",
        reusable=False,
    ),
    said("HTTP/1.0 with close", PERSIST, b"Connection: close", line=b"HTTP/1.0 200 OK", reusable=False),
    said("HTTP/1.5 with close", PERSIST, b"Connection: close", line=b"HTTP/1.5 200 OK", reusable=False),
    delivered(
        "after: chunks with close",
        CLOSE,
        head(b"Transfer-Encoding: chunked", b"Connection: close") + HELLO_CHUNKS,
        reusable=False,
    ),
    delivered(
        "after: chunks with keep-alive",
        PERSIST,
        head(b"Transfer-Encoding: chunked", b"Connection: keep-alive") + HELLO_CHUNKS,
    ),
    delivered("after: chunks and nothing said", PERSIST, CHUNKED + HELLO_CHUNKS),
    delivered(
        "after: until the end with keep-alive",
        "RFC 9112 § 6.3, rule 8",
        head(b"Connection: keep-alive") + b"hello",
        reusable=False,
    ),
    delivered(
        "after: we have said close",
        "RFC 9112 § 9.6",
        head(LENGTH) + b"hello",
        reusable=False,
        request_headers=((b"Connection", b"close"),),
    ),
    delivered(
        "after: we have said close, the server keep-alive",
        "RFC 9112 § 9.6",
        head(LENGTH, b"Connection: keep-alive") + b"hello",
        reusable=False,
        request_headers=((b"Connection", b"close"),),
    ),
    said("hint: a minute", HINT, b"Keep-Alive: timeout=60", reusable=True),
    said("hint: a minute and a hundred requests", HINT, b"Keep-Alive: timeout=60, max=100", reusable=True),
    said("hint: one more request", HINT, b"Keep-Alive: max=1", reusable=True),
    said("hint: no more requests", HINT, b"Keep-Alive: max=0", reusable=False),
    said("hint: no more requests, but a minute", HINT, b"Keep-Alive: timeout=60, max=0", reusable=False),
    said("hint: no time", HINT, b"Keep-Alive: timeout=0", reusable=False),
    said("hint: no time, with spaces and capitals", HINT, b"KEEP-ALIVE:  Timeout = 0 ", reusable=False),
    said("hint: no time, in quotes", HINT, b'Keep-Alive: timeout="0"', reusable=False),
    said("hint: negative time", "care: a hint that cannot be meant is none", b"Keep-Alive: timeout=-1", reusable=True),
    said(
        "hint: time in words", "care: a hint that cannot be meant is none", b"Keep-Alive: timeout=soon", reusable=True
    ),
    said("hint: no number", "care: a hint that cannot be meant is none", b"Keep-Alive: timeout=, max=", reusable=True),
    said(
        "hint: a time of a thousand digits",
        "care: a hint that cannot be meant is none",
        b"Keep-Alive: timeout=" + b"9" * 1000,
        reusable=True,
    ),
    said("hint: a superscript", "care: a hint that cannot be meant is none", b"Keep-Alive: max=\xb2", reusable=True),
    said("hint: only a number", "care: a hint that cannot be meant is none", b"Keep-Alive: 300", reusable=True),
    said("hint: empty", "care: a hint that cannot be meant is none", b"Keep-Alive:", reusable=True),
    said("hint: close in the wrong field", TOKENS, b"Keep-Alive: close", reusable=True),
    said("hint: with close", CLOSE, b"Keep-Alive: timeout=60", b"Connection: close", reusable=False),
]
