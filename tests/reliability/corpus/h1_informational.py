"""Informational responses, and switches of protocols (RFC 9110 §§ 7.8, 15.2)."""

from __future__ import annotations

from typing import List

from .h1_case import CHUNKED, HELLO_CHUNKS, NEXT, WITH_LENGTH, H1Case, delivered, head, refused

__all__ = ["CASES"]

INTERIM = "RFC 9110 § 15.2"
SWITCH = "RFC 9110 § 7.8"
CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
HINTS = b"HTTP/1.1 103 Early Hints\r\nLink: </a>; rel=preload\r\n\r\n"
SWITCHING = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: Upgrade\r\n\r\n"
FINAL = WITH_LENGTH + b"hello"
UPGRADE = ((b"Upgrade", b"x"), (b"Connection", b"Upgrade"))


def switched(name: str, sent: bytes, first: bytes) -> H1Case:
    return delivered(name, SWITCH, sent, b"", status=101, reusable=False, request_headers=UPGRADE, switched=first)


CASES: List[H1Case] = [
    delivered("1xx: continue that nobody asked for", INTERIM, CONTINUE + FINAL),
    delivered("1xx: processing", "RFC 2518 § 10.1", b"HTTP/1.1 102 Processing\r\n\r\n" + FINAL),
    delivered("1xx: early hints", "RFC 8297 § 2", HINTS + FINAL),
    delivered("1xx: early hints three times", "RFC 8297 § 2", HINTS * 3 + FINAL),
    delivered("1xx: continue and hints", INTERIM, CONTINUE + HINTS + FINAL),
    delivered("1xx: 199, which nobody knows", INTERIM, b"HTTP/1.1 199 X\r\n\r\n" + FINAL),
    delivered("1xx: a hundred", "care: that many may be meant", CONTINUE * 100 + FINAL),
    delivered("1xx: without a reason", "RFC 9112 § 4", b"HTTP/1.1 100 \r\n\r\n" + FINAL),
    delivered("1xx: in front of chunks", INTERIM, HINTS + CHUNKED + HELLO_CHUNKS),
    delivered("1xx: in front of a body until the end", INTERIM, HINTS + head() + b"hello", reusable=False),
    delivered(
        "1xx: with a length of zero", "RFC 9112 § 6.3, rule 1", b"HTTP/1.1 100 C\r\nContent-Length: 0\r\n\r\n" + FINAL
    ),
    delivered(
        "1xx: with a length that is not its own",
        "RFC 9112 § 6.3, rule 1",
        b"HTTP/1.1 103 H\r\nContent-Length: 9\r\n\r\n" + FINAL,
    ),
    delivered(
        "1xx: with a coding", "RFC 9112 § 6.3, rule 1", b"HTTP/1.1 103 H\r\nTransfer-Encoding: chunked\r\n\r\n" + FINAL
    ),
    delivered(
        "1xx: with Connection: close",
        "care: only the final response says what comes after",
        b"HTTP/1.1 103 H\r\nConnection: close\r\n\r\n" + FINAL,
    ),
    delivered(
        "1xx: as HTTP/1.0", "RFC 9110 § 15.2: not in 1.0, and harmless", b"HTTP/1.0 100 Continue\r\n\r\n" + FINAL
    ),
    refused("1xx: with a body", "RFC 9112 § 6.3, rule 1", b"HTTP/1.1 103 H\r\nContent-Length: 5\r\n\r\nhello" + FINAL),
    refused(
        "1xx: with chunks",
        "RFC 9112 § 6.3, rule 1",
        b"HTTP/1.1 103 H\r\nTransfer-Encoding: chunked\r\n\r\n" + HELLO_CHUNKS + FINAL,
    ),
    refused("1xx: and nothing else", "RFC 9110 § 15.2: a final one must follow", CONTINUE),
    refused("1xx: cut off within", "RFC 9112 § 8", HINTS[:30]),
    refused("1xx: with a malformed field", "RFC 9112 § 5", b"HTTP/1.1 103 H\r\nA b: c\r\n\r\n" + FINAL),
    refused("1xx: and then garbage", "RFC 9112 § 4", CONTINUE + b"hello"),
    refused("1xx: and an empty line too many", "RFC 9112 § 2.2", CONTINUE + b"\r\n" + FINAL),
    refused("1xx: continue without an end", "care: a bound", b"", endless=CONTINUE),
    refused("1xx: hints without an end", "care: a bound", b"", endless=HINTS),
    refused(
        "1xx: hints of a kilobyte without an end",
        "care: a bound",
        b"",
        endless=b"HTTP/1.1 103 H\r\nLink: " + b"l" * 1000 + b"\r\n\r\n",
    ),
    refused("1xx: one that never ends", "RFC 9110 § 5.4", b"HTTP/1.1 103 H\r\n", endless=b"Link: </a>\r\n"),
    refused("101: that nobody asked for", SWITCH, SWITCHING),
    refused("101: that nobody asked for, and a response", SWITCH, SWITCHING + FINAL),
    refused("101: that nobody asked for, without fields", SWITCH, head(line=b"HTTP/1.1 101 X")),
    refused(
        "101: that nobody asked for, to h2c",
        "RFC 9113 § 3.1: not any more",
        head(b"Upgrade: h2c", b"Connection: Upgrade", line=b"HTTP/1.1 101 X") + b"\0\0\0\4\0\0\0\0\0",
    ),
    refused("101: that nobody asked for, to a HEAD", SWITCH, SWITCHING, method=b"HEAD"),
    switched("101: asked for", SWITCHING, b""),
    switched("101: with first bytes of the new protocol", SWITCHING + b"\x81\5hello", b"\x81\5hello"),
    switched("101: with a response behind it", SWITCHING + NEXT, NEXT),
    switched("101: behind a continue", CONTINUE + SWITCHING + b"first", b"first"),
    switched(
        "101: with a length",
        head(b"Upgrade: x", b"Connection: Upgrade", b"Content-Length: 5", line=b"HTTP/1.1 101 S") + b"hello",
        b"hello",
    ),
    switched(
        "101: with a coding",
        head(b"Upgrade: x", b"Connection: Upgrade", b"Transfer-Encoding: chunked", line=b"HTTP/1.1 101 S")
        + HELLO_CHUNKS,
        HELLO_CHUNKS,
    ),
    delivered("101: asked for and declined", SWITCH, FINAL, request_headers=UPGRADE, reusable=True),
    delivered(
        "101: asked for, and told to upgrade first",
        "RFC 9110 § 15.5.22",
        head(b"Upgrade: y", b"Connection: Upgrade", b"Content-Length: 5", line=b"HTTP/1.1 426 U") + b"hello",
        status=426,
        request_headers=UPGRADE,
    ),
    refused("101: asked for and cut off", "RFC 9112 § 8", SWITCHING[:-2], request_headers=UPGRADE),
]
