"""Bytes into frames (RFC 9113 §§ 4.1, 4.3), for a sink that gives them their meaning.

Rules that hold here:

* The content of a DATA frame is handed on as it arrives: nothing waits for a frame to be complete, and nothing is
  copied here; a sink is told where it stands in what was read.
* Every other frame is kept until it is complete, which is at most one frame of 16 KiB; a header block with its
  continuations is bounded in bytes and in frames.
* Whatever the lengths and flags say is checked here, so that a sink sees well-formed frames only.
"""

from __future__ import annotations

from typing import List

from ._errors import ConnectionFault, ErrorCodes
from ._frames import (
    CONTINUATION,
    DATA,
    DEFAULT_FRAME_SIZE,
    END_HEADERS,
    END_STREAM,
    GOAWAY,
    HEAD,
    HEAD_LENGTH,
    HEADERS,
    PADDED,
    PING,
    PRIORITISED,
    PRIORITY,
    PUSH_PROMISE,
    RST_STREAM,
    SETTINGS,
    WINDOW_UPDATE,
)

__all__ = ["ContentSink", "FrameParser", "Sink"]

_MOST_CONTINUATIONS = 128
_STREAM_ID = 0x7FFFFFFF
_BLOCK_FLAGS = END_HEADERS | PADDED | PRIORITISED
_fixed_lengths = {PRIORITY: 5, RST_STREAM: 4, PING: 8, WINDOW_UPDATE: 4}
_on_a_stream = frozenset((DATA, HEADERS, PRIORITY, RST_STREAM, PUSH_PROMISE, CONTINUATION))
_on_the_connection = frozenset((SETTINGS, PING, GOAWAY))
_names = {
    DATA: "DATA",
    HEADERS: "HEADERS",
    PRIORITY: "PRIORITY",
    RST_STREAM: "RST_STREAM",
    SETTINGS: "SETTINGS",
    PUSH_PROMISE: "PUSH_PROMISE",
    PING: "PING",
    GOAWAY: "GOAWAY",
    WINDOW_UPDATE: "WINDOW_UPDATE",
    CONTINUATION: "CONTINUATION",
}


class ContentSink:
    """What a parser reports DATA frames to."""

    def data(self, stream_id: int, length: int, data: bytes, start: int, stop: int, end_stream: bool) -> None:
        """A DATA frame without padding, whose content is `data[start:stop]` and, where that is not all, what follows:
        the three below in one.
        """
        self.data_begins(stream_id, length, 0)
        if stop > start:
            self.data_content(data, start, stop)
        if stop - start == length:
            self.data_ends(end_stream)

    def data_begins(self, stream_id: int, length: int, padding: int) -> None:
        """A DATA frame of `length` flow-controlled bytes, `padding` of which are not content."""
        raise NotImplementedError

    def data_content(self, data: bytes, start: int, stop: int) -> None:
        """More content of the DATA frame that has begun: `data[start:stop]`."""
        raise NotImplementedError

    def data_ends(self, end_stream: bool) -> None:
        """The end of the DATA frame."""
        raise NotImplementedError


class Sink:
    """What a parser reports all other frames to."""

    def header_block(self, stream_id: int, block: bytes, end_stream: bool) -> None:
        """A complete header block."""
        raise NotImplementedError

    def frame(self, kind: int, flags: int, stream_id: int, payload: bytes) -> None:
        """Any other complete frame."""
        raise NotImplementedError


