"""Resets, goodbyes, and ends of the stream at each boundary and within (RFC 9113 §§ 5.4, 6.4, 6.8, 8.7)."""

from __future__ import annotations

from typing import List

from .h2_case import OK, REPLY, H2Case, continuation, data, failed, goaway, headers, literal, ping, reset, settings
from .h2_case import case as delivered

__all__ = ["CASES"]

RESET = "RFC 9113 § 6.4"
GOODBYE = "RFC 9113 § 6.8"
UNPROCESSED = "RFC 9113 § 8.7"
CUT = "RFC 9113 § 8.1, RFC 9110 § 6.1"
CODES = {
    "NO_ERROR": 0,
    "PROTOCOL_ERROR": 1,
    "INTERNAL_ERROR": 2,
    "FLOW_CONTROL_ERROR": 3,
    "SETTINGS_TIMEOUT": 4,
    "STREAM_CLOSED": 5,
    "FRAME_SIZE_ERROR": 6,
    "CANCEL": 8,
    "COMPRESSION_ERROR": 9,
    "CONNECT_ERROR": 10,
    "ENHANCE_YOUR_CALM": 11,
    "INADEQUATE_SECURITY": 12,
    "HTTP_1_1_REQUIRED": 13,
    "a code that nobody knows": 0x42,
    "the largest code": 0xFFFFFFFF,
}
HEAD = headers(1)
HALF = HEAD + data(1, b"hel")
LAST = 2**31 - 1


def again(name: str, source: str, *sent: bytes, reusable: bool, end: bool = False) -> H2Case:
    """A request of which the server says that it was not processed."""
    return H2Case(name, source, sent, again=True, reusable=reusable, end=end)


def cut(name: str, *sent: bytes, within: bool = False) -> H2Case:
    return failed("cut: " + name, CUT, *sent, answer="", within=200 if within else None, end=True)


def silent(name: str, *sent: bytes, within: bool = False) -> H2Case:
    """Time is up for one request, which ends its stream and no other."""
    return H2Case(
        "silent: " + name,
        "care: a time limit is its request's own",
        sent,
        status=200 if within else None,
        error="ReadTimeout",
        answer="RST_STREAM CANCEL",
        reusable=True,
    )


