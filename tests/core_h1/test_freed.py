"""A request that has ended, however, is freed at once: nothing that it leaves behind holds it in a cycle."""

from __future__ import annotations

import gc
import weakref
from typing import Any, Callable, Iterator, List

import pytest

from core_backends import (
    NetworkError,
    NetworkStream,
    Origin,
    ProtocolError,
    ReadError,
    ReadTimeout,
    Request,
    TimeoutException,
    WriteError,
    WriteTimeout,
)
from core_h1 import HTTP11Connection

ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi"
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"


class Failing(NetworkStream):
    """Reads the items of a list, raising those that are classes, and fails to write where it is told how."""

    def __init__(self, *reads: Any, write_error: Any = None) -> None:
        self.reads = list(reads)
        self.write_error = write_error

    def read(self, max_bytes: int, timeout: Any = None) -> bytes:
        if not self.reads:
            return b""
        if isinstance(self.reads[0], type):
            raise self.reads.pop(0)("failed")
        data: bytes = self.reads.pop(0)
        return data

    def write(self, buffer: bytes, timeout: Any = None) -> None:
        if self.write_error is not None:
            raise self.write_error("failed")

    def close(self) -> None:
        pass


class Watching(Failing):
    """One on which there is something to read before anything is written."""

    def write_some_unless_readable(self, buffer: bytes, timeout: Any = None) -> int:
        return 0


CASES = {
    "an answer": lambda: Failing(ANSWER),
    "a failed write": lambda: Failing(write_error=WriteError),
    "a slow write": lambda: Failing(ReadTimeout, write_error=WriteTimeout),
    "a write that the system refuses": lambda: Failing(write_error=OSError),
    "an answer behind a failed write": lambda: Failing(ANSWER, write_error=WriteError),
    "a failed read": lambda: Failing(ReadError),
    "a read that the system refuses": lambda: Failing(OSError),
    "no answer": lambda: Failing(ReadTimeout),
    "the end": lambda: Failing(b""),
    "no HTTP": lambda: Failing(b"no HTTP\r\n\r\n"),
    "a cut body": lambda: Failing(ANSWER[:-1]),
    "a broken body": lambda: Failing(CHUNKED + b"no size\r\n"),
    "a broken end": lambda: Failing(CHUNKED + b"1\r\nx\r\nno size\r\n"),
    "an early failure": lambda: Watching(ReadError),
    "an early end": lambda: Watching(b""),
    "an early answer": lambda: Watching(ANSWER),
    "an early answer that is cut": lambda: Watching(ANSWER[:-1]),
    "an early answer and no more": lambda: Watching(ANSWER[:-1], ReadTimeout),
    "an early refusal": lambda: Watching(ANSWER.replace(b"200", b"413")),
}


class Body:
    def __iter__(self) -> Iterator[bytes]:
        return iter([b"some", b"parts"])


def ended(connection: HTTP11Connection, content: Any) -> Any:
    """Send a request, whatever comes of it, and return a reference to it."""
    headers: List[Any] = [("Host", "h")]
    if content is not None:
        headers.append(("Transfer-Encoding", "chunked"))
    request = Request("POST", "http://h/", headers=headers, content=content)
    try:
        response = connection.handle_request(request)
        try:
            response.read()
        finally:
            response.close()
    except (NetworkError, ProtocolError, TimeoutException):
        pass  # What it leaves behind is what this is about.
    return weakref.ref(request)


@pytest.mark.parametrize("content", [None, Body()], ids=["no body", "an iterated body"])
@pytest.mark.parametrize("case", list(CASES))
def test_a_request_that_has_ended_is_freed_at_once(case: str, content: Any) -> None:
    make: Callable[[], NetworkStream] = CASES[case]
    connection = HTTP11Connection(Origin(b"http", b"h", 80), make())
    gc.collect()
    gc.disable()
    try:
        assert ended(connection, content)() is None
    finally:
        gc.enable()
