"""Where the response goes: standard output or a file, as bytes.

Rules that hold here:

* The file is opened when there is something to write: a request that fails leaves what was there before.
* Each piece is flushed as it comes: events of a stream are seen when they happen.
* A reader that went away ends the command quietly; a disk that is full does not.
"""

from __future__ import annotations

import errno
import os
import sys
from typing import Any, BinaryIO, Optional

from core_backends import Response

from .exit_codes import CommandError, ExitCode

__all__ = ["Output", "head_of", "leave_standard_output", "length_of"]

# What a write to a pipe without reader says; on Windows it is an invalid argument.
_NO_READER = (errno.EPIPE, errno.ESHUTDOWN) + ((errno.EINVAL,) if os.name == "nt" else ())


class Output:
    """Writes to the file at `path`, or to standard output where that is None."""

    def __init__(self, path: Optional[str]) -> None:
        self._path = path
        self._target: Optional[BinaryIO] = None

    def write(self, data: bytes) -> None:
        """Write `data` out; raises `CommandError` where that is not possible."""
        try:
            target = self._opened()
            rest = memoryview(data)
            while rest:
                # `python -u` makes standard output a file that takes what it can at once, which may be a part.
                taken = target.write(rest)
                if taken is None:
                    raise BlockingIOError(errno.EAGAIN, "it does not wait for its reader")
                rest = rest[taken:]
            target.flush()
        except (OSError, ValueError) as exc:
            if self._path is None and getattr(exc, "errno", None) in _NO_READER:
                raise CommandError(ExitCode.BROKEN_PIPE, "standard output was closed") from exc
            where = "standard output" if self._path is None else self._path
            raise CommandError(ExitCode.LOCAL_FILE, f"cannot write to {where}: {exc}") from exc

    def _opened(self) -> BinaryIO:
        if self._target is None:
            if self._path is not None:
                self._target = open(self._path, "wb")  # noqa: SIM115  # closed on leaving the block that this object is
            elif sys.stdout is None:
                raise ValueError("there is none")
            else:
                self._target = sys.stdout.buffer
        return self._target

    def __enter__(self) -> Output:
        return self

    def __exit__(self, *exc_info: object) -> None:
        # Every write was flushed, so closing has nothing left to fail with. Standard output stays open.
        if self._path is not None and self._target is not None:
            self._target.close()


def head_of(response: Response) -> bytes:
    """Return status line and headers as they are shown; HTTP/2 has no reason phrase (RFC 9113 § 8.3.2)."""
    version: Any = response.extensions.get("http_version", b"HTTP/1.1")
    reason: Any = response.extensions.get("reason_phrase", b"")
    lines = [(b"%b %d %b" % (version, response.status, reason)).rstrip()]
    lines += [b"%b: %b" % header for header in response.headers]
    return b"\r\n".join(lines) + b"\r\n\r\n"


def length_of(response: Response) -> Optional[int]:
    """Return the bytes that the body is said to have, None where nothing is said."""
    for name, value in response.headers:
        if name.lower() == b"content-length" and value.isdigit():
            return int(value)
    return None


def leave_standard_output() -> None:
    """Give a standard output without reader another end, so that the interpreter's last flush finds one too."""
    try:
        descriptor = sys.stdout.fileno()
    except (OSError, ValueError, AttributeError):
        return  # Not a file: nothing will be flushed into a pipe.
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, descriptor)
    os.close(nowhere)
