"""A request and a response: what travels through every layer.

Rules that hold here:

* A model holds values and one stream; it does no I/O of its own beyond reading that stream on request.
* Header names keep their case, headers their order and their duplicates.
* What the caller passes is checked here, once; what the project's own layers build is trusted (`make_response`).
"""

from __future__ import annotations

from typing import (
    Any,
    AsyncIterable,
    AsyncIterator,
    Dict,
    Iterable,
    Iterator,
    List,
    Mapping,
    MutableMapping,
    Optional,
    Tuple,
    Union,
)

from ._url import URL, HeaderTypes, enforce_bytes, enforce_headers, enforce_url, host_header

__all__ = [
    "AsyncWholeBody",
    "ByteStream",
    "Request",
    "Response",
    "WholeBody",
    "in_memory_body",
    "make_response",
    "response_with_stream",
]

Content = Union[bytes, bytearray, memoryview, Iterable[bytes], AsyncIterable[bytes], None]
Stream = Union[Iterable[bytes], AsyncIterable[bytes]]
Extensions = MutableMapping[str, Any]
HeaderPairs = List[Tuple[bytes, bytes]]


class ByteStream:
    """`content`, bytes in memory, as a body that is iterable from sync and from async code."""

    __slots__ = ("_content",)

    def __init__(self, content: bytes) -> None:
        self._content = content

    def __iter__(self) -> Iterator[bytes]:
        yield self._content

    def __aiter__(self) -> AsyncIterator[bytes]:
        return _OneChunk(self._content)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} [{len(self._content)} bytes]>"


class _OneChunk:
    __slots__ = ("_chunks",)

    def __init__(self, content: bytes) -> None:
        self._chunks = [content]

    def __aiter__(self) -> _OneChunk:
        return self

    async def __anext__(self) -> bytes:
        if not self._chunks:
            raise StopAsyncIteration
        return self._chunks.pop()


class WholeBody:
    """The body of a response that can be read to its end in one call, which costs less than iterating over it.

    For the bodies of connections and pools; `Response.read` asks for it.
    """

    __slots__ = ()

    def read_whole(self) -> bytes:
        """Return all of the body; what iterating raises is raised, and the body has ended just as then."""
        raise NotImplementedError()


class AsyncWholeBody:
    """The body of a response that can be read to its end in one call, which costs less than iterating over it.

    For the bodies of connections and pools; `Response.aread` asks for it.
    """

    __slots__ = ()

    async def read_whole(self) -> bytes:
        """Return all of the body; what iterating raises is raised, and the body has ended just as then."""
        raise NotImplementedError()


def in_memory_body(stream: Any) -> Optional[bytes]:
    """Return the bytes of a `stream` that is a plain in-memory body, None for anything that has to be iterated.

    A subclass may iterate otherwise, so only `ByteStream` itself counts.
    """
    if type(stream) is ByteStream:
        return stream._content
    return None


def _stream_of(content: Content) -> Stream:
    if content is None:
        return ByteStream(b"")
    if isinstance(content, (bytes, bytearray, memoryview)):
        return ByteStream(content)  # type: ignore[arg-type]  # any buffer serves as bytes on its way to a write
    if isinstance(content, str):
        raise TypeError("content must be bytes or an iterable of bytes, but got str.")
    return content


def include_request_headers(headers: HeaderPairs, *, url: URL, content: Content) -> HeaderPairs:
    """Return `headers` with what is missing: `Host` first, and what frames the body (RFC 9112 § 6)."""
    names = {name.lower() for name, _ in headers}
    if b"host" not in names:
        headers = [(b"Host", host_header(url.scheme, url.host, url.port)), *headers]
    if content is not None and b"content-length" not in names and b"transfer-encoding" not in names:
        if isinstance(content, (bytes, bytearray)):
            headers.append((b"Content-Length", b"%d" % len(content)))
        elif isinstance(content, memoryview):
            headers.append((b"Content-Length", b"%d" % content.nbytes))
        else:
            headers.append((b"Transfer-Encoding", b"chunked"))
    return headers


class Request:
    """One HTTP request.

    `method` and `url` are ASCII text or bytes; `headers` a mapping or a sequence of pairs, sent exactly as given;
    `content` bytes, an iterable or async iterable of bytes, or None for no body; `extensions` the request's context:
    `timeout` (a dictionary of seconds by phase), `trace` (a hook), `sni_hostname`, `target` (in place of the URL's path
    and query). Raises `TypeError` for other types.
    """

    def __init__(
        self,
        method: Union[bytes, str],
        url: Union[URL, bytes, str],
        *,
        headers: HeaderTypes = None,
        content: Content = None,
        extensions: Optional[Extensions] = None,
    ) -> None:
        self.method: bytes = enforce_bytes(method, name="method")
        self.headers: HeaderPairs = enforce_headers(headers, name="headers")
        self.stream: Stream = _stream_of(content)
        self.extensions: Extensions = {} if extensions is None else extensions
        self.url: URL = _with_target(enforce_url(url, name="url"), self.extensions)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} [{self.method!r}]>"


