"""The codec that leaves every decision to h11.

What is added to h11, each on the side of safety:

* A request with both `Transfer-Encoding` and `Content-Length` is refused (RFC 9112 § 6.2), and a response with both is
  the last on its connection (§ 6.3): the two ends could disagree about where it ends.
* Bytes beyond a complete response make the connection unusable; they never become the next response (§ 9.2).
* A response of another major version is refused: its syntax and framing are not this one's (RFC 9110 § 2.5).
* Some of h11's expressions take a time that is squared in a run of spaces: a hundred kilobytes of them cost half a
  minute. So runs in a head, and the length of chunk headers and trailers (§ 7.1.1), are bounded before h11 sees them.
"""

from __future__ import annotations

import re
from typing import Any, List, Optional, Sequence, Tuple, Union

import h11

from core_backends import RemoteProtocolError

from ._codec import (
    JOINED_BYTES,
    LONGEST_RUN,
    Buffer,
    Head,
    Headers,
    buffer_of,
    local_error,
    long_run,
    remote_error,
)

__all__ = ["H11Codec"]

_data_event: Any = h11.Data  # hands any sized buffer on untouched, although it is typed for bytes only

# h11 is fed so much at a time where it reads lines, so that what is bounded can be seen before it is parsed.
_SLICE = 4096
_LONGEST_LINES = 8192

_blank_line = re.compile(rb"\n\r?\n").search

_DISCONNECTED = "Server disconnected without sending a response."


