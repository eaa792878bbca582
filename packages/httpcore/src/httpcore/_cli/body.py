"""What is sent: method, headers, and a body that is text, a file or standard input.

Rules that hold here:

* A body of unknown length is streamed as it arrives; a regular file is streamed with the length that it has.
* A file that is shorter than it was when it was opened ends the request: what was announced must be sent.
"""

from __future__ import annotations

import argparse
import os
import stat
import sys
from typing import BinaryIO, Iterable, Iterator, List, Optional, Tuple, Union

from .exit_codes import CommandError, ExitCode

__all__ = ["Body", "body_of", "headers_of", "method_of"]

_PIECE = 65536


class Body:
    """What is sent: nothing, bytes, or what can be read from a file.

    `length` is in bytes, None where there is no body or nobody knows. Leaving the `with` block closes the file;
    standard input stays open.
    """

    def __init__(
        self, content: Optional[bytes] = None, *, source: Optional[BinaryIO] = None, name: str = "the body"
    ) -> None:
        self._bytes = content
        self._source = source
        self._name = name
        self.length = _length_of(source) if source is not None else None if content is None else len(content)

    @property
    def in_memory(self) -> bool:
        """Whether there is nothing to read: no body, or all of it is here."""
        return self._source is None

    @property
    def content(self) -> Union[bytes, Iterable[bytes], None]:
        """The request's content, as the pool takes it."""
        return self._bytes if self._source is None else self

    def __iter__(self) -> Iterator[bytes]:
        assert self._source is not None
        # What is there, without waiting for a whole piece: somebody may be typing.
        read = getattr(self._source, "read1", self._source.read)
        while True:
            try:
                piece: bytes = read(_PIECE)
            except OSError as exc:
                raise CommandError(ExitCode.LOCAL_FILE, f"cannot read {self._name}: {exc}") from exc
            if not piece:
                return
            yield piece

    def __enter__(self) -> Body:
        return self

    def __exit__(self, *exc_info: object) -> None:
        if self._source is not None and self._source is not getattr(sys.stdin, "buffer", None):
            self._source.close()


def method_of(options: argparse.Namespace) -> str:
    """Return the request's method."""
    if options.method:
        return str(options.method)
    if options.head:
        return "HEAD"
    return "GET" if options.data is None else "POST"


def headers_of(options: argparse.Namespace, version: str, length: Optional[int]) -> List[Tuple[bytes, bytes]]:
    """Return the headers in the order given, after the defaults that nobody has replaced or left out.

    `length` is that of the body, None where there is none or it is not known; then the pool says what frames it.
    """
    named = {name.lower() for name, _ in options.headers}
    defaults = [(b"Accept", b"*/*"), (b"User-Agent", f"httpcore/{version}".encode("ascii"))]
    if length is not None and b"transfer-encoding" not in named:
        defaults.append((b"Content-Length", b"%d" % length))
    headers = [(name, value) for name, value in defaults if name.lower() not in named]
    return headers + [(name, value) for name, value in options.headers if value is not None]


def body_of(options: argparse.Namespace) -> Body:
    """Return the body; raises `CommandError` where its file cannot be opened."""
    data: Optional[str] = options.data
    if data is None:
        return Body()
    if not data.startswith("@"):
        return Body(data.encode("utf-8", "surrogateescape"))
    if data == "@-":
        if sys.stdin is None:
            raise CommandError(ExitCode.LOCAL_FILE, "there is no standard input")
        return Body(source=sys.stdin.buffer, name="standard input")
    try:
        return Body(source=open(data[1:], "rb"), name=data[1:])
    except (OSError, ValueError) as exc:
        raise CommandError(ExitCode.LOCAL_FILE, f"cannot read the body: {exc}") from exc


def _length_of(source: BinaryIO) -> Optional[int]:
    """Return the bytes that are left in a regular file; None for pipes, terminals and what is no file at all."""
    try:
        state = os.fstat(source.fileno())
        if not stat.S_ISREG(state.st_mode):
            return None
        return max(0, state.st_size - source.tell())
    except (OSError, ValueError):
        return None
