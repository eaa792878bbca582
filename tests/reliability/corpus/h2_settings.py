"""What a server says first, and its settings (RFC 9113 §§ 3.4, 6.5)."""

from __future__ import annotations

from typing import List, Tuple

from .h2_case import REPLY, H2Case, case, data, failed, frame, goaway, headers, ping, settings

__all__ = ["CASES"]

PREFACE = "RFC 9113 § 3.4"
LENIENT = "care: nothing follows from it that could be misread"
STREAM = "RFC 9113 § 8.1"
RANGE = "RFC 9113 § 6.5.2"
FORM = "RFC 9113 § 6.5"
ORDER = "RFC 9113 § 6.5.3: in the order in which they appear"
TABLE, PUSH, STREAMS, WINDOW, FRAME, LIST = range(1, 7)
ACK = settings(flags=1)


def good(name: str, source: str, *pairs: Tuple[int, int], reusable: bool = True) -> H2Case:
    return case("settings: " + name, source, settings(*pairs) + REPLY, reusable=reusable)


def bad(name: str, source: str, *pairs: Tuple[int, int], answer: str = "GOAWAY PROTOCOL_ERROR") -> H2Case:
    return failed("settings: " + name, source, settings(*pairs) + REPLY, answer=answer)


def preface(name: str, sent: bytes, answer: str = "GOAWAY", source: str = PREFACE) -> H2Case:
    return failed("preface: " + name, source, sent, answer=answer, greets=False, end=True)


