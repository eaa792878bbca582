"""Field lines: names, values, folds, ends of lines, numbers and sizes (RFC 9110 § 5, RFC 9112 §§ 2.2, 5)."""

from __future__ import annotations

from typing import List

from .h1_case import NEXT, STATUS_LINE, H1Case, delivered, head, refused

__all__ = ["CASES"]

NAME = "RFC 9110 § 5.1"
VALUE = "RFC 9110 § 5.5"
COLON = "RFC 9112 § 5.1"
FOLD = "RFC 9112 § 5.2: a user agent replaces it by spaces"
LF = "RFC 9112 § 2.2: a single LF may end a line"
CR = "RFC 9112 § 2.2: a bare CR is invalid"
BOUND = "RFC 9110 § 5.4: a bound"
LENGTH = b"Content-Length: 5"


def good(name: str, source: str, *fields: bytes) -> H1Case:
    return delivered("fields: " + name, source, head(*fields, LENGTH) + b"hello")


def bad(name: str, source: str, *fields: bytes) -> H1Case:
    return refused("fields: " + name, source, head(*fields, LENGTH) + b"hello")


def raw(name: str, source: str, sent: bytes) -> H1Case:
    return delivered("fields: " + name, source, sent)


def flood(name: str, sent: bytes, endless: bytes) -> H1Case:
    return refused("fields: " + name, BOUND, STATUS_LINE + sent, endless=endless)


