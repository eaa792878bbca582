"""Content-Length: what is a number, what is not, and what the body is then (RFC 9110 § 8.6, RFC 9112 § 6.3)."""

from __future__ import annotations

from typing import List

from .h1_case import STATUS_LINE, H1Case, delivered, head, refused

__all__ = ["CASES"]

VALUE = "RFC 9110 § 8.6"
FRAMING = "RFC 9112 § 6.3, rule 5"
BODY = "RFC 9112 § 6.3, rule 6"
CUT = "RFC 9112 § 8"


def length(value: bytes, body: bytes = b"hello") -> bytes:
    return head(b"Content-Length: " + value) + body


CASES: List[H1Case] = [
    delivered("length: as it should be", BODY, length(b"5")),
    delivered("length: zero", BODY, length(b"0", b""), b""),
    delivered("length: zero many times over", VALUE, length(b"0000", b""), b""),
    delivered("length: zeros in front", VALUE, length(b"0000000005")),
    delivered("length: one byte", BODY, length(b"1", b"x"), b"x"),
    delivered("length: more than one read", BODY, length(b"150000", b"a" * 150_000), b"a" * 150_000),
    delivered("length: body of line ends", BODY, length(b"8", b"\r\n\r\n\r\n\r\n"), b"\r\n" * 4),
    delivered("length: body of NULs", BODY, length(b"5", b"\0" * 5), b"\0" * 5),
    delivered(
        "length: body that reads like a response",
        BODY,
        length(b"19", b"HTTP/1.1 200 OK\r\n\r\n"),
        STATUS_LINE + b"\r\n",
    ),
    delivered(
        "length: body that reads like chunks",
        BODY,
        length(b"15", b"5\r\nhello\r\n0\r\n\r\n"),
        b"5\r\nhello\r\n0\r\n\r\n",
    ),
    delivered("length: name in lower case", "RFC 9110 § 5.1", head(b"content-length: 5") + b"hello"),
    delivered("length: name in capitals", "RFC 9110 § 5.1", head(b"CONTENT-LENGTH: 5") + b"hello"),
    delivered("length: no space behind the colon", "RFC 9112 § 5", head(b"Content-Length:5") + b"hello"),
    delivered("length: spaces and tabs around it", "RFC 9112 § 5", head(b"Content-Length: \t 5 \t ") + b"hello"),
    delivered(
        "length: last of many fields", BODY, head(*[b"A: %d" % n for n in range(200)], b"Content-Length: 5") + b"hello"
    ),
    delivered("length: the same twice", FRAMING, head(b"Content-Length: 5", b"Content-Length: 5") + b"hello"),
    delivered("length: the same five times", FRAMING, head(*[b"Content-Length: 5"] * 5) + b"hello"),
    delivered("length: the same in a list", FRAMING, length(b"5, 5")),
    delivered("length: the same in a list without spaces", FRAMING, length(b"5,5,5")),
    delivered(
        "length: the same in other case and place",
        FRAMING,
        head(b"content-length: 5", b"A: b", b"CONTENT-LENGTH:5") + b"hello",
    ),
    delivered(
        "length: in a name that only begins like it",
        "RFC 9110 § 5.1",
        head(b"Content-Length-X: 9", b"Content-Length: 5") + b"hello",
    ),
    delivered(
        "length: in a name that only ends like it",
        "RFC 9110 § 5.1",
        head(b"X-Content-Length: 9", b"Content-Length: 5") + b"hello",
    ),
    delivered(
        "length: with an underscore is another field",
        "RFC 9110 § 5.1",
        head(b"Content_Length: 9", b"Content-Length: 5") + b"hello",
    ),
    refused("length: two that differ", FRAMING, head(b"Content-Length: 5", b"Content-Length: 6") + b"hello!"),
    refused(
        "length: two that differ, zero first", FRAMING, head(b"Content-Length: 0", b"Content-Length: 5") + b"hello"
    ),
    refused("length: two that differ, zero last", FRAMING, head(b"Content-Length: 5", b"Content-Length: 0") + b"hello"),
    refused("length: two that differ, in a list", FRAMING, length(b"5, 6", b"hello!")),
    refused("length: right and wrong", FRAMING, head(b"Content-Length: 5", b"Content-Length: x") + b"hello"),
    refused("length: wrong and right", FRAMING, head(b"Content-Length: x", b"Content-Length: 5") + b"hello"),
    refused("length: right and empty", FRAMING, head(b"Content-Length: 5", b"Content-Length:") + b"hello"),
    refused("length: empty", VALUE, length(b"")),
    refused("length: only spaces", VALUE, length(b"  \t ")),
    refused("length: a comma", FRAMING, length(b",")),
    refused("length: a comma behind", FRAMING, length(b"5,")),
    refused("length: a comma in front", FRAMING, length(b",5")),
    refused("length: negative", VALUE, length(b"-5")),
    refused("length: negative zero", VALUE, length(b"-0")),
    refused("length: minus one, for unknown", VALUE, length(b"-1")),
    refused("length: with a plus", VALUE, length(b"+5")),
    refused("length: hexadecimal with prefix", VALUE, length(b"0x5")),
    refused("length: hexadecimal without", VALUE, length(b"a", b"0123456789")),
    refused("length: octal with prefix", VALUE, length(b"0o5")),
    refused("length: binary with prefix", VALUE, length(b"0b101")),
    refused("length: decimal point", VALUE, length(b"5.0")),
    refused("length: exponent", VALUE, length(b"5e0")),
    refused("length: underscores between digits", VALUE, length(b"0_5")),
    refused("length: apostrophes between digits", VALUE, length(b"1'0")),
    refused("length: space between digits", VALUE, length(b"0 5")),
    refused("length: semicolon and parameter", VALUE, length(b"5;x=y")),
    refused("length: in quotes", VALUE, length(b'"5"')),
    refused("length: with a unit", VALUE, length(b"5 bytes")),
    refused("length: in words", VALUE, length(b"five")),
    refused("length: Arabic digit in UTF-8", VALUE, length(b"\xd9\xa5")),
    refused("length: superscript in Latin-1", VALUE, length(b"\xb2")),
    refused("length: full-width digit in UTF-8", VALUE, length(b"\xef\xbc\x95")),
    refused("length: infinite", VALUE, length(b"inf")),
    refused("length: not a number", VALUE, length(b"NaN")),
    refused("length: with a NUL behind", "RFC 9110 § 5.5", length(b"5\0")),
    refused("length: with a vertical tab in front", "RFC 9110 § 5.6.3", length(b"\x0b5")),
    refused("length: with a form feed behind", "RFC 9110 § 5.6.3", length(b"5\x0c")),
    refused("length: with a no-break space", VALUE, length(b"\xa05")),
    refused("length: folded into two numbers", "RFC 9112 § 5.2", head(b"Content-Length: 5", b" 0") + b"hello"),
    refused(
        "length: more digits than 2^64 has",
        "care: no body is that long, and other readers wrap around",
        length(b"1" + b"0" * 30),
    ),
    refused("length: a megabyte of digits", "RFC 9112 § 3", length(b"9" * 1_000_000)),
    refused(
        "length: 2^64 plus five", "RFC 9110 § 8.6: no wrapping around", length(b"18446744073709551621"), within=200
    ),
    refused("length: 2^63", CUT, length(b"9223372036854775808"), within=200),
    refused("length: 2^32 plus five", CUT, length(b"4294967301"), within=200),
    refused("length: one byte too few", CUT, length(b"6"), within=200),
    refused("length: nothing of the body", CUT, length(b"5", b""), within=200),
    delivered("length: one byte too many", "RFC 9112 § 6.3", length(b"4"), b"hell", reusable=False),
    delivered("length: zero, and a body", "RFC 9112 § 6.3", length(b"0"), b"", reusable=False),
    delivered("length: none, until the end", "RFC 9112 § 6.3, rule 8", head() + b"hello", reusable=False),
    delivered("length: none, and nothing", "RFC 9112 § 6.3, rule 8", head(), b"", reusable=False),
    delivered(
        "length: none, a large body", "RFC 9112 § 6.3, rule 8", head() + b"b" * 200_000, b"b" * 200_000, reusable=False
    ),
]
