"""Windows: raised by nothing, raised too far, taken away, and sent beyond (RFC 9113 §§ 5.2, 6.9)."""

from __future__ import annotations

from typing import List

from .h2_case import REPLY, H2Case, case, data, failed, headers, settings, update

__all__ = ["CASES"]

WINDOW = "RFC 9113 § 6.9"
LIMIT = "RFC 9113 § 6.9.1"
INITIAL = "RFC 9113 § 6.9.2"
TOO_FAR = "GOAWAY FLOW_CONTROL_ERROR"
MOST = 2**31 - 1
BODY = b"x" * 100_000  # More than the window that a connection begins with.


def upload(name: str, *sent: bytes) -> H2Case:
    return case("upload: " + name, INITIAL, *sent, REPLY, method=b"POST", content=BODY)._replace(waits=True)


CASES: List[H2Case] = [
    case("window: raised on the connection", WINDOW, update(0, 1) + REPLY),
    case("window: raised on our stream", WINDOW, update(1, 1) + REPLY),
    case("window: raised as far as it goes, connection", LIMIT, update(0, MOST - 65_535) + REPLY),
    case("window: raised as far as it goes, stream", LIMIT, update(1, MOST - 65_535) + REPLY),
    case("window: the reserved bit is set", WINDOW, update(0, 0x80000001) + REPLY),
    case(
        "window: raised between content",
        WINDOW,
        headers(1) + data(1, b"hel") + update(1, 9) + update(0, 9) + data(1, b"lo", end=True),
    ),
    failed("window: raised by 0 on the connection", WINDOW, update(0, 0) + REPLY),
    failed("window: raised by 0 with the reserved bit", WINDOW, update(0, 0x80000000) + REPLY),
    failed("window: raised by 0 on our stream", WINDOW, update(1, 0) + REPLY, answer="RST_STREAM PROTOCOL_ERROR"),
    failed("window: raised too far on the connection", LIMIT, update(0, MOST) + REPLY, answer=TOO_FAR),
    failed("window: raised too far on the connection, in steps", LIMIT, update(0, 2**30) * 2 + REPLY, answer=TOO_FAR),
    failed(
        "window: raised too far on our stream", LIMIT, update(1, MOST) + REPLY, answer="RST_STREAM FLOW_CONTROL_ERROR"
    ),
    failed(
        "window: raised too far on our stream, in steps",
        LIMIT,
        update(1, 2**30) * 2 + REPLY,
        answer="RST_STREAM FLOW_CONTROL_ERROR",
    ),
    failed(
        "window: raised too far by a setting",
        INITIAL,
        update(1, MOST - 65_535) + settings((4, 65_536)) + REPLY,
        answer=TOO_FAR,
    ),
    case(
        "window: raised by 0 on a stream that has ended",
        "RFC 9113 § 5.1: WINDOW_UPDATE may still come",
        REPLY + update(1, 0),
    ),
    case(
        "window: raised too far on a stream that has ended",
        "RFC 9113 § 5.1: WINDOW_UPDATE may still come",
        REPLY + update(1, MOST),
    ),
    upload("raised in small steps", *[update(0, 10_000) + update(1, 10_000)] * 4),
    upload("raised on the stream first", update(1, 50_000), update(0, 50_000)),
    upload("raised on the connection first", update(0, 50_000), update(1, 50_000)),
    upload("raised by a setting", update(0, 50_000), settings((4, 200_000))),
    upload("raised byte by byte at first", *[update(0, 1) + update(1, 1)] * 20, update(0, 50_000) + update(1, 50_000)),
    upload("no window at first", settings((4, 0)), update(0, 50_000), settings((4, 100_000))),
    upload("a window that becomes negative", settings((4, 1)), update(0, 50_000), update(1, 99_999)),
    upload(
        "a window that becomes negative twice",
        settings((4, 1)),
        settings((4, 0)),
        update(0, 50_000),
        update(1, 100_000),
    ),
    upload(
        "a window that goes up and down",
        settings((4, 10)),
        settings((4, 70_000)),
        settings((4, 10)),
        update(0, 50_000),
        update(1, 100_000),
    ),
    upload("the largest window", settings((4, MOST)), update(0, MOST - 65_535)),
    upload(
        "smaller frames are not to be had, larger are", settings((5, 16_777_215)), update(0, 50_000), update(1, 50_000)
    ),
    case(
        "download: 5 MB, more than one stream's window",
        LIMIT,
        headers(1),
        *[data(1, b"x" * 16_384)] * 320,
        data(1, end=True),
        body=b"x" * 16_384 * 320,
    ),
]