CASES: List[H2Case] = [
    *[
        failed(f"reset: {name} before a response", RESET, reset(1, code), answer="", reusable=True)
        for name, code in CODES.items()
    ],
    again("reset: REFUSED_STREAM before a response", UNPROCESSED, reset(1, 7), reusable=True),
    *[
        failed(
            f"reset: {name} within content", RESET, HALF + reset(1, CODES[name]), answer="", within=200, reusable=True
        )
        for name in ("NO_ERROR", "INTERNAL_ERROR", "CANCEL", "a code that nobody knows")
    ],
    failed("reset: REFUSED_STREAM within content", RESET, HALF + reset(1, 7), answer="", within=200, reusable=True),
    failed("reset: behind the head", RESET, HEAD + reset(1, 2), answer="", within=200, reusable=True),
    failed(
        "reset: behind an interim response", RESET, headers(1, b"\x08\x03103") + reset(1, 2), answer="", reusable=True
    ),
    failed("reset: twice", RESET, reset(1, 2) * 2, answer="", reusable=True),
    delivered("reset: NO_ERROR behind a whole response", "RFC 9113 § 8.1", REPLY + reset(1, 0)),
    delivered("reset: CANCEL behind a whole response", RESET, REPLY + reset(1, 8)),
    *[
        again(f"goodbye: {name}, nothing was processed", UNPROCESSED, goaway(0, code), reusable=False)
        for name, code in CODES.items()
    ],
    again("goodbye: and the end, nothing was processed", UNPROCESSED, goaway(0), reusable=False, end=True),
    again("goodbye: in two steps, nothing was processed", GOODBYE, goaway(LAST) + goaway(0), reusable=False),
    again("goodbye: with 16,000 bytes of debug data", GOODBYE, goaway(0, 0, b"x" * 16_000), reusable=False),
    again(
        "goodbye: with debug data that reads like a log", GOODBYE, goaway(0, 11, b"\r\nERROR \x1b[31m"), reusable=False
    ),
    delivered("goodbye: before the response", GOODBYE, goaway(1) + REPLY, reusable=False),
    delivered("goodbye: before the response, with an error", GOODBYE, goaway(1, 2) + REPLY, reusable=False),
    delivered(
        "goodbye: between head and content", GOODBYE, HEAD + goaway(1) + data(1, b"hello", end=True), reusable=False
    ),
    delivered("goodbye: within content", GOODBYE, HALF + goaway(1) + data(1, b"lo", end=True), reusable=False),
    delivered("goodbye: behind the response", GOODBYE, REPLY + goaway(1), reusable=False),
    delivered("goodbye: behind the response, as if it had not been", GOODBYE, REPLY + goaway(0), reusable=False),
    delivered("goodbye: behind the response, and the end", GOODBYE, REPLY + goaway(1), reusable=False, end=True),
    delivered("goodbye: that announces one", GOODBYE, goaway(LAST) + REPLY, reusable=False),
    delivered("goodbye: in two steps", GOODBYE, goaway(LAST) + REPLY + goaway(1), reusable=False),
    delivered("goodbye: in two steps before the response", GOODBYE, goaway(LAST) + goaway(1) + REPLY, reusable=False),
    delivered(
        "goodbye: whose last stream grows",
        GOODBYE + ": it must not, the lesser counts",
        goaway(1) + goaway(9) + REPLY,
        reusable=False,
    ),
    delivered("goodbye: for a stream that does not exist yet", GOODBYE, goaway(99) + REPLY, reusable=False),
    delivered("goodbye: for a stream of the server's", GOODBYE, goaway(2) + REPLY, reusable=False),
    delivered("goodbye: the reserved bit is set", GOODBYE, goaway(0x80000001) + REPLY, reusable=False),
    delivered("goodbye: ten times", GOODBYE, goaway(1) * 10 + REPLY, reusable=False),
    failed(
        "goodbye: takes a response back that has begun",
        GOODBYE,
        HALF + goaway(0),
        answer="",
        within=200,
        reusable=False,
    ),
    failed("goodbye: and the end, although it was processed", GOODBYE, goaway(1), answer="", end=True),
    failed("goodbye: and the end within content", GOODBYE, HALF + goaway(1), answer="", within=200, end=True),
    failed("goodbye: an error and the end", GOODBYE, goaway(1, 1), answer="", end=True),
    cut("at once"),
    cut("within the head of a frame", HEAD[:4]),
    cut("behind the head of a frame", HEAD[:9]),
    cut("within a header block", headers(1, OK + literal(b"a", b"b"))[:12]),
    cut("behind a header block that goes on", headers(1, OK, flags=0)),
    cut("within a part of it", headers(1, OK, flags=0) + continuation(1, literal(b"a", b"b"))[:11]),
    cut("behind an interim response", headers(1, b"\x08\x03103")),
    cut("behind a ping", ping()),
    cut("behind settings", settings()),
    cut("within settings", settings((3, 1))[:12]),
    cut("behind the head", HEAD, within=True),
    cut("within the head of content", HEAD + data(1, b"hello")[:5], within=True),
    cut("behind the head of content", HEAD + data(1, b"hello")[:9], within=True),
    cut("within content", HEAD + data(1, b"hello")[:12], within=True),
    cut("within the last content", HEAD + data(1, b"hello", end=True)[:-1], within=True),
    cut("behind content that is not the last", HEAD + data(1, b"hello"), within=True),
    cut("within padding", HEAD + data(1, b"\3hello\0\0\0", end=True, flags=8)[:-1], within=True),
    cut("within trailers", HALF + headers(1, literal(b"a", b"b"), end=True)[:-1], within=True),
    silent("before a response"),
    silent("behind an interim response", headers(1, b"\x08\x03103")),
    silent("behind the head", HEAD, within=True),
    silent("within content", HALF, within=True),
    delivered("cut: just behind the response", CUT, REPLY, reusable=False, end=True),
    delivered("cut: within the next frame", CUT, REPLY + ping()[:8], reusable=False, end=True),
]
