"""The backend for trio: sockets that wait in trio, and TLS on them.

Rules that hold here:

* A read waits first and takes what is there then, so one that is cancelled has consumed nothing, and it is the one
  checkpoint of an exchange; a write waits only when the socket's buffer is full.
* `write_some` waits before it sends and not after, so one that is cancelled has sent nothing.
* A cancel scope is made for a wait that has a limit, and for no other.
* `abort()` may come from anywhere, a finaliser in another thread included. While a task waits for the socket, the
  descriptor is freed in trio's own thread, since closing it under the waiting task would leave that one waiting.
* Names are resolved in a thread of trio's, which is left alone when the budget is used up.
"""

from __future__ import annotations

import math
import os
import socket
import ssl
from typing import Any, Iterable, List, Optional, Sequence

from ._async.tls_layer import AsyncTLSLayerStream
from ._backend import SOCKET_OPTION, AsyncNetworkBackend, AsyncNetworkStream
from ._exceptions import ConnectError, ConnectTimeout, ReadError, ReadTimeout, WriteError, WriteTimeout
from ._sockets import (
    ATTEMPT_DELAY,
    connection_error,
    failure_of,
    interleaved,
    sendable,
    start_connecting,
    target_text,
    watch_readable,
)
from ._unix import connect_unix_socket

try:
    import trio
except ImportError:  # pragma: no cover - the backend says so when it is made
    trio = None  # type: ignore[assignment]

__all__ = ["TrioBackend", "TrioStream", "connect_tcp_socket"]


