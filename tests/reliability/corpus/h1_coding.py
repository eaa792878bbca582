"""Transfer-Encoding, and Transfer-Encoding with Content-Length (RFC 9112 §§ 6.1, 6.3, 7).

No request of ours says `TE`, so that `chunked` is the only coding that a server may use (RFC 9112 § 7.4).
"""

from __future__ import annotations

from typing import List

from .h1_case import HELLO_CHUNKS, NEXT, STATUS_LINE, H1Case, delivered, head, refused

__all__ = ["CASES"]

CODING = "RFC 9112 § 6.1"
UNASKED = "RFC 9112 § 7.4"
BOTH = "RFC 9112 § 6.3, rule 3"
OLD = "RFC 9112 § 6.1, HTTP/1.0"


def coded(value: bytes, body: bytes = HELLO_CHUNKS) -> bytes:
    return head(b"Transfer-Encoding: " + value) + body


CASES: List[H1Case] = [
    delivered("coding: chunked", CODING, coded(b"chunked")),
    delivered("coding: Chunked", "RFC 9112 § 7: case-insensitive", coded(b"Chunked")),
    delivered("coding: CHUNKED, name in capitals", "RFC 9112 § 7", head(b"TRANSFER-ENCODING: CHUNKED") + HELLO_CHUNKS),
    delivered("coding: spaces and tabs around it", "RFC 9112 § 5", coded(b" \t chunked \t")),
    delivered("coding: no space behind the colon", "RFC 9112 § 5", head(b"Transfer-Encoding:chunked") + HELLO_CHUNKS),
    delivered(
        "coding: another field that begins like it",
        "RFC 9110 § 5.1",
        head(b"Transfer-Encoding-X: gzip", b"Content-Length: 5") + b"hello",
    ),
    delivered(
        "coding: another field that ends like it",
        "RFC 9110 § 5.1",
        head(b"X-Transfer-Encoding: chunked", b"Content-Length: 5") + b"hello",
    ),
    delivered(
        "coding: Content-Encoding is none",
        "RFC 9110 § 8.4",
        head(b"Content-Encoding: chunked", b"Content-Length: 5") + b"hello",
    ),
    delivered("coding: TE is none", "RFC 9110 § 10.1.4", head(b"TE: chunked", b"Content-Length: 5") + b"hello"),
    delivered(
        "coding: with an underscore is another field",
        "RFC 9110 § 5.1",
        head(b"Transfer_Encoding: chunked", b"Content-Length: 5") + b"hello",
    ),
    refused("coding: gzip", UNASKED, coded(b"gzip", b"hello")),
    refused("coding: deflate", UNASKED, coded(b"deflate", b"hello")),
    refused("coding: compress", UNASKED, coded(b"compress", b"hello")),
    refused("coding: br", UNASKED, coded(b"br", b"hello")),
    refused("coding: identity", "RFC 9112 § 7, appendix C.2.3: removed", coded(b"identity", b"hello")),
    refused("coding: gzip, then chunked", UNASKED, coded(b"gzip, chunked")),
    refused("coding: chunked, then gzip", CODING, coded(b"chunked, gzip")),
    refused("coding: identity, then chunked", CODING, coded(b"identity, chunked")),
    refused("coding: chunked, then identity", CODING, coded(b"chunked, identity")),
    refused("coding: chunked twice in a list", "RFC 9112 § 6.1: not more than once", coded(b"chunked, chunked")),
    refused(
        "coding: chunked twice in two fields",
        "RFC 9112 § 6.1: not more than once",
        head(*[b"Transfer-Encoding: chunked"] * 2) + HELLO_CHUNKS,
    ),
    refused(
        "coding: gzip and chunked in two fields",
        UNASKED,
        head(b"Transfer-Encoding: gzip", b"Transfer-Encoding: chunked") + HELLO_CHUNKS,
    ),
    refused(
        "coding: chunked and identity in two fields",
        CODING,
        head(b"Transfer-Encoding: chunked", b"Transfer-Encoding: identity") + HELLO_CHUNKS,
    ),
    refused(
        "coding: chunked and an empty one",
        CODING,
        head(b"Transfer-Encoding: chunked", b"Transfer-Encoding:") + HELLO_CHUNKS,
    ),
    refused("coding: empty", CODING, coded(b"")),
    refused("coding: a comma", CODING, coded(b",")),
    refused("coding: chunked and a comma", "care: lists are read in two ways", coded(b"chunked,")),
    refused("coding: a comma and chunked", "care: lists are read in two ways", coded(b",chunked")),
    refused("coding: chunked with a parameter", "RFC 9112 § 7: chunked has none", coded(b"chunked;q=1")),
    refused("coding: chunked with an empty parameter", "RFC 9112 § 7: chunked has none", coded(b"chunked;")),
    refused("coding: chunked in quotes", CODING, coded(b'"chunked"')),
    refused("coding: chunked in single quotes", CODING, coded(b"'chunked'")),
    refused("coding: xchunked", CODING, coded(b"xchunked")),
    refused("coding: chunkedx", CODING, coded(b"chunkedx")),
    refused("coding: chunke", CODING, coded(b"chunke")),
    refused("coding: chunked and a word behind a space", CODING, coded(b"chunked foo")),
    refused("coding: two words that make chunked", CODING, coded(b"chu nked")),
    refused("coding: with a vertical tab in front", "RFC 9110 § 5.6.3", coded(b"\x0bchunked")),
    refused("coding: with a vertical tab behind", "RFC 9110 § 5.6.3", coded(b"chunked\x0b")),
    refused("coding: with a control character behind", CODING, coded(b"chunked\x1f")),
    refused("coding: with a NUL behind", "RFC 9110 § 5.5", coded(b"chunked\0")),
    refused("coding: with a no-break space", CODING, coded(b"\xa0chunked")),
    refused("coding: with a Kelvin sign for the k", "RFC 9112 § 7", coded(b"chun\xe2\x84\xaaed")),
    refused(
        "coding: space in front of the colon", "RFC 9112 § 5.1", head(b"Transfer-Encoding : chunked") + HELLO_CHUNKS
    ),
    refused(
        "coding: tab in front of the colon", "RFC 9112 § 5.1", head(b"Transfer-Encoding\t: chunked") + HELLO_CHUNKS
    ),
    refused("coding: a NUL in its name", "RFC 9110 § 5.1", head(b"Transfer-\0Encoding: chunked") + HELLO_CHUNKS),
    refused("coding: space in its name", "RFC 9110 § 5.1", head(b"Transfer Encoding: chunked") + HELLO_CHUNKS),
    refused(
        "coding: hidden behind a bare carriage return",
        "RFC 9112 § 2.2",
        head(b"A: b\rTransfer-Encoding: chunked") + HELLO_CHUNKS,
    ),
    delivered(
        "coding: folded onto its own line", "RFC 9112 § 5.2", head(b"Transfer-Encoding:", b" chunked") + HELLO_CHUNKS
    ),
    refused(
        "coding: folded into two words",
        "RFC 9112 § 5.2",
        head(b"Transfer-Encoding: chunked", b" , gzip") + HELLO_CHUNKS,
    ),
    # Both ways to say where the body ends: one of the two readers may be wrong, so this response is the last.
    delivered(
        "both: coding first",
        BOTH,
        head(b"Transfer-Encoding: chunked", b"Content-Length: 5") + HELLO_CHUNKS,
        reusable=False,
    ),
    delivered(
        "both: length first",
        BOTH,
        head(b"Content-Length: 5", b"Transfer-Encoding: chunked") + HELLO_CHUNKS,
        reusable=False,
    ),
    delivered(
        "both: length shorter than the chunks",
        BOTH,
        head(b"Content-Length: 1", b"Transfer-Encoding: chunked") + HELLO_CHUNKS,
        reusable=False,
    ),
    delivered(
        "both: length zero",
        BOTH,
        head(b"Content-Length: 0", b"Transfer-Encoding: chunked") + HELLO_CHUNKS,
        reusable=False,
    ),
    delivered(
        "both: length longer than the chunks",
        BOTH,
        head(b"Content-Length: 100", b"Transfer-Encoding: chunked") + HELLO_CHUNKS,
        reusable=False,
    ),
    delivered(
        "both: the length covers the next response",
        BOTH,
        head(b"Content-Length: %d" % (15 + len(NEXT)), b"Transfer-Encoding: chunked") + HELLO_CHUNKS + NEXT,
        reusable=False,
    ),
    delivered(
        "both: two equal lengths",
        BOTH,
        head(*[b"Content-Length: 5"] * 2, b"Transfer-Encoding: chunked") + HELLO_CHUNKS,
        reusable=False,
    ),
    delivered(
        "both: keep-alive all the same",
        BOTH,
        head(b"Connection: keep-alive", b"Content-Length: 5", b"Transfer-Encoding: chunked") + HELLO_CHUNKS,
        reusable=False,
    ),
    refused(
        "both: two lengths that differ",
        BOTH,
        head(b"Content-Length: 5", b"Content-Length: 6", b"Transfer-Encoding: chunked") + HELLO_CHUNKS,
    ),
    refused(
        "both: length is no number", BOTH, head(b"Content-Length: x", b"Transfer-Encoding: chunked") + HELLO_CHUNKS
    ),
    refused("both: coding is gzip", UNASKED, head(b"Content-Length: 5", b"Transfer-Encoding: gzip") + b"hello"),
    refused("both: coding is identity", CODING, head(b"Content-Length: 5", b"Transfer-Encoding: identity") + b"hello"),
    refused(
        "both: coding is almost chunked", CODING, head(b"Content-Length: 5", b"Transfer-Encoding: xchunked") + b"hello"
    ),
    refused(
        "both: chunked, but the body has a length only",
        BOTH,
        head(b"Content-Length: 5", b"Transfer-Encoding: chunked") + b"hello",
        within=200,
    ),
    # HTTP/1.0 has no codings: the framing is faulty, and the connection ends with the message.
    delivered(
        "HTTP/1.0: chunked",
        OLD,
        head(b"Transfer-Encoding: chunked", line=b"HTTP/1.0 200 OK") + HELLO_CHUNKS,
        reusable=False,
    ),
    delivered(
        "HTTP/1.0: chunked and keep-alive",
        OLD,
        head(b"Transfer-Encoding: chunked", b"Connection: keep-alive", line=b"HTTP/1.0 200 OK") + HELLO_CHUNKS,
        reusable=False,
    ),
    delivered(
        "HTTP/1.0: chunked with a length",
        OLD,
        head(b"Transfer-Encoding: chunked", b"Content-Length: 5", line=b"HTTP/1.0 200 OK") + HELLO_CHUNKS,
        reusable=False,
    ),
    refused("HTTP/1.0: gzip", OLD, head(b"Transfer-Encoding: gzip", line=b"HTTP/1.0 200 OK") + b"hello"),
    delivered(
        "coding: on a 404",
        CODING,
        head(b"Transfer-Encoding: chunked", line=b"HTTP/1.1 404 Not Found") + HELLO_CHUNKS,
        status=404,
    ),
    delivered(
        "coding: body that reads like a head",
        "RFC 9112 § 7.1",
        coded(b"chunked", b"11\r\n" + STATUS_LINE + b"\r\n0\r\n\r\n"),
        STATUS_LINE,
    ),
]