CASES: List[H2Case] = [
    case("preface: settings and nothing else", PREFACE, settings() + REPLY, greets=False),
    case(
        "preface: settings of every kind",
        PREFACE,
        settings((1, 4096), (3, 100), (4, 65_535), (5, 16_384), (6, 1000)) + ACK + REPLY,
        greets=False,
    ),
    case("preface: settings twice", PREFACE, settings() * 2 + REPLY, greets=False),
    case("preface: settings byte by byte", PREFACE, *[bytes((c,)) for c in settings((3, 100))], REPLY, greets=False),
    preface("HTTP/1.1, an error", b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n", source="RFC 9113 § 3.3"),
    preface("HTTP/1.1, a success", b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", source="RFC 9113 § 3.3"),
    preface("HTTP/1.0", b"HTTP/1.0 505 HTTP Version Not Supported\r\n\r\n"),
    preface("HTTP/1.1, only its version", b"HTTP/1.1", answer=""),
    preface("a page", b"<html><body>hello</body></html>"),
    preface("our own sent back", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + settings()),
    preface("a TLS alert", b"\x15\3\1\0\2\2\x46" + b"\x15\3\1\0\2\1\0"),
    preface("SSH", b"SSH-2.0-OpenSSH_9.6\r\n"),
    preface("SMTP", b"220 mail.example.com ESMTP\r\n"),
    preface("a WebSocket frame", b"\x81\5hello world"),
    preface("NULs", b"\0" * 9 + b"\0" * 9),
    preface("random bytes", bytes.fromhex("8f1d3c5577aa90e4c21b6600f3d2a8b7")),
    preface("nothing", b"", answer=""),
    preface("one byte", b"\0", answer=""),
    preface("half of it", settings((3, 100))[:10], answer=""),
    preface("settings, and nothing else ever", settings(), answer=""),
    # RFC 9113 § 3.4 would end these, too. They are harmless, every other reader in Python takes them, and mocks that
    # were written for those begin with whatever comes first.
    failed("preface: content first", STREAM, data(1, b"hello"), answer="RST_STREAM PROTOCOL_ERROR", greets=False),
    case("preface: a response first", LENIENT, REPLY + settings(), greets=False),
    case("preface: a response, and settings never", LENIENT, REPLY, greets=False),
    case("preface: a ping first", LENIENT, ping() + settings() + REPLY, greets=False),
    case("preface: an acknowledgement first", LENIENT, ACK + settings() + REPLY, greets=False),
    case("preface: an unknown frame first", LENIENT, frame(0x42, 0, 0) + settings() + REPLY, greets=False),
    good("none that are new", FORM),
    good("unknown ones", RANGE, (0x10, 1), (0xFFFF, 0xFFFFFFFF), (0, 0)),
    good("2,700 unknown ones", RANGE, *[(0x1000 + n, n) for n in range(2700)]),
    good("the same one ten times", ORDER, *[(STREAMS, n + 1) for n in range(10)]),
    good("no table", RANGE, (TABLE, 0)),
    good("a table of 4 GB", RANGE, (TABLE, 0xFFFFFFFF)),
    good("the largest frames", RANGE, (FRAME, 16_777_215)),
    good("the largest window", RANGE, (WINDOW, 2**31 - 1)),
    good("no window", RANGE, (WINDOW, 0)),
    good("4,294,967,295 streams", RANGE, (STREAMS, 0xFFFFFFFF)),
    good("one stream", RANGE, (STREAMS, 1)),
    good("no streams any more", RANGE, (STREAMS, 0), reusable=False),
    good("lists of no length, which is advice", RANGE, (LIST, 0)),
    good("push is off", RANGE, (PUSH, 0)),
    good("extended CONNECT", "RFC 8441 § 3", (8, 1)),
    good("no priorities", "RFC 9218 § 2.1", (9, 1)),
    bad("push is on", RANGE, (PUSH, 1)),
    bad("push is two", RANGE, (PUSH, 2)),
    bad("push is on and off again", ORDER, (PUSH, 1), (PUSH, 0)),
    bad("frames one byte too small", RANGE, (FRAME, 16_383)),
    bad("frames of no length", RANGE, (FRAME, 0)),
    bad("frames one byte too large", RANGE, (FRAME, 16_777_216)),
    bad("frames too small and then right", ORDER, (FRAME, 0), (FRAME, 16_384)),
    bad("a window one byte too large", RANGE, (WINDOW, 2**31), answer="GOAWAY FLOW_CONTROL_ERROR"),
    bad("a window of 4 GB", RANGE, (WINDOW, 0xFFFFFFFF), answer="GOAWAY FLOW_CONTROL_ERROR"),
    bad(
        "a window too large and then right",
        ORDER,
        (WINDOW, 2**31),
        (WINDOW, 65_535),
        answer="GOAWAY FLOW_CONTROL_ERROR",
    ),
    bad("extended CONNECT is two", "RFC 8441 § 3", (8, 2)),
    failed("settings: of five bytes", FORM, frame(4, 0, 0, b"\0\3\0\0\0") + REPLY, answer="GOAWAY FRAME_SIZE_ERROR"),
    failed(
        "settings: of seven bytes", FORM, frame(4, 0, 0, b"\0\3\0\0\0\1\0") + REPLY, answer="GOAWAY FRAME_SIZE_ERROR"
    ),
    failed(
        "settings: acknowledged with settings",
        FORM,
        settings((3, 1), flags=1) + REPLY,
        answer="GOAWAY FRAME_SIZE_ERROR",
    ),
    failed(
        "settings: acknowledged with one byte", FORM, frame(4, 1, 0, b"\0") + REPLY, answer="GOAWAY FRAME_SIZE_ERROR"
    ),
    failed("settings: acknowledged on our stream", FORM, settings(flags=1, stream_id=1) + REPLY),
    case("settings: acknowledged more often than sent", "care: nothing follows from it", ACK * 5 + REPLY),
    case(
        "settings: changed between content",
        FORM,
        headers(1) + data(1, b"hel") + settings((WINDOW, 1), (STREAMS, 2)) + data(1, b"lo", end=True),
    ),
    case("settings: and goodbye", "RFC 9113 § 6.8", settings() + REPLY + goaway(1), reusable=False),
]