class TrioStream(AsyncNetworkStream):
    """A connected socket as a stream under trio; `sock` is put into non-blocking mode."""

    accepts_alpn_protocols = True
    accepts_tls_session = True

    def __init__(self, sock: socket.socket) -> None:
        sock.setblocking(False)
        self._sock = sock
        self._closed = False
        self._token = trio.lowlevel.current_trio_token()
        self._process = os.getpid()

    async def read(self, max_bytes: int, timeout: Optional[float] = None) -> bytes:
        sock = self._sock
        end = None if timeout is None or timeout == math.inf else trio.current_time() + timeout
        try:
            while True:
                if self._closed:
                    raise ReadError("The stream is closed.")
                if timeout is not None and timeout <= 0:
                    await trio.lowlevel.checkpoint()
                elif end is None:
                    await trio.lowlevel.wait_readable(sock)
                else:
                    with trio.CancelScope(deadline=end) as scope:
                        await trio.lowlevel.wait_readable(sock)
                    if scope.cancelled_caught:
                        raise ReadTimeout(f"No data arrived within {timeout} seconds.")
                try:
                    return sock.recv(max_bytes)
                except BlockingIOError:
                    if timeout is not None and timeout <= 0:
                        raise ReadTimeout("No data is there yet.") from None
        except (OSError, ValueError, trio.ClosedResourceError, trio.BusyResourceError) as exc:
            raise ReadError(self._reason(exc, "reading")) from exc

    def read_nowait(self, max_bytes: int) -> Optional[bytes]:
        """Return what a read would return at once, None when it would wait; raises `ReadError`."""
        if self._closed:
            raise ReadError("The stream is closed.")
        try:
            return self._sock.recv(max_bytes)
        except BlockingIOError:
            return None
        except OSError as exc:
            raise ReadError(str(exc)) from exc

    async def write(self, buffer: bytes, timeout: Optional[float] = None) -> None:
        view: Any = buffer
        if type(view) is not bytes:
            view = memoryview(buffer).cast("B")
        size = len(view)
        if not size:
            return
        if self._closed:
            raise WriteError("The stream is closed.")
        sock = self._sock
        sent = 0
        try:
            try:
                sent = sock.send(sendable(view))
                if sent == size:
                    return
            except BlockingIOError:
                pass
            view = memoryview(view)
            while sent != size:
                await self._wait_writable(timeout)
                try:
                    sent += sock.send(sendable(view[sent:]))
                except BlockingIOError:
                    continue
        except (OSError, ValueError, trio.ClosedResourceError, trio.BusyResourceError) as exc:
            raise WriteError(self._reason(exc, "writing")) from exc

    async def _wait_writable(self, timeout: Optional[float]) -> None:
        if timeout is None or timeout == math.inf:
            await trio.lowlevel.wait_writable(self._sock)
            return
        with trio.CancelScope(deadline=trio.current_time() + timeout):
            await trio.lowlevel.wait_writable(self._sock)
            return
        raise WriteTimeout(f"The peer took no data within {timeout} seconds.")

    async def write_some(self, buffer: bytes, timeout: Optional[float] = None) -> int:
        """Write some of `buffer` and return how many bytes; none when this is cancelled or `timeout` seconds pass.

        None is no limit.
        """
        try:
            while True:
                written = self.write_some_nowait(buffer)
                if written or not buffer:
                    return written
                await self._wait_writable(timeout)
        except (OSError, ValueError, trio.ClosedResourceError, trio.BusyResourceError) as exc:
            raise WriteError(self._reason(exc, "writing")) from exc

    async def write_some_unless_readable(self, buffer: bytes, timeout: Optional[float] = None) -> int:
        """Write some of `buffer` as `write_some` does; return 0 where that has to wait and there is something to read.

        `timeout` is that of `write_some`. After a 0, too, the next write has to begin with all of `buffer`.
        """
        try:
            while True:
                written = self.write_some_nowait(buffer)
                if written or not buffer:
                    return written
                if self._is_readable():
                    return 0
                await self._wait_for_either(timeout)
        except (OSError, ValueError, trio.ClosedResourceError, trio.BusyResourceError) as exc:
            raise WriteError(self._reason(exc, "writing")) from exc

    async def _wait_for_either(self, timeout: Optional[float]) -> None:
        """Wait until the socket takes or gives something; raises `WriteTimeout`."""
        failures: List[Exception] = []

        async def wait(ready: Any, scope: trio.CancelScope) -> None:
            try:
                await ready(self._sock)
            except (OSError, ValueError, trio.ClosedResourceError, trio.BusyResourceError) as exc:
                failures.append(exc)
            scope.cancel()

        with _budget(None if timeout == math.inf else timeout) as budget:
            try:
                async with trio.open_nursery() as nursery:
                    nursery.start_soon(wait, trio.lowlevel.wait_writable, nursery.cancel_scope)
                    nursery.start_soon(wait, trio.lowlevel.wait_readable, nursery.cancel_scope)
            except BaseException as exc:
                raise _out_of_groups(exc) from None
        if failures:
            raise failures[0]
        if budget.cancelled_caught:
            raise WriteTimeout(f"The peer took no data within {timeout} seconds.")

    def write_some_nowait(self, buffer: bytes) -> int:
        """Write what is possible of `buffer` without waiting, and return how many bytes; raises `WriteError`."""
        if self._closed:
            raise WriteError("The stream is closed.")
        try:
            return self._sock.send(sendable(buffer))
        except BlockingIOError:
            return 0
        except (OSError, ValueError) as exc:
            raise WriteError(self._reason(exc, "writing")) from exc

    def write_nowait(self, buffer: bytes) -> None:
        """Write `buffer` as far as that is possible at once, and forget the rest: for a layer's last words."""
        if os.getpid() != self._process:
            return  # The connection is the parent's.
        try:
            self._sock.send(buffer)
        except OSError:
            pass  # The peer does not listen: there is nobody to tell.

    def _reason(self, exc: BaseException, doing: str) -> str:
        return f"The stream was closed while {doing}." if self._closed else str(exc)

    async def aclose(self) -> None:
        self.abort()

    def abort(self) -> None:
        """Close the stream at once; for whoever waits inside, reading or writing fails."""
        self._closed = True
        if os.getpid() != self._process:
            self._sock.close()  # The run, and who waits in it, are the parent's.
            return
        try:
            here = trio.lowlevel.current_trio_token() is self._token
        except RuntimeError:
            here = False
        if here:
            self._close_here()
            return
        try:
            # Not from another thread: the run's own may be about to use the descriptor, which would be another's then.
            self._token.run_sync_soon(self._close_here)
        except trio.RunFinishedError:
            self._sock.close()

    def _close_here(self) -> None:
        if self._sock.fileno() >= 0:
            trio.lowlevel.notify_closing(self._sock)
            self._sock.close()

    async def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: Optional[str] = None,
        timeout: Optional[float] = None,
        *,
        alpn_protocols: Optional[Sequence[str]] = None,
        session: Optional[ssl.SSLSession] = None,
    ) -> AsyncNetworkStream:
        """See `AsyncNetworkStream.start_tls`; `alpn_protocols` is the offer, None for what the context says, and
        `session` is one of an earlier connection on the same context to resume, None for none.
        """
        return await AsyncTLSLayerStream.handshake(self, ssl_context, server_hostname, timeout, alpn_protocols, session)

    def get_extra_info(self, info: str) -> Any:
        if info == "is_readable":
            return self._is_readable()
        if info == "socket":
            return self._sock
        if info == "client_addr" or info == "server_addr":
            try:
                return self._sock.getsockname() if info == "client_addr" else self._sock.getpeername()
            except OSError:
                return None
        return None

    def _is_readable(self) -> bool:
        if self._closed or self._sock.fileno() < 0:
            return True
        try:
            return bool(watch_readable(self._sock)(0))
        except (OSError, ValueError):
            return True


