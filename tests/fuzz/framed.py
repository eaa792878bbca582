"""Frames whose lengths are right whatever a fuzzer does: it is then free to play with everything else.

for each frame: kind | flags | stream, by number in a list | length of the payload | payload
"""

from __future__ import annotations

from typing import List, Optional

from ..reliability.corpus.h2_case import frame

__all__ = ["framed", "unframed"]

_STREAMS = (0, 1, 3, 5, 2, 7)
_KINDS = 12
_LONGEST = 255


def framed(data: bytes) -> bytes:
    """Return the frames that `data` stands for."""
    frames: List[bytes] = []
    at = 0
    while at + 4 <= len(data):
        kind, flags, stream, length = data[at : at + 4]
        frames.append(frame(kind % _KINDS, flags, _STREAMS[stream % len(_STREAMS)], data[at + 4 : at + 4 + length]))
        at += 4 + length
    return b"".join(frames)


def unframed(sent: bytes) -> Optional[bytes]:
    """Return what `framed` makes `sent` of, None where it cannot."""
    parts: List[bytes] = []
    at = 0
    while at + 9 <= len(sent):
        length = int.from_bytes(sent[at : at + 3], "big")
        kind, flags, stream = sent[at + 3], sent[at + 4], int.from_bytes(sent[at + 5 : at + 9], "big")
        payload = sent[at + 9 : at + 9 + length]
        if length > _LONGEST or len(payload) < length or kind >= _KINDS or stream not in _STREAMS:
            return None
        parts.append(bytes((kind, flags, _STREAMS.index(stream), length)) + payload)
        at += 9 + length
    return b"".join(parts) if at == len(sent) else None
