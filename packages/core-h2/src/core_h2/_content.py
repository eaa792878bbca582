"""The content of responses: DATA frames, counted, checked and put together (RFC 9113 §§ 6.1, 6.9).

Rules that hold here:

* What comes counts against the windows first, whoever it is for. The connection's is given back at once.
* Content is only taken after a response's head, and only as much as its content-length says.
* Frames that come one after another for one stream, in what was read at once, are delivered as one piece: copied once,
  read at once. That piece is in the stream's inbox before the stream ends.
* Small pieces that nobody has taken yet are put together in the inbox, so that what waits takes little more memory than
  its size, however small the pieces were in which it came.
"""

from __future__ import annotations

from typing import Deque, Dict, List, Optional, Protocol, Union

from . import _frames as frames
from ._errors import ConnectionFault, ErrorCodes, StreamFault
from ._flow import ReceiveWindow
from ._late import LateFrames
from ._parser import ContentSink
from ._patience import BUDGET, Patience
from ._streams import Buffer, Stream

__all__ = ["ContentReceiver", "StreamTable"]

# What is smaller goes to the end of what waits, if that is smaller, too. A byte that waits by itself takes 40.
_SMALL = 4 * 1024


class StreamTable(Protocol):
    """What content is received for: the streams of a connection, and the steps that content leads to."""

    streams: Dict[int, Stream]
    touched: List[Stream]

    def enqueue(self, data: Buffer) -> None:
        """Put `data` in line to be written."""

    def end_remote(self, stream: Stream) -> None:
        """Take the end of a response."""

    def break_stream(self, stream: Stream, fault: StreamFault) -> None:
        """End a stream on which the server broke a rule."""


class ContentReceiver(ContentSink):
    """Takes the DATA frames of one connection, whose streams are in `table`, and which has `window` altogether."""

    def __init__(self, table: StreamTable, window: ReceiveWindow, patience: Patience, late: LateFrames) -> None:
        self._table = table
        self._streams = table.streams
        self._window = window
        self._patience = patience
        self._late = late
        # Whose frame it is that has begun and not ended, where its content is wanted.
        self._data_stream: Optional[Stream] = None
        # Content that stands in what is being read, for one stream.
        self.stream: Optional[Stream] = None
        self._parts: List[slice] = []
        self._data = b""

    def data(self, stream_id: int, length: int, data: bytes, start: int, stop: int, end_stream: bool) -> None:
        stream = self._streams.get(stream_id)
        if stream is None or stream.head is None or stream.no_content or not stream.remote_open or not length:
            super().data(stream_id, length, data, start, stop, end_stream)
            return
        # The same steps as below for what is in order, written out: this runs for every few KB of a body.
        window = self._window
        window.left -= length
        window.owed += length
        if window.left < 0:
            raise _beyond_the_window()
        if window.owed >= window.batch:
            self._table.enqueue(frames.window_update(0, window.settle()))
        if self._patience.budget < BUDGET:
            self._patience.earn()
        whole = stop - start == length
        if not whole:
            self._data_stream = stream
        window = stream.window
        window.left -= length
        if window.left < 0:
            self._table.break_stream(stream, _beyond_the_streams_window())
            return
        if stop == start:
            return  # What was read ends here.
        stream.received += stop - start
        if stream.expected is not None and stream.received > stream.expected:
            self._take_excess(stream)
            return
        if stream is not self.stream:
            if self.stream is not None:
                self.deliver()
            self.stream = stream
            self._data = data
        self._parts.append(slice(start, stop))
        if end_stream and whole:
            self._table.end_remote(stream)

    def data_begins(self, stream_id: int, length: int, padding: int) -> None:
        if not self._window.take(length):
            raise _beyond_the_window()
        increment = self._window.consume(length)
        if increment:
            self._table.enqueue(frames.window_update(0, increment))
        stream = self._streams.get(stream_id)
        if length > padding:
            self._patience.earn()
        else:
            self._patience.spend()
        if stream is None or not stream.remote_open:
            self._late.check_closed(stream_id, frames.DATA)
            self._late.take_content(stream_id, length)
        elif stream.head is None:
            fault = StreamFault(ErrorCodes.PROTOCOL_ERROR, "content came before a response")
            self._table.break_stream(stream, fault)
            stream = None
        elif not stream.window.take(length):
            self._table.break_stream(stream, _beyond_the_streams_window())
            stream = None
        elif padding:
            increment = stream.window.consume(padding)
            if increment:
                self._table.enqueue(frames.window_update(stream_id, increment))
        self._data_stream = stream

    def data_content(self, data: bytes, start: int, stop: int) -> None:
        stream = self._data_stream
        if stream is None or not stream.remote_open or stream.failure is not None:
            return
        stream.received += stop - start
        if stream.no_content or (stream.expected is not None and stream.received > stream.expected):
            self._take_excess(stream)
            return
        if stream is not self.stream:
            if self.stream is not None:
                self.deliver()
            self.stream = stream
            self._data = data
        self._parts.append(slice(start, stop))

    def data_ends(self, end_stream: bool) -> None:
        stream = self._data_stream
        self._data_stream = None
        if end_stream and stream is not None and self._streams.get(stream.id) is stream:
            self._table.end_remote(stream)

    def deliver(self) -> None:
        """Put what has been collected for `stream` into its inbox."""
        stream, parts = self.stream, self._parts
        if stream is None:
            return
        if len(parts) == 1:
            content = self._data[parts[0]]
        else:
            view = memoryview(self._data)
            content = b"".join([view[part] for part in parts])
        self._parts = []
        self.stream = None
        self._data = b""
        inbox = stream.inbox
        if inbox and len(content) < _SMALL:
            _join(inbox, content)
        else:
            inbox.append(content)
        self._table.touched.append(stream)

    def _take_excess(self, stream: Stream) -> None:
        fault = StreamFault(ErrorCodes.PROTOCOL_ERROR, "more content than content-length says")
        self._table.break_stream(stream, fault)


def _join(inbox: Deque[Union[bytes, bytearray]], content: bytes) -> None:
    try:
        last = inbox.pop()
    except IndexError:  # Another thread has taken it since the look.
        inbox.append(content)
        return
    if len(last) >= _SMALL:
        inbox.append(last)
        inbox.append(content)
        return
    if type(last) is not bytearray:
        last = bytearray(last)
    last += content
    inbox.append(last)


def _beyond_the_window() -> ConnectionFault:
    return ConnectionFault(ErrorCodes.FLOW_CONTROL_ERROR, "The server sent more than the connection's window")


def _beyond_the_streams_window() -> StreamFault:
    return StreamFault(ErrorCodes.FLOW_CONTROL_ERROR, "more came than the window allowed")
