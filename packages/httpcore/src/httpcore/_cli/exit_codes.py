"""What the command exits with, and the one line that it says about a failure.

Rules that hold here:

* A code says what kind of thing went wrong, so that a script can decide whether to try again; the line says what.
* The numbers are an interface: none is ever given another meaning.
* 130 and 141 are what a shell reports of a program that Ctrl-C, or a reader that went away, has ended.
"""

from __future__ import annotations

import enum
import ssl
from typing import Optional

from core_backends import (
    ConnectError,
    LocalProtocolError,
    NetworkError,
    ProtocolError,
    ProxyError,
    TimeoutException,
    UnsupportedProtocol,
)

__all__ = ["CommandError", "ExitCode", "exit_code_of", "line_of", "printable"]


class ExitCode(enum.IntEnum):
    """The exit codes; `docs/command-line.md` has them as a table."""

    OK = 0
    USAGE = 2
    LOCAL_FILE = 3
    CONNECT = 4
    TLS = 5
    PROXY = 6
    TIMEOUT = 7
    NETWORK = 8
    PROTOCOL = 9
    STATUS = 22
    INTERRUPTED = 130
    BROKEN_PIPE = 141


class CommandError(Exception):
    """Something that ends the command with `code` and its text as the one line."""

    def __init__(self, code: ExitCode, text: str) -> None:
        super().__init__(text)
        self.code = code


def exit_code_of(error: BaseException) -> Optional[ExitCode]:
    """Return the code for `error`, None for one that should never have come here."""
    if isinstance(error, CommandError):
        return error.code
    if isinstance(error, KeyboardInterrupt):
        return ExitCode.INTERRUPTED
    if isinstance(error, TimeoutException):
        return ExitCode.TIMEOUT
    if isinstance(error, ProxyError):
        return ExitCode.PROXY
    if isinstance(error, (LocalProtocolError, UnsupportedProtocol)):
        # Nothing was sent: what was asked for cannot be.
        return ExitCode.USAGE
    if isinstance(error, ProtocolError):
        return ExitCode.PROTOCOL
    if isinstance(error, NetworkError):
        if _caused_by_tls(error):
            return ExitCode.TLS
        return ExitCode.CONNECT if isinstance(error, ConnectError) else ExitCode.NETWORK
    return None


def _caused_by_tls(error: Optional[BaseException]) -> bool:
    """Whether TLS failed: at the handshake or, as a refused client certificate does in TLS 1.3, at the first read."""
    while error is not None:
        if isinstance(error, (ssl.SSLError, ssl.CertificateError)):
            return True
        error = error.__cause__
    return False


def line_of(error: BaseException) -> str:
    """Return what is said about `error`, in one line without control characters."""
    if isinstance(error, KeyboardInterrupt):
        return "interrupted"
    text = " ".join(str(error).split())
    if not isinstance(error, CommandError):
        name = type(error).__name__
        text = f"{name}: {text}" if text else name
    return printable(text)


def printable(text: str) -> str:
    """Return `text` with control characters spelt out: what a peer sent may stand in it, and a terminal would obey."""
    return "".join(character if character.isprintable() else repr(character)[1:-1] for character in text)
