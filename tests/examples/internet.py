"""The hosts that the examples and the documentation talk to, all on the loopback.

www.example.com is hypercorn with `application.py`: plain, with TLS (HTTP/1.1 and HTTP/2) and on a unix socket. A server
that demands certificates, and proxies, are threads of this process. Each is started when it is first asked for.
"""

from __future__ import annotations

import contextlib
import http.server
import os
import pathlib
import ssl
import sys
import threading
import typing

import trustme
from proxy_peers import ScriptedProxy, proxy_server
from servers.certificates import certificates
from servers.process import free_port, launch, workspace

__all__ = ["Internet"]

HERE = pathlib.Path(__file__).parent
NAMES = ("www.example.com", "partner.example.com", "localhost", "127.0.0.1")


class Internet:
    """What there is to reach, and what a client needs for it."""

    def __init__(self) -> None:
        self._stack = contextlib.ExitStack()
        self.directory = workspace("examples")
        authority = trustme.CA()
        self.authority = str(self.directory / "authority.pem")
        authority.cert_pem.write_to_path(self.authority)
        # The proxies' certificates are of another authority.
        with open(self.authority, "ab") as file:
            file.write(certificates().authority.read_bytes())
        self._server = self._certificate(authority.issue_cert(*NAMES, organization_name="Example"), "server")
        self.client = self._certificate(authority.issue_cert("client@example.com"), "client")
        self.unix_socket = str(self.directory / "socket")
        self.ports: typing.Dict[str, int] = {}
        server = launch(self._prepare, self.directory, {"PYTHONPATH": str(HERE)})
        self._stack.callback(server.stop)
        self._proxies: typing.Dict[str, ScriptedProxy] = {}

    def close(self) -> None:
        self._stack.close()

    def url(self, path: str = "/", scheme: str = "http") -> str:
        return f"{scheme}://localhost:{self.ports[scheme]}{path}"

    def proxy(self, kind: str) -> ScriptedProxy:
        """A proxy for clients that come with `kind`, the scheme of its URL."""
        if kind not in self._proxies:
            self._proxies[kind] = self._stack.enter_context(proxy_server(kind))
        return self._proxies[kind]

    @contextlib.contextmanager
    def wants_certificate(self) -> typing.Iterator[str]:
        """The URL of a server that demands a client's certificate, and says whose it is."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self._server)
        context.load_verify_locations(self.authority)
        context.verify_mode = ssl.CERT_REQUIRED
        with http.server.ThreadingHTTPServer(("127.0.0.1", 0), WantsCertificate) as server:
            server.socket = context.wrap_socket(server.socket, server_side=True)
            thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
            thread.start()
            try:
                yield f"https://localhost:{server.server_address[1]}/"
            finally:
                server.shutdown()
                thread.join()

    def environment(self) -> typing.Dict[str, str]:
        """The environment in which a program trusts this internet's authority."""
        return {**os.environ, "SSL_CERT_FILE": self.authority, "PYTHONIOENCODING": "utf-8"}

    def _prepare(self) -> typing.Tuple[typing.List[str], typing.List[typing.Any]]:
        self.ports = {"http": free_port(), "https": free_port()}
        arguments = [
            sys.executable, "-m", "hypercorn", "application:application", "--workers", "0",
            "--certfile", self._server, "--keyfile", self._server,
            "--bind", f"127.0.0.1:{self.ports['https']}",
            "--insecure-bind", f"127.0.0.1:{self.ports['http']}",
        ]  # fmt: skip
        addresses: typing.List[typing.Any] = [("127.0.0.1", port) for port in self.ports.values()]
        if sys.platform != "win32":
            with contextlib.suppress(FileNotFoundError):
                os.unlink(self.unix_socket)
            arguments += ["--insecure-bind", f"unix:{self.unix_socket}"]
            addresses.append(self.unix_socket)
        return arguments, addresses

    def _certificate(self, leaf: trustme.LeafCert, name: str) -> str:
        path = self.directory / f"{name}.pem"
        leaf.private_key_and_cert_chain_pem.write_to_path(str(path))
        return str(path)


class WantsCertificate(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = 20

    def do_GET(self) -> None:
        assert isinstance(self.connection, ssl.SSLSocket)
        shown: typing.Any = self.connection.getpeercert()
        body = f"Hello, {shown['subjectAltName'][0][1]}!".encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Quiet."""
