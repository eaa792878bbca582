"""HAProxy in front of the Node program: TCP, TLS, a unix socket, HTTP/2."""

from __future__ import annotations

import os
import typing

from .certificates import certificates
from .endpoint import Endpoint
from .node import NodeHTTP
from .process import Address, Server, free_port, launch, workspace
from .requirement import require, require_unix_sockets

__all__ = ["HAProxy"]

#: name → the parameters of the `bind` line.
LISTENERS = {
    "tcp": "",
    "tls": "ssl crt {both} alpn http/1.1",
    "client_certificate": "ssl crt {both} alpn http/1.1 ca-file {ca} verify required",
    "h2": "ssl crt {both} alpn h2,http/1.1",
    "h2c": "proto h2",
}

CONFIGURATION = """\
global
    maxconn 2000
    nbthread 1
    tune.ssl.default-dh-param 2048
defaults
    mode http
    timeout connect 10s
    timeout client 30s
    timeout server 30s
    timeout http-keep-alive 30s
    timeout tunnel 30s
frontend all
{binds}
    http-request set-var(sess.connection) uuid if !{{ var(sess.connection) -m found }}
    http-response set-header X-Connection-Id %[var(sess.connection)]
    default_backend application
backend application
    server node 127.0.0.1:{application}
"""


class HAProxy:
    def __init__(self, application: NodeHTTP):
        program = require("haproxy")
        self.application = application
        self.directory = workspace("haproxy")
        self.uds = str(self.directory / "socket")
        self.ports: typing.Dict[str, int] = {}

        def prepare() -> typing.Tuple[typing.List[str], typing.List[Address]]:
            self.ports = {name: free_port() for name in LISTENERS}
            configuration = self.directory / "haproxy.cfg"
            configuration.write_text(self._configuration())
            if os.path.exists(self.uds):
                os.unlink(self.uds)
            addresses: typing.List[Address] = [("127.0.0.1", port) for port in self.ports.values()]
            return [program, "-db", "-f", str(configuration)], [*addresses, self.uds]

        self.server: Server = launch(prepare, self.directory)

    def stop(self) -> None:
        self.server.stop()

    def endpoint(self, transport: str) -> Endpoint:
        name = "haproxy-" + transport
        if transport == "unix":
            require_unix_sockets()
            return Endpoint(name, uds=self.uds)
        if LISTENERS[transport].startswith("ssl"):
            return Endpoint(
                name,
                port=self.ports[transport],
                scheme="https",
                context=certificates().context,
                http2=transport.startswith("h2"),
            )
        return Endpoint(name, port=self.ports[transport], http2=transport.startswith("h2"))

    def _configuration(self) -> str:
        issued = certificates()
        binds = [f"    bind unix@{self.uds}"]
        for name, parameters in LISTENERS.items():
            bind = f"    bind 127.0.0.1:{self.ports[name]} {parameters}"
            binds.append(bind.format(both=issued.good.both, ca=issued.authority).rstrip())
        return CONFIGURATION.format(binds="\n".join(binds), application=self.application.ports["application"])
