"""The Node programs: an HTTP/1.1 server (node_http.js) that is also the application behind the reverse proxies."""

from __future__ import annotations

import json
import pathlib
import socket
import sys
import typing

from .certificates import Certificate, certificates
from .endpoint import Endpoint
from .process import Address, Server, free_port, launch, workspace
from .requirement import require, require_ipv6, require_unix_sockets

__all__ = ["NodeHTTP"]

SCRIPTS = pathlib.Path(__file__).parent

#: TLS listeners beside "tls", by the certificate that they show.
DISHONEST = ("wrong_host", "expired", "unknown")


class NodeHTTP:
    """node_http.js on TCP, IPv6, a unix socket, TLS, and TLS with unacceptable certificates.

    The listener `application` is for what comes through proxies, whose connections are not to be counted with the
    tests' own.
    """

    def __init__(self) -> None:
        node = require("node", "nodejs")
        self.directory = workspace("node")
        self.uds = str(self.directory / "socket")
        self.ports: typing.Dict[str, int] = {}

        def prepare() -> typing.Tuple[typing.List[str], typing.List[Address]]:
            listeners = self._listeners()
            self.ports = {name: options["port"] for name, options in listeners.items() if "port" in options}
            addresses: typing.List[Address] = [
                options["path"] if "path" in options else (options["host"], options["port"])
                for options in listeners.values()
            ]
            return [node, str(SCRIPTS / "node_http.js"), json.dumps({"listeners": listeners})], addresses

        self.server: Server = launch(prepare, self.directory)

    def stop(self) -> None:
        self.server.stop()

    @property
    def control(self) -> Endpoint:
        """The plain listener, for questions about the others."""
        return Endpoint("node-control", port=self.ports["control"])

    def counts(self, listener: str) -> typing.Dict[str, int]:
        """What `listener` has seen: connections, secured, requests, open, tlsErrors."""
        answer = self.control.ask("/counts")
        return {key: int(value) for key, value in answer[listener].items()}

    def endpoint(self, transport: str) -> Endpoint:
        """The endpoint on a plain or `unix` listener, on `tls`, `client_certificate`, or one of `DISHONEST`."""
        name = "node-" + transport
        if transport in ("tcp", "application"):
            return Endpoint(name, port=self.ports[transport])
        if transport == "ipv6":
            require_ipv6()
            return Endpoint(name, port=self.ports["ipv6"], host="::1")
        if transport == "unix":
            require_unix_sockets()
            return Endpoint(name, uds=self.uds)
        return Endpoint(name, port=self.ports[transport], scheme="https", context=certificates().context)

    def _listeners(self) -> typing.Dict[str, typing.Dict[str, typing.Any]]:
        issued = certificates()
        listeners: typing.Dict[str, typing.Dict[str, typing.Any]] = {
            "control": _tcp(),
            "application": _tcp(),
            "tcp": _tcp(),
            "tls": _tls(issued.good),
            "client_certificate": {**_tls(issued.good), "clientCa": str(issued.authority)},
        }
        for name in DISHONEST:
            listeners[name] = _tls(getattr(issued, name))
        if socket.has_ipv6 and _ipv6_loopback():
            listeners["ipv6"] = {"host": "::1", "port": free_port("::1")}
        if sys.platform != "win32":
            listeners["unix"] = {"path": self.uds}
        return listeners


def _tcp() -> typing.Dict[str, typing.Any]:
    return {"host": "127.0.0.1", "port": free_port()}


def _tls(certificate: Certificate) -> typing.Dict[str, typing.Any]:
    return {**_tcp(), "cert": str(certificate.chain), "key": str(certificate.key)}


def _ipv6_loopback() -> bool:
    try:
        free_port("::1")
    except OSError:
        return False
    return True
