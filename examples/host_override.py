"""Decide oneself where a host is to be found, like curl's `--connect-to`: a resolver as a network backend.

    python examples/host_override.py URL HOST:PORT=ADDRESS:PORT...

Only the way changes: the URL, the `Host` header and the name that TLS verifies stay the origin's. The same hook is the
place for a DNS cache, for service discovery, and for refusing addresses that a program must not reach. `_resolve` may
as well ask a resolver of one's own.
"""

from __future__ import annotations

import asyncio
import sys
from typing import Dict, Iterable, List, Optional, Tuple

import httpcore

Address = Tuple[str, int]


class OverridingBackend(httpcore.AsyncNetworkBackend):
    def __init__(self, overrides: Dict[Address, Address]) -> None:
        self._backend = httpcore.AsyncioBackend()
        self._overrides = overrides

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: Optional[float] = None,
        local_address: Optional[str] = None,
        socket_options: Optional[Iterable[httpcore.SOCKET_OPTION]] = None,
    ) -> httpcore.AsyncNetworkStream:
        there, port_there = self._resolve(host, port)
        return await self._backend.connect_tcp(there, port_there, timeout, local_address, socket_options)

    async def connect_unix_socket(
        self,
        path: str,
        timeout: Optional[float] = None,
        socket_options: Optional[Iterable[httpcore.SOCKET_OPTION]] = None,
    ) -> httpcore.AsyncNetworkStream:
        raise httpcore.ConnectError("This backend connects to hosts only.")

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)

    def _resolve(self, host: str, port: int) -> Address:
        return self._overrides.get((host, port), (host, port))


def address(text: str) -> Address:
    host, _, port = text.rpartition(":")
    return host.strip("[]"), int(port)


async def main(url: str, overrides: List[str]) -> None:
    table = {address(name): address(place) for name, _, place in (text.partition("=") for text in overrides)}
    async with httpcore.AsyncConnectionPool(network_backend=OverridingBackend(table)) as pool:
        async with pool.stream("GET", url) as response:
            there = response.extensions["network_stream"].get_extra_info("server_addr")
            print(f"{url} is at {there[0]}:{there[1]}")
            print(response.status, (await response.aread()).decode())


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], sys.argv[2:]))
