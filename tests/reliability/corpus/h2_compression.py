"""Header blocks that do not decode, or that try to take more than they should (RFC 7541)."""

from __future__ import annotations

from typing import List

from .h2_case import OK, H2Case, case, continuation, data, failed, headers, integer, literal, string

__all__ = ["CASES"]

INTEGER = "RFC 7541 § 5.1"
STRING = "RFC 7541 § 5.2"
INDEX = "RFC 7541 § 6.1"
TABLE = "RFC 7541 § 6.3"
BOUND = "RFC 9113 § 10.5.1"
BROKEN = "GOAWAY COMPRESSION_ERROR"
CALM = "GOAWAY ENHANCE_YOUR_CALM"
CONTENT = data(1, b"hello", end=True)
# "www.example.com", Huffman-coded (RFC 7541 appendix C.4.1).
CODED = bytes.fromhex("8cf1e3c2e5f23a6ba0ab90f4ff")


def good(name: str, source: str, block: bytes) -> H2Case:
    return case("hpack: " + name, source, headers(1, block) + CONTENT)


def broken(name: str, source: str, block: bytes) -> H2Case:
    return failed("hpack: " + name, source, headers(1, block) + CONTENT, answer=BROKEN)


def long_block(block: bytes) -> bytes:
    """Return HEADERS and as many CONTINUATIONs as the block needs."""
    parts = [block[at : at + 16_384] for at in range(0, len(block), 16_384)]
    frames = [headers(1, parts[0], flags=0), *[continuation(1, part, flags=0) for part in parts[1:]], continuation(1)]
    return b"".join(frames)


