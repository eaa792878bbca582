"""Where a test reaches a server: an address, how it is secured, and which server it is."""

from __future__ import annotations

import http.client
import json
import ssl
import typing

__all__ = ["Endpoint"]


class Endpoint:
    """One listening address of one server."""

    def __init__(
        self,
        name: str,
        *,
        port: int = 0,
        host: str = "127.0.0.1",
        scheme: str = "http",
        uds: typing.Optional[str] = None,
        context: typing.Optional[typing.Callable[[], ssl.SSLContext]] = None,
        http2: bool = False,
    ):
        self.name = name
        self.host = host
        self.port = port
        self.scheme = scheme
        self.uds = uds
        self.http2 = http2
        self._context = context

    def __repr__(self) -> str:
        return f"<Endpoint {self.name}>"

    @property
    def authority(self) -> str:
        if self.uds is not None:
            return "localhost"
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}"

    def url(self, path: str = "/") -> str:
        return f"{self.scheme}://{self.authority}{path}"

    def options(self) -> typing.Dict[str, typing.Any]:
        """The pool's keyword arguments for this endpoint."""
        options: typing.Dict[str, typing.Any] = {}
        if self._context is not None:
            options["ssl_context"] = self._context()
        if self.uds is not None:
            options["uds"] = self.uds
        if self.http2:
            # Over TLS the protocol is negotiated; in clear text it takes prior knowledge (RFC 9113 § 3.3).
            options["http2"] = True
            options["http1"] = self.scheme == "https"
        return options

    def ask(self, path: str) -> typing.Any:
        """The JSON at `path`; see `ask_text`."""
        return json.loads(self.ask_text(path))

    def ask_text(self, path: str) -> str:
        """The text at `path`, by the standard library over a plain TCP connection of its own: the control channel."""
        connection = http.client.HTTPConnection(self.host, self.port, timeout=10)
        try:
            connection.request("GET", path, headers={"Connection": "close"})
            return connection.getresponse().read().decode()
        finally:
            connection.close()