class H11Codec:
    """HTTP/1.1 by h11; `max_head_bytes` bounds what is buffered of an incomplete head, trailer or chunk header."""

    __slots__ = (
        "_ambiguous",
        "_at",
        "_chunked",
        "_connection",
        "_ended",
        "_eof",
        "_in_head",
        "_in_lines",
        "_pending",
        "_received",
        "_run",
        "_since_data",
        "heard",
        "trailers",
    )

    def __init__(self, max_head_bytes: int) -> None:
        self._connection = h11.Connection(h11.CLIENT, max_incomplete_event_size=max_head_bytes)
        self.heard = False
        self.trailers: Headers = []
        self._ambiguous = False
        self._chunked = False
        self._ended = False
        # Received, and given to h11 up to `_at`.
        self._received = b""
        self._at = 0
        self._eof = False
        # Whether the head, or the lines of a chunked body, are what comes next; the spaces that the last slice of a
        # head ended with, and the bytes of a chunked body in which there was no data.
        self._in_head = self._in_lines = True
        self._run = 0
        self._since_data = 0
        # What `body_ended` has parsed ahead.
        self._pending: Union[bytes, RemoteProtocolError, None] = None

    def encode_request(
        self, method: bytes, target: bytes, headers: Sequence[Tuple[bytes, bytes]], body: Optional[Any]
    ) -> List[Buffer]:
        refused: Optional[str] = None
        try:
            # h11 takes any sequence of pairs; a list is what it copies fastest.
            event = h11.Request(method=method, target=target, headers=list(headers))
            names = {name.lower() for name, _ in headers}
            self._chunked = b"transfer-encoding" in names
            if self._chunked and b"content-length" in names:
                refused = "A request cannot have both Transfer-Encoding and Content-Length"
            else:
                head = self._connection.send(event)
        except (h11.LocalProtocolError, TypeError, ValueError, AttributeError) as exc:
            refused = str(exc)
        if refused is not None:
            # Raised outside of the handler: the context of the error could show what its text must not.
            raise local_error(refused, headers)
        if body is None:
            return [head]
        data = buffer_of(body)
        if not len(data):
            return [head + b"".join(self.encode_end())]
        buffers = [head, *self._encode(_data_event(data)), *self._encode(h11.EndOfMessage())]
        if len(data) <= JOINED_BYTES:
            return [b"".join(buffers)]
        return buffers

    def encode_data(self, data: Any) -> List[Buffer]:
        buffer = buffer_of(data)
        if not len(buffer):
            return []
        buffers = self._encode(_data_event(buffer))
        if self._chunked and len(buffer) <= JOINED_BYTES:
            return [b"".join(buffers)]
        return buffers

    def encode_end(self) -> List[Buffer]:
        buffers = self._encode(h11.EndOfMessage())
        return [b"".join(buffers)] if buffers else buffers

    def _encode(self, event: Any) -> List[Any]:
        try:
            return self._connection.send_with_data_passthrough(event) or []
        except h11.LocalProtocolError as exc:
            raise local_error(str(exc)) from exc

    def receive(self, data: bytes) -> None:
        if data:
            self.heard = True
            self._received = self._received[self._at :] + data
            self._at = 0
        else:
            self._eof = True

    def _feed(self) -> bool:
        """Give h11 more of what was received; False where it has all."""
        received = self._received
        at = self._at
        if at == len(received):
            if not self._eof or self._connection.trailing_data[1]:
                return False
            self._connection.receive_data(b"")
            return True
        if self._in_lines:
            data = received[at : at + _SLICE]
            self._at = at + len(data)
            if self._in_head:
                self._check_runs(data)
            else:
                if self._since_data > _LONGEST_LINES:
                    raise RemoteProtocolError(f"chunk header or trailers longer than {_LONGEST_LINES} bytes")
                self._since_data += len(data)
        else:
            data = received[at:] if at else received
            self._at = len(received)
        self._connection.receive_data(data)
        return True

    def _check_runs(self, data: bytes) -> None:
        stripped = data.lstrip(b" \t")
        run = self._run + len(data) - len(stripped)
        self._run = len(stripped) - len(stripped.rstrip(b" \t")) if stripped else run
        if run < LONGEST_RUN and long_run(data) is None:
            return
        # The head may end before the run: a body may hold what it likes.
        before = self._connection.trailing_data[0]
        found = long_run(before + data)
        if found is None or _blank_line(before + data, 0, found.start()) is None:
            raise RemoteProtocolError(f"more than {LONGEST_RUN} spaces in a row in the head of a response")

    def next_head(self) -> Optional[Head]:
        event = self._next_event()
        if event is h11.NEED_DATA:
            return None
        if type(event) is not h11.Response and type(event) is not h11.InformationalResponse:
            raise RemoteProtocolError(_DISCONNECTED)
        if not event.http_version.startswith(b"1."):
            raise RemoteProtocolError(f"The server answered in HTTP/{event.http_version.decode()}, which is not HTTP/1")
        headers = event.headers.raw_items()
        if type(event) is h11.Response:
            names = [name.lower() for name, _ in headers]
            chunked = b"transfer-encoding" in names
            self._ambiguous = chunked and b"content-length" in names
            self._in_head = False
            self._in_lines = chunked
        return b"HTTP/" + event.http_version, event.status_code, event.reason, headers

    def _next_event(self) -> Any:
        try:
            event = self._connection.next_event()
            while event is h11.NEED_DATA and self._feed():
                event = self._connection.next_event()
            return event
        except h11.RemoteProtocolError as exc:
            text = str(exc)
            # h11 raises it in a method of its own: the traceback holds it, and all who called, the request among them.
            exc.__traceback__ = None
        if text.startswith("can't handle event type ConnectionClosed"):
            text = _DISCONNECTED
        raise remote_error(text)

    def next_body(self) -> Optional[bytes]:
        pending = self._pending
        if pending is not None:
            if isinstance(pending, RemoteProtocolError):
                raise RemoteProtocolError(*pending.args)
            self._pending = None
            return pending
        if self._ended:
            return b""
        event = self._next_event()
        if event is h11.NEED_DATA:
            return None
        if type(event) is h11.Data:
            self._since_data = 0
            return bytes(event.data)
        if type(event) is h11.EndOfMessage:
            self.trailers = event.headers.raw_items()
        self._ended = True
        return b""

    def body_ended(self) -> bool:
        if self._pending is None and not self._ended:
            try:
                self._pending = self.next_body() or None
            except RemoteProtocolError as exc:
                self._pending = exc.with_traceback(None)
        return self._ended

    def leftover(self) -> bytes:
        return self._connection.trailing_data[0] + self._received[self._at :]

    def next_cycle(self) -> bool:
        connection = self._connection
        if (
            self._ambiguous
            or self._eof
            or self._at != len(self._received)
            or connection.our_state is not h11.DONE
            or connection.their_state is not h11.DONE
            or connection.trailing_data[0]
        ):
            return False
        connection.start_next_cycle()
        self.heard = self._ended = False
        self._in_head = self._in_lines = True
        self._run = self._since_data = 0
        if self.trailers:
            self.trailers = []
        return True
