"""What goes wrong on a connection, and how it reads (RFC 9113 §§ 5.4, 7).

Rules that hold here:

* A fault is who broke which rule; a failure is what a stream's caller is told, as one of the project's exceptions.
* A failure is a recipe: every caller gets an exception object of its own, so that tracebacks do not grow together.
* What the server wrote is shown bounded and escaped, error codes by name.
"""

from __future__ import annotations

from typing import NamedTuple, Optional, Type

from h2.errors import ErrorCodes

from core_backends import RemoteProtocolError

__all__ = [
    "ConnectionFault",
    "ErrorCodes",
    "Failure",
    "GoAway",
    "StreamFault",
    "code_name",
    "excerpt",
    "remote_failure",
]

_EXCERPT_LENGTH = 120


class ConnectionFault(Exception):
    """The server broke a rule that the whole connection rests on: it ends with GOAWAY(`code`) (§ 5.4.1)."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code = code


class StreamFault(Exception):
    """The server broke a rule on one stream, which ends with RST_STREAM(`code`) (§ 5.4.2)."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code = code


class GoAway(NamedTuple):
    """What the server's last GOAWAY said."""

    last_stream_id: int
    code: int
    debug_data: bytes

    def __str__(self) -> str:
        text = f"GOAWAY {code_name(self.code)}"
        return f"{text}, debug data {excerpt(self.debug_data)}" if self.debug_data else text


class Failure:
    """Why a stream did not succeed.

    `unprocessed`: the server did nothing with the request, so any request may be sent again (§ 8.7).
    `lost`: the connection ended and nobody knows how far the server came.
    """

    __slots__ = ("cause", "error", "lost", "message", "unprocessed")

    def __init__(
        self,
        error: Type[Exception],
        message: str,
        *,
        unprocessed: bool = False,
        lost: bool = False,
        cause: Optional[BaseException] = None,
    ) -> None:
        self.error = error
        self.message = message
        self.unprocessed = unprocessed
        self.lost = lost
        self.cause = cause

    def exception(self) -> Exception:
        """Return a new exception that says so."""
        exception = self.error(self.message)
        exception.__cause__ = self.cause
        return exception


def remote_failure(message: str, *, unprocessed: bool = False, lost: bool = False) -> Failure:
    """Return the failure of something that the server did."""
    return Failure(RemoteProtocolError, message, unprocessed=unprocessed, lost=lost)


def code_name(code: int) -> str:
    """Return the name of an error code, or its number where it has none."""
    try:
        return ErrorCodes(code).name
    except ValueError:
        return f"error code 0x{code:x}"


def excerpt(data: bytes) -> str:
    """Return the beginning of what the server sent, escaped."""
    if len(data) <= _EXCERPT_LENGTH:
        return repr(data)
    return f"{data[:_EXCERPT_LENGTH]!r}... ({len(data)} bytes)"
