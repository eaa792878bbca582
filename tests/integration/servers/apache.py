"""Apache httpd: a reverse proxy to the Node program, with mod_http2, and client certificates asked for late."""

from __future__ import annotations

import pathlib
import typing

from .certificates import certificates
from .endpoint import Endpoint
from .node import NodeHTTP
from .process import Address, Server, free_port, launch, workspace
from .requirement import missing, require

__all__ = ["Apache", "module_lines"]

MODULE_DIRECTORIES = (
    "/usr/lib/apache2/modules",
    "/usr/lib64/httpd/modules",
    "/opt/homebrew/opt/httpd/lib/httpd/modules",
)
MODULES = (
    "mpm_event", "authz_core", "headers", "proxy", "proxy_connect", "proxy_http", "ssl", "http2", "setenvif", "alias",
    "reqtimeout", "access_compat", "authz_host", "authn_core",
)  # fmt: skip

#: name → (TLS or not, protocols, further directives of the virtual host).
LISTENERS: typing.Dict[str, typing.Tuple[bool, str, str]] = {
    "tcp": (False, "http/1.1", ""),
    "tls": (True, "http/1.1", ""),
    "client_certificate": (True, "http/1.1", "SSLVerifyClient require"),
    "late_client_certificate": (
        True,
        "http/1.1",
        "<Location /headers>\nSSLVerifyClient require\n</Location>\n",
    ),
    "few_requests": (False, "http/1.1", "MaxKeepAliveRequests 3"),
    "h2": (True, "h2 http/1.1", ""),
    "h2c": (False, "h2c http/1.1", ""),
    "h2_few_streams": (True, "h2 http/1.1", "H2MaxSessionStreams 4"),
}

CONFIGURATION = """\
ServerName localhost
ServerRoot {directory}
PidFile {directory}/httpd.pid
DefaultRuntimeDir {directory}
Mutex posixsem
ErrorLog /dev/stderr
LogLevel warn
{modules}
<IfModule unixd_module>
    User {user}
    Group {group}
</IfModule>
ServerLimit 2
StartServers 1
ThreadsPerChild 64
ThreadLimit 64
MaxRequestWorkers 128
MinSpareThreads 1
MaxSpareThreads 128
GracefulShutdownTimeout 1
Timeout 30
KeepAlive On
KeepAliveTimeout 30
MaxKeepAliveRequests 0
RequestReadTimeout handshake=0 header=0 body=0
Header onsuccess unset X-Connection-Id
Header always set X-Connection-Id "expr=%{{REMOTE_PORT}}"
{hosts}
"""

HOST = """\
Listen 127.0.0.1:{port}
<VirtualHost 127.0.0.1:{port}>
    Protocols {protocols}
    ProxyPass / http://127.0.0.1:{application}/ upgrade=websocket flushpackets=on
    ProxyPreserveHost On
    {security}
    {directives}
</VirtualHost>
"""

SECURITY = """\
SSLEngine on
    SSLCertificateFile {chain}
    SSLCertificateKeyFile {key}
    SSLCACertificateFile {ca}
"""


class Apache:
    def __init__(self, application: NodeHTTP):
        program = require("apache2", "httpd")
        self.application = application
        self.directory = workspace("apache")
        self.ports: typing.Dict[str, int] = {}
        modules = module_lines()

        def prepare() -> typing.Tuple[typing.List[str], typing.List[Address]]:
            self.ports = {name: free_port() for name in LISTENERS}
            configuration = self.directory / "httpd.conf"
            configuration.write_text(self._configuration(modules))
            addresses: typing.List[Address] = [("127.0.0.1", port) for port in self.ports.values()]
            return [program, "-d", str(self.directory), "-f", str(configuration), "-DFOREGROUND"], addresses

        self.server: Server = launch(prepare, self.directory)

    def stop(self) -> None:
        self.server.stop()

    def endpoint(self, transport: str) -> Endpoint:
        name = "apache-" + transport
        if LISTENERS[transport][0]:
            return Endpoint(
                name,
                port=self.ports[transport],
                scheme="https",
                context=certificates().context,
                http2=transport.startswith("h2"),
            )
        return Endpoint(name, port=self.ports[transport], http2=transport.startswith("h2"))

    def _configuration(self, modules: str) -> str:
        issued = certificates()
        security = SECURITY.format(chain=issued.good.chain, key=issued.good.key, ca=issued.authority)
        hosts = [
            HOST.format(
                port=self.ports[name],
                protocols=protocols,
                application=self.application.ports["application"],
                security=security if secure else "",
                directives=directives,
            )
            for name, (secure, protocols, directives) in LISTENERS.items()
        ]
        return CONFIGURATION.format(
            directory=self.directory, modules=modules, hosts="".join(hosts), user="nobody", group="nogroup"
        )


def module_lines() -> str:
    """LoadModule lines for the modules that are not compiled in."""
    found = [path for path in map(pathlib.Path, MODULE_DIRECTORIES) if (path / "mod_proxy.so").exists()]
    if not found:
        missing("Apache's modules are in none of " + ", ".join(MODULE_DIRECTORIES))
    names = [name for name in (*MODULES, "unixd") if (found[0] / f"mod_{name}.so").exists()]
    return "\n".join(f"LoadModule {name}_module {found[0]}/mod_{name}.so" for name in names)
