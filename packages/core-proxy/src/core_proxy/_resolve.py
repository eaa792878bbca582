"""Resolving an origin's name on this side of a proxy, where that is asked for.

Rules that hold here:

* Nothing here is used unless local resolution was chosen: by default names go to the proxy, and no DNS query reveals
  them.
* A lookup ends with the connect timeout. A thread that is still in the system's resolver then is left to it.
"""

from __future__ import annotations

import math
import socket
import sys
import threading
from typing import Any, List, Optional

from core_backends import ConnectError, ConnectTimeout
from core_backends.lowlevel import current_async_library

__all__ = ["async_resolve", "resolve"]


def resolve(host: bytes, port: int, family: int, timeout: Optional[float]) -> bytes:
    """Return the first address of `host` in `family`; raises `ConnectTimeout` or `ConnectError`."""
    name = host.decode("ascii")
    if timeout is None:
        return _first(_lookup(name, port, family), name)
    outcome: List[Any] = []
    done = threading.Event()

    def look_up() -> None:
        try:
            outcome.append(_lookup(name, port, family))
        except ConnectError as exc:
            outcome.append(exc)
        finally:
            done.set()

    threading.Thread(target=look_up, name="core-proxy resolver", daemon=True).start()
    if not done.wait(timeout):
        raise _too_slow(name)
    if isinstance(outcome[0], ConnectError):
        raise outcome[0]
    return _first(outcome[0], name)


async def async_resolve(host: bytes, port: int, family: int, timeout: Optional[float]) -> bytes:
    """Return the first address of `host` in `family`; raises `ConnectTimeout` or `ConnectError`."""
    name = host.decode("ascii")
    try:
        if current_async_library() == "trio":
            trio = sys.modules["trio"]
            with trio.move_on_after(math.inf if timeout is None else timeout) as scope:
                found = await trio.socket.getaddrinfo(name, port, family=family, type=socket.SOCK_STREAM)
            if scope.cancelled_caught:
                raise _too_slow(name)
        else:
            asyncio = sys.modules["asyncio"]
            loop = asyncio.get_running_loop()
            # Not `wait_for`: below CPython 3.12 that swallows a cancellation that comes together with the answer.
            lookup = asyncio.ensure_future(loop.getaddrinfo(name, port, family=family, type=socket.SOCK_STREAM))
            try:
                await asyncio.wait([lookup], timeout=timeout)
                if not lookup.done():
                    raise _too_slow(name)
                found = lookup.result()
            finally:
                lookup.cancel()
    except (OSError, UnicodeError) as exc:
        raise ConnectError(f"{name!r} cannot be resolved: {exc}") from exc
    return _first(found, name)


def _lookup(name: str, port: int, family: int) -> List[Any]:
    try:
        return socket.getaddrinfo(name, port, family=family, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as exc:
        raise ConnectError(f"{name!r} cannot be resolved: {exc}") from exc


def _first(found: List[Any], name: str) -> bytes:
    if not found:
        raise ConnectError(f"{name!r} has no address.")
    address: str = found[0][4][0]
    return address.encode("ascii")


def _too_slow(name: str) -> ConnectTimeout:
    return ConnectTimeout(f"{name!r} was not resolved in time.")
