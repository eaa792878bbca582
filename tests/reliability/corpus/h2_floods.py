"""Frames without an end: each is legal, and all of them are work for nothing (RFC 9113 § 10.5)."""

from __future__ import annotations

from typing import List, Optional

from .h2_case import (
    OK,
    PADDED,
    REPLY,
    H2Case,
    case,
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

FLOOD = "RFC 9113 § 10.5"
CALM = "GOAWAY ENHANCE_YOUR_CALM"


def flood(name: str, endless: bytes, *sent: bytes, within: Optional[int] = None, answer: str = CALM) -> H2Case:
    return failed("flood: " + name, FLOOD, *sent, endless=endless, within=within, answer=answer, reusable=False)


def behind(name: str, endless: bytes, answer: str = CALM) -> H2Case:
    """A flood that begins when the response is whole: it is found when the connection is wanted again."""
    whole = case("flood: behind a response, " + name, FLOOD, REPLY, answer=answer, reusable=False)
    return whole._replace(endless=endless)


CASES: List[H2Case] = [
    flood("pings", ping()),
    flood("acknowledged pings that were not sent", ping(flags=1)),
    flood("settings", settings()),
    flood("settings that change", settings((1, 0)) + settings((1, 4096))),
    flood("windows that change", settings((4, 1)) + settings((4, 65_535))),
    flood("many settings a frame", settings(*[(0x1000 + n, n) for n in range(10)])),
    flood("acknowledgements", settings(flags=1)),
    flood("priorities on our stream", priority(1)),
    flood("priorities on idle streams", priority(99)),
    flood("unknown frames on the connection", frame(0x42, 0, 0, b"x" * 20)),
    flood("unknown frames on our stream", frame(0x42, 0, 1, b"x" * 20)),
    flood("empty unknown frames", frame(0xFF, 0xFF, 0)),
    flood("windows raised by one", update(0, 1)),
    flood("windows of our stream raised by one", update(1, 1)),
    flood("windows raised by one on both", update(0, 1) + update(1, 1)),
    flood("goodbyes", goaway(1)),
    flood("goodbyes with debug data", goaway(1, 0, b"x" * 100)),
    flood("goodbyes that come closer", goaway(99) + goaway(1)),
    flood("empty content", data(1), headers(1), within=200),
    flood("content that is all padding", data(1, b"\x09" + b"\0" * 9, flags=PADDED), headers(1), within=200),
    flood("pings within content", ping(), headers(1) + data(1, b"hel"), within=200),
    flood("settings within content", settings(), headers(1) + data(1, b"hel"), within=200),
    flood("windows raised within content", update(1, 1), headers(1) + data(1, b"hel"), within=200),
    flood("interim responses", headers(1, b"\x08\x03103"), answer="RST_STREAM PROTOCOL_ERROR"),
    flood(
        "interim responses that fill the table",
        headers(1, b"\x08\x03103" + literal(b"a", b"b" * 100, 0x40)),
        answer="RST_STREAM PROTOCOL_ERROR",
    ),
    flood(
        "trailers that do not end",
        headers(1, literal(b"a", b"b")),
        headers(1),
        within=200,
        answer="RST_STREAM PROTOCOL_ERROR",
    ),
    flood("resets", reset(1, 2)),
    behind("pings", ping()),
    behind("settings", settings()),
    behind("resets of it", reset(1, 8)),
    behind("windows raised on it", update(1, 1)),
    behind("windows raised", update(0, 1)),
    behind("priorities", priority(1)),
    behind("unknown frames", frame(0x42, 0, 0, b"x" * 20)),
    behind("empty content on it", data(1), "GOAWAY STREAM_CLOSED"),
    behind("responses on it", headers(1, OK, end=True), "GOAWAY STREAM_CLOSED"),
    behind("goodbyes", goaway(1)),
]
