"""The async backend that finds out at run time what it runs under.

Under asyncio that is the native backend, which needs no third party; under trio the trio backend. The choice is made
at each connect, so one object serves a program that runs several event loops.
"""

from __future__ import annotations

from typing import Dict, Iterable, Optional

from ._backend import SOCKET_OPTION, AsyncNetworkBackend, AsyncNetworkStream
from ._runtime import current_async_library

__all__ = ["AutoBackend"]


class AutoBackend(AsyncNetworkBackend):
    """Connects with the backend of the async library that is running."""

    def __init__(self) -> None:
        self._backends: Dict[str, AsyncNetworkBackend] = {}

    def _backend(self) -> AsyncNetworkBackend:
        library = current_async_library()
        backend = self._backends.get(library)
        if backend is None:
            if library == "trio":
                from ._trio import TrioBackend

                backend = TrioBackend()
            else:
                from ._asyncio import AsyncioBackend

                backend = AsyncioBackend()
            self._backends[library] = backend
        return backend

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: Optional[float] = None,
        local_address: Optional[str] = None,
        socket_options: Optional[Iterable[SOCKET_OPTION]] = None,
    ) -> AsyncNetworkStream:
        return await self._backend().connect_tcp(
            host, port, timeout=timeout, local_address=local_address, socket_options=socket_options
        )

    async def connect_unix_socket(
        self,
        path: str,
        timeout: Optional[float] = None,
        socket_options: Optional[Iterable[SOCKET_OPTION]] = None,
    ) -> AsyncNetworkStream:
        return await self._backend().connect_unix_socket(path, timeout=timeout, socket_options=socket_options)

    async def sleep(self, seconds: float) -> None:
        await self._backend().sleep(seconds)
