"""Listening sockets that never become servers."""

from __future__ import annotations

import contextlib
import socket
import sys
import typing

import pytest

from .endpoint import Endpoint

__all__ = ["full_backlog", "silent_listener"]


@contextlib.contextmanager
def silent_listener() -> typing.Iterator[Endpoint]:
    """The kernel accepts connections, and nobody ever reads or writes; after the block they are refused."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(16)
        yield Endpoint("silent", port=listener.getsockname()[1])


@contextlib.contextmanager
def full_backlog() -> typing.Iterator[Endpoint]:
    """A listener whose queue is full, so that further attempts to connect get no answer at all."""
    if sys.platform != "linux":
        pytest.skip("a full queue drops connection attempts on Linux only")
    with contextlib.ExitStack() as stack:
        listener = stack.enter_context(socket.socket())
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        for _ in range(16):
            filler = stack.enter_context(socket.socket())
            filler.settimeout(0.05)
            try:
                filler.connect(listener.getsockname())
            except socket.timeout:
                break
        else:
            raise AssertionError("the listener's queue never filled up")
        yield Endpoint("full", port=listener.getsockname()[1])
