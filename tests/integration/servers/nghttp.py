"""nghttp2's own server and proxy: the implementation that most others are measured by."""

from __future__ import annotations

import typing

from .certificates import certificates
from .content import pattern
from .endpoint import Endpoint
from .node import NodeHTTP
from .process import Address, Server, free_port, launch, workspace
from .requirement import require

__all__ = ["NghttpProxy", "NghttpServer"]

FILE_SIZES = (1, 10, 1000, 100000, 10000000)

#: name → (TLS or not, further options).  Each is a process of its own.
SERVERS: typing.Dict[str, typing.Tuple[bool, typing.Tuple[str, ...]]] = {
    "h2": (True, ()),
    "h2c": (False, ()),
    "early": (True, ("--early-response",)),
    "trailer": (True, ("--trailer=x-after: all",)),
    "padding": (True, ("--padding=100",)),
}


class NghttpServer:
    """nghttpd: files under `/bytes/<size>`, and uploads sent back."""

    def __init__(self, kind: str):
        program = require("nghttpd")
        secure, options = SERVERS[kind]
        self.kind = kind
        self.directory = workspace("nghttpd")
        self.port = 0
        files = self.directory / "root" / "bytes"
        files.mkdir(parents=True)
        for size in FILE_SIZES:
            (files / str(size)).write_bytes(pattern(size))

        def prepare() -> typing.Tuple[typing.List[str], typing.List[Address]]:
            self.port = free_port()
            arguments = [program, "--address=127.0.0.1", f"--htdocs={self.directory / 'root'}", "--echo-upload"]
            arguments += options
            if secure:
                good = certificates().good
                arguments += [str(self.port), str(good.key), str(good.chain)]
            else:
                arguments += ["--no-tls", str(self.port)]
            return arguments, [("127.0.0.1", self.port)]

        self.server: Server = launch(prepare, self.directory)

    def stop(self) -> None:
        self.server.stop()

    def endpoint(self) -> Endpoint:
        name = "nghttpd-" + self.kind
        if SERVERS[self.kind][0]:
            return Endpoint(name, port=self.port, scheme="https", context=certificates().context, http2=True)
        return Endpoint(name, port=self.port, http2=True)


class NghttpProxy:
    """nghttpx in front of the Node program."""

    def __init__(self, application: NodeHTTP):
        program = require("nghttpx")
        self.directory = workspace("nghttpx")
        self.ports: typing.Dict[str, int] = {}

        def prepare() -> typing.Tuple[typing.List[str], typing.List[Address]]:
            self.ports = {name: free_port() for name in ("h2", "h2c")}
            good = certificates().good
            arguments = [
                program,
                "--conf=/dev/null",
                f"--frontend=127.0.0.1,{self.ports['h2']}",
                f"--frontend=127.0.0.1,{self.ports['h2c']};no-tls",
                f"--backend=127.0.0.1,{application.ports['application']}",
                "--workers=1",
                "--no-ocsp",
                "--errorlog-file=/dev/stderr",
                str(good.key),
                str(good.chain),
            ]
            return arguments, [("127.0.0.1", port) for port in self.ports.values()]

        self.server: Server = launch(prepare, self.directory)

    def stop(self) -> None:
        self.server.stop()

    def endpoint(self, transport: str) -> Endpoint:
        name = "nghttpx-" + transport
        if transport == "h2":
            return Endpoint(name, port=self.ports["h2"], scheme="https", context=certificates().context, http2=True)
        return Endpoint(name, port=self.ports["h2c"], http2=True)
