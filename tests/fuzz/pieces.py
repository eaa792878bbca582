"""How the bytes that a fuzzer makes are read: one octet of options, a few places to split at, and what the peer sends.

options | number of cuts, modulo 8 | two octets for each cut | what is sent
"""

from __future__ import annotations

from typing import List, Tuple

__all__ = ["pack", "unpack"]

_MOST_CUTS = 8


def unpack(data: bytes) -> Tuple[int, List[bytes]]:
    """Return the options and what is sent, in the pieces that it arrives in; none of them is empty."""
    if len(data) < 2:
        return 0, [data] if data else []
    cuts = data[1] % _MOST_CUTS
    sent = data[2 + 2 * cuts :]
    places = [int.from_bytes(data[at : at + 2], "big") for at in range(2, 2 + 2 * cuts, 2)]
    points = sorted({0, len(sent), *(place % (len(sent) + 1) for place in places)})
    return data[0], [sent[start:stop] for start, stop in zip(points, points[1:])]


def pack(options: int, sent: bytes) -> bytes:
    """Return what `unpack` makes `options` and `sent` of, in one piece."""
    return bytes((options, 0)) + sent
