"""The scripted HTTP/2 server (node_http2.js): streams, settings and windows as a test needs them."""

from __future__ import annotations

import json
import typing

from .certificates import certificates
from .endpoint import Endpoint
from .node import SCRIPTS
from .process import Address, Server, free_port, launch, workspace
from .requirement import require

__all__ = ["NodeHTTP2"]

Settings = typing.Dict[str, int]

#: Listeners by name: the server's first SETTINGS.
LISTENERS: typing.Dict[str, Settings] = {
    "h2": {},
    "h2c": {},
    "one_stream": {"maxConcurrentStreams": 1},
    "ten_streams": {"maxConcurrentStreams": 10},
    "window_1": {"initialWindowSize": 1},
    "window_1000": {"initialWindowSize": 1000},
    "window_16m": {"initialWindowSize": 16 * 1024 * 1024},
    "large_frames": {"maxFrameSize": 1024 * 1024},
    "small_table": {"headerTableSize": 0},
}


class NodeHTTP2:
    def __init__(self) -> None:
        node = require("node", "nodejs")
        self.directory = workspace("node2")
        self.ports: typing.Dict[str, int] = {}

        def prepare() -> typing.Tuple[typing.List[str], typing.List[Address]]:
            self.ports = {name: free_port() for name in (*LISTENERS, "control")}
            addresses: typing.List[Address] = [("127.0.0.1", port) for port in self.ports.values()]
            return [node, str(SCRIPTS / "node_http2.js"), json.dumps(self._configuration())], addresses

        self.server: Server = launch(prepare, self.directory)

    def stop(self) -> None:
        self.server.stop()

    def endpoint(self, listener: str) -> Endpoint:
        name = "node2-" + listener
        if listener == "h2c":
            return Endpoint(name, port=self.ports[listener], http2=True)
        return Endpoint(name, port=self.ports[listener], scheme="https", context=certificates().context, http2=True)

    def counts(self, listener: str) -> typing.Dict[str, typing.Any]:
        """What `listener` has seen: connections, open, streams, concurrent, mostUnanswered, resets by code."""
        found: typing.Dict[str, typing.Any] = Endpoint("node2-control", port=self.ports["control"]).ask("/")[listener]
        return found

    def _configuration(self) -> typing.Dict[str, typing.Any]:
        listeners: typing.Dict[str, typing.Dict[str, typing.Any]] = {}
        for name, settings in LISTENERS.items():
            options = {"host": "127.0.0.1", "port": self.ports[name], "settings": settings}
            if name != "h2c":
                good = certificates().good
                options.update(cert=str(good.chain), key=str(good.key))
            listeners[name] = options
        return {"control": self.ports["control"], "listeners": listeners}
