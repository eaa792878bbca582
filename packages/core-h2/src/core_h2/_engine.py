"""A client's side of one HTTP/2 connection, without I/O (RFC 9113).

Bytes that were read go into `receive`, bytes that are to be written come out of `take`; in between stands the table of
streams. Frames and streams are ours, hpack decodes fields, h2 lends its settings and error codes: its own connection is
closed by any GOAWAY, and refuses the frames of streams that may still finish.

Rules that hold here:

* One call is one step: a stream's number, its header block and its place in the outbound bytes are decided together.
* GOAWAY ends what lies above its last stream, and nothing else (§ 6.8).
* A breach of the protocol ends a stream or the connection, never in an exception: whoever drives the engine looks at
  `failure`, and at the streams in `touched`.
* Nothing here is safe against threads: whoever drives the engine holds a lock around each call.
"""

from __future__ import annotations

import time
from collections import deque
from typing import Any, Callable, Deque, Dict, List, Optional, Sequence

from h2.events import RemoteSettingsChanged

from core_backends import ReadError, RemoteProtocolError, WriteError

from . import _frames as frames
from ._compression import Field, FieldDecoder, FieldList
from ._content import ContentReceiver
from ._errors import ConnectionFault, ErrorCodes, Failure, GoAway, StreamFault, code_name, remote_failure
from ._fields import ResponseHead, check_length, response_head, trailer_fields, unchecked_head
from ._flow import ReceiveWindow, raised
from ._heads import HeadEncoder
from ._late import LateFrames
from ._parser import FrameParser, Sink
from ._patience import BUDGET, Patience
from ._settings import SettingCodes, Slots, announced, apply_remote, known_settings, local_settings, remote_settings
from ._streams import HEAD, INBOX, WINDOW, Buffer, Stream

__all__ = ["Engine"]

INITIAL_WINDOW_SIZE = 4 * 1024 * 1024
CONNECTION_WINDOW_SIZE = 16 * 1024 * 1024
MAX_HEADER_LIST_SIZE = 100 * 1024

_RECORD = 16 * 1024  # What a record of TLS holds (RFC 8446 § 5.1).
# How much of one body is put in line at a time, with the heads of its frames: so many whole records. Nine bytes more
# would be a record, and often a write, of their own.
_BATCH = 16 * _RECORD
_WORTH_NO_COPY = 128 * 1024  # From here on, one write more costs less than copying.
_IDLE_DEBT = 64 * 1024  # A frame for every small response would cost both sides more than it gives.
_MOST_INFORMATIONAL = 100
_MOST_EVENTS = 100  # Kept for whoever waits next; as long as a body is sent, that may be nobody.


