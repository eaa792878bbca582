"""Only the one who reads may ask the network stream what is there: TLS streams take it in to find out."""

from __future__ import annotations

from typing import Any, List

from core_backends import MockStream, Origin
from core_h2 import HTTP2Connection


class AskedStream(MockStream):
    def __init__(self) -> None:
        super().__init__([], http2=True)
        self.asked: List[str] = []

    def get_extra_info(self, info: str) -> Any:
        self.asked.append(info)
        return False if info == "is_readable" else super().get_extra_info(info)


def test_nobody_asks_while_another_thread_reads() -> None:
    stream = AskedStream()
    multiplexer = HTTP2Connection(Origin(b"https", b"example.com", 443), stream)._multiplexer
    multiplexer._reading = True
    assert multiplexer.read_what_is_there() is False
    assert "is_readable" not in stream.asked
    multiplexer._reading = False
    assert multiplexer.read_what_is_there() is False
    assert "is_readable" in stream.asked
