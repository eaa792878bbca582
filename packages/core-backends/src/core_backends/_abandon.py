"""Closing without waiting: what every failure and cancellation path uses.

Nothing can be awaited while a task is being cancelled or a coroutine finalised, so our streams and connections have
`abort()`, which frees the descriptor at once. A stream of the user's own may have an async `aclose()` only; that is
run up to its first suspension, which is where closing ends for all that do not wait for the peer.
"""

from __future__ import annotations

import logging
import socket
from collections.abc import Coroutine
from types import AsyncGeneratorType
from typing import Any

__all__ = ["abandon", "abandon_descriptor", "end_generator"]

logger = logging.getLogger("httpcore.connection")


def abandon(closeable: Any) -> None:
    """Close `closeable`, a stream or a connection, at once, without waiting for anyone; never raises.

    An exception of a foreign `close` or `aclose` is logged at DEBUG: there is no caller to tell it to.
    """
    try:
        abort = getattr(closeable, "abort", None)
        if abort is not None:
            abort()
            return
        aclose = getattr(closeable, "aclose", None)
        if aclose is None:
            closeable.close()
            return
        closing = aclose()
        # Not the interpreter's own type: what Cython and mypyc compile is of another.
        if not isinstance(closing, Coroutine):
            return
        try:
            closing.send(None)
        except StopIteration:
            return
        closing.close()
    except Exception as exc:
        logger.debug("abandon.failed exception=%r", exc)


def abandon_descriptor(sock: socket.socket, transport: Any) -> None:
    """Free the descriptor of `sock`, which is that of asyncio's `transport`, without the event loop.

    For a loop that has been closed, or is that of a parent process. The parent's shares its selector with the child, so
    a transport that is closed here would go deaf there.
    """
    sock.close()
    if getattr(transport, "_sock", None) is not None:
        # The transport's finaliser would warn of a socket that was left open.
        transport._sock = None


def end_generator(parts: Any) -> None:
    """Let `parts`, if it is an async generator, clean up as far as it does not wait for that; never raises.

    For one that nobody will ask again: a loop would be told of it when it is collected, and trio warns of each.
    Anything else, sync generators included, is left alone: what it is and who else uses it is not known.
    """
    if not isinstance(parts, AsyncGeneratorType):
        return
    closing = parts.aclose()
    try:
        closing.send(None)
        # It waits for something, which nobody is here to do.
        closing.throw(GeneratorExit)
    except (StopIteration, GeneratorExit):
        return
    except Exception as exc:
        logger.debug("end_generator.failed exception=%r", exc)
