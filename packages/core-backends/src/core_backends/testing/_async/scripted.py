"""A stream that plays a script, and a backend that hands out such streams.

Rules that hold here:

* `read` gives one item of the script at a time, at most `max_bytes` of it; an exception in the script is raised;
  behind the script's end is the end of the stream, b"".
* Everything that is written, and every call with its time limit, is recorded.
* A hook runs before each operation, and stands for whatever happens meanwhile: it may raise, cancel, close, or wait.
"""

from __future__ import annotations

import ssl
from typing import Any, Awaitable, Callable, Dict, Iterable, List, Mapping, Optional, Tuple, Union

from ..._backend import SOCKET_OPTION, AsyncNetworkBackend, AsyncNetworkStream
from ..._exceptions import ReadError, WriteError

__all__ = ["AsyncScriptedBackend", "AsyncScriptedStream"]


class AsyncScriptedStream(AsyncNetworkStream):
    """A stream that reads what `script` says and records what is written.

    `script` holds bytes, and exceptions to raise. `extra` is what `get_extra_info` answers, None for what is not in it.
    `hook` is called as `await hook(operation)` before each `read`, `write`, `start_tls` and `aclose`, with that name.

    `written` is all that was written, `writes` the same call by call; `timeouts` pairs each operation with its limit;
    `tls` lists the server names that TLS was started for, `alpn_protocols` what was offered with it; `closed` is
    whether the stream was closed, in whichever way.
    """

    accepts_alpn_protocols = True

    def __init__(
        self,
        script: Iterable[Union[bytes, Exception]] = (),
        *,
        extra: Optional[Mapping[str, Any]] = None,
        hook: Optional[Callable[[str], Awaitable[None]]] = None,
    ) -> None:
        self.script: List[Union[bytes, Exception]] = list(script)
        self.extra: Dict[str, Any] = dict(extra or {})
        self.hook = hook
        self.writes: List[bytes] = []
        self.timeouts: List[Tuple[str, Optional[float]]] = []
        self.tls: List[Optional[str]] = []
        self.alpn_protocols: List[Optional[List[str]]] = []
        self.closed: bool = False
        self.aborted: bool = False

    @property
    def written(self) -> bytes:
        """All that was written."""
        return b"".join(self.writes)

    async def read(self, max_bytes: int, timeout: Optional[float] = None) -> bytes:
        self.timeouts.append(("read", timeout))
        if self.hook is not None:
            await self.hook("read")
        if self.closed:
            raise ReadError("The stream is closed.")
        if not self.script:
            return b""
        item = self.script.pop(0)
        if isinstance(item, Exception):
            raise item
        if len(item) > max_bytes:
            self.script.insert(0, item[max_bytes:])
        return item[:max_bytes]

    async def write(self, buffer: bytes, timeout: Optional[float] = None) -> None:
        self.timeouts.append(("write", timeout))
        if self.hook is not None:
            await self.hook("write")
        if self.closed:
            raise WriteError("The stream is closed.")
        self.writes.append(bytes(buffer))

    async def aclose(self) -> None:
        if self.hook is not None:
            await self.hook("aclose")
        self.closed = True

    def abort(self) -> None:
        """Close the stream at once; `aborted` tells that it was this way."""
        self.closed = True
        self.aborted = True

    async def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: Optional[str] = None,
        timeout: Optional[float] = None,
        *,
        alpn_protocols: Optional[List[str]] = None,
    ) -> AsyncNetworkStream:
        self.timeouts.append(("start_tls", timeout))
        if self.hook is not None:
            await self.hook("start_tls")
        self.tls.append(server_hostname)
        self.alpn_protocols.append(alpn_protocols)
        return self

    def get_extra_info(self, info: str) -> Any:
        return self.extra.get(info)


class AsyncScriptedBackend(AsyncNetworkBackend):
    """A backend that hands out `streams` one after the other; an exception among them is raised.

    `hook` is called as `await hook(operation)` before each connect. `calls` lists the arguments of every connect,
    `pauses` those of every `sleep`, which returns at once. Connecting when no stream is left is an `AssertionError`.
    """

    def __init__(
        self,
        streams: Iterable[Union[AsyncNetworkStream, Exception]] = (),
        *,
        hook: Optional[Callable[[str], Awaitable[None]]] = None,
    ) -> None:
        self.streams: List[Union[AsyncNetworkStream, Exception]] = list(streams)
        self.hook = hook
        self.calls: List[Dict[str, Any]] = []
        self.pauses: List[float] = []

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: Optional[float] = None,
        local_address: Optional[str] = None,
        socket_options: Optional[Iterable[SOCKET_OPTION]] = None,
    ) -> AsyncNetworkStream:
        self.calls.append(
            {
                "host": host,
                "port": port,
                "timeout": timeout,
                "local_address": local_address,
                "socket_options": socket_options,
            }
        )
        return await self._next("connect_tcp")

    async def connect_unix_socket(
        self,
        path: str,
        timeout: Optional[float] = None,
        socket_options: Optional[Iterable[SOCKET_OPTION]] = None,
    ) -> AsyncNetworkStream:
        self.calls.append({"path": path, "timeout": timeout, "socket_options": socket_options})
        return await self._next("connect_unix_socket")

    async def _next(self, operation: str) -> AsyncNetworkStream:
        if self.hook is not None:
            await self.hook(operation)
        if not self.streams:
            raise AssertionError(f"{operation} was called more often than there are streams: {self.calls[-1]}")
        stream = self.streams.pop(0)
        if isinstance(stream, Exception):
            raise stream
        return stream

    async def sleep(self, seconds: float) -> None:
        self.pauses.append(seconds)
