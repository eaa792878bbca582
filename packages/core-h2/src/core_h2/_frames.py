"""Frames on the wire (RFC 9113 §§ 4, 6): numbers, layouts, and the small frames ready to send.

Frames are read by the engine in place; nothing here keeps state.
"""

from __future__ import annotations

from struct import Struct
from typing import Dict

DATA = 0x0
HEADERS = 0x1
PRIORITY = 0x2
RST_STREAM = 0x3
SETTINGS = 0x4
PUSH_PROMISE = 0x5
PING = 0x6
GOAWAY = 0x7
WINDOW_UPDATE = 0x8
CONTINUATION = 0x9

ACK = 0x1
END_STREAM = 0x1
END_HEADERS = 0x4
PADDED = 0x8
PRIORITISED = 0x20

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
HEAD_LENGTH = 9
DEFAULT_WINDOW = 65_535
MAX_WINDOW = 2**31 - 1
MAX_STREAM_ID = 2**31 - 1
DEFAULT_FRAME_SIZE = 16_384

# The length is 24 bits: its upper 16, then its lower 8.
HEAD = Struct(">HBBBL")
SETTING = Struct(">HL")
WORD = Struct(">L")
TWO_WORDS = Struct(">LL")

SETTINGS_ACK = HEAD.pack(0, 0, SETTINGS, ACK, 0)


def frame_head(length: int, kind: int, flags: int, stream_id: int) -> bytes:
    """Return the nine bytes in front of a payload of `length` bytes."""
    return HEAD.pack(length >> 8, length & 0xFF, kind, flags, stream_id)


def settings(values: Dict[int, int]) -> bytes:
    """Return a SETTINGS frame."""
    payload = b"".join([SETTING.pack(code, value) for code, value in values.items()])
    return frame_head(len(payload), SETTINGS, 0, 0) + payload


def window_update(stream_id: int, increment: int) -> bytes:
    """Return a WINDOW_UPDATE frame; stream 0 is the connection."""
    return frame_head(4, WINDOW_UPDATE, 0, stream_id) + WORD.pack(increment)


def rst_stream(stream_id: int, code: int) -> bytes:
    """Return a RST_STREAM frame."""
    return frame_head(4, RST_STREAM, 0, stream_id) + WORD.pack(code)


def ping(data: bytes, flags: int = 0) -> bytes:
    """Return a PING frame around eight bytes."""
    return frame_head(8, PING, flags, 0) + data


def goaway(last_stream_id: int, code: int) -> bytes:
    """Return a GOAWAY frame."""
    return frame_head(8, GOAWAY, 0, 0) + TWO_WORDS.pack(last_stream_id, code)


def header_frames(stream_id: int, block: bytes, end_stream: bool, frame_size: int) -> bytes:
    """Return a header block as HEADERS, continued where it is longer than one frame (§§ 6.2, 6.10)."""
    flags = END_STREAM if end_stream else 0
    if len(block) <= frame_size:
        return frame_head(len(block), HEADERS, flags | END_HEADERS, stream_id) + block
    parts = [frame_head(frame_size, HEADERS, flags, stream_id), block[:frame_size]]
    for start in range(frame_size, len(block), frame_size):
        part = block[start : start + frame_size]
        last = END_HEADERS if start + frame_size >= len(block) else 0
        parts += (frame_head(len(part), CONTINUATION, last, stream_id), part)
    return b"".join(parts)
