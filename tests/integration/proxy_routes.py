"""The ways to an origin, each with a recording origin and, but for the direct one, a recording proxy."""

from __future__ import annotations

import asyncio
import contextlib
import typing

from client_kinds import Client
from proxy_peers import Origin, ScriptedProxy, origin_server, proxy_server
from servers.certificates import certificates

import httpcore

__all__ = [
    "HANDSHAKES",
    "PROXIES",
    "ROUTES",
    "SCHEMES",
    "SECURE",
    "Route",
    "acquired",
    "route_to",
    "speaks_socks",
    "through",
    "watching",
]

SCHEMES = ("http", "https", "ws", "wss")
SECURE = ("https", "wss")
PROXIES = ("http", "https", "socks5", "socks5h", "socks4", "socks4a")
ROUTES = ("direct", *PROXIES)

#: Kind of proxy and scheme, where reaching the origin takes a handshake with the proxy; one that forwards is a server
#: like any other.
HANDSHAKES = [(kind, scheme) for kind in PROXIES for scheme in SCHEMES if scheme != "http" or kind.startswith("socks")]


def speaks_socks(kind: str) -> bool:
    return kind.startswith("socks")


def through(proxy: ScriptedProxy, **options: typing.Any) -> typing.Dict[str, typing.Any]:
    """The options of a pool that goes through `proxy` and trusts what it shows; `options` are those of the proxy."""
    if proxy.kind == "https":
        options["ssl_context"] = certificates().context()
    return {
        "proxy": httpcore.Proxy(proxy.url, **options),
        "ssl_context": certificates().context(),
        **({} if proxy.uds is None else {"uds": proxy.uds}),
    }


class Route:
    """An origin, and the proxy before it; None where there is none."""

    def __init__(self, origin: Origin, proxy: typing.Optional[ScriptedProxy]) -> None:
        self.origin = origin
        self.proxy = proxy

    @property
    def options(self) -> typing.Dict[str, typing.Any]:
        """What a pool needs to take this route."""
        if self.proxy is not None:
            return through(self.proxy)
        uds = {} if self.origin.uds is None else {"uds": self.origin.uds}
        return {"ssl_context": certificates().context(), **uds}

    @property
    def peers(self) -> typing.List[typing.Any]:
        """Whose connections have come to the first stop."""
        return self.origin.peers if self.proxy is None else self.proxy.peers


@contextlib.contextmanager
def route_to(kind: str, *, host: str = "127.0.0.1", uds: typing.Optional[str] = None) -> typing.Iterator[Route]:
    """The route of this kind to an origin on `host`; its first stop is the unix socket `uds` if there is one."""
    if kind == "direct":
        with origin_server(host, uds=uds) as origin:
            yield Route(origin, None)
    else:
        with origin_server(host) as origin, proxy_server(kind, uds=uds, origin_host=host) as proxy:
            yield Route(origin, proxy)


async def acquired(client: Client, semaphore: typing.Any) -> bool:
    """Wait, without stopping the event loop, until what a server counts has happened; False if it does not."""

    def wait() -> bool:
        return bool(semaphore.acquire(timeout=10))

    if client.name == "sync":
        return wait()
    if client.name == "trio":
        import trio

        return await trio.to_thread.run_sync(wait)
    return await asyncio.get_running_loop().run_in_executor(None, wait)


class _Backend(httpcore.NetworkBackend):
    def __init__(self, inner: httpcore.NetworkBackend, asked: typing.List[typing.Any], failures: int) -> None:
        self._inner = inner
        self._asked = asked
        self._failures = failures

    def connect_tcp(self, host: str, port: int, *args: typing.Any, **options: typing.Any) -> httpcore.NetworkStream:
        self._asked.append((host, port))
        if len(self._asked) <= self._failures:
            raise httpcore.ConnectError("not this time")
        return self._inner.connect_tcp(host, port, *args, **options)

    def sleep(self, seconds: float) -> None:
        self._inner.sleep(seconds)


class _AsyncBackend(httpcore.AsyncNetworkBackend):
    def __init__(self, inner: httpcore.AsyncNetworkBackend, asked: typing.List[typing.Any], failures: int) -> None:
        self._inner = inner
        self._asked = asked
        self._failures = failures

    async def connect_tcp(
        self, host: str, port: int, *args: typing.Any, **options: typing.Any
    ) -> httpcore.AsyncNetworkStream:
        self._asked.append((host, port))
        if len(self._asked) <= self._failures:
            raise httpcore.ConnectError("not this time")
        return await self._inner.connect_tcp(host, port, *args, **options)

    async def sleep(self, seconds: float) -> None:
        await self._inner.sleep(seconds)


def watching(client: Client, pool: typing.Any, failures: int = 0) -> typing.List[typing.Any]:
    """Put a user's own backend into `pool`, which may be done after it was made, as guards against forbidden addresses
    do; return the list in which what it is asked for will stand. Its first `failures` connections fail.
    """
    inner = pool.wrapped._pool if client.name == "sync" else pool.wrapped
    asked: typing.List[typing.Any] = []
    backend = _Backend if client.name == "sync" else _AsyncBackend
    inner._network_backend = backend(inner._network_backend, asked, failures)
    return asked
