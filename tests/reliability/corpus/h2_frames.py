"""Frames where they do not belong, of impossible lengths, padded, unknown, interleaved (RFC 9113 §§ 4 to 6)."""

from __future__ import annotations

from typing import List

from .h2_case import (
    END_HEADERS,
    OK,
    PADDED,
    REPLY,
    H2Case,
    case,
    continuation,
    data,
    failed,
    frame,
    goaway,
    headers,
    literal,
    ping,
    priority,
    reset,
    settings,
    update,
)

__all__ = ["CASES"]

SIZE = "RFC 9113 § 4.2"
STATES = "RFC 9113 § 5.1"
NUMBERS = "RFC 9113 § 5.1.1"
UNKNOWN = "RFC 9113 § 5.5"
DATA = "RFC 9113 § 6.1"
HEADERS = "RFC 9113 § 6.2"
PUSH = "RFC 9113 § 6.6: push is disabled"
CONTINUED = "RFC 9113 § 6.10"
TOO_LONG = "GOAWAY FRAME_SIZE_ERROR"
CLOSED = "GOAWAY STREAM_CLOSED"
PRIORITISED = 0x20
BEGUN = headers(1, OK, flags=0)


def inside(name: str, frames: bytes) -> H2Case:
    return failed("block: interrupted by " + name, CONTINUED, BEGUN + frames + continuation(1) + data(1, end=True))


