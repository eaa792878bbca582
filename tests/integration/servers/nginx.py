"""nginx: static files, a reverse proxy to the Node program, and connections that it ends by count or by time."""

from __future__ import annotations

import os
import pathlib
import re
import sys
import typing

from .certificates import certificates
from .endpoint import Endpoint
from .node import NodeHTTP
from .process import Address, Server, free_port, launch, wait_until, workspace
from .requirement import require, require_ipv6, require_unix_sockets

__all__ = ["FILE_BYTES", "Nginx", "user_directive"]

FILE_BYTES = 10 * 1000 * 1000

#: Listeners on TCP: name → (TLS or not, HTTP/2 or not, further directives of the server block).
LISTENERS: typing.Dict[str, typing.Tuple[bool, bool, str]] = {
    "tcp": (False, False, ""),
    "tls": (True, False, ""),
    "client_certificate": (True, False, "ssl_verify_client on; ssl_client_certificate {ca};"),
    "few_requests": (False, False, "keepalive_requests 3;"),
    "short_idle": (False, False, "keepalive_timeout 100ms;"),
    "short_idle_tls": (True, False, "keepalive_timeout 100ms;"),
    "resuming": (True, False, "keepalive_requests 1; {resuming}"),
    "h2": (True, True, ""),
    "h2c": (False, True, ""),
    "h2_few_requests": (True, True, "keepalive_requests 3;"),
    "h2_resuming": (True, True, "keepalive_requests 1; {resuming}"),
    "h2_short_idle": (True, True, "keepalive_timeout 100ms; lingering_timeout 50ms;"),
    "h2_few_streams": (True, True, "http2_max_concurrent_streams 4;"),
}

#: TLS sessions are taken up again, and the answer tells whether this one was: `r`, else a full stop.
RESUMING = """\
ssl_session_cache shared:resuming:1m; ssl_session_tickets on; add_header X-Session-Reused $ssl_session_reused always;\
"""

CONFIGURATION = """\
{user}
daemon off;
worker_processes 1;
pid {directory}/nginx.pid;
error_log stderr warn;
events {{ worker_connections 2048; }}
http {{
    access_log off;
    client_body_temp_path {directory}/body;
    proxy_temp_path {directory}/proxy;
    fastcgi_temp_path {directory}/fastcgi;
    uwsgi_temp_path {directory}/uwsgi;
    scgi_temp_path {directory}/scgi;
    default_type application/octet-stream;
    ssl_certificate {chain};
    ssl_certificate_key {key};
    ssl_protocols TLSv1.2 TLSv1.3;
    client_max_body_size 0;
    keepalive_requests 100000;
    map $http_upgrade $connection_upgrade {{ default upgrade; '' ''; }}
    upstream application {{ server 127.0.0.1:{application}; keepalive 32; }}
    server {{ listen 127.0.0.1:{status}; location / {{ stub_status; }} }}
{servers}
}}
"""

SERVER = """\
    server {{
{listen}
        {directives}
        add_header X-Connection-Id $connection always;
        location / {{
            proxy_pass http://application;
            proxy_http_version 1.1;
            proxy_request_buffering off;
            proxy_set_header Host $http_host;
            proxy_set_header Upgrade $http_upgrade;
            proxy_set_header Connection $connection_upgrade;
            proxy_hide_header X-Connection-Id;
        }}
        location /files/ {{ alias {directory}/files/; }}
        location /limited/ {{ client_max_body_size 1000; proxy_pass http://application/; }}
    }}
"""


class Nginx:
    def __init__(self, application: NodeHTTP):
        program = require("nginx")
        self.application = application
        self.directory = workspace("nginx")
        self.uds = str(self.directory / "socket")
        self.ports: typing.Dict[str, int] = {}
        files = self.directory / "files"
        files.mkdir()
        (files / "large").write_bytes((bytes(range(251)) * (FILE_BYTES // 251 + 1))[:FILE_BYTES])
        (files / "small").write_bytes(b"a small file")

        def prepare() -> typing.Tuple[typing.List[str], typing.List[Address]]:
            self.ports = {name: free_port() for name in (*LISTENERS, "status")}
            self._ipv6_port()
            configuration = self.directory / "nginx.conf"
            configuration.write_text(self._configuration())
            pathlib.Path(self.uds).unlink() if os.path.exists(self.uds) else None
            addresses: typing.List[Address] = [
                ("127.0.0.1", port) for name, port in self.ports.items() if name != "ipv6"
            ]
            return [program, "-p", str(self.directory), "-c", str(configuration)], [*addresses, self.uds]

        self.server: Server = launch(prepare, self.directory)

    def stop(self) -> None:
        self.server.stop()

    def endpoint(self, transport: str) -> Endpoint:
        name = "nginx-" + transport
        if transport == "unix":
            require_unix_sockets()
            return Endpoint(name, uds=self.uds)
        if transport == "ipv6":
            require_ipv6()
            return Endpoint(name, host="::1", port=self.ports["ipv6"])
        if LISTENERS[transport][0]:
            return Endpoint(
                name,
                port=self.ports[transport],
                scheme="https",
                context=certificates().context,
                http2=transport.startswith("h2"),
            )
        return Endpoint(name, port=self.ports[transport], http2=transport.startswith("h2"))

    def wait_no_connections(self, seconds: float = 10.0) -> None:
        """Until nginx holds no client connection beside the one that asks."""
        status = Endpoint("nginx-status", port=self.ports["status"])

        def none_left() -> bool:
            found = re.search(r"Active connections: (\d+)", status.ask_text("/"))
            assert found is not None
            return int(found.group(1)) == 1

        wait_until(none_left, seconds, lambda: "nginx still holds connections")

    def _ipv6_port(self) -> None:
        try:
            self.ports["ipv6"] = free_port("::1")
        except OSError:
            pass

    def _configuration(self) -> str:
        issued = certificates()
        blocks = []
        for name, (secure, http2, directives) in LISTENERS.items():
            listen = [
                "listen 127.0.0.1:{}{}{};".format(self.ports[name], " ssl" if secure else "", " http2" if http2 else "")
            ]
            if name == "tcp":
                listen.append(f"listen unix:{self.uds};")
                if "ipv6" in self.ports:
                    listen.append("listen [::1]:{};".format(self.ports["ipv6"]))
            blocks.append(
                SERVER.format(
                    listen="\n".join("        " + line for line in listen),
                    directives=directives.format(ca=issued.authority, resuming=RESUMING),
                    directory=self.directory,
                )
            )
        return CONFIGURATION.format(
            user=user_directive(),
            directory=self.directory,
            chain=issued.good.chain,
            key=issued.good.key,
            application=self.application.ports["application"],
            status=self.ports["status"],
            servers="".join(blocks),
        )


def user_directive() -> str:
    """As root, workers that stay root: the temporary directories are nobody else's."""
    return "user root;" if sys.platform != "win32" and os.geteuid() == 0 else ""
