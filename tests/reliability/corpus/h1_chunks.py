"""Chunks: sizes, extensions, ends of lines, and the end (RFC 9112 § 7.1)."""

from __future__ import annotations

from typing import List

from .h1_case import CHUNKED, NEXT, H1Case, delivered, refused

__all__ = ["CASES"]

CHUNK = "RFC 9112 § 7.1"
EXTENSION = "RFC 9112 § 7.1.1"
END = b"0\r\n\r\n"
CUT = "RFC 9112 § 8"


def good(name: str, source: str, chunks: bytes, body: bytes = b"hello", *, reusable: bool = True) -> H1Case:
    return delivered("chunks: " + name, source, CHUNKED + chunks, body, reusable=reusable)


def bad(name: str, source: str, chunks: bytes, *, endless: bytes = b"") -> H1Case:
    return refused("chunks: " + name, source, CHUNKED + chunks, within=200, endless=endless)


CASES: List[H1Case] = [
    good("one", CHUNK, b"5\r\nhello\r\n" + END),
    good("none", CHUNK, END, b""),
    good("one for each byte", CHUNK, b"1\r\nh\r\n1\r\ne\r\n1\r\nl\r\n1\r\nl\r\n1\r\no\r\n" + END),
    good("a thousand", CHUNK, b"1\r\nx\r\n" * 1000 + END, b"x" * 1000),
    good("one of 100,000 bytes", CHUNK, b"186A0\r\n" + b"y" * 100_000 + b"\r\n" + END, b"y" * 100_000),
    good("size in lower case", CHUNK, b"a\r\n0123456789\r\n" + END, b"0123456789"),
    good("size in upper case", CHUNK, b"A\r\n0123456789\r\n" + END, b"0123456789"),
    good("zeros in front of the size", CHUNK, b"000005\r\nhello\r\n" + END),
    good("the last one written 0000", CHUNK, b"5\r\nhello\r\n0000\r\n\r\n"),
    good("data of line ends", CHUNK, b"4\r\n\r\n\r\n\r\n" + END, b"\r\n\r\n"),
    good("data that reads like the end", CHUNK, b"5\r\n0\r\n\r\n\r\n" + END, b"0\r\n\r\n"),
    good("data that reads like a chunk", CHUNK, b"A\r\n5\r\nhello\r\n\r\n" + END, b"5\r\nhello\r\n"),
    good("extension", EXTENSION, b"5;a=b\r\nhello\r\n" + END),
    good("extension without a value", EXTENSION, b"5;a\r\nhello\r\n" + END),
    good("extensions in a row", EXTENSION, b"5;a=b;c;d=e\r\nhello\r\n" + END),
    good("quoted extension", EXTENSION, b'5;a="b c"\r\nhello\r\n' + END),
    good("quoted extension with a semicolon", EXTENSION, b'5;a="b;c"\r\nhello\r\n' + END),
    # RFC 9112 § 7.1.1 would have it removed (BWS). h11 does not, servers do not send it, and where a size ends is what
    # readers have disagreed about before.
    bad(
        "space in front of an extension",
        "care: where the size ends is read in two ways",
        b"5 ; a = b\r\nhello\r\n" + END,
    ),
    good("space within an extension", EXTENSION, b"5;a = b\r\nhello\r\n" + END),
    good("extension on the last one", EXTENSION, b"5\r\nhello\r\n0;a=b\r\n\r\n"),
    good("empty extension", "care: unknown extensions are ignored", b"5;\r\nhello\r\n" + END),
    good("extension beyond ASCII", "care: unknown extensions are ignored", b"5;\xc3\xa4=\xff\r\nhello\r\n" + END),
    good("extension of 1,000 bytes", EXTENSION, b"5;" + b"a" * 1000 + b"\r\nhello\r\n" + END),
    good(
        "space behind the size",
        "care: servers that pad the size exist, and nobody reads it otherwise",
        b"5   \r\nhello\r\n" + END,
    ),
    bad("size beyond what there is", CUT, b"6\r\nhello"),
    bad("size one too small", CHUNK, b"4\r\nhello\r\n" + END),
    bad("size one too large", CHUNK, b"6\r\nhello\r\n" + END),
    bad("size one too large, by a line end", CHUNK, b"7\r\nhello\r\n" + END),
    bad("size empty", CHUNK, b"\r\nhello\r\n" + END),
    bad("size only an extension", CHUNK, b";a=b\r\nhello\r\n" + END),
    bad("size negative", CHUNK, b"-5\r\nhello\r\n" + END),
    bad("size minus zero", CHUNK, b"-0\r\n\r\n"),
    bad("size with a plus", CHUNK, b"+5\r\nhello\r\n" + END),
    bad("size with a prefix", CHUNK, b"0x5\r\nhello\r\n" + END),
    bad("size with an h behind", CHUNK, b"5h\r\nhello\r\n" + END),
    bad("size with underscores", CHUNK, b"0_5\r\nhello\r\n" + END),
    bad("size with a decimal point", CHUNK, b"5.0\r\nhello\r\n" + END),
    bad("size in words", CHUNK, b"five\r\nhello\r\n" + END),
    bad("size with a G", CHUNK, b"G\r\nhello\r\n" + END),
    bad("size in quotes", CHUNK, b'"5"\r\nhello\r\n' + END),
    bad("size with a NUL", CHUNK, b"5\0\r\nhello\r\n" + END),
    bad("size with a vertical tab", CHUNK, b"5\x0b\r\nhello\r\n" + END),
    bad("size in other digits", CHUNK, b"\xd9\xa5\r\nhello\r\n" + END),
    bad("space in front of the size", CHUNK, b" 5\r\nhello\r\n" + END),
    bad("tab in front of the size", CHUNK, b"\t5\r\nhello\r\n" + END),
    bad("space between the digits", CHUNK, b"0 5\r\nhello\r\n" + END),
    bad("comma behind the size", CHUNK, b"5,a\r\nhello\r\n" + END),
    bad(
        "size of 2^64 plus five",
        "RFC 9112 § 7.1: overflows are to be expected",
        b"10000000000000005\r\nhello\r\n" + END,
    ),
    bad("size of 2^32 plus five", "RFC 9112 § 7.1: overflows are to be expected", b"100000005\r\nhello\r\n" + END),
    bad("size of 2^63", "RFC 9112 § 7.1: overflows are to be expected", b"8000000000000000\r\nhello\r\n" + END),
    bad("size of twenty Fs", "RFC 9112 § 7.1: overflows are to be expected", b"F" * 20 + b"\r\nhello\r\n" + END),
    bad("size of 21 digits", "RFC 9112 § 7.1: overflows are to be expected", b"0" * 20 + b"5\r\nhello\r\n" + END),
    bad("size of endless zeros", "RFC 9112 § 7.1: a bound", b"", endless=b"0"),
    bad("size of endless Fs", "RFC 9112 § 7.1: a bound", b"", endless=b"F"),
    bad("extension without an end", "RFC 9112 § 7.1.1: limit the total length", b"5;", endless=b"a"),
    bad("extensions without an end", "RFC 9112 § 7.1.1: limit the total length", b"5", endless=b";a=b"),
    bad("spaces behind the size without an end", "RFC 9112 § 7.1: a bound", b"5", endless=b" "),
    bad("size ended by a line feed", CHUNK, b"5\nhello\r\n" + END),
    bad("size ended by a carriage return", CHUNK, b"5\rhello\r\n" + END),
    bad("size ended by two carriage returns", CHUNK, b"5\r\r\nhello\r\n" + END),
    bad("size ended the wrong way round", CHUNK, b"5\n\rhello\r\n" + END),
    bad("extension ended by a line feed", "RFC 9112 § 7.1.1: the terminator is CR LF", b"5;a\nhello\r\n" + END),
    bad("extension with a line feed within", "RFC 9112 § 7.1.1: the terminator is CR LF", b"5;a\nb\r\nhello\r\n" + END),
    bad("data ended by a line feed", CHUNK, b"5\r\nhello\n" + END),
    bad("data ended by a carriage return", CHUNK, b"5\r\nhello\r" + END),
    bad("data ended by two other bytes", CHUNK, b"5\r\nhelloXX" + END),
    bad("data ended by nothing", CHUNK, b"5\r\nhello" + END),
    bad("data ended by a space and a line end", CHUNK, b"5\r\nhello \r\n" + END),
    bad("data ended by two line ends", CHUNK, b"5\r\nhello\r\n\r\n" + END),
    bad("the end written with a line feed", CHUNK, b"5\r\nhello\r\n0\n\r\n"),
    bad("the end is a word", CHUNK, b"5\r\nhello\r\nend\r\n\r\n"),
    bad("no end, but another response", CHUNK, b"5\r\nhello\r\n" + NEXT),
    good("the end, and another response", "RFC 9112 § 9.2", b"5\r\nhello\r\n" + END + NEXT, reusable=False),
    good("the end, and another end", "RFC 9112 § 9.2", b"5\r\nhello\r\n" + END + END, reusable=False),
    good("the end, and a line end", "RFC 9112 § 9.2", b"5\r\nhello\r\n" + END + b"\r\n", reusable=False),
]
