"""The codec that leaves every decision to h11.

What is added to h11, each on the side of safety:

* A request with both `Transfer-Encoding` and `Content-Length` is refused (RFC 9112 § 6.2), and a response with both is
  the last on its connection (§ 6.3): the two ends could disagree about where it ends.
* Bytes beyond a complete response make the connection unusable; they never become the next response (§ 9.2).
"""

from __future__ import annotations

from typing import Any, List, Optional, Sequence, Tuple, Union

import h11

from core_backends import RemoteProtocolError

from ._codec import JOINED_BYTES, Buffer, Head, Headers, buffer_of, local_error, remote_error

__all__ = ["H11Codec"]

_data_event: Any = h11.Data  # hands any sized buffer on untouched, although it is typed for bytes only

_DISCONNECTED = "Server disconnected without sending a response."


class H11Codec:
    """HTTP/1.1 by h11; `max_head_bytes` bounds what is buffered of an incomplete head, trailer or chunk header."""

    __slots__ = ("_ambiguous", "_chunked", "_connection", "_ended", "_pending", "heard", "trailers")

    def __init__(self, max_head_bytes: int) -> None:
        self._connection = h11.Connection(h11.CLIENT, max_incomplete_event_size=max_head_bytes)
        self.heard = False
        self.trailers: Headers = []
        self._ambiguous = False
        self._chunked = False
        self._ended = False
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
        self._connection.receive_data(data)

    def next_head(self) -> Optional[Head]:
        event = self._next_event()
        if event is h11.NEED_DATA:
            return None
        if type(event) is not h11.Response and type(event) is not h11.InformationalResponse:
            raise RemoteProtocolError(_DISCONNECTED)
        headers = event.headers.raw_items()
        if type(event) is h11.Response:
            names = [name.lower() for name, _ in headers]
            self._ambiguous = b"transfer-encoding" in names and b"content-length" in names
        return b"HTTP/" + event.http_version, event.status_code, event.reason, headers

    def _next_event(self) -> Any:
        try:
            return self._connection.next_event()
        except h11.RemoteProtocolError as exc:
            error = exc
        text = str(error)
        if text.startswith("can't handle event type ConnectionClosed"):
            text = _DISCONNECTED
        raise remote_error(text)

    def next_body(self) -> Optional[bytes]:
        pending = self._pending
        if pending is not None:
            if isinstance(pending, RemoteProtocolError):
                raise pending
            self._pending = None
            return pending
        if self._ended:
            return b""
        event = self._next_event()
        if event is h11.NEED_DATA:
            return None
        if type(event) is h11.Data:
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
                self._pending = exc
        return self._ended

    def leftover(self) -> bytes:
        return self._connection.trailing_data[0]

    def next_cycle(self) -> bool:
        connection = self._connection
        if (
            self._ambiguous
            or connection.our_state is not h11.DONE
            or connection.their_state is not h11.DONE
            or connection.trailing_data != (b"", False)
        ):
            return False
        connection.start_next_cycle()
        self.heard = self._ended = False
        if self.trailers:
            self.trailers = []
        return True