class FrameParser:
    """Reads what the server sends: DATA for `content`, the rest for `sink`.

    `max_block_size` bounds a header block in bytes.
    """

    __slots__ = (
        "_block",
        "_block_ends_stream",
        "_block_size",
        "_block_stream",
        "_content",
        "_content_left",
        "_ends_stream",
        "_in_data",
        "_max_block_size",
        "_needed",
        "_padding_left",
        "_rest",
        "_sink",
    )

    def __init__(self, sink: Sink, content: ContentSink, max_block_size: int) -> None:
        self._sink = sink
        self._content = content
        self._max_block_size = max_block_size
        self._rest = bytearray()  # The beginning of a frame, of which `_needed` bytes have to be there.
        self._needed = 0
        self._in_data = False
        self._content_left = 0
        self._padding_left = 0
        self._ends_stream = False
        self._block: List[bytes] = []
        self._block_stream = 0  # Not 0 between a HEADERS frame and its last CONTINUATION.
        self._block_size = 0
        self._block_ends_stream = False

    def feed(self, data: bytes) -> None:
        """Take what was read. Raises `ConnectionFault`, after which the parser is of no use."""
        if self._rest:
            self._rest += data
            if len(self._rest) < self._needed:
                return
            data = bytes(self._rest)
            self._rest.clear()
        sink = self._sink
        position = 0
        end = len(data)
        while True:
            if self._in_data:
                position = self._continue_data(data, position, end)
                if self._in_data:
                    return
            needed = HEAD_LENGTH
            if end - position >= needed:
                high, low, kind, flags, stream_id = HEAD.unpack_from(data, position)
                length = high << 8 | low
                if length > DEFAULT_FRAME_SIZE:
                    raise self._oversized(data, position, length)
                stream_id &= _STREAM_ID
                if kind == DATA:
                    if stream_id and not (flags & PADDED or self._block_stream):
                        # Nearly every frame of a body: nothing special about it.
                        position += needed
                        stop = position + length
                        if stop <= end:
                            self._content.data(stream_id, length, data, position, stop, bool(flags & END_STREAM))
                            position = stop
                            continue
                        self._in_data = True
                        self._ends_stream = bool(flags & END_STREAM)
                        self._padding_left = 0
                        self._content_left = stop - end
                        self._content.data(stream_id, length, data, position, end, self._ends_stream)
                        return
                    needed += 1 if length and flags & PADDED else 0
                    if end - position >= needed:
                        self._begin_data(flags, stream_id, length, data, position)
                        position += needed
                        continue
                else:
                    needed += length
                    if end - position >= needed:
                        payload = data[position + HEAD_LENGTH : position + needed]
                        position += needed
                        if (
                            kind == HEADERS
                            and flags & _BLOCK_FLAGS == END_HEADERS
                            and stream_id
                            and not self._block_stream
                            and length <= self._max_block_size
                        ):
                            # Nearly every header block: in one frame, and nothing but the block in it.
                            sink.header_block(stream_id, payload, bool(flags & END_STREAM))
                        else:
                            self._dispatch(kind, flags, stream_id, payload)
                        continue
            if position < end:
                self._rest += data[position:] if position else data
                self._needed = needed
            return

    def _begin_data(self, flags: int, stream_id: int, length: int, data: bytes, position: int) -> None:
        if self._block_stream or not stream_id:
            self._check_place(DATA, stream_id)
        padding = 0
        if flags & PADDED:
            padding = data[position + HEAD_LENGTH] if length else 0
            if padding >= length:
                raise ConnectionFault(ErrorCodes.PROTOCOL_ERROR, "The server sent a DATA frame that is all padding")
            self._content_left = length - padding - 1
            self._padding_left = padding
            padding += 1
        else:
            self._content_left = length
            self._padding_left = 0
        self._in_data = True
        self._ends_stream = bool(flags & END_STREAM)
        self._content.data_begins(stream_id, length, padding)

    def _continue_data(self, data: bytes, position: int, end: int) -> int:
        left = self._content_left
        if left:
            stop = position + left
            if stop > end:
                stop = end
            if stop > position:
                self._content_left = left - (stop - position)
                self._content.data_content(data, position, stop)
                position = stop
            if self._content_left:
                return position
        if self._padding_left:
            skipped = min(self._padding_left, end - position)
            self._padding_left -= skipped
            position += skipped
            if self._padding_left:
                return position
        self._in_data = False
        self._content.data_ends(self._ends_stream)
        return position

    def _dispatch(self, kind: int, flags: int, stream_id: int, payload: bytes) -> None:
        self._check_place(kind, stream_id)
        if kind == HEADERS:
            self._begin_block(flags, stream_id, payload)
        elif kind == CONTINUATION:
            self._continue_block(flags, payload)
        elif len(payload) != _fixed_lengths.get(kind, len(payload)) or (kind == GOAWAY and len(payload) < 8):
            raise ConnectionFault(
                ErrorCodes.FRAME_SIZE_ERROR, f"The server sent a {_names[kind]} frame of {len(payload)} bytes"
            )
        else:
            self._sink.frame(kind, flags, stream_id, payload)

    def _check_place(self, kind: int, stream_id: int) -> None:
        if self._block_stream:
            if kind != CONTINUATION or stream_id != self._block_stream:
                raise ConnectionFault(ErrorCodes.PROTOCOL_ERROR, "The server interrupted a header block")
        elif kind == CONTINUATION:
            raise ConnectionFault(ErrorCodes.PROTOCOL_ERROR, "The server continued a header block that had not begun")
        if (kind in _on_a_stream and not stream_id) or (kind in _on_the_connection and stream_id):
            raise ConnectionFault(
                ErrorCodes.PROTOCOL_ERROR, f"The server sent a {_names[kind]} frame on stream {stream_id}"
            )

    def _begin_block(self, flags: int, stream_id: int, payload: bytes) -> None:
        start, stop = 0, len(payload)
        if flags & PADDED:
            start = 1
            stop -= payload[0] if payload else 1
        if flags & PRIORITISED:
            start += 5
        if start > stop:
            raise ConnectionFault(ErrorCodes.PROTOCOL_ERROR, "The server sent a HEADERS frame that is too short")
        if start or stop != len(payload):
            payload = payload[start:stop]
        end_stream = bool(flags & END_STREAM)
        if flags & END_HEADERS and len(payload) <= self._max_block_size:
            self._sink.header_block(stream_id, payload, end_stream)
            return
        self._block_stream = stream_id
        self._block_ends_stream = end_stream
        self._continue_block(flags, payload)

    def _continue_block(self, flags: int, payload: bytes) -> None:
        self._block.append(payload)
        self._block_size += len(payload)
        if self._block_size > self._max_block_size or len(self._block) > _MOST_CONTINUATIONS:
            raise ConnectionFault(ErrorCodes.ENHANCE_YOUR_CALM, "The server sent a header block that is too large")
        if not flags & END_HEADERS:
            return
        block, stream_id = b"".join(self._block), self._block_stream
        self._block = []
        self._block_size = self._block_stream = 0
        self._sink.header_block(stream_id, block, self._block_ends_stream)

    @staticmethod
    def _oversized(data: bytes, position: int, length: int) -> ConnectionFault:
        if data[position : position + 5] == b"HTTP/":
            return ConnectionFault(
                ErrorCodes.PROTOCOL_ERROR, "The server answered in HTTP/1 on a connection that speaks HTTP/2"
            )
        return ConnectionFault(ErrorCodes.FRAME_SIZE_ERROR, f"The server sent a frame of {length} bytes")