class Engine(Sink):
    """The state of one connection.

    `initial_window_size` and `connection_window_size`: what the server may send on a stream and altogether, in bytes.
    `max_concurrent_streams`: a cap on open streams, None for the server's. `max_header_list_size`: bound of a
    response's header list, in bytes. `config`: an `h2.config.H2Configuration`; `validate_inbound_headers` is honoured.
    """

    def __init__(
        self,
        config: Any,
        *,
        initial_window_size: int = INITIAL_WINDOW_SIZE,
        connection_window_size: int = CONNECTION_WINDOW_SIZE,
        max_concurrent_streams: Optional[int] = None,
        max_header_list_size: int = MAX_HEADER_LIST_SIZE,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        if not frames.DEFAULT_WINDOW <= connection_window_size <= frames.MAX_WINDOW:
            raise ValueError("connection_window_size must be from 65535 to 2^31-1 bytes")
        self.local_settings = local_settings(initial_window_size, max_header_list_size)
        self.remote_settings = remote_settings()
        self.slots = Slots(max_concurrent_streams)
        self.streams: Dict[int, Stream] = {}
        self.touched: List[Stream] = []
        self.failure: Optional[Failure] = None
        self.goaway: Optional[GoAway] = None
        self.started = False
        self.served = 0  # Responses that have begun.
        self.settings_events: List[RemoteSettingsChanged] = []
        self.enqueued = 0
        self.owes_answer = False  # Whether the server waits for something in line: it may give up on us.
        self.pings_sent = 0
        self.pings_answered = 0
        self.send_window = frames.DEFAULT_WINDOW
        self._validate = bool(getattr(config, "validate_inbound_headers", True))
        self._window = ReceiveWindow(connection_window_size)
        self._heads = HeadEncoder()
        self._patience = Patience(clock)
        self._late = LateFrames()
        self._content = ContentReceiver(self, self._window, self._patience, self._late)
        self._parser = FrameParser(self, self._content, max_header_list_size)
        self._decoder = FieldDecoder(max_header_list_size)
        self._blocked: Dict[int, Stream] = {}
        self._next_id = 1
        self._settings_acked = False
        self._initial_send_window = frames.DEFAULT_WINDOW
        self._initial_receive_window = initial_window_size
        self._frame_size = frames.DEFAULT_FRAME_SIZE
        self._batch = _content_of_a_batch(self._frame_size)
        self.outbound: Deque[Buffer] = deque()  # What is to be written: for looking at from outside.

    # Sending.

    @property
    def failed(self) -> bool:
        """Whether the connection has ended."""
        return self.failure is not None

    @property
    def usable(self) -> bool:
        """Whether the connection will ever take another request."""
        return self.failure is None and self.goaway is None and self._next_id <= frames.MAX_STREAM_ID

    @property
    def has_slot(self) -> bool:
        """Whether it takes one now: `usable` and more, written out because pools ask several times a request."""
        return (
            len(self.streams) < self.slots.limit
            and self.failure is None
            and self.goaway is None
            and self._next_id <= frames.MAX_STREAM_ID
        )

    def start(self) -> None:
        """Enqueue the connection preface: settings, and a larger window (§ 3.4)."""
        self.started = True
        self.enqueue(frames.PREFACE + frames.settings(announced(self.local_settings)))
        if self._window.size > frames.DEFAULT_WINDOW:
            self.enqueue(frames.window_update(0, self._window.size - frames.DEFAULT_WINDOW))

    def take(self, limit: int) -> Buffer:
        """Return the next bytes to write, about `limit` of them; b"" when there are none.

        What does not change, and is large, is not copied: it is a view of the caller's content. What stands before it
        leaves with as much of it as makes whole records. What was put back is taken whole.
        """
        out = self.outbound
        if not out:
            return b""
        first = out.popleft()
        if not out:
            self.owes_answer = False
            return first if type(first) is bytes or _goes_uncopied(first) else bytes(first)
        if _goes_uncopied(first):
            return first
        parts = [first]
        size = len(first)
        while out and size < limit:
            part = out[0]
            if _goes_uncopied(part):
                missing = -size % _RECORD
                parts.append(part[:missing])
                out[0] = part[missing:]
                break
            parts.append(out.popleft())
            size += len(part)
        self.owes_answer = self.owes_answer and bool(out)
        return b"".join(parts)

    def put_back(self, data: Buffer) -> None:
        """Take back what could not be written: it goes out first."""
        self.outbound.appendleft(data)

    def open_stream(
        self,
        method: bytes,
        scheme: bytes,
        authority: bytes,
        target: bytes,
        headers: Sequence[Field],
        *,
        body_size: Optional[int],
    ) -> Stream:
        """Open a stream and enqueue its HEADERS, which end it where `body_size` is 0; None is a size yet unknown.

        Raises `LocalProtocolError` for what may not be sent, before anything of it is. The caller has seen to it that
        there is a slot.
        """
        path = self._heads.encode_path(target)
        before, after, content_length = self._heads.encode(method, scheme, authority, headers, body_size)
        end_stream = body_size == 0
        if method == b"CONNECT":
            path = b""
        stream = Stream(self._next_id, self._initial_send_window, self._initial_receive_window)
        if not self._settings_acked:
            # Until our settings have arrived there, the server goes by the protocol's window.
            stream.window.left = max(stream.window.left, frames.DEFAULT_WINDOW)
        stream.no_content = method == b"HEAD"
        stream.declared = content_length
        stream.reused = self.served > 0
        self._late.newest = stream.id
        self._next_id += 2
        self.streams[stream.id] = stream
        self.enqueue(frames.header_frames(stream.id, before + path + after, end_stream, self._frame_size))
        stream.heading_end = self.enqueued
        if end_stream:
            stream.local_open = False
        return stream

    def send_data(self, stream: Stream, content: memoryview, end_stream: bool) -> int:
        """Enqueue as much of `content` as the windows and the batch allow, and return how much that is.

        With `end_stream`, the last byte ends the request. Raises `LocalProtocolError` where the body is longer or
        shorter than its Content-Length.
        """
        size = len(content)
        if stream.declared is not None:
            check_length(stream.declared, stream.sent + size, end_stream)
        # A window may be negative; the mere end of a body takes none.
        room = min(size, stream.send_window, self.send_window, self._batch) if size else 0
        if size and room <= 0:
            self._blocked[stream.id] = stream
            return 0
        frame_size = self._frame_size
        position = 0
        while True:
            stop = min(room, position + frame_size)
            last = end_stream and stop == size
            self.enqueue(frames.frame_head(stop - position, frames.DATA, frames.END_STREAM if last else 0, stream.id))
            if stop > position:
                self.enqueue(content[position:stop])
            position = stop
            if position == room:
                break
        self._patience.earn_by_sending(room)
        stream.sent += room
        stream.send_window -= room
        self.send_window -= room
        if end_stream and room == size:
            self._end_local(stream)
        elif room < size:
            self._blocked[stream.id] = stream
        return room

    def reset(self, stream: Stream, code: int = ErrorCodes.CANCEL) -> bool:
        """Give a stream up, and return whether the server is to be told: not where both sides have ended it."""
        if self.streams.get(stream.id) is not stream:
            return False
        if stream.remote_open:
            self._late.expect(stream.id, stream.window.left)
        self.enqueue(frames.rst_stream(stream.id, code))
        self._forget(stream)
        return True

    def consumed(self, stream: Stream, length: int) -> bool:
        """Give back the window of content that was consumed; whether an update was enqueued."""
        if not stream.remote_open:
            return False
        increment = stream.window.consume(length)
        if increment:
            self.enqueue(frames.window_update(stream.id, increment))
        return bool(increment)

    def ping(self) -> int:
        """Enqueue a PING and return its number, which `pings_answered` reaches with the answer."""
        self.pings_sent += 1
        self.enqueue(frames.ping(self.pings_sent.to_bytes(8, "big")))
        return self.pings_sent

    def ready(self, stream: Stream, wants: int) -> bool:
        """Whether `stream` has what is wanted of it: its head, content or end, or a window to send into."""
        if stream.failure is not None or (wants & HEAD and stream.head is not None):
            return True
        if wants & INBOX and (stream.inbox or not stream.remote_open):
            return True
        return bool(wants & WINDOW) and (not stream.local_open or (stream.send_window > 0 and self.send_window > 0))

    # Ends of the connection.

    def close(self) -> None:
        """End the connection from our side."""
        if self.failure is None and self.started:
            self.enqueue(frames.goaway(0, ErrorCodes.NO_ERROR))
        self.fail(Failure(ReadError, "The connection was closed while the response was being read"))

    def fail(self, failure: Failure) -> None:
        """End the connection, and every stream on it."""
        if self.failure is None:
            self.failure = failure
        for stream in list(self.streams.values()):
            self._fail_stream(stream, failure)

    def fail_unsent(self, stream: Stream) -> None:
        """End a stream of which the server has seen nothing."""
        self._fail_stream(
            stream, Failure(WriteError, "The connection ended before the request was sent", unprocessed=True)
        )

    def end_of_stream(self) -> None:
        """Take the end of what the server sends."""
        self.connection_lost(None)

    def connection_lost(self, cause: Optional[BaseException]) -> None:
        """Take the end of the connection, by the server or by the network."""
        said = f" ({self.goaway})" if self.goaway is not None else ""
        if cause is None:
            before, within = "Server disconnected without sending a response.", "Server disconnected"
            error = RemoteProtocolError
        else:
            before = within = str(cause) or "The connection was lost"
            error = ReadError  # type: ignore[assignment]
        if self.failure is None:
            self.failure = Failure(error, before + said, lost=True, cause=cause)
        for stream in list(self.streams.values()):
            if stream.head is None:
                failure = Failure(error, before + said, lost=True, cause=cause)
            else:
                text = f"{within} before the response was complete (stream {stream.id}){said}"
                failure = Failure(error, text, cause=cause)
            self._fail_stream(stream, failure)

    # Receiving.

    def receive(self, data: bytes) -> None:
        """Take bytes that were read; b"" is their end."""
        if self.failure is not None:
            return
        if not data:
            self.end_of_stream()
            return
        if type(data) is not bytes:
            # A user's own stream may return what it goes on to change.
            data = bytes(data)
        try:
            self._parser.feed(data)
            if self._content.stream is not None:
                self._content.deliver()
        except ConnectionFault as exc:
            self._content.deliver()
            # The streams that we know of are the last word of ours: servers open none.
            self.enqueue(frames.goaway(0, exc.code))
            self.fail(remote_failure(f"{exc} ({code_name(exc.code)})"))

    def header_block(self, stream_id: int, block: bytes, end_stream: bool) -> None:
        fields = self._decoder.decode(block)
        stream = self.streams.get(stream_id)
        if stream is None or not stream.remote_open:
            self._patience.spend()
            self._late.check_closed(stream_id, frames.HEADERS)
            return
        try:
            if stream.head is None:
                self._receive_head(stream, fields, end_stream)
            elif not end_stream:
                raise StreamFault(ErrorCodes.PROTOCOL_ERROR, "a second header section that does not end the stream")
            else:
                stream.trailers.extend(trailer_fields(fields) if self._validate else fields)
        except StreamFault as exc:
            self.break_stream(stream, exc)
            return
        if end_stream:
            self.end_remote(stream)

    def _receive_head(self, stream: Stream, fields: FieldList, end_stream: bool) -> None:
        head: Optional[ResponseHead] = fields.meaning
        if head is None:
            head = fields.meaning = response_head(fields) if self._validate else unchecked_head(fields)
        if head.informational:
            stream.informational += 1
            if end_stream or stream.informational > _MOST_INFORMATIONAL:
                raise StreamFault(ErrorCodes.PROTOCOL_ERROR, "informational responses and no final one")
            self._patience.spend()
            return
        if self._patience.budget < BUDGET:
            self._patience.earn()
        self.served += 1
        stream.head = head
        if stream.no_content or head.status in (204, 304):
            stream.no_content = True
        else:
            stream.expected = head.content_length
        self.touched.append(stream)

    def frame(self, kind: int, flags: int, stream_id: int, payload: bytes) -> None:
        handler = _handlers.get(kind)
        if handler is None:
            self._patience.spend()  # An extension's: ignored (§ 5.5).
        else:
            handler(self, flags, stream_id, payload)

    def _receive_priority(self, flags: int, stream_id: int, payload: bytes) -> None:
        self._patience.spend()

    def _receive_rst_stream(self, flags: int, stream_id: int, payload: bytes) -> None:
        code = frames.WORD.unpack(payload)[0]
        stream = self.streams.get(stream_id)
        if stream is None:
            self._patience.spend()
            self._late.check_opened(stream_id, frames.RST_STREAM)
            return
        if not stream.remote_open:
            # The response is complete; the server does not want the rest of the request (§ 8.1).
            self._forget(stream)
            self.touched.append(stream)
            return
        said = f"; {self.goaway}" if self.goaway is not None else ""
        failure = remote_failure(
            f"The server reset stream {stream_id}: {code_name(code)}{said}",
            unprocessed=code == ErrorCodes.REFUSED_STREAM,
        )
        self._fail_stream(stream, failure)

    def _receive_settings(self, flags: int, stream_id: int, payload: bytes) -> None:
        self._patience.spend()
        if flags & frames.ACK:
            if payload:
                raise ConnectionFault(ErrorCodes.FRAME_SIZE_ERROR, "The server acknowledged settings with settings")
            self._settings_acked = True
            return
        if len(payload) % frames.SETTING.size:
            raise ConnectionFault(ErrorCodes.FRAME_SIZE_ERROR, f"The server sent {len(payload)} bytes of settings")
        pairs = list(frames.SETTING.iter_unpack(payload))
        received = dict(pairs)
        if len(received) == len(pairs):
            self._apply_settings(received)
        else:
            # Values that are replaced in the same frame have been in force (§ 6.5.3).
            for code, value in pairs:
                self._patience.spend()
                self._apply_settings({code: value})
        self.enqueue(frames.SETTINGS_ACK)
        self.owes_answer = True

    def _apply_settings(self, values: Dict[int, int]) -> None:
        received = known_settings(values)
        changes = {int(code): value for code, value in received.items()}
        if len(self.settings_events) < _MOST_EVENTS:
            self.settings_events.append(RemoteSettingsChanged.from_settings(self.remote_settings, changes))
        apply_remote(self.remote_settings, received)
        self.slots.learn(self.remote_settings.get(SettingCodes.MAX_CONCURRENT_STREAMS))
        self._frame_size = self.remote_settings.max_frame_size
        self._batch = _content_of_a_batch(self._frame_size)
        if SettingCodes.HEADER_TABLE_SIZE in received:
            self._heads.resize(received[SettingCodes.HEADER_TABLE_SIZE])
        change = self.remote_settings.initial_window_size - self._initial_send_window
        if change:
            self._initial_send_window += change
            for stream in self.streams.values():
                stream.send_window = raised(stream.send_window, change)
            self._unblock()

    def _receive_push_promise(self, flags: int, stream_id: int, payload: bytes) -> None:
        raise ConnectionFault(ErrorCodes.PROTOCOL_ERROR, "The server pushed a stream although push is disabled")

    def _receive_ping(self, flags: int, stream_id: int, payload: bytes) -> None:
        self._patience.spend()
        if not flags & frames.ACK:
            self.enqueue(frames.ping(payload, frames.ACK))
            self.owes_answer = True
            return
        number = int.from_bytes(payload, "big")
        if self.pings_answered < number <= self.pings_sent:
            self.pings_answered = number

    def _receive_goaway(self, flags: int, stream_id: int, payload: bytes) -> None:
        self._patience.spend()
        last, code = frames.TWO_WORDS.unpack_from(payload)
        last &= frames.MAX_STREAM_ID
        if self.goaway is not None:
            last = min(last, self.goaway.last_stream_id)
        self.goaway = GoAway(last, code, payload[8:])
        for stream in list(self.streams.values()):
            if stream.id > last:
                text = f"The server did not process stream {stream.id}: {self.goaway}"
                self._late.expect(stream.id, stream.window.left)
                self._fail_stream(stream, remote_failure(text, unprocessed=True))

    def _receive_window_update(self, flags: int, stream_id: int, payload: bytes) -> None:
        self._patience.spend()
        increment = frames.WORD.unpack(payload)[0] & frames.MAX_WINDOW
        if not stream_id:
            if not increment:
                raise ConnectionFault(ErrorCodes.PROTOCOL_ERROR, "The server raised the connection's window by 0")
            self.send_window = raised(self.send_window, increment)
            self._unblock()
            return
        stream = self.streams.get(stream_id)
        if stream is None:
            self._late.check_opened(stream_id, frames.WINDOW_UPDATE)
        elif not increment:
            self.break_stream(stream, StreamFault(ErrorCodes.PROTOCOL_ERROR, "its window was raised by 0"))
        elif stream.send_window + increment > frames.MAX_WINDOW:
            self.break_stream(stream, StreamFault(ErrorCodes.FLOW_CONTROL_ERROR, "its window was raised beyond 2^31-1"))
        else:
            stream.send_window += increment
            if stream_id in self._blocked and stream.send_window > 0 and self.send_window > 0:
                del self._blocked[stream_id]
                self.touched.append(stream)

    # The table.

    def enqueue(self, data: Buffer) -> None:
        """Put `data` in line to be written."""
        self.outbound.append(data)
        self.enqueued += len(data)

    def _unblock(self) -> None:
        if self.send_window <= 0:
            return
        for stream in [stream for stream in self._blocked.values() if stream.send_window > 0]:
            del self._blocked[stream.id]
            self.touched.append(stream)

    def _end_local(self, stream: Stream) -> None:
        stream.local_open = False
        self._blocked.pop(stream.id, None)
        if not stream.remote_open:
            self._forget(stream)

    def end_remote(self, stream: Stream) -> None:
        """Take the end of a response."""
        if self._content.stream is stream:
            self._content.deliver()
        if stream.expected is not None and stream.received != stream.expected:
            text = f"{stream.received} bytes of content where content-length is {stream.expected}"
            self.break_stream(stream, StreamFault(ErrorCodes.PROTOCOL_ERROR, text))
            return
        stream.remote_open = False
        self.touched.append(stream)
        if not stream.local_open:
            self._forget(stream)

    def break_stream(self, stream: Stream, fault: StreamFault) -> None:
        """End a stream on which the server broke a rule."""
        self._late.expect(stream.id, stream.window.left)
        self.enqueue(frames.rst_stream(stream.id, fault.code))
        text = f"The server broke the protocol on stream {stream.id}: {fault} ({code_name(fault.code)})"
        self._fail_stream(stream, remote_failure(text))

    def _fail_stream(self, stream: Stream, failure: Failure) -> None:
        if self._content.stream is stream:
            self._content.deliver()
        if stream.remote_open:
            stream.failure = failure
        self._forget(stream)
        self.touched.append(stream)

    def _forget(self, stream: Stream) -> None:
        self.streams.pop(stream.id, None)
        self._blocked.pop(stream.id, None)
        stream.local_open = stream.remote_open = False
        if not self.streams and self._window.owed >= _IDLE_DEBT and self.failure is None:
            # An idle connection owes the server next to nothing; this leaves with whatever is written next.
            self.enqueue(frames.window_update(0, self._window.settle()))


def _goes_uncopied(data: Buffer) -> bool:
    """Whether `data` is large, and bytes: the next attempt needs the same, and anything else its owner may change."""
    return len(data) >= _WORTH_NO_COPY and (type(data) is bytes or type(data.obj) is bytes)  # type: ignore[union-attr]


def _content_of_a_batch(frame_size: int) -> int:
    """Return how much content makes a batch, in frames of `frame_size` bytes each."""
    count = -(-_BATCH // (frames.HEAD_LENGTH + frame_size))
    return _BATCH - count * frames.HEAD_LENGTH


_handlers: Dict[int, Callable[[Engine, int, int, bytes], None]] = {
    frames.PRIORITY: Engine._receive_priority,
    frames.RST_STREAM: Engine._receive_rst_stream,
    frames.SETTINGS: Engine._receive_settings,
    frames.PUSH_PROMISE: Engine._receive_push_promise,
    frames.PING: Engine._receive_ping,
    frames.GOAWAY: Engine._receive_goaway,
    frames.WINDOW_UPDATE: Engine._receive_window_update,
}
