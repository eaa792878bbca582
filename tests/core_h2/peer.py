"""A server that follows a script: frames in, frames out, no I/O.

It is built on hyperframe and hpack alone, checks what a client owes it (windows, frame sizes, stream numbers), and
answers by the methods that a test overrides or calls.
"""

from __future__ import annotations

from typing import Any, Callable, Dict, List, Optional, Sequence, Tuple

import hpack
from hyperframe import frame as frames

Field = Tuple[bytes, bytes]
PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
OK = [(b":status", b"200"), (b"content-type", b"text/plain")]


class Exchange:
    """What has come on one stream, and what may still be sent there."""

    def __init__(self, headers: List[Field], send_window: int, receive_window: int) -> None:
        self.headers = headers
        self.body = bytearray()
        self.ended = False
        self.reset: Optional[int] = None
        self.send_window = send_window
        self.receive_window = receive_window
        self.frames = 0  # DATA frames received.


class Peer:
    """The server's side of a connection.

    `settings`: what it announces at once, None for not announcing anything. `auto_window`: whether it gives back what
    it receives, byte for byte, on the stream and on the connection.
    """

    def __init__(self, settings: Optional[Dict[int, int]] = None, *, auto_window: bool = True) -> None:
        self.auto_window = auto_window
        self.exchanges: Dict[int, Exchange] = {}
        self.seen: List[frames.Frame] = []
        self.settings: Dict[int, int] = {}  # The client's.
        self.acknowledged = 0
        self.pongs: List[bytes] = []
        self.goaways: List[Tuple[int, int]] = []
        self.send_window = 65_535
        self.receive_window = 65_535
        self.initial_receive_window = 65_535
        self.max_frame_size = 16_384
        self.out = bytearray()
        self.on_output: Callable[[], None] = lambda: None
        self._encoder = hpack.Encoder()
        self._decoder = hpack.Decoder(max_header_list_size=2**20)
        self._inbox = bytearray()
        self._announced: List[Dict[int, int]] = []
        self._preface = False
        self._block: Optional[Tuple[int, bytes, bool]] = None
        if settings is not None:
            self.announce(settings)

    # What tests call.

    def send(self, *sent: Any) -> None:
        """Put frames, or bytes, on their way."""
        for item in sent:
            self.out += item if isinstance(item, bytes) else item.serialize()
        self.on_output()

    def announce(self, settings: Dict[int, int]) -> None:
        """Change settings; they hold from the client's acknowledgement on."""
        self._announced.append(settings)
        self.send(frames.SettingsFrame(settings=settings))

    def _apply(self, settings: Dict[int, int]) -> None:
        change = settings.get(4, self.initial_receive_window) - self.initial_receive_window
        self.initial_receive_window += change
        for exchange in self.exchanges.values():
            exchange.receive_window += change
        self.max_frame_size = settings.get(5, self.max_frame_size)

    def head(self, stream_id: int, fields: Sequence[Field] = OK, *, end: bool = False) -> None:
        flags = ["END_HEADERS", "END_STREAM"] if end else ["END_HEADERS"]
        self.send(frames.HeadersFrame(stream_id, self._encoder.encode(fields), flags=flags))

    def data(self, stream_id: int, content: bytes = b"", *, end: bool = False) -> None:
        exchange = self.exchanges.get(stream_id)
        if exchange is not None:
            exchange.send_window -= len(content)
        self.send_window -= len(content)
        parts = [content[start : start + 16_384] for start in range(0, len(content), 16_384)] or [b""]
        for part in parts[:-1]:
            self.send(frames.DataFrame(stream_id, part))
        self.send(frames.DataFrame(stream_id, parts[-1], flags=["END_STREAM"] if end else []))

    def respond(self, stream_id: int, content: bytes = b"", fields: Sequence[Field] = OK) -> None:
        self.head(stream_id, fields, end=not content)
        if content:
            self.data(stream_id, content, end=True)

    def reset(self, stream_id: int, code: int) -> None:
        self.send(frames.RstStreamFrame(stream_id, error_code=code))

    def goaway(self, last_stream_id: int, code: int = 0, debug_data: bytes = b"") -> None:
        self.send(frames.GoAwayFrame(0, last_stream_id, code, additional_data=debug_data))

    def grant(self, stream_id: int, increment: int) -> None:
        if stream_id:
            self.exchanges[stream_id].receive_window += increment
        else:
            self.receive_window += increment
        self.send(frames.WindowUpdateFrame(stream_id, increment))

    # What tests override.

    def on_request(self, stream_id: int, exchange: Exchange) -> None:
        """The headers of a request are here."""

    def on_data(self, stream_id: int, exchange: Exchange, content: bytes) -> None:
        """Content of a request is here."""

    def on_end(self, stream_id: int, exchange: Exchange) -> None:
        """A request is complete."""
        self.respond(stream_id, b"hello")

    def on_reset(self, stream_id: int, code: int) -> None:
        """The client has given a stream up."""

    def on_ping(self, data: bytes) -> None:
        self.send(frames.PingFrame(0, data, flags=["ACK"]))

    # What the client sends.

    def receive(self, data: bytes) -> None:
        self._inbox += data
        if not self._preface:
            if len(self._inbox) < len(PREFACE):
                return
            assert self._inbox.startswith(PREFACE), bytes(self._inbox[:40])
            del self._inbox[: len(PREFACE)]
            self._preface = True
        while len(self._inbox) >= 9:
            frame, length = frames.Frame.parse_frame_header(memoryview(bytes(self._inbox[:9])))
            assert length <= self.max_frame_size, f"a frame of {length} bytes"
            if len(self._inbox) < 9 + length:
                return
            frame.parse_body(memoryview(bytes(self._inbox[9 : 9 + length])))
            del self._inbox[: 9 + length]
            self.seen.append(frame)
            self._receive_frame(frame)

    def _receive_frame(self, frame: Any) -> None:
        if isinstance(frame, frames.SettingsFrame):
            if "ACK" in frame.flags:
                self.acknowledged += 1
                if self._announced:
                    self._apply(self._announced.pop(0))
                self.on_acknowledgement()
            else:
                self._receive_settings(frame.settings)
        elif isinstance(frame, (frames.HeadersFrame, frames.ContinuationFrame)):
            self._receive_block(frame)
        elif isinstance(frame, frames.DataFrame):
            self._receive_data(frame)
        elif isinstance(frame, frames.RstStreamFrame):
            self.exchanges[frame.stream_id].reset = frame.error_code
            self.on_reset(frame.stream_id, frame.error_code)
        elif isinstance(frame, frames.WindowUpdateFrame):
            if frame.stream_id:
                self.exchanges[frame.stream_id].send_window += frame.window_increment
            else:
                self.send_window += frame.window_increment
            self.on_window(frame.stream_id)
        elif isinstance(frame, frames.PingFrame):
            if "ACK" in frame.flags:
                self.pongs.append(frame.opaque_data)
            else:
                self.on_ping(frame.opaque_data)
        elif isinstance(frame, frames.GoAwayFrame):
            self.goaways.append((frame.last_stream_id, frame.error_code))
        else:
            raise AssertionError(f"a client does not send {frame!r}")

    def on_acknowledgement(self) -> None:
        """The client has taken some settings."""

    def on_window(self, stream_id: int) -> None:
        """The client has given back some window."""

    def _receive_settings(self, settings: Dict[int, int]) -> None:
        change = settings.get(4, 65_535) - self.settings.get(4, 65_535)
        self.settings.update(settings)
        for exchange in self.exchanges.values():
            exchange.send_window += change
        self.send(frames.SettingsFrame(flags=["ACK"]))

    def _receive_block(self, frame: Any) -> None:
        if self._block is None:
            assert isinstance(frame, frames.HeadersFrame)
            self._block = (frame.stream_id, frame.data, "END_STREAM" in frame.flags)
        else:
            assert isinstance(frame, frames.ContinuationFrame)
            stream_id, block, ended = self._block
            assert stream_id == frame.stream_id
            self._block = (stream_id, block + frame.data, ended)
        if "END_HEADERS" not in frame.flags:
            return
        stream_id, block, ended = self._block
        self._block = None
        assert stream_id % 2 and stream_id > max(self.exchanges, default=0), f"stream {stream_id} is not new"
        fields = [(bytes(name), bytes(value)) for name, value in self._decoder.decode(block, raw=True)]
        exchange = Exchange(fields, self.settings.get(4, 65_535), self.initial_receive_window)
        self.exchanges[stream_id] = exchange
        self.on_request(stream_id, exchange)
        if ended:
            exchange.ended = True
            self.on_end(stream_id, exchange)

    def _receive_data(self, frame: Any) -> None:
        exchange = self.exchanges[frame.stream_id]
        assert not exchange.ended and exchange.reset is None, "DATA after the end of a stream"
        size = len(frame.data)
        exchange.frames += 1
        exchange.receive_window -= size
        self.receive_window -= size
        assert size == 0 or (exchange.receive_window >= 0 and self.receive_window >= 0), "more than the window"
        exchange.body += frame.data
        if self.auto_window and size:
            self.grant(0, size)
            if "END_STREAM" not in frame.flags:
                self.grant(frame.stream_id, size)
        self.on_data(frame.stream_id, exchange, frame.data)
        if "END_STREAM" in frame.flags:
            exchange.ended = True
            self.on_end(frame.stream_id, exchange)
