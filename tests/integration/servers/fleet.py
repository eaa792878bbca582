"""All servers of a session, started when a test first asks for them."""

from __future__ import annotations

import typing

from .apache import Apache
from .endpoint import Endpoint
from .forward_proxies import ForwardProxy, apache_forward, haproxy_forward, nginx_forward
from .haproxy import HAProxy
from .hypercorn import Hypercorn
from .nghttp import NghttpProxy, NghttpServer
from .nginx import Nginx
from .node import NodeHTTP
from .node_http2 import NodeHTTP2
from .openssh import OpenSSH
from .process import Server

__all__ = ["Fleet"]

T = typing.TypeVar("T", bound="Started")


class Started(typing.Protocol):
    server: Server

    def stop(self) -> None: ...


class Fleet:
    """A server that has ended since it was started fails the tests that ask for it, with its output."""

    def __init__(self) -> None:
        self._started: typing.Dict[str, typing.Any] = {}

    @property
    def node(self) -> NodeHTTP:
        return self._get("node", NodeHTTP)

    @property
    def nginx(self) -> Nginx:
        return self._get("nginx", lambda: Nginx(self.node))

    @property
    def apache(self) -> Apache:
        return self._get("apache", lambda: Apache(self.node))

    @property
    def haproxy(self) -> HAProxy:
        return self._get("haproxy", lambda: HAProxy(self.node))

    @property
    def hypercorn(self) -> Hypercorn:
        return self._get("hypercorn", Hypercorn)

    @property
    def node2(self) -> NodeHTTP2:
        return self._get("node2", NodeHTTP2)

    @property
    def nghttpx(self) -> NghttpProxy:
        return self._get("nghttpx", lambda: NghttpProxy(self.node))

    def nghttpd(self, kind: str) -> NghttpServer:
        return self._get("nghttpd-" + kind, lambda: NghttpServer(kind))

    @property
    def openssh(self) -> OpenSSH:
        return self._get("openssh", OpenSSH)

    def forward_proxy(self, name: str) -> ForwardProxy:
        """`apache`, `nginx` or `haproxy` as a forward proxy."""
        starts = {"apache": apache_forward, "nginx": nginx_forward, "haproxy": haproxy_forward}
        return self._get("forward-" + name, starts[name])

    def endpoint(self, name: str) -> Endpoint:
        """The endpoint called `"<server>-<transport>"`."""
        server, _, transport = name.partition("-")
        if server == "nghttpd":
            return self.nghttpd(transport).endpoint()
        found: Endpoint = getattr(self, server).endpoint(transport)
        return found

    def stop(self) -> None:
        """Stop in the reverse order of starting, reverse proxies before what is behind them."""
        for server in reversed(list(self._started.values())):
            server.stop()
        self._started.clear()

    def _get(self, name: str, start: typing.Callable[[], T]) -> T:
        if name not in self._started:
            self._started[name] = start()
        found: T = self._started[name]
        found.server.check()
        return found