CASES: List[H2Case] = [
    case("frames: as it should be", "RFC 9113 § 8.1", REPLY),
    case("frames: head and end in one", "RFC 9113 § 8.1", headers(1, end=True), body=b""),
    case("frames: the end in an empty frame", "RFC 9113 § 8.1", headers(1), data(1, b"hello"), data(1, end=True)),
    case(
        "frames: content of one byte each",
        DATA,
        headers(1),
        *[data(1, bytes((c,))) for c in b"hello"],
        data(1, end=True),
    ),
    case("frames: an empty one between", DATA, headers(1), data(1), data(1, b"hello"), data(1), data(1, end=True)),
    case(
        "frames: the reserved bit is set", "RFC 9113 § 4.1", headers(0x80000001) + data(0x80000001, b"hello", end=True)
    ),
    case(
        "frames: flags that nobody defined",
        "RFC 9113 § 4.1",
        headers(1, flags=END_HEADERS | 0xD2) + data(1, b"hello", end=True, flags=0xF6),
    ),
    case("frames: the longest that we allow", SIZE, headers(1) + data(1, b"x" * 16_384, end=True), body=b"x" * 16_384),
    failed(
        "frames: DATA longer than we allow",
        SIZE,
        headers(1) + data(1, b"x" * 16_385, end=True),
        answer=TOO_LONG,
        within=200,
    ),
    failed("frames: HEADERS longer than we allow", SIZE, headers(1, OK + b"\x88" * 16_384), answer=TOO_LONG),
    failed("frames: SETTINGS longer than we allow", SIZE, settings(*[(99, 0)] * 2731) + REPLY, answer=TOO_LONG),
    failed("frames: unknown and longer than we allow", SIZE, frame(0x42, 0, 0, b"x" * 16_385) + REPLY, answer=TOO_LONG),
    failed("frames: the longest that can be said", SIZE, frame(0x42, 0, 0, length=2**24 - 1), answer=TOO_LONG),
    case("unknown: on the connection", UNKNOWN, frame(0x42, 0xFF, 0, b"whatever") + REPLY),
    case("unknown: on our stream", UNKNOWN, frame(0x42, 1, 1, b"whatever") + REPLY),
    case("unknown: on an idle stream", UNKNOWN, frame(0xFF, 0, 9, b"whatever") + REPLY),
    case("unknown: between head and content", UNKNOWN, headers(1) + frame(0x42, 1, 1) + data(1, b"hello", end=True)),
    case("unknown: ALTSVC", "RFC 7838 § 4", frame(0xA, 0, 0, b'\0\x13https://example.comh3=":443"') + REPLY),
    case("unknown: ORIGIN", "RFC 8336 § 2", frame(0xC, 0, 0, b"\0\x13https://example.com") + REPLY),
    case("unknown: PRIORITY_UPDATE", "RFC 9218 § 7.1", frame(0x10, 0, 0, b"\0\0\0\1u=1") + REPLY),
    # Where streams are concerned.
    failed("place: DATA on stream 0", DATA, data(0, b"hello")),
    failed("place: HEADERS on stream 0", HEADERS, headers(0)),
    failed("place: PRIORITY on stream 0", "RFC 9113 § 6.3", priority(0)),
    failed("place: RST_STREAM on stream 0", "RFC 9113 § 6.4", reset(0, 8)),
    failed("place: CONTINUATION on stream 0", CONTINUED, continuation(0, OK)),
    failed("place: SETTINGS on our stream", "RFC 9113 § 6.5", settings(stream_id=1)),
    failed("place: PING on our stream", "RFC 9113 § 6.7", ping(stream_id=1)),
    failed("place: GOAWAY on our stream", "RFC 9113 § 6.8", goaway(1, stream_id=1)),
    failed("place: DATA on an idle stream", STATES, data(3, b"hello")),
    failed("place: HEADERS on an idle stream", STATES, headers(3)),
    failed("place: RST_STREAM on an idle stream", STATES, reset(3, 8)),
    failed("place: WINDOW_UPDATE on an idle stream", STATES, update(3, 1)),
    case("place: PRIORITY on an idle stream", STATES, priority(3) + REPLY),
    failed("place: DATA on a stream of the server's", NUMBERS, data(2, b"hello")),
    failed("place: HEADERS on a stream of the server's", NUMBERS, headers(2)),
    failed("place: RST_STREAM on a stream of the server's", NUMBERS, reset(2, 8)),
    failed("place: WINDOW_UPDATE on a stream of the server's", NUMBERS, update(2, 1)),
    case("place: PRIORITY on a stream of the server's", STATES, priority(2) + REPLY),
    failed("place: HEADERS on the last stream there is", STATES, headers(0x7FFFFFFF)),
    failed(
        "place: DATA before HEADERS", "RFC 9113 § 8.1", data(1, b"hello", end=True), answer="RST_STREAM PROTOCOL_ERROR"
    ),
    failed("place: empty DATA before HEADERS", "RFC 9113 § 8.1", data(1, end=True), answer="RST_STREAM PROTOCOL_ERROR"),
    case("closed: DATA on a stream that has ended", STATES, REPLY + data(1, b"more"), answer=CLOSED, reusable=False),
    case("closed: empty DATA on a stream that has ended", STATES, REPLY + data(1), answer=CLOSED, reusable=False),
    case("closed: HEADERS on a stream that has ended", STATES, REPLY + headers(1), answer=CLOSED, reusable=False),
    case(
        "closed: trailers on a stream that has ended",
        STATES,
        REPLY + headers(1, literal(b"a", b"b"), end=True),
        answer=CLOSED,
        reusable=False,
    ),
    case("closed: the whole response again", STATES, REPLY * 2, answer=CLOSED, reusable=False),
    case("closed: WINDOW_UPDATE on a stream that has ended", STATES, REPLY + update(1, 1)),
    case("closed: RST_STREAM on a stream that has ended", STATES, REPLY + reset(1, 8)),
    case("closed: PRIORITY on a stream that has ended", STATES, REPLY + priority(1)),
    case(
        "closed: a response on the stream that comes next",
        STATES,
        REPLY + headers(3),
        answer="GOAWAY PROTOCOL_ERROR",
        reusable=False,
    ),
    failed(
        "closed: DATA behind a reset",
        STATES,
        headers(1) + reset(1, 2) + data(1, b"hello", end=True),
        answer=CLOSED,
        within=200,
    ),
    failed(
        "closed: HEADERS behind a reset",
        STATES,
        headers(1) + reset(1, 2) + headers(1, end=True),
        answer=CLOSED,
        within=200,
    ),
    failed("push: promised on our stream", PUSH, frame(5, END_HEADERS, 1, b"\0\0\0\2" + b"\x82\x86\x84") + REPLY),
    failed("push: promised on stream 0", PUSH, frame(5, END_HEADERS, 0, b"\0\0\0\2" + b"\x82") + REPLY),
    failed("push: promised without a stream", PUSH, frame(5, END_HEADERS, 1) + REPLY),
    failed("push: promised in parts", PUSH, frame(5, 0, 1, b"\0\0\0\2") + continuation(1, b"\x82") + REPLY),
    case(
        "push: promised behind the response",
        PUSH,
        REPLY + frame(5, END_HEADERS, 1, b"\0\0\0\2\x82"),
        answer="GOAWAY PROTOCOL_ERROR",
        reusable=False,
    ),
    # Lengths.
    failed("length: PRIORITY of four bytes", "RFC 9113 § 6.3, § 5.4.1", priority(1, b"\0\0\0\0"), answer=TOO_LONG),
    failed("length: PRIORITY of six bytes", "RFC 9113 § 6.3, § 5.4.1", priority(1, b"\0" * 6), answer=TOO_LONG),
    failed("length: RST_STREAM of three bytes", "RFC 9113 § 6.4", frame(3, 0, 1, b"\0\0\0"), answer=TOO_LONG),
    failed("length: RST_STREAM of five bytes", "RFC 9113 § 6.4", frame(3, 0, 1, b"\0" * 5), answer=TOO_LONG),
    failed("length: empty RST_STREAM", "RFC 9113 § 6.4", frame(3, 0, 1), answer=TOO_LONG),
    failed("length: PING of seven bytes", "RFC 9113 § 6.7", ping(b"0123456"), answer=TOO_LONG),
    failed("length: PING of nine bytes", "RFC 9113 § 6.7", ping(b"012345678"), answer=TOO_LONG),
    failed("length: empty PING", "RFC 9113 § 6.7", ping(b""), answer=TOO_LONG),
    failed("length: GOAWAY of seven bytes", "RFC 9113 § 6.8", frame(7, 0, 0, b"\0" * 7), answer=TOO_LONG),
    failed("length: empty GOAWAY", "RFC 9113 § 6.8", frame(7, 0, 0), answer=TOO_LONG),
    failed("length: WINDOW_UPDATE of three bytes", "RFC 9113 § 6.9", frame(8, 0, 0, b"\0\0\1"), answer=TOO_LONG),
    failed("length: WINDOW_UPDATE of five bytes", "RFC 9113 § 6.9", frame(8, 0, 1, b"\0\0\0\1\0"), answer=TOO_LONG),
    # Padding.
    case("padding: none, with its flag", DATA, headers(1) + data(1, b"\0hello", end=True, flags=PADDED)),
    case("padding: some", DATA, headers(1) + data(1, b"\3hello\0\0\0", end=True, flags=PADDED)),
    case(
        "padding: the most there can be", DATA, headers(1) + data(1, b"\xffhello" + b"\0" * 255, end=True, flags=PADDED)
    ),
    case("padding: nothing else", DATA, headers(1) + data(1, b"\3\0\0\0", flags=PADDED) + data(1, b"hello", end=True)),
    case(
        "padding: not of zeros",
        DATA + ": it may be refused, and need not",
        headers(1) + data(1, b"\3helloxyz", end=True, flags=PADDED),
    ),
    failed("padding: as long as the frame", DATA, headers(1) + data(1, b"\6hello", end=True, flags=PADDED), within=200),
    failed(
        "padding: longer than the frame", DATA, headers(1) + data(1, b"\xffhello", end=True, flags=PADDED), within=200
    ),
    failed("padding: a length, and nothing", DATA, headers(1) + data(1, b"\1", end=True, flags=PADDED), within=200),
    failed(
        "padding: no room for its length",
        DATA,
        headers(1) + data(1, b"", end=True, flags=PADDED),
        answer="GOAWAY",
        within=200,
    ),
    case(
        "padding: of a head",
        HEADERS,
        headers(1, b"\2" + OK + b"\0\0", flags=END_HEADERS | PADDED) + data(1, b"hello", end=True),
    ),
    case(
        "padding: of a head with a priority",
        HEADERS,
        headers(1, b"\2\0\0\0\0\x10" + OK + b"\0\0", flags=END_HEADERS | PADDED | PRIORITISED)
        + data(1, b"hello", end=True),
    ),
    case(
        "padding: of a head that goes on",
        HEADERS,
        headers(1, b"\2" + OK + b"\0\0", flags=PADDED)
        + continuation(1, literal(b"a", b"b"))
        + data(1, b"hello", end=True),
    ),
    failed("padding: longer than its head", HEADERS, headers(1, b"\x09" + OK, flags=END_HEADERS | PADDED)),
    failed(
        "padding: of a head without room for its length",
        HEADERS,
        headers(1, b"", flags=END_HEADERS | PADDED),
        answer="GOAWAY",
    ),
    failed(
        "padding: where a priority should be",
        HEADERS,
        headers(1, b"\4\0\0\0\0", flags=END_HEADERS | PADDED | PRIORITISED),
    ),
    failed(
        "priority: a head too short for it",
        HEADERS,
        headers(1, b"\0\0\0\0", flags=END_HEADERS | PRIORITISED),
        answer="GOAWAY",
    ),
    case(
        "priority: a head that has it",
        HEADERS,
        headers(1, b"\0\0\0\0\x10" + OK, flags=END_HEADERS | PRIORITISED) + data(1, b"hello", end=True),
    ),
    case(
        "priority: a stream that depends on itself",
        "RFC 9113 § 5.3.2: deprecated, ignored",
        priority(1, b"\0\0\0\1\x10") + REPLY,
    ),
    # Header blocks in parts.
    case("block: in two parts", CONTINUED, BEGUN + continuation(1, literal(b"a", b"b")) + data(1, b"hello", end=True)),
    case(
        "block: in ten parts",
        CONTINUED,
        BEGUN + continuation(1, literal(b"a", b"b"), flags=0) * 9 + continuation(1) + data(1, b"hello", end=True),
    ),
    case(
        "block: a byte in each part",
        CONTINUED,
        headers(1, b"", flags=0)
        + b"".join(continuation(1, bytes((c,)), flags=0) for c in OK + literal(b"a", b"b"))
        + continuation(1)
        + data(1, b"hello", end=True),
    ),
    case(
        "block: in parts, and it ends the stream",
        CONTINUED,
        headers(1, OK, end=True, flags=0) + continuation(1),
        body=b"",
    ),
    case(
        "block: parts that are empty",
        CONTINUED,
        BEGUN + continuation(1, flags=0) * 20 + continuation(1) + data(1, b"hello", end=True),
    ),
    failed("block: a part with nothing before it", CONTINUED, continuation(1, OK)),
    failed(
        "block: a part too many",
        CONTINUED,
        headers(1) + continuation(1, literal(b"a", b"b")) + data(1, b"hello", end=True),
        within=200,
    ),
    failed("block: a part behind content", CONTINUED, headers(1) + data(1, b"hel") + continuation(1), within=200),
    inside("DATA", data(1, b"hello")),
    inside("another HEADERS", headers(1)),
    inside("HEADERS on another stream", headers(3)),
    inside("CONTINUATION on another stream", continuation(3)),
    inside("PRIORITY", priority(1)),
    inside("RST_STREAM", reset(1, 8)),
    inside("SETTINGS", settings()),
    inside("PUSH_PROMISE", frame(5, END_HEADERS, 1, b"\0\0\0\2\x82")),
    inside("PING", ping()),
    inside("GOAWAY", goaway(1)),
    inside("WINDOW_UPDATE", update(0, 1)),
    inside("an unknown frame", frame(0x42, 0, 1)),
]
