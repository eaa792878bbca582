"""Connecting to a unix socket: attempts, and for how long to wait between them. Waiting is left to whoever drives it.

Rules that hold here:

* A listener whose backlog is full refuses at once who does not block, and there is nothing that could be waited for: a
  later attempt may pass.
* Options are set before connecting, within one budget for all attempts.
* The socket belongs to whoever drives the attempts, from the beginning.
"""

from __future__ import annotations

import socket
from typing import Awaitable, Callable, Iterable, Optional

from ._backend import SOCKET_OPTION
from ._deadline import Deadline
from ._exceptions import ConnectError, ConnectTimeout

__all__ = ["UnixAttempts", "connect_unix_socket"]

_FIRST_PAUSE = 0.001
_LONGEST_PAUSE = 0.05


class UnixAttempts:
    """Attempts to connect `sock` to `path` within `timeout` seconds, None for no limit; raises `ConnectError`."""

    def __init__(self, path: str, timeout: Optional[float], socket_options: Optional[Iterable[SOCKET_OPTION]]) -> None:
        family = getattr(socket, "AF_UNIX", None)
        if family is None:
            raise ConnectError(f"Cannot connect to {path}: this platform has no unix sockets.")
        self._path = path
        self._timeout = timeout
        self._deadline = Deadline(timeout)
        self._pause = _FIRST_PAUSE
        try:
            self.sock = socket.socket(family, socket.SOCK_STREAM)
        except OSError as exc:
            raise ConnectError(f"Cannot connect to {path}: {exc}") from exc
        try:
            self.sock.setblocking(False)
            for option in socket_options or ():
                self.sock.setsockopt(*option)
        except BaseException as exc:
            self.sock.close()
            if isinstance(exc, (OSError, ValueError)):
                raise ConnectError(f"Cannot connect to {path}: {exc}") from exc
            raise

    def again(self) -> Optional[float]:
        """Try; return the seconds to wait before trying again, None when connected.

        Raises `ConnectError`, and `ConnectTimeout` where there is no time left.
        """
        try:
            self.sock.connect(self._path)
            return None
        except BlockingIOError as exc:
            remaining = self._deadline.remaining()
            if remaining == 0.0:
                raise ConnectTimeout(f"Connecting to {self._path} took longer than {self._timeout} seconds.") from exc
        except (OSError, ValueError) as exc:
            raise ConnectError(f"Cannot connect to {self._path}: {exc}") from exc
        pause, self._pause = self._pause, min(2 * self._pause, _LONGEST_PAUSE)
        return pause if remaining is None else min(pause, remaining)


async def connect_unix_socket(
    path: str,
    timeout: Optional[float],
    socket_options: Optional[Iterable[SOCKET_OPTION]],
    sleep: Callable[[float], Awaitable[None]],
) -> socket.socket:
    """Return a connected, non-blocking unix socket, waiting by the runtime's own `sleep`.

    Raises `ConnectTimeout` or `ConnectError`.
    """
    attempts = UnixAttempts(path, timeout, socket_options)
    try:
        wait = attempts.again()
        while wait is not None:
            await sleep(wait)
            wait = attempts.again()
    except BaseException:
        attempts.sock.close()
        raise
    return attempts.sock
