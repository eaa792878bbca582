"""Connecting for anyio: sockets of our own, under either runtime, as anyio's streams.

Rules that hold here:

* anyio's own connecting is not used. Under asyncio, on CPython 3.8 and 3.9, a task's cancellation that comes at the
  wrong moment passes for that of anyio's own task group and is lost, or a socket stays open; and there is no place for
  options that have to be set before connecting.
* Under asyncio, what has arrived when a write fails is taken before the transport closes the socket: a peer that resets
  the connection may have answered before.
* A socket belongs to whoever has it: until anyio's stream is there, it is closed here when anything goes wrong.
"""

from __future__ import annotations

import asyncio
import socket
from typing import Any, Iterable, Optional, Tuple

from ._asyncio_connect import connect_tcp_socket
from ._backend import SOCKET_OPTION
from ._runtime import current_async_library
from ._unix import connect_unix_socket

__all__ = ["connect_tcp_stream", "connect_unix_stream"]

# How much is taken at a time of what arrived before a connection was lost.
_RESCUED = 65536


async def connect_tcp_stream(
    host: str,
    port: int,
    timeout: Optional[float],
    local_address: Optional[str],
    socket_options: Optional[Iterable[SOCKET_OPTION]],
) -> Tuple[Any, socket.socket]:
    """Return a connected `anyio.abc.SocketStream`, and its socket.

    Raises `ConnectTimeout` or `ConnectError`, or what anyio raises.
    """
    connect: Any = connect_tcp_socket
    if current_async_library() == "trio":
        from ._trio import connect_tcp_socket as connect
    return await _wrapped(await connect(host, port, timeout, local_address, socket_options))


async def connect_unix_stream(
    path: str, timeout: Optional[float], socket_options: Optional[Iterable[SOCKET_OPTION]]
) -> Tuple[Any, socket.socket]:
    """Return the same on a unix socket."""
    from anyio import sleep

    return await _wrapped(await connect_unix_socket(path, timeout, socket_options, sleep))


async def _wrapped(sock: socket.socket) -> Tuple[Any, socket.socket]:
    wrap = _wrap_for_trio if current_async_library() == "trio" else _wrap_for_asyncio
    try:
        return await wrap(sock), sock
    except BaseException:
        sock.close()
        raise


async def _wrap_for_asyncio(sock: socket.socket) -> Any:
    from anyio.abc import SocketStream

    stream: Any
    if hasattr(SocketStream, "from_socket"):
        stream = await SocketStream.from_socket(sock)
    else:
        # Before 4.12 anyio has no public way to make a stream of a socket.
        from anyio._backends import _asyncio

        loop = asyncio.get_running_loop()
        transport, protocol = await loop.create_connection(_asyncio.StreamProtocol, sock=sock)
        stream = _asyncio.SocketStream(transport, protocol)
    # As anyio does with streams that it connects: what nobody reads yet stays in the socket, where it can be seen.
    reading: Any = getattr(stream, "_transport", None)
    if reading is not None:
        reading.pause_reading()
    # A loop that reads ahead, as that of Windows does, may have taken what comes before what is on the socket.
    if not hasattr(asyncio.get_running_loop(), "_proactor"):
        _keep_what_arrives_before_a_loss(getattr(stream, "_protocol", None), sock)
    return stream


def _keep_what_arrives_before_a_loss(protocol: Any, sock: socket.socket) -> None:
    """Have the `protocol` of anyio's stream on `sock` take what is there before it learns that a write has failed."""
    if not hasattr(protocol, "read_queue"):
        return
    connection_lost = protocol.connection_lost

    def rescue(exc: Optional[Exception]) -> None:
        del protocol.connection_lost  # It refers to the protocol: a circle.
        if exc is not None:
            try:
                arrived = sock.recv(_RESCUED)
                while arrived:
                    protocol.read_queue.append(arrived)
                    arrived = sock.recv(_RESCUED)
            except (OSError, ValueError):
                pass  # That was all.
        connection_lost(exc)

    protocol.connection_lost = rescue


async def _wrap_for_trio(sock: socket.socket) -> Any:
    from anyio.abc import SocketStream

    if hasattr(SocketStream, "from_socket"):
        return await SocketStream.from_socket(sock)
    import trio
    from anyio._backends import _trio

    return _trio.SocketStream(trio.socket.from_stdlib_socket(sock))