CASES: List[H1Case] = [
    good("an ordinary one", NAME, b"Server: x"),
    good("every character of a token", NAME, b"!#$%&'*+-.^_`|~09azAZ: x"),
    good("a name of one character", NAME, b"A: b"),
    good("a name of 1,000 characters", NAME, b"A" * 1000 + b": b"),
    good("a name of digits", NAME, b"200: b"),
    good("the same name a hundred times", "RFC 9110 § 5.3", *[b"Set-Cookie: a=b"] * 100),
    good("a thousand names", BOUND, *[b"A%d: b" % n for n in range(1000)]),
    good("a value of 50,000 bytes", BOUND, b"A: " + b"b" * 50_000),
    good("an empty value", VALUE, b"A:"),
    good("a value of spaces and tabs", VALUE, b"A: \t  \t"),
    good("spaces and tabs within a value", VALUE, b"A: b \t c"),
    good("colons in a value", VALUE, b"A: b: c:"),
    good("quotes that are not closed", VALUE, b'A: "b'),
    good("Latin-1 in a value", VALUE, b"A: \xe4\xff"),
    good("UTF-8 in a value", VALUE, b"A: \xc3\xa4\xf0\x9f\x98\x80"),
    good("broken UTF-8 in a value", VALUE, b"A: \xc3\x28"),
    good("control characters in a value", VALUE + ": others may be kept", b"A: \x01\x02\x1f\x7f"),
    good("an escape sequence in a value", VALUE + ": others may be kept", b"A: \x1b[31m"),
    good("a response in a value", VALUE, b"A: HTTP/1.1 200 OK"),
    good("Host in a response", "care: means nothing", b"Host: evil"),
    good("pseudo-fields of HTTP/2 by another name", NAME, b"status: 500"),
    good("folded with a space", FOLD, b"A: b", b" c"),
    good("folded with a tab", FOLD, b"A: b", b"\tc"),
    good("folded three times", FOLD, b"A: b", b" c", b"  d", b"\t e"),
    good("folded from an empty value", FOLD, b"A:", b" b"),
    good("folded, and the fold looks like a field", FOLD, b"A: b", b" Content-Length: 9"),
    good("folded, and the fold looks like a coding", FOLD, b"A: b", b"\tTransfer-Encoding: gzip"),
    good("folded into an empty line of spaces", FOLD, b"A: b", b"  "),
    raw("a folded length", FOLD, head(b"Content-Length:", b" 5") + b"hello"),
    bad("folded first", "RFC 9112 § 2.2: whitespace between the status line and the first field", b" A: b"),
    bad("folded first, with a tab", "RFC 9112 § 2.2", b"\tA: b"),
    bad("a NUL in a fold", VALUE, b"A: b", b" \0"),
    raw("ended by line feeds", LF, b"HTTP/1.1 200 OK\nA: b\nContent-Length: 5\n\nhello"),
    raw("ended in turn by CR LF and LF", LF, b"HTTP/1.1 200 OK\r\nA: b\nContent-Length: 5\r\n\nhello"),
    raw("the empty line as LF CR LF", LF, b"HTTP/1.1 200 OK\r\nContent-Length: 5\n\r\nhello"),
    delivered("fields: the body begins with a line feed", LF, head(LENGTH) + b"\nhell", b"\nhell"),
    bad("ended by a bare CR", CR, b"A: b\rB: c"),
    bad("ended by two CRs and LF", CR, b"A: b\r"),
    bad("a CR in a name", CR, b"A\rB: c"),
    bad("a CR in front of a value", CR, b"A: \rb"),
    bad("an empty line of CR CR LF", CR, b"A: b\r\n\r"),
    bad("a length behind a bare CR", CR, b"A: b\rContent-Length: 0"),
    bad("no colon", "RFC 9112 § 5", b"nonsense"),
    bad("no colon, one word of digits", "RFC 9112 § 5", b"5"),
    bad("only a colon", NAME, b":"),
    bad("no name", NAME, b": b"),
    bad("a colon in front, as in HTTP/2", NAME, b":status: 200"),
    bad("space in front of the colon", COLON, b"A : b"),
    bad("tab in front of the colon", COLON, b"A\t: b"),
    bad("a length with a space in front of the colon", COLON, b"Content-Length : 0"),
    bad("space in a name", NAME, b"A b: c"),
    bad("NUL in a name", NAME, b"A\0: b"),
    bad("DEL in a name", NAME, b"A\x7f: b"),
    bad("control character in a name", NAME, b"A\x01: b"),
    bad("UTF-8 in a name", NAME, b"\xc3\xa4: b"),
    bad("Latin-1 in a name", NAME, b"\xe4: b"),
    bad("quotes around a name", NAME, b'"A": b'),
    bad("parentheses in a name", NAME, b"A(b): c"),
    bad("an at sign in a name", NAME, b"A@b: c"),
    bad("a slash in a name", NAME, b"A/b: c"),
    bad("a comma in a name", NAME, b"A,B: c"),
    bad("a semicolon in a name", NAME, b"A;B: c"),
    bad("an equals sign in place of a colon", "RFC 9112 § 5", b"A=b"),
    bad("brackets in a name", NAME, b"A[b]: c"),
    bad("NUL in a value", VALUE, b"A: b\0c"),
    bad("NUL alone as a value", VALUE, b"A: \0"),
    bad("form feed in a value", "RFC 9110 § 5.6.3", b"A: b\x0cc"),
    bad("vertical tab in a value", "RFC 9110 § 5.6.3", b"A: b\x0bc"),
    bad("a status line among them", "RFC 9112 § 5", b"HTTP/1.1 200 OK"),
    bad("a chunk among them", "RFC 9112 § 5", b"5;x"),
    flood("more than a hundred kilobytes of them", b"", b"A: b\r\n"),
    flood("names that differ, without an end", b"", b"".join(b"X%d: y\r\n" % n for n in range(5000))),
    flood("a value that never ends", b"A: ", b"b"),
    flood("a name that never ends", b"", b"A"),
    flood("folds that never end", b"A: b\r\n", b" c\r\n"),
    flood("spaces that never end", b"A:", b" "),
    flood("tabs and letters that never end", b"A:", b"\tb"),
    flood("NULs that never end", b"", b"\0"),
    flood("colons that never end", b"A", b":"),
    flood("carriage returns that never end", b"", b"\r"),
    flood("Set-Cookie without an end", b"", b"Set-Cookie: session=0123456789abcdef\r\n"),
    bad("a run of 50,000 spaces", "care: a run of spaces costs some readers its square", b"A:" + b" " * 50_000 + b"b"),
    bad(
        "a run of 50,000 tabs within a value",
        "care: a run of spaces costs some readers its square",
        b"A: b" + b"\t" * 50_000 + b"c",
    ),
    bad("a value of 120,000 bytes", BOUND, b"A: " + b"b" * 120_000),
    bad("twenty thousand of them", BOUND, *[b"A%d: b" % n for n in range(20_000)]),
    delivered("after: another response", "RFC 9112 § 9.2", head(LENGTH) + b"hello" + NEXT, reusable=False),
    delivered("after: half of another response", "RFC 9112 § 9.2", head(LENGTH) + b"hello" + NEXT[:20], reusable=False),
    delivered("after: a line end", "RFC 9112 § 9.2", head(LENGTH) + b"hello\r\n", reusable=False),
    delivered("after: one byte", "RFC 9112 § 9.2", head(LENGTH) + b"hello!", reusable=False),
    delivered("after: a NUL", "RFC 9112 § 9.2", head(LENGTH) + b"hello\0", reusable=False),
    delivered("after: the same response again", "RFC 9112 § 9.2", (head(LENGTH) + b"hello") * 2, reusable=False),
    delivered(
        "after: a 408, as idle servers send it",
        "RFC 9110 § 15.5.9",
        head(LENGTH) + b"hello" + head(b"Connection: close", b"Content-Length: 0", line=b"HTTP/1.1 408 Timeout"),
        reusable=False,
    ),
    delivered("after: a megabyte", "RFC 9112 § 9.2", head(LENGTH) + b"hello" + b"z" * 1_000_000, reusable=False),
    delivered(
        "after: a continue that comes too late",
        "RFC 9110 § 15.2",
        head(LENGTH) + b"hello" + b"HTTP/1.1 100 Continue\r\n\r\n",
        reusable=False,
    ),
]
