"""The routes that every sweep takes, and the peers at their ends."""

from __future__ import annotations

import socket
import ssl
from types import TracebackType
from typing import Any, Dict, List, Optional, Type

import trustme

import httpcore

from .peers import Gate, HTTPProxy, Origin, Peer, SocksProxy

CREDENTIALS = ("user", "correct horse battery staple")

ROUTES = [
    "direct",
    "tls",
    "h2",
    "h2-prior-knowledge",
    "forward",
    "tunnel",
    "tunnel-h2",
    "tls-proxy-tunnel",
    "socks",
    "socks-tls",
]
HTTP2_ROUTES = {"h2", "h2-prior-knowledge", "tunnel-h2"}


class Network:
    """All peers, and how to reach them."""

    def __init__(self) -> None:
        authority = trustme.CA()
        self.gate = Gate()
        certificate = authority.issue_cert("127.0.0.1", "localhost")
        self.server_tls = _server_tls(certificate, ["http/1.1"])
        self.client_tls = ssl.create_default_context()
        authority.configure_trust(self.client_tls)
        self.both = Origin(_server_tls(certificate, ["h2", "http/1.1"]), gate=self.gate)
        self.plain = Origin(gate=self.gate)
        self.prior_knowledge = Origin(gate=self.gate, prior_knowledge=True)
        self.proxy = HTTPProxy()
        self.tls_proxy = HTTPProxy(self.server_tls)
        self.socks = SocksProxy()
        self.peers: List[Peer] = [
            self.both,
            self.plain,
            self.prior_knowledge,
            self.proxy,
            self.tls_proxy,
            self.socks,
        ]

    def __enter__(self) -> Network:
        return self

    def __exit__(
        self,
        exc_type: Optional[Type[BaseException]],
        exc_value: Optional[BaseException],
        traceback: Optional[TracebackType],
    ) -> None:
        for peer in self.peers:
            peer.close()

    def wait_until_idle(self) -> None:
        for peer in self.peers:
            peer.wait_until_idle()

    def url(self, route: str, target: str = "/") -> str:
        if route in ("direct", "socks"):
            return f"http://127.0.0.1:{self.plain.port}{target}"
        if route == "h2-prior-knowledge":
            return f"http://127.0.0.1:{self.prior_knowledge.port}{target}"
        if route == "forward":
            return f"http://127.0.0.1:{self.plain.port}{target}"
        return f"https://127.0.0.1:{self.both.port}{target}"

    def last_peer(self, route: str) -> Peer:
        """Who answers requests on `route`."""
        if route in ("direct", "socks"):
            return self.plain
        return {"forward": self.proxy, "h2-prior-knowledge": self.prior_knowledge}.get(route, self.both)

    def options(self, route: str, **more: Any) -> Dict[str, Any]:
        """The arguments of a pool for `route`."""
        options: Dict[str, Any] = {
            "ssl_context": self.client_tls,
            "max_connections": 1,
            "http1": route != "h2-prior-knowledge",
            "http2": route in HTTP2_ROUTES,
            # So that a body of ordinary size fills them.
            "socket_options": [(socket.SOL_SOCKET, socket.SO_SNDBUF, 16 * 1024)],
        }
        if route in ("forward", "tunnel", "tunnel-h2"):
            options["proxy"] = httpcore.Proxy(f"http://127.0.0.1:{self.proxy.port}", auth=CREDENTIALS)
        elif route == "tls-proxy-tunnel":
            options["proxy"] = httpcore.Proxy(
                f"https://127.0.0.1:{self.tls_proxy.port}", auth=CREDENTIALS, ssl_context=self.client_tls
            )
        elif route in ("socks", "socks-tls"):
            options["proxy"] = httpcore.Proxy(f"socks5://127.0.0.1:{self.socks.port}", auth=CREDENTIALS)
        options.update(more)
        return options


def _server_tls(certificate: trustme.LeafCert, protocols: List[str]) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    certificate.configure_cert(context)
    context.set_alpn_protocols(protocols)
    return context