def complete_request(
    method: Union[bytes, str],
    url: Union[URL, bytes, str],
    headers: HeaderTypes,
    content: Content,
    extensions: Optional[Extensions],
) -> Request:
    """Return the request that a caller of `request()` or `stream()` means, with the headers that were left out."""
    target = enforce_url(url, name="url")
    complete = include_request_headers(enforce_headers(headers, name="headers"), url=target, content=content)
    # The parts are checked now: `Request(...)` would check, and copy, each of them again.
    request = Request.__new__(Request)
    request.method = enforce_bytes(method, name="method")
    request.headers = complete
    request.stream = _stream_of(content)
    request.extensions = {} if extensions is None else extensions
    request.url = _with_target(target, request.extensions)
    return request


def _with_target(url: URL, extensions: Mapping[str, Any]) -> URL:
    """Return `url`, or one to the same origin with the target that `extensions` ask for."""
    if "target" not in extensions:
        return url
    return URL(scheme=url.scheme, host=url.host, port=url.port, target=extensions["target"])


class Response:
    """One HTTP response.

    `status` is the status code; `headers` keep the server's order and case; `stream` gives the body, once;
    `extensions` hold `http_version`, `reason_phrase`, `network_stream`, `stream_id` where they apply. `content` makes
    a response of one's own: bytes, or an iterator of bytes, and None for no body.
    """

    def __init__(
        self,
        status: int,
        *,
        headers: HeaderTypes = None,
        content: Content = None,
        extensions: Optional[Extensions] = None,
    ) -> None:
        self.status: int = status
        self.headers: HeaderPairs = enforce_headers(headers, name="headers")
        self.stream: Stream = _stream_of(content)
        self.extensions: Extensions = {} if extensions is None else extensions
        self._stream_consumed = False

    @property
    def content(self) -> bytes:
        """The whole body, after `read()` or `aread()`; before that a `RuntimeError`."""
        try:
            return self._content
        except AttributeError:
            call = "response.read()" if hasattr(self.stream, "__iter__") else "await response.aread()"
            raise RuntimeError(f"The body has not been read: call '{call}' before 'response.content'.") from None

    def __repr__(self) -> str:
        return f"<{type(self).__name__} [{self.status}]>"

    def read(self) -> bytes:
        """Read the body to its end and return it."""
        if not hasattr(self.stream, "__iter__"):
            raise RuntimeError(
                "This response is asynchronous: call 'await response.aread()' instead of 'response.read()'."
            )
        if not hasattr(self, "_content"):
            stream = self.stream
            if isinstance(stream, WholeBody):
                self._consume("response.read()")
                self._content = stream.read_whole()
            else:
                self._content = b"".join(self.iter_stream())
        return self._content

    def iter_stream(self) -> Iterator[bytes]:
        """Iterate over the body as it arrives, once."""
        if not hasattr(self.stream, "__iter__"):
            raise RuntimeError(
                "This response is asynchronous: call 'response.aiter_stream()' instead of 'response.iter_stream()'."
            )
        self._consume("response.iter_stream()")
        stream: Any = self.stream
        return iter(stream)

    def close(self) -> None:
        """Give the connection back; what was not read is given up."""
        if not hasattr(self.stream, "__iter__"):
            raise RuntimeError(
                "This response is asynchronous: call 'await response.aclose()' instead of 'response.close()'."
            )
        if hasattr(self.stream, "close"):
            self.stream.close()

    async def aread(self) -> bytes:
        """Read the body to its end and return it."""
        if not hasattr(self.stream, "__aiter__"):
            raise RuntimeError("This response is synchronous: call 'response.read()' instead of 'response.aread()'.")
        if not hasattr(self, "_content"):
            stream = self.stream
            if isinstance(stream, AsyncWholeBody):
                self._consume("response.aread()")
                self._content = await stream.read_whole()
            else:
                self._content = b"".join([part async for part in self.aiter_stream()])
        return self._content

    def aiter_stream(self) -> AsyncIterator[bytes]:
        """Iterate over the body as it arrives, once."""
        if not hasattr(self.stream, "__aiter__"):
            raise RuntimeError(
                "This response is synchronous: call 'response.iter_stream()' instead of 'response.aiter_stream()'."
            )
        self._consume("response.aiter_stream()")
        stream: Any = self.stream
        return stream.__aiter__()  # type: ignore[no-any-return]  # as what it is was asked above

    async def aclose(self) -> None:
        """Give the connection back; what was not read is given up."""
        if not hasattr(self.stream, "__aiter__"):
            raise RuntimeError("This response is synchronous: call 'response.close()' instead of 'response.aclose()'.")
        if hasattr(self.stream, "aclose"):
            await self.stream.aclose()

    def _consume(self, call: str) -> None:
        if self._stream_consumed:
            raise RuntimeError(f"The body can be streamed once only: '{call}' was called again.")
        self._stream_consumed = True


def make_response(status: int, headers: HeaderPairs, stream: Stream, extensions: Dict[str, Any]) -> Response:
    """Return a response of `status`, `headers`, `stream` and `extensions` that are known to be right, unchecked."""
    response = Response.__new__(Response)
    response.status = status
    response.headers = headers
    response.stream = stream
    response.extensions = extensions
    response._stream_consumed = False
    return response


def response_with_stream(response: Response, stream: Stream) -> Response:
    """Return a response like `response` whose body is `stream`; the given one is left as it is."""
    return make_response(response.status, response.headers, stream, response.extensions)  # type: ignore[arg-type]
