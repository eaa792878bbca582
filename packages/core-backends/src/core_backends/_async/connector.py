"""The direct way to an origin: a TCP connection to its host, or a unix socket that stands in for it.

A connector is anything with `connect(origin, extensions) -> stream` and returns a raw path to the origin, without TLS.
Proxies are connectors around this one, so what is set here holds on every route.
"""

from __future__ import annotations

import logging
from typing import Any, Callable, Dict, Iterable, List, Mapping, Optional

from .._abandon import abandon
from .._backend import SOCKET_OPTION, AsyncNetworkBackend, AsyncNetworkStream
from .._deadline import phase_timeout
from .._defaults import AutoBackend
from .._exceptions import ConnectError
from .._trace import async_tracer
from .._url import Origin, host_text

__all__ = ["AsyncDirectConnector"]

logger = logging.getLogger("httpcore.connection")


class AsyncDirectConnector:
    """Connects to an origin's host and port, or to the unix socket `uds` whatever the origin.

    `network_backend` None is the default one for the runtime. `local_address` is the address to connect from,
    `socket_options` tuples for `setsockopt`, `logger` the one whose name trace events carry.
    """

    def __init__(
        self,
        network_backend: Optional[AsyncNetworkBackend] = None,
        *,
        local_address: Optional[str] = None,
        uds: Optional[str] = None,
        socket_options: Optional[Iterable[SOCKET_OPTION]] = None,
        logger: logging.Logger = logger,
    ) -> None:
        self._backend: AsyncNetworkBackend = AutoBackend() if network_backend is None else network_backend
        self._logger = logger
        self._local_address = local_address
        self._uds = uds
        self._socket_options: Optional[List[SOCKET_OPTION]] = None if socket_options is None else list(socket_options)

    async def connect(self, origin: Origin, extensions: Mapping[str, Any]) -> AsyncNetworkStream:
        """Return a stream to `origin` within the connect timeout; raises `ConnectTimeout` or `ConnectError`."""
        timeout = phase_timeout(extensions, "connect")
        trace = async_tracer(self._logger, extensions)
        attempt: Callable[..., Any]
        arguments: Dict[str, Any]
        if self._uds is not None:
            event = "connect_unix_socket"
            attempt = self._backend.connect_unix_socket
            arguments = {"path": self._uds, "timeout": timeout, "socket_options": self._socket_options}
        else:
            event = "connect_tcp"
            attempt = self._backend.connect_tcp
            arguments = {
                "host": host_text(origin.host),
                "port": origin.port,
                "local_address": self._local_address,
                "timeout": timeout,
                "socket_options": self._socket_options,
            }

        async def connect() -> AsyncNetworkStream:
            try:
                stream: AsyncNetworkStream = await attempt(**arguments)
            except OSError as exc:
                # A user's own backend may raise what the system gave it.
                raise ConnectError(f"Cannot connect to {origin}: {exc!r}") from exc
            return stream

        if trace is None:
            return await connect()
        opened: List[AsyncNetworkStream] = []

        async def open_stream() -> AsyncNetworkStream:
            opened.append(await connect())
            return opened[0]

        try:
            return await trace.call(event, arguments, open_stream)
        except BaseException:
            # A hook that fails, or is cancelled, after the stream was opened leaves nobody to close it.
            for stream in opened:
                abandon(stream)
            raise
