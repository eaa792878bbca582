"""Non-blocking sockets for threads: waiting for them, and connecting within one budget.

Rules that hold here:

* Sockets are in non-blocking mode for life and waiting is done apart, with `poll`. So two threads can read and write
  one socket under different time limits, an SSL object is never held by a thread that waits, and a write that fits
  the socket's buffer is a single system call.
* Addresses are tried as RFC 8305 (Happy Eyeballs) says: families interleaved, the next one 250 ms after the last or as
  soon as it has failed, and the first connection that stands wins.
* Name resolution counts towards the budget, yet the operating system offers no way to interrupt it.
* `select` is looked at when it is used: gevent and eventlet replace what is in it.
"""

from __future__ import annotations

import errno
import select
import socket
import sys
import time
from typing import Any, Callable, Dict, Iterable, List, Optional, Sequence, Tuple

from ._backend import SOCKET_OPTION
from ._deadline import Deadline
from ._exceptions import ConnectError, ConnectTimeout
from ._interrupt import pause, register_socket
from ._unix import UnixAttempts

__all__ = [
    "ATTEMPT_DELAY",
    "connect_tcp_socket",
    "connect_unix_socket",
    "connection_error",
    "failure_of",
    "interleaved",
    "is_socket_readable",
    "milliseconds",
    "sendable",
    "start_connecting",
    "target_text",
    "watch_either",
    "watch_readable",
    "watch_writable",
]

# RFC 8305 § 5: the recommended Connection Attempt Delay.
ATTEMPT_DELAY = 0.25

# What `poll` takes is a C int of milliseconds; what is longer than 24 days is no limit.
_LONGEST = 2147483.0

# The most that a system is given at a time: macOS refuses 2 GB, and so does TLS of CPython below 3.10.
_LARGEST_SEND = 2**30

_IN_PROGRESS = {errno.EINPROGRESS, errno.EWOULDBLOCK, errno.EINTR, getattr(errno, "WSAEWOULDBLOCK", errno.EWOULDBLOCK)}

Address = Tuple[int, int, int, str, Any]


def milliseconds(timeout: Optional[float]) -> Optional[float]:
    """Return seconds as `watch_readable()` and `watch_writable()` take them, None for no limit."""
    if timeout is None or timeout >= _LONGEST:
        return None
    return timeout * 1000.0 if timeout > 0 else 0


def sendable(data: Any) -> Any:
    """Return as much of `data`, bytes or a view of them, as may be given to a socket at a time."""
    return data if len(data) <= _LARGEST_SEND else memoryview(data)[:_LARGEST_SEND]


def watch_readable(sock: socket.socket) -> Callable[[Optional[float]], Any]:
    """Return a function that waits some milliseconds for `sock` to be readable, and is false when it was not."""
    return _watch(sock, read=True, write=False)


def watch_writable(sock: socket.socket) -> Callable[[Optional[float]], Any]:
    """Return a function that waits some milliseconds for `sock` to be writable, and is false when it was not."""
    return _watch(sock, read=False, write=True)


def watch_either(sock: socket.socket) -> Callable[[Optional[float]], Any]:
    """Return a function that waits some milliseconds for `sock` to be either, and is false when it was neither."""
    return _watch(sock, read=True, write=True)


def _watch(sock: socket.socket, read: bool, write: bool) -> Callable[[Optional[float]], Any]:
    if sys.platform != "win32" and hasattr(select, "poll"):
        poll = select.poll()
        poll.register(sock, (select.POLLIN if read else 0) | (select.POLLOUT if write else 0))
        return poll.poll
    return _Select([sock] if read else [], [sock] if write else []).wait


def is_socket_readable(sock: Optional[socket.socket]) -> bool:
    """Whether a read of `sock` would return at once, with data or with the end of the stream; True when closed."""
    if sock is None or sock.fileno() < 0:
        return True
    try:
        return bool(watch_readable(sock)(0))
    except (OSError, ValueError):
        return True


class _Select:
    """`select` in the shape of `poll`, for Windows and for eventlet."""

    def __init__(self, readers: List[socket.socket], writers: List[socket.socket]) -> None:
        self._readers = readers
        self._writers = writers

    def wait(self, limit: Optional[float]) -> List[socket.socket]:
        timeout = None if limit is None else limit / 1000.0
        # Windows reports a connection attempt that failed in the third list only.
        readable, writable, failed = select.select(self._readers, self._writers, self._writers, timeout)
        return readable + writable + failed


def _wait_for_any(connecting: Sequence[socket.socket], timeout: Optional[float]) -> List[socket.socket]:
    """Return those of the connecting sockets whose attempt has ended within `timeout` seconds."""
    limit = milliseconds(timeout)
    if sys.platform == "win32" or not hasattr(select, "poll"):
        ended = _Select([], list(connecting)).wait(limit)
        return [sock for sock in connecting if sock in ended]
    poll = select.poll()
    by_descriptor: Dict[int, socket.socket] = {}
    for sock in connecting:
        by_descriptor[sock.fileno()] = sock
        poll.register(sock, select.POLLOUT)
    return [by_descriptor[descriptor] for descriptor, _ in poll.poll(limit) if descriptor in by_descriptor]


