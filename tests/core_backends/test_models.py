"""Request, Response and bodies: what is taken, what is refused and in which words, and what may be read once."""

from __future__ import annotations

from typing import Any, AsyncIterator, Iterator

import pytest

from core_backends import URL, ByteStream, Request, Response
from core_backends._models import complete_request
from core_backends.lowlevel import AsyncWholeBody, WholeBody, in_memory_body, make_response, response_with_stream


def test_a_request_keeps_order_case_and_duplicates_of_headers() -> None:
    headers: Any = [("X-B", "1"), (b"x-a", b"2"), ("X-B", "3")]
    request = Request("GET", "http://h/", headers=headers)
    assert request.headers == [(b"X-B", b"1"), (b"x-a", b"2"), (b"X-B", b"3")]
    assert request.method == b"GET"
    assert request.url == URL("http://h/")
    assert request.extensions == {}
    assert repr(request) == "<Request [b'GET']>"


def test_the_target_extension_replaces_the_target() -> None:
    request = Request("OPTIONS", "http://h/path", extensions={"target": b"*"})
    assert request.url == URL(scheme=b"http", host=b"h", port=None, target=b"*")


def test_wrong_types_are_refused_by_name() -> None:
    with pytest.raises(TypeError, match=r"^url must be a URL, bytes, or str, but got int\.$"):
        Request("GET", 1)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match=r"^method must be bytes or str, but got NoneType\.$"):
        Request(None, "http://h/")  # type: ignore[arg-type]
    with pytest.raises(TypeError, match=r"^target strings may not include unicode characters\.$"):
        Request("GET", "http://h/", extensions={"target": "/☃"})


def test_what_is_missing_for_the_wire_is_added() -> None:
    request = complete_request("POST", "http://h:81/", [("A", "b")], b"body", None)
    assert request.headers == [(b"Host", b"h:81"), (b"A", b"b"), (b"Content-Length", b"4")]
    request = complete_request("POST", "https://h:443/", None, iter([b"x"]), None)
    assert request.headers == [(b"Host", b"h"), (b"Transfer-Encoding", b"chunked")]
    given = [(b"host", b"other"), (b"content-length", b"9")]
    assert complete_request("POST", "http://h/", given, b"body", None).headers == given


def test_completing_headers_does_not_change_the_callers_list() -> None:
    headers = [(b"A", b"b")]
    complete_request("POST", "http://h/", headers, b"x", None)
    assert headers == [(b"A", b"b")]


def test_a_byte_stream_says_its_size() -> None:
    stream = ByteStream(b"Hello, world!")
    assert repr(stream) == "<ByteStream [13 bytes]>"
    assert list(stream) == [b"Hello, world!"]
    assert list(stream) == [b"Hello, world!"]


def test_only_a_plain_byte_stream_is_an_in_memory_body() -> None:
    class Changed(ByteStream):
        def __iter__(self) -> Iterator[bytes]:
            yield b"other"

    assert in_memory_body(ByteStream(b"x")) == b"x"
    assert in_memory_body(Changed(b"x")) is None
    assert in_memory_body([b"x"]) is None


def test_a_response_is_read_once_and_kept() -> None:
    response = Response(200, headers={"A": "b"}, content=iter([b"ab", b"c"]))
    assert repr(response) == "<Response [200]>"
    with pytest.raises(RuntimeError, match=r"response\.read\(\)"):
        response.content  # noqa: B018
    assert response.read() == b"abc"
    assert response.read() == b"abc"
    assert response.content == b"abc"
    with pytest.raises(RuntimeError, match="once"):
        response.iter_stream()


def test_an_async_response_is_read_once_and_kept(run: Any) -> None:
    class Body:
        closed = False

        async def __aiter__(self) -> AsyncIterator[bytes]:
            yield b"ab"
            yield b"c"

        async def aclose(self) -> None:
            self.closed = True

    async def main() -> None:
        body = Body()
        response = Response(200, content=body)
        with pytest.raises(RuntimeError, match=r"response\.aread\(\)"):
            response.content  # noqa: B018
        for call in (response.read, response.close, lambda: list(response.iter_stream())):
            with pytest.raises(RuntimeError, match="asynchronous"):
                call()
        assert await response.aread() == b"abc"
        assert response.content == b"abc"
        with pytest.raises(RuntimeError, match="once"):
            response.aiter_stream()
        await response.aclose()
        assert body.closed

    run(main)


def test_async_calls_on_a_sync_response_are_refused(run: Any) -> None:
    async def main() -> None:
        response = Response(200, content=iter([b"x"]))
        with pytest.raises(RuntimeError, match="synchronous"):
            await response.aread()
        with pytest.raises(RuntimeError, match="synchronous"):
            await response.aclose()
        with pytest.raises(RuntimeError, match="synchronous"):
            response.aiter_stream()

    run(main)


def test_in_memory_content_serves_both_sides(run: Any) -> None:
    async def main() -> bytes:
        return await Response(200, content=b"x").aread()

    assert run(main) == b"x"
    assert Response(200, content=b"x").read() == b"x"


def test_a_response_with_another_stream_keeps_everything_else() -> None:
    response = make_response(201, [(b"A", b"b")], ByteStream(b"old"), {"k": 1})
    other = response_with_stream(response, ByteStream(b"new"))
    assert (other.status, other.headers, other.extensions) == (201, [(b"A", b"b")], {"k": 1})
    assert other.read() == b"new"


def test_a_body_that_can_be_read_whole_is(run: Any) -> None:
    class Body(WholeBody):
        def __iter__(self) -> Iterator[bytes]:
            raise AssertionError("iterated over")

        def read_whole(self) -> bytes:
            return b"abc"

    class AsyncBody(AsyncWholeBody):
        def __aiter__(self) -> AsyncIterator[bytes]:
            raise AssertionError("iterated over")

        async def read_whole(self) -> bytes:
            return b"abc"

    response = Response(200, content=Body())
    assert response.read() == response.read() == b"abc"
    with pytest.raises(RuntimeError, match="once"):
        response.iter_stream()

    async def main() -> None:
        response = Response(200, content=AsyncBody())
        assert await response.aread() == await response.aread() == b"abc"
        with pytest.raises(RuntimeError, match="once"):
            response.aiter_stream()

    run(main)