CASES: List[H2Case] = [
    good("indexed, static", INDEX, OK),
    good("literal, not indexed", "RFC 7541 § 6.2.2", OK + literal(b"a", b"b")),
    good("literal, never indexed", "RFC 7541 § 6.2.3", OK + literal(b"a", b"b", 0x10)),
    good("literal, indexed", "RFC 7541 § 6.2.1", OK + literal(b"a", b"b", 0x40)),
    good("literal with a name from the table", "RFC 7541 § 6.2.1", OK + b"\x76" + string(b"x")),
    good("what was put in the table a moment ago", "RFC 7541 § 2.3.3", OK + literal(b"a", b"b", 0x40) + b"\xbe"),
    good("an empty value", STRING, OK + literal(b"a", b"")),
    good("the status as a literal", "RFC 7541 § 6.2.2", b"\x08" + string(b"200")),
    good("Huffman-coded", STRING, OK + b"\0" + string(b"a") + CODED),
    good("Huffman-coded, empty", STRING, OK + b"\0" + string(b"a") + b"\x80"),
    good("an integer with zeros in front", INTEGER, OK + b"\0" + string(b"a") + b"\x7f\x80\x80\0" + b"b" * 127),
    good("a table of no size", TABLE, b"\x20" + OK),
    good("a table of the largest size", TABLE, integer(4096, 5, 0x20) + OK),
    good("two changes of its size", "RFC 7541 § 4.2", b"\x20" + integer(4096, 5, 0x20) + OK),
    good("an entry larger than the table", "RFC 7541 § 4.4", OK + literal(b"a", b"b" * 5000, 0x40)),
    good(
        "a table that overflows",
        "RFC 7541 § 4.4",
        OK + b"".join(literal(b"a%d" % n, b"b" * 100, 0x40) for n in range(60)),
    ),
    case(
        "hpack: a table that outlives an interim response",
        "RFC 7541 § 2.3.2",
        headers(1, b"\x08" + string(b"103") + literal(b"a", b"b", 0x40)) + headers(1, OK + b"\xbe") + CONTENT,
    ),
    case(
        "hpack: a table that outlives a malformed response",
        "RFC 7541 § 2.3.2",
        headers(1, OK + literal(b"a", b"b", 0x40)) + data(1, b"hello") + headers(1, b"\xbe", end=True),
    ),
    broken("entry 0", INDEX, OK + b"\x80"),
    broken("an entry that is not there", INDEX, OK + b"\xbe"),
    broken("an entry far beyond the table", INDEX, OK + integer(100_000, 7, 0x80)),
    broken(
        "an entry that was put out",
        "RFC 7541 § 4.4",
        OK + literal(b"a", b"b", 0x40) + literal(b"a", b"b" * 5000, 0x40) + b"\xbe",
    ),
    broken("a name that is not there", "RFC 7541 § 6.2.1", OK + b"\x7f\x00" + string(b"b")),
    broken("a name that is not there, not indexed", "RFC 7541 § 6.2.2", OK + integer(62, 4) + string(b"b")),
    broken("an entry from before the table was emptied", TABLE, b"\x20" + OK + literal(b"a", b"b", 0x40) + b"\xbe"),
    broken("an integer that never ends", INTEGER, OK + b"\xff" + b"\xff" * 50),
    broken("an integer of zeros that never ends", INTEGER, OK + b"\xff" + b"\x80" * 50),
    broken("an integer beyond 2^64", INTEGER, OK + b"\xff" + b"\xff" * 9 + b"\x7f"),
    broken("an integer that is cut off", INTEGER, OK + b"\xff"),
    broken("an integer that is cut off later", INTEGER, OK + b"\xff\x80"),
    broken("a literal without a name", STRING, OK + b"\0"),
    broken("a literal without a value", STRING, OK + b"\0" + string(b"a")),
    broken("a name that is cut off", STRING, OK + b"\0\5ab"),
    broken("a value that is cut off", STRING, OK + b"\0\1a\5b"),
    broken("a value of 2^31 bytes", STRING, OK + b"\0\1a\x7f\x81\xff\xff\xff\7" + b"b"),
    broken("a name of 2^62 bytes", STRING, OK + b"\0\x7f" + b"\xff" * 8 + b"\x3f" + b"a"),
    broken("Huffman with its end of string", STRING, OK + b"\0\1a" + b"\x84\xff\xff\xff\xff"),
    broken("Huffman padded with zeros", STRING, OK + b"\0\1a" + b"\x81\x18"),
    broken("Huffman padded by more than seven bits", STRING, OK + b"\0\1a" + b"\x82\x1f\xff"),
    broken("Huffman padded by eight bits", STRING, OK + b"\0\1a" + b"\x81\xff"),
    broken("Huffman that is cut off", STRING, OK + b"\0\1a" + b"\x85\xf1\xe3"),
    broken("a table larger than we allow", TABLE, integer(4097, 5, 0x20) + OK),
    broken("a table of 2^31 bytes", TABLE, integer(2**31 - 1, 5, 0x20) + OK),
    broken("a table that grows behind a field", "RFC 7541 § 4.2", OK + integer(100, 5, 0x20)),
    broken("a table that grows between fields", "RFC 7541 § 4.2", OK + b"\x20" + literal(b"a", b"b")),
    failed(
        "hpack: broken trailers",
        "RFC 7541 § 6.1",
        headers(1) + data(1, b"hello") + headers(1, b"\x80", end=True),
        answer=BROKEN,
        within=200,
    ),
    case(
        "hpack: broken on a stream that has ended",
        "RFC 9113 § 4.3",
        headers(1) + CONTENT + headers(1, b"\x80", end=True),
        answer=BROKEN,
        reusable=False,
    ),
    failed(
        "hpack: broken in its last part",
        "RFC 9113 § 4.3",
        headers(1, OK, flags=0) + continuation(1, b"\x80") + CONTENT,
        answer=BROKEN,
    ),
    failed(
        "hpack: broken where two parts meet",
        "RFC 9113 § 4.3",
        headers(1, OK + b"\0\5ab", flags=0) + continuation(1, b"c") + CONTENT,
        answer=BROKEN,
    ),
    # Bombs: little on the wire, much in memory.
    failed(
        "bomb: a large entry over and over again",
        BOUND,
        headers(1, OK + literal(b"a", b"b" * 3900, 0x40) + b"\xbe" * 10_000) + CONTENT,
        answer=CALM,
    ),
    failed(
        "bomb: a small entry over and over again",
        BOUND,
        headers(1, OK + literal(b"a", b"", 0x40) + b"\xbe" * 16_000) + CONTENT,
        answer=CALM,
    ),
    failed("bomb: static entries over and over again", BOUND, headers(1, OK + b"\x90" * 16_000) + CONTENT, answer=CALM),
    failed(
        "bomb: Huffman-coded into a list that is too long",
        BOUND,
        long_block(OK + b"\0\1a" + integer(70_000, 7, 0x80) + b"\x08\x42\x10\x84\x21" * 14_000),
        answer=CALM,
    ),
    failed("bomb: one value of 200,000 bytes", BOUND, long_block(OK + literal(b"a", b"b" * 200_000)), answer=CALM),
    failed("bomb: one name of 200,000 bytes", BOUND, long_block(OK + literal(b"a" * 200_000, b"b")), answer=CALM),
    failed("bomb: fields of nothing", BOUND, long_block(OK + literal(b"a", b"") * 4000), answer=CALM),
    case("bomb: nearly, but not more than we allow", BOUND, long_block(OK + literal(b"a", b"b" * 90_000)) + CONTENT),
    case("bomb: 2,000 fields are not", BOUND, long_block(OK + literal(b"a", b"b") * 2000) + CONTENT),
    failed(
        "block: parts that never end",
        "RFC 9113 § 10.5",
        headers(1, OK, flags=0),
        answer=CALM,
        endless=continuation(1, b"", flags=0),
    ),
    failed(
        "block: parts of a field that never end",
        "RFC 9113 § 10.5",
        headers(1, OK, flags=0),
        answer=CALM,
        endless=continuation(1, literal(b"a", b"b"), flags=0),
    ),
    failed(
        "block: parts of 16 KB that never end",
        "RFC 9113 § 10.5",
        headers(1, OK, flags=0),
        answer=CALM,
        endless=continuation(1, b"\x90" * 16_000, flags=0),
    ),
    failed(
        "block: trailers that never end",
        "RFC 9113 § 10.5",
        headers(1) + data(1, b"hello") + headers(1, b"", flags=0),
        answer=CALM,
        endless=continuation(1, b"", flags=0),
        within=200,
    ),
]
