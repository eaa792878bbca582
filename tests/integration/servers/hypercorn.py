"""hypercorn, an ASGI server in Python: TCP, TLS with HTTP/2, a unix socket."""

from __future__ import annotations

import os
import pathlib
import sys
import typing

from .certificates import certificates
from .endpoint import Endpoint
from .process import Address, Server, free_port, launch, workspace
from .requirement import require_module, require_unix_sockets

__all__ = ["Hypercorn"]


class Hypercorn:
    def __init__(self) -> None:
        require_module("hypercorn")
        self.directory = workspace("hypercorn")
        self.uds = str(self.directory / "socket")
        self.ports: typing.Dict[str, int] = {}

        def prepare() -> typing.Tuple[typing.List[str], typing.List[Address]]:
            self.ports = {name: free_port() for name in ("tcp", "tls")}
            if os.path.exists(self.uds):
                os.unlink(self.uds)
            return self._arguments(), [("127.0.0.1", port) for port in self.ports.values()] + [self.uds]

        self.server: Server = launch(prepare, self.directory, {"PYTHONPATH": str(pathlib.Path(__file__).parents[1])})

    def stop(self) -> None:
        self.server.stop()

    def endpoint(self, transport: str) -> Endpoint:
        name = "hypercorn-" + transport
        if transport == "unix":
            require_unix_sockets()
            return Endpoint(name, uds=self.uds)
        http2 = transport.startswith("h2")
        if transport in ("tls", "h2"):
            context = certificates().context
            return Endpoint(name, port=self.ports["tls"], scheme="https", context=context, http2=http2)
        return Endpoint(name, port=self.ports["tcp"], http2=http2)

    def _arguments(self) -> typing.List[str]:
        issued = certificates()
        return [
            sys.executable, "-m", "hypercorn", "servers.asgi_application:application",
            "--workers", "0",
            "--keep-alive", "60",
            "--certfile", str(issued.good.chain),
            "--keyfile", str(issued.good.key),
            "--bind", "127.0.0.1:{}".format(self.ports["tls"]),
            "--insecure-bind", "127.0.0.1:{}".format(self.ports["tcp"]),
            "--insecure-bind", f"unix:{self.uds}",
        ]  # fmt: skip
