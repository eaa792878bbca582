"""The end of the stream behind each part of a response: what is not whole never passes for whole (RFC 9112 § 8)."""

from __future__ import annotations

from typing import List

from .h1_case import CHUNKED, WITH_LENGTH, H1Case, delivered, head, refused

__all__ = ["CASES"]

CUT = "RFC 9112 § 8"
HEAD = b"HTTP/1.1 200 OK\r\nServer: x\r\nContent-Length: 5\r\n\r\n"


def in_head(name: str, sent: bytes) -> H1Case:
    return refused("cut: " + name, CUT, sent)


def in_body(name: str, sent: bytes) -> H1Case:
    return refused("cut: " + name, CUT, sent, within=200)


CASES: List[H1Case] = [
    in_head("at once", b""),
    in_head("behind one byte", b"H"),
    in_head("behind HTTP/", b"HTTP/"),
    in_head("behind the version", b"HTTP/1.1"),
    in_head("behind the version and its space", b"HTTP/1.1 "),
    in_head("within the status", b"HTTP/1.1 20"),
    in_head("behind the status", b"HTTP/1.1 200"),
    in_head("behind the reason", b"HTTP/1.1 200 OK"),
    in_head("within the end of the status line", b"HTTP/1.1 200 OK\r"),
    in_head("behind the status line", b"HTTP/1.1 200 OK\r\n"),
    in_head("within a name", HEAD[:20]),
    in_head("behind a name", HEAD[:23]),
    in_head("behind a colon", HEAD[:24]),
    in_head("behind a value", HEAD[:26]),
    in_head("within the end of a field", HEAD[:27]),
    in_head("behind a field", HEAD[:28]),
    in_head("behind the length", HEAD[:-4]),
    in_head("behind the last field", HEAD[:-2]),
    in_head("within the empty line", HEAD[:-1]),
    in_head("in a head ended by line feeds", b"HTTP/1.1 200 OK\nA: b\n"),
    in_head("behind a fold", b"HTTP/1.1 200 OK\r\nA: b\r\n c\r\n"),
    in_body("behind the head", HEAD),
    in_body("within the body", HEAD + b"he"),
    in_body("one byte before its end", HEAD + b"hell"),
    in_body("in a large body", head(b"Content-Length: 1000000") + b"x" * 999_999),
    delivered("cut: just behind the body", "RFC 9112 § 9.3", WITH_LENGTH + b"hello"),
    delivered(
        "cut: in a body that ends with the stream",
        "RFC 9112 § 6.3, rule 8: it cannot be told",
        head() + b"hel",
        b"hel",
        reusable=False,
    ),
    in_body("behind a chunked head", CHUNKED),
    in_body("within the first size", CHUNKED + b"5"),
    in_body("within an extension", CHUNKED + b"5;a"),
    in_body("within the end of a size", CHUNKED + b"5\r"),
    in_body("behind a size", CHUNKED + b"5\r\n"),
    in_body("within a chunk", CHUNKED + b"5\r\nhel"),
    in_body("behind the data of a chunk", CHUNKED + b"5\r\nhello"),
    in_body("within the end of a chunk", CHUNKED + b"5\r\nhello\r"),
    in_body("behind a chunk", CHUNKED + b"5\r\nhello\r\n"),
    in_body("within the last size", CHUNKED + b"5\r\nhello\r\n0"),
    in_body("within the end of the last size", CHUNKED + b"5\r\nhello\r\n0\r"),
    in_body("behind the last size", CHUNKED + b"5\r\nhello\r\n0\r\n"),
    in_body("within the last line end", CHUNKED + b"5\r\nhello\r\n0\r\n\r"),
    in_body("within a trailer", CHUNKED + b"5\r\nhello\r\n0\r\nA"),
    in_body("behind a trailer", CHUNKED + b"5\r\nhello\r\n0\r\nA: b\r\n"),
    in_body("within a large chunk", CHUNKED + b"F4240\r\n" + b"x" * 999_999),
]
