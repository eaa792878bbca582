"""The server's hint about how long it keeps a connection."""

from __future__ import annotations

from typing import Any

import pytest

from core_h1._keepalive import keep_alive_hint


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (b"timeout=5, max=100", (4.0, 100)),
        (b"TIMEOUT=60,MAX=0", (59.0, 0)),
        (b"timeout = 3", (2.0, None)),
        (b'timeout="3"', (2.0, None)),
        (b"max=7", (None, 7)),
        (b"timeout=2", (1.0, None)),
        (b"timeout=1", (0.5, None)),
        (b"timeout=0", (0.0, None)),
        (b"", (None, None)),
        (b"timeout", (None, None)),
        (b"timeout=", (None, None)),
        (b"timeout=-1", (None, None)),
        (b"timeout=1e3", (None, None)),
        (b"timeout=x, max=\xb2", (None, None)),
        (b"timeout=1000000000000", (None, None)),
        (b"5", (None, None)),
    ],
)
def test_hints(value: bytes, expected: Any) -> None:
    assert keep_alive_hint([(b"Server", b"x"), (b"keep-Alive", value)]) == expected


def test_no_hint() -> None:
    assert keep_alive_hint([(b"Connection", b"keep-alive"), (b"keep_alive", b"timeout=5")]) == (None, None)