class _Race:
    """Attempts to connect to several addresses, of which the first that stands wins (RFC 8305 § 5)."""

    def __init__(self, local_address: Optional[str], options: Iterable[SOCKET_OPTION]) -> None:
        self._local_address = local_address
        self._options = options
        self.winner: Optional[socket.socket] = None
        self.error: Optional[Exception] = None

    async def run(self, addresses: Sequence[Any]) -> None:
        if len(addresses) == 1:
            await self._attempt(addresses[0])
            return
        try:
            async with trio.open_nursery() as nursery:
                for address in addresses:
                    ended = trio.Event()
                    nursery.start_soon(self._attempt, address, nursery.cancel_scope, ended)
                    with trio.move_on_after(ATTEMPT_DELAY):
                        await ended.wait()
        except BaseException as exc:
            if self.winner is not None:
                self.winner.close()
            raise _out_of_groups(exc) from None

    async def _attempt(self, address: Any, race: Any = None, ended: Any = None) -> None:
        sock: Optional[socket.socket] = None
        try:
            sock, connected = start_connecting(address, self._local_address, self._options)
            if not connected:
                await trio.lowlevel.wait_writable(sock)
                failure = failure_of(sock)
                if failure is not None:
                    raise failure
            if self.winner is None:
                self.winner = sock
                if race is not None:
                    race.cancel()
        except (OSError, ValueError, OverflowError) as exc:
            self.error = self.error or exc
        finally:
            if sock is not None and self.winner is not sock:
                sock.close()
            if ended is not None:
                ended.set()


def _out_of_groups(exc: BaseException) -> BaseException:
    """Return the one exception that ended a nursery of ours, which trio raises in a group even when it is alone.

    Who is cancelled in one, or interrupted from the keyboard, is told as anywhere else. Tasks that were cancelled along
    with that say nothing of their own.
    """
    parts = [_out_of_groups(part) for part in getattr(exc, "exceptions", ())]
    if not parts:
        return exc
    return next((part for part in parts if not isinstance(part, trio.Cancelled)), parts[0])


async def connect_tcp_socket(
    host: str,
    port: int,
    timeout: Optional[float],
    local_address: Optional[str],
    socket_options: Optional[Iterable[SOCKET_OPTION]],
) -> socket.socket:
    """Return a connected, non-blocking TCP socket; raises `ConnectTimeout` or `ConnectError`."""
    target = target_text(host, port)
    race = _Race(local_address, list(socket_options or ()))
    with _budget(timeout):
        try:
            addresses: Any = await trio.socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        except (OSError, ValueError, OverflowError) as exc:
            raise ConnectError(f"Cannot resolve {target}: {exc}") from exc
        await race.run(interleaved(addresses))
        if race.winner is None:
            raise connection_error(target, race.error) from race.error
        return race.winner
    raise ConnectTimeout(f"Connecting to {target} took longer than {timeout} seconds.")


class TrioBackend(AsyncNetworkBackend):
    """Connects sockets under trio. Raises `RuntimeError` where trio is not installed."""

    def __init__(self) -> None:
        if trio is None:
            raise RuntimeError(
                "TrioBackend needs the package 'trio', which is not installed: "
                "pip install 'httpcore[trio]' or pip install 'core-backends[trio]'."
            )

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: Optional[float] = None,
        local_address: Optional[str] = None,
        socket_options: Optional[Iterable[SOCKET_OPTION]] = None,
    ) -> AsyncNetworkStream:
        return TrioStream(await connect_tcp_socket(host, port, timeout, local_address, socket_options))

    async def connect_unix_socket(
        self,
        path: str,
        timeout: Optional[float] = None,
        socket_options: Optional[Iterable[SOCKET_OPTION]] = None,
    ) -> AsyncNetworkStream:
        return TrioStream(await connect_unix_socket(path, timeout, socket_options, trio.sleep))

    async def sleep(self, seconds: float) -> None:
        await trio.sleep(seconds)


def _budget(timeout: Optional[float]) -> trio.CancelScope:
    """Return a cancel scope for what may take `timeout` seconds; who runs out of them gets behind its block."""
    return trio.CancelScope(deadline=math.inf if timeout is None else trio.current_time() + timeout)
