"""Connecting sockets under asyncio, within one budget.

Rules that hold here:

* Addresses are tried as RFC 8305 says: families interleaved, the next one 250 ms after the last or as soon as it has
  failed, and the first connection that stands wins; the losers are given up when this returns or raises.
* A socket is closed when its attempt has ended, in the loop's next turn, and not under it: the loop would remember the
  number of its descriptor, and be deaf to whoever is given that next.
* An address literal is not sent to the resolver's threads.
* Name resolution counts towards the budget. Its thread cannot be interrupted and ends by itself.
"""

from __future__ import annotations

import asyncio
import functools
import socket
from typing import Dict, Iterable, List, Optional

from ._backend import SOCKET_OPTION
from ._deadline import Deadline
from ._exceptions import ConnectError, ConnectTimeout
from ._sockets import ATTEMPT_DELAY, Address, connection_error, interleaved, target_text

__all__ = ["connect_tcp_socket"]

# What the operating system and the resolver raise, and what `socket` itself raises for values that no system takes.
_FAILURES = (OSError, ValueError, OverflowError)


async def connect_tcp_socket(
    host: str,
    port: int,
    timeout: Optional[float],
    local_address: Optional[str],
    socket_options: Optional[Iterable[SOCKET_OPTION]],
) -> socket.socket:
    """Return a connected, non-blocking TCP socket; raises `ConnectTimeout` or `ConnectError`."""
    deadline = Deadline(timeout)
    target = target_text(host, port)
    too_late = f"Connecting to {target} took longer than {timeout} seconds."
    try:
        addresses = _literal(host, port) or await _resolve(host, port, deadline)
    except _FAILURES as exc:
        raise ConnectError(f"Cannot resolve {target}: {exc}") from exc
    if addresses is None:
        raise ConnectTimeout(too_late)
    loop = asyncio.get_running_loop()
    options = list(socket_options or ())
    waiting = interleaved(addresses)
    connecting: Dict[asyncio.Future[None], socket.socket] = {}
    error: Optional[Exception] = None
    winner: Optional[socket.socket] = None
    try:
        while winner is None:
            if waiting:
                address = waiting.pop(0)
                try:
                    sock = _prepare(address, local_address, options)
                except _FAILURES as exc:
                    error = error or exc
                    if waiting or connecting:
                        continue
                    break
                connecting[asyncio.ensure_future(loop.sock_connect(sock, address[4]))] = sock
            if not connecting:
                break
            remaining = deadline.remaining()
            pause = remaining
            if waiting:
                pause = ATTEMPT_DELAY if remaining is None else min(ATTEMPT_DELAY, remaining)
            ended, _ = await asyncio.wait(connecting, timeout=pause, return_when=asyncio.FIRST_COMPLETED)
            for attempt in ended:
                failure = attempt.exception()
                if failure is None:
                    winner = connecting[attempt]
                    break
                connecting.pop(attempt).close()
                if not isinstance(failure, _FAILURES):
                    raise failure
                error = error or failure
            if not ended and remaining is not None and deadline.expired():
                raise ConnectTimeout(too_late)
    finally:
        for attempt, sock in connecting.items():
            if sock is not winner:
                attempt.add_done_callback(functools.partial(_close, sock))
                attempt.cancel()
    if winner is None:
        raise connection_error(target, error) from error
    return winner


def _close(sock: socket.socket, attempt: asyncio.Future[None]) -> None:
    sock.close()
    if not attempt.cancelled():
        attempt.exception()  # It failed at the last moment, which nobody needs to know: that is said by asking.


def _literal(host: str, port: int) -> Optional[List[Address]]:
    """Return the address that `host` is, None when it is a name."""
    for family, address in ((socket.AF_INET, (host, port)), (socket.AF_INET6, (host, port, 0, 0))):
        try:
            socket.inet_pton(family, host)
        except (OSError, ValueError):
            continue
        return [(family, socket.SOCK_STREAM, socket.IPPROTO_TCP, "", address)]
    return None


async def _resolve(host: str, port: int, deadline: Deadline) -> Optional[List[Address]]:
    """Return the addresses of a name, None when the deadline passed."""
    loop = asyncio.get_running_loop()
    lookup = asyncio.ensure_future(loop.getaddrinfo(host, port, type=socket.SOCK_STREAM))
    try:
        await asyncio.wait([lookup], timeout=deadline.remaining())
        if lookup.done():
            return list(lookup.result())
    finally:
        lookup.cancel()
    return None


def _prepare(address: Address, local_address: Optional[str], options: Iterable[SOCKET_OPTION]) -> socket.socket:
    family, kind, protocol, _, _ = address
    sock = socket.socket(family, kind, protocol)
    try:
        sock.setblocking(False)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for option in options:
            sock.setsockopt(*option)
        if local_address is not None:
            sock.bind((local_address, 0))
    except BaseException:
        sock.close()
        raise
    return sock
