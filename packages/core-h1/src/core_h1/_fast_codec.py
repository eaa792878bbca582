"""The codec for ordinary exchanges: strict, direct, and at any doubt h11's.

Only what is plainly right is decided here; the rest is handed to `H11Codec` with the same bytes, which then decides,
errors included. So no response is ever refused by this module but for its length, and none is read as h11 would not.

* A request is ordinary when each name and value fits h11's grammar and nothing but a length, `chunked`, or
  `keep-alive`/`close` says how it is framed and what comes after. CONNECT, `Upgrade` and `Expect` are not ordinary.
* A response head is ordinary when all of it came in one piece, with CR LF throughout, status 200 or above, and one
  framing (RFC 9112 § 6.3).
* Chunks are ordinary without extensions and trailers (§ 7.1). One that merely is not complete is waited for.

To hand over, h11 is given a request, or the head of a chunked response, that puts it in the same state.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Dict, List, Optional, Sequence, Tuple

from core_backends import LocalProtocolError, RemoteProtocolError

from ._codec import JOINED_BYTES, LONGEST_RUN, Buffer, Head, Headers, buffer_of, long_run

if TYPE_CHECKING:
    from ._h11_codec import H11Codec

__all__ = ["FastCodec"]

_TOKEN = rb"[-!#$%&'*+.^_`|~0-9a-zA-Z]+"
# Everything but NUL and white space, except that spaces and tabs may stand between.
_INNER = rb"[^\x00\n\r\x0b\x0c]"
_OUTER = rb"[^\x00\s]"

_is_token = re.compile(_TOKEN).fullmatch
_is_target = re.compile(rb"[\x21-\x7e]+").fullmatch
_is_value = re.compile(rb"(?:" + _OUTER + rb"(?:" + _INNER + rb"*" + _OUTER + rb")?)?").fullmatch

_status_line = re.compile(rb"HTTP/1\.1 ([2-9][0-9][0-9])(?: (" + _INNER + rb"*))?\r\n").match
# One line. The first character of a value is no space, so that a run of spaces is walked over once, not squared.
_header_lines = re.compile(rb"^(" + _TOKEN + rb"):[ \t]*((?:" + _OUTER + _INNER + rb"*)?)\r\n", re.MULTILINE).findall

_chunk_size = re.compile(rb"([0-9A-Fa-f]{1,20})\r\n").match
_begins_chunk_size = re.compile(rb"(?:[0-9A-Fa-f]{1,20}\r?)?\Z").match

_METHODS = frozenset((b"GET", b"HEAD", b"POST", b"PUT", b"DELETE", b"OPTIONS", b"PATCH"))

# Header names that were found legal, in lower case. Callers use a few; the bound is for those who make them up.
_names: Dict[bytes, bytes] = {}
_MOST_NAMES = 1024

_FRAMING = frozenset((b"host", b"content-length", b"transfer-encoding", b"connection", b"upgrade", b"expect"))

_CHUNKED = -1  # in place of a number of bytes
_CHUNK_CR = -2  # the bytes of a chunk are through, its CR LF is not
_CHUNK_LF = -3  # its CR is, too

_HOST: Headers = [(b"Host", b"h")]


def _authority(max_head_bytes: int) -> H11Codec:
    # Many programs never come to any doubt, and h11 takes longer to import than all of this package.
    from ._h11_codec import H11Codec

    return H11Codec(max_head_bytes)


class _Fields:
    """The header section of an ordinary request as it is sent, and what it says about body and connection."""

    __slots__ = ("close", "headers", "length", "lines")

    def __init__(self, headers: Sequence[Tuple[bytes, bytes]], lines: bytes, close: bool, length: int) -> None:
        self.headers = list(headers)
        self.lines = lines
        self.close = close
        self.length = length


def _ordinary_fields(headers: Sequence[Tuple[bytes, bytes]]) -> Optional[_Fields]:
    """Return `headers` written out, None where they are not ordinary."""
    host = b""
    close = False
    length: Optional[int] = None
    lines = [b""]
    for item in headers:
        if type(item) is not tuple or len(item) != 2:
            return None
        name, value = item
        if type(name) is not bytes or type(value) is not bytes or not _is_value(value):
            return None
        lower = _names.get(name)
        if lower is None:
            if not _is_token(name):
                return None
            lower = name.lower()
            if len(_names) < _MOST_NAMES:
                _names[name] = lower
        if lower in _FRAMING:
            if lower == b"host":
                if host:
                    return None
                # RFC 9110 § 7.2: Host goes first.
                host = lines[0] = b"%b: %b\r\n" % item
                continue
            if lower == b"connection":
                option = value.lower()
                if option == b"close":
                    close = True
                elif option != b"keep-alive":
                    return None
            elif length is not None:
                return None
            elif lower == b"content-length" and value.isdigit() and len(value) <= 20:
                length = int(value)
            elif lower == b"transfer-encoding" and value == b"chunked":
                length = _CHUNKED
            else:
                return None
        lines.append(b"%b: %b\r\n" % item)
    if not host:
        return None
    lines.append(b"\r\n")
    return _Fields(headers, b"".join(lines), close, length or 0)


class FastCodec:
    """HTTP/1.1 like `H11Codec`, at a fraction of the cost; `max_head_bytes` bounds an incomplete head."""

    __slots__ = (
        "_at",
        "_buffer",
        "_close",
        "_ended",
        "_eof",
        "_fields",
        "_h11",
        "_left",
        "_length",
        "_max_head_bytes",
        "_method",
        "_pending",
        "_sent",
        "_to_send",
        "heard",
    )

    def __init__(self, max_head_bytes: int) -> None:
        self._max_head_bytes = max_head_bytes
        self._h11: Optional[H11Codec] = None
        # What was sent last.
        self._fields: Optional[_Fields] = None
        self._method = b""
        # Empty while h11 has the request. Bytes of its body still to come, or _CHUNKED.
        self._to_send = 0
        self._sent = False
        self._close = False
        # Received, and parsed up to `_at`.
        self._buffer = b""
        self._at = 0
        self._eof = False
        self.heard = False
        # The response's length or _CHUNKED, and what is left of it or of the present chunk.
        self._length = 0
        self._left = 0
        self._ended = False
        self._pending: Optional[bytes] = None

    @property
    def trailers(self) -> Headers:
        return [] if self._h11 is None else self._h11.trailers

    def encode_request(
        self, method: bytes, target: bytes, headers: Sequence[Tuple[bytes, bytes]], body: Optional[Any]
    ) -> List[Buffer]:
        head = self._ordinary_head(method, target, headers)
        if head is None:
            self._method = b""
            self._h11 = _authority(self._max_head_bytes)
            return self._h11.encode_request(method, target, headers, body)
        if body is None:
            return [head]
        data = buffer_of(body)
        if not len(data):
            return [head + b"".join(self.encode_end())]
        buffers = [head, *self.encode_data(data), *self.encode_end()]
        if len(data) <= JOINED_BYTES:
            return [b"".join(buffers)]
        return buffers

    def _ordinary_head(self, method: bytes, target: bytes, headers: Sequence[Tuple[bytes, bytes]]) -> Optional[bytes]:
        if type(method) is not bytes:
            return None
        if method not in _METHODS and (method == b"CONNECT" or not _is_token(method)):
            return None
        if type(target) is not bytes or not _is_target(target):
            return None
        # Clients send the same headers with one request after another: comparing costs a tenth of writing them out.
        fields = self._fields
        if fields is None or fields.headers != headers:
            fields = _ordinary_fields(headers)
            if fields is None:
                return None
            self._fields = fields
        self._method = method
        self._close = fields.close
        self._to_send = fields.length
        self._sent = False
        return b"%b %b HTTP/1.1\r\n%b" % (method, target, fields.lines)

    def encode_data(self, data: Any) -> List[Buffer]:
        if self._h11 is not None and not self._method:
            return self._h11.encode_data(data)
        buffer = buffer_of(data)
        size = len(buffer)
        if self._sent:
            raise LocalProtocolError("The body of the request has ended already")
        if not size:
            return []
        if self._to_send != _CHUNKED:
            if size > self._to_send:
                raise LocalProtocolError("Too much data for declared Content-Length")
            self._to_send -= size
            return [buffer]
        if size <= JOINED_BYTES:
            return [b"".join((b"%x\r\n" % size, buffer, b"\r\n"))]
        return [b"%x\r\n" % size, buffer, b"\r\n"]

    def encode_end(self) -> List[Buffer]:
        if self._h11 is not None and not self._method:
            return self._h11.encode_end()
        if self._sent:
            raise LocalProtocolError("The body of the request has ended already")
        if self._to_send > 0:
            raise LocalProtocolError("Too little data for declared Content-Length")
        self._sent = True
        return [b"0\r\n\r\n"] if self._to_send == _CHUNKED else []

    def receive(self, data: bytes) -> None:
        if data:
            self.heard = True
        else:
            self._eof = True
        if self._h11 is not None:
            self._h11.receive(data)
        elif self._at == len(self._buffer):
            # A stream of the user's own may return another kind of buffer.
            self._buffer = data if type(data) is bytes else bytes(data)
            self._at = 0
        else:
            self._buffer = self._buffer[self._at :] + data
            self._at = 0

    def _hand_over(self, prefix: bytes = b"", behind_chunk: bool = False) -> H11Codec:
        """Leave the rest of this response to h11, in the state that having received `prefix` puts it in."""
        codec = _authority(self._max_head_bytes)
        codec.encode_request(self._method, b"/", _HOST, b"")
        if prefix:
            codec.receive(prefix)
            codec.next_head()
            if behind_chunk:
                # The chunk of the prefix, and as much as there is of its end.
                codec.next_body()
                codec.next_body()
        if self._at < len(self._buffer):
            codec.receive(self._buffer[self._at :])
        if self._eof:
            codec.receive(b"")
        self._buffer = b""
        self._at = 0
        self._h11 = codec
        return codec

    def next_head(self) -> Optional[Head]:
        if self._h11 is not None:
            return self._h11.next_head()
        buffer = self._buffer
        if not buffer and not self._eof:
            return None
        head = self._ordinary_response(buffer)
        return self._hand_over().next_head() if head is None else head

    def _ordinary_response(self, buffer: bytes) -> Optional[Head]:
        status_line = _status_line(buffer)
        if status_line is None:
            return None
        start = status_line.end()
        end = buffer.find(b"\r\n\r\n", start) + 2
        if end < start or end > self._max_head_bytes:
            return None
        headers: Headers = _header_lines(buffer, start, end)
        if (
            len(headers) != buffer.count(b"\n", start, end)
            or buffer.find(b" \r\n", start, end) >= 0
            or buffer.find(b"\t\r\n", start, end) >= 0
            or (end > LONGEST_RUN and long_run(buffer, 0, end) is not None)
        ):
            return None
        length: Optional[int] = None
        close = False
        for name, value in headers:
            size = len(name)
            if size == 14:
                if name.lower() == b"content-length":
                    if length is not None or not value.isdigit() or len(value) > 20:
                        return None
                    length = int(value)
            elif size == 17:
                if name.lower() == b"transfer-encoding":
                    if length is not None or value != b"chunked":
                        return None
                    length = _CHUNKED
            elif size == 10 and name.lower() == b"connection":
                option = value.lower()
                if option == b"close":
                    close = True
                elif option != b"keep-alive":
                    return None
        status, reason = status_line.groups(b"")
        if status == b"204" or status == b"304" or self._method == b"HEAD":
            length = 0
        elif length is None:
            return None
        if close:
            self._close = True
        self._at = end + 2
        self._length = length
        self._left = 0 if length == _CHUNKED else length
        self._ended = not length
        return b"HTTP/1.1", int(status), reason, headers

    def next_body(self) -> Optional[bytes]:
        data = self._pending
        if data is not None:
            self._pending = None
            return data
        if self._h11 is not None:
            return self._h11.next_body()
        if self._ended:
            return b""
        if self._length == _CHUNKED:
            data = self._next_chunks()
            return self._h11.next_body() if data is None and self._h11 is not None else data
        buffer = self._buffer
        at = self._at
        size = len(buffer) - at
        if not size:
            if self._eof:
                raise RemoteProtocolError(
                    "peer closed connection without sending complete message body "
                    f"(received {self._length - self._left} bytes, expected {self._length})"
                )
            return None
        if size < self._left:
            self._left -= size
            self._buffer = b""
            self._at = 0
            return buffer[at:] if at else buffer
        end = at + self._left
        self._left = 0
        self._ended = True
        if not at and size == end:
            self._buffer = b""
            return buffer
        self._at = end
        return buffer[at:end]

    def _next_chunks(self) -> Optional[bytes]:
        """Return the bytes of all the chunks that are here, b"" at the end, None where more is needed, or h11 is."""
        buffer = self._buffer
        size = len(buffer)
        at = self._at
        left = self._left
        pieces: List[bytes] = []
        doubtful = False
        while True:
            if left > 0:
                end = at + left
                if end > size:
                    if at < size:
                        pieces.append(buffer[at:])
                        left = end - size
                        at = size
                    break
                pieces.append(buffer[at:end])
                at = end
                left = _CHUNK_CR
            if left:
                end_of_line = b"\r\n" if left == _CHUNK_CR else b"\n"
                if not buffer.startswith(end_of_line, at):
                    if left == _CHUNK_CR and buffer[at:] == b"\r":
                        at = size
                        left = _CHUNK_LF
                    doubtful = at < size
                    break
                at += len(end_of_line)
                left = 0
            header = _chunk_size(buffer, at)
            if header is None:
                doubtful = _begins_chunk_size(buffer, at) is None
                break
            left = int(header[1], 16)
            if not left:
                behind = buffer[header.end() : header.end() + 2]
                if behind == b"\r\n":
                    at = header.end() + 2
                    self._ended = True
                elif behind not in (b"", b"\r"):
                    doubtful = True
                break
            at = header.end()
        self._at = at
        self._left = left
        if not self._ended and (doubtful or self._eof or size - at > self._max_head_bytes):
            self._hand_over_chunks(left)
        if pieces:
            return pieces[0] if len(pieces) == 1 else b"".join(pieces)
        return b"" if self._ended else None

    def _hand_over_chunks(self, left: int) -> None:
        head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
        if left > 0:
            self._hand_over(head + b"%x\r\n" % left)
        elif left:
            self._hand_over(head + (b"1\r\n." if left == _CHUNK_CR else b"1\r\n.\r"), behind_chunk=True)
        else:
            self._hand_over(head)

    def body_ended(self) -> bool:
        if self._pending is not None:
            return False
        if self._h11 is None and self._length == _CHUNKED and not self._ended:
            self._pending = self._next_chunks() or None
        if self._pending is None and self._h11 is not None:
            return self._h11.body_ended()
        return self._ended and self._pending is None

    def leftover(self) -> bytes:
        return self._buffer[self._at :] if self._h11 is None else self._h11.leftover()

    def next_cycle(self) -> bool:
        codec = self._h11
        if codec is None:
            if not self._ended or self._eof or self._at != len(self._buffer):
                return False
        elif not codec.next_cycle():
            return False
        if self._method and (self._close or not self._sent):
            return False
        self._h11 = None
        self._method = self._buffer = b""
        self._at = 0
        self.heard = self._ended = False
        return True