def interleaved(addresses: Sequence[Address]) -> List[Address]:
    """Return the addresses with families taking turns, each in its own order (RFC 8305 § 4)."""
    by_family: Dict[int, List[Address]] = {}
    for address in addresses:
        by_family.setdefault(address[0], []).append(address)
    if len(by_family) < 2:
        return list(addresses)
    queues = list(by_family.values())
    return [queue[turn] for turn in range(max(map(len, queues))) for queue in queues if turn < len(queue)]


def connect_tcp_socket(
    host: str,
    port: int,
    timeout: Optional[float],
    local_address: Optional[str],
    socket_options: Optional[Iterable[SOCKET_OPTION]],
) -> socket.socket:
    """Return a connected, non-blocking TCP socket; raises `ConnectTimeout` or `ConnectError`."""
    deadline = Deadline(timeout)
    target = target_text(host, port)
    try:
        addresses = socket.getaddrinfo(host, port, 0, socket.SOCK_STREAM)
    except (OSError, ValueError, OverflowError) as exc:
        raise ConnectError(f"Cannot resolve {target}: {exc}") from exc
    options = list(socket_options or ())
    waiting = interleaved(addresses)
    waiting.reverse()
    connecting: List[socket.socket] = []
    winner: Optional[socket.socket] = None
    error: Optional[Exception] = None
    try:
        next_attempt_at = 0.0
        while winner is None:
            if waiting and (not connecting or time.monotonic() >= next_attempt_at):
                try:
                    sock, connected = start_connecting(waiting.pop(), local_address, options)
                except (OSError, ValueError, OverflowError) as exc:
                    error = error or exc
                    continue
                connecting.append(sock)
                if connected:
                    winner = sock
                    break
                next_attempt_at = time.monotonic() + ATTEMPT_DELAY
            if not connecting:
                raise connection_error(target, error) from error
            remaining = deadline.remaining()
            limit = remaining
            if waiting:
                until_next = max(0.0, next_attempt_at - time.monotonic())
                limit = until_next if limit is None else min(limit, until_next)
            ended = _wait_for_any(connecting, limit)
            for sock in ended:
                failure = failure_of(sock)
                if failure is None:
                    winner = sock
                    break
                connecting.remove(sock)
                sock.close()
                error = error or failure
                next_attempt_at = 0.0
            if not ended and remaining == 0.0:
                raise ConnectTimeout(f"Connecting to {target} took longer than {timeout} seconds.")
    finally:
        for sock in connecting:
            if sock is not winner:
                sock.close()
    return winner


def target_text(host: str, port: int) -> str:
    """Return `host:port` for an error's text."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def connection_error(target: str, error: Optional[Exception]) -> Exception:
    """Return what is raised when no attempt is left, `error` being the failure of the first."""
    text = f"Cannot connect to {target}: {error or 'it has no address'}"
    if isinstance(error, OSError) and error.errno == errno.ETIMEDOUT:
        return ConnectTimeout(text)
    return ConnectError(text)


def failure_of(sock: socket.socket) -> Optional[OSError]:
    """Return why an attempt that has ended failed, None when it stands."""
    try:
        code = sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
    except OSError as exc:
        return exc
    return None if code == 0 else OSError(code, error_text(code))


def start_connecting(
    address: Address, local_address: Optional[str], options: Iterable[SOCKET_OPTION]
) -> Tuple[socket.socket, bool]:
    """Return a socket that begins to connect, and whether it is connected already."""
    family, kind, protocol, _, target = address
    sock = socket.socket(family, kind, protocol)
    try:
        sock.setblocking(False)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for option in options:
            sock.setsockopt(*option)
        if local_address is not None:
            sock.bind((local_address, 0))
        register_socket(sock)
        code = sock.connect_ex(target)
        if code != 0 and code not in _IN_PROGRESS:
            raise OSError(code, error_text(code))
    except BaseException:
        sock.close()
        raise
    return sock, code == 0


def error_text(code: int) -> str:
    """Return the operating system's text for `code`, which on Windows is not in the C library."""
    if sys.platform == "win32":
        from ctypes import FormatError

        return FormatError(code)
    import os

    return os.strerror(code)


def connect_unix_socket(
    path: str, timeout: Optional[float], socket_options: Optional[Iterable[SOCKET_OPTION]]
) -> socket.socket:
    """Return a connected, non-blocking unix socket; raises `ConnectTimeout` or `ConnectError`."""
    attempts = UnixAttempts(path, timeout, socket_options)
    try:
        register_socket(attempts.sock)
        wait = attempts.again()
        while wait is not None:
            pause(wait)
            wait = attempts.again()
    except BaseException:
        attempts.sock.close()
        raise
    return attempts.sock
