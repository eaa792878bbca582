"""Squid, Tinyproxy, Dante and microsocks, each started once a session, as plain as they come."""

from __future__ import annotations

import getpass
import os
import pathlib
import subprocess
import typing

from servers.certificates import certificates
from servers.process import Address, Server, free_port, launch, workspace
from servers.requirement import require, require_library

import httpcore

__all__ = ["AUTH", "PROXIES", "SECURED", "RealProxies"]

AUTH = ("ann", "s3cret")

SQUID = """\
http_port 127.0.0.1:{plain}
http_port 127.0.0.1:{auth} name=auth
https_port 127.0.0.1:{tls} tls-cert={certificate}
auth_param basic program {helper} {passwords}
acl authenticating myportname auth
acl known proxy_auth REQUIRED
http_access deny authenticating !known
http_access allow all
cache deny all
access_log none
cache_log stdio:{directory}/squid.log
cache_store_log none
pid_filename none
netdb_filename none
coredump_dir {directory}
pinger_enable off
shutdown_lifetime 0 seconds
visible_hostname localhost
"""

TINYPROXY = """\
Listen 127.0.0.1
Port {port}
MaxClients 200
Timeout 60
{extra}
"""

DANTE = """\
logoutput: stderr
internal: 127.0.0.1 port = {port}
external: 127.0.0.1
clientmethod: none
socksmethod: {method}
{users}
client pass {{ from: 127.0.0.0/8 to: 0.0.0.0/0 }}
socks pass {{ from: 127.0.0.0/8 to: 0.0.0.0/0 }}
"""

# Dante looks users up where the system does. nss_wrapper answers from files of our own, so that none is created.
PASSWD = """\
{me}:x:{uid}:{gid}::/:/bin/false
nobody:x:65534:65534::/:/bin/false
{name}:x:4242:4242::/:/bin/false
"""
GROUP = "{me}:x:{gid}:\nnogroup:x:65534:\n{name}:x:4242:\n"
SHADOW = "{name}:{hashed}:19000:0:99999:7:::\n"

#: name → the scheme of its URL, and whether it wants a user name and a password.
PROXIES: typing.Dict[str, typing.Tuple[str, bool]] = {
    "squid": ("http", False),
    "squid-auth": ("http", True),
    "squid-tls": ("https", False),
    "tinyproxy": ("http", False),
    "tinyproxy-auth": ("http", True),
    "dante": ("socks5", False),
    "dante-auth": ("socks5h", True),
    "microsocks": ("socks5", False),
    "microsocks-auth": ("socks5h", True),
}
SECURED = [name for name, (_, auth) in PROXIES.items() if auth]


def _hashed(method: str) -> str:
    """The password as daemons keep it, by a method of `openssl passwd`."""
    command = ["openssl", "passwd", method, AUTH[1]]
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout.strip()


class RealProxies:
    """What has been started, by name."""

    def __init__(self) -> None:
        self._ports: typing.Dict[str, int] = {}
        self._servers: typing.List[Server] = []

    def proxy(self, name: str, auth: typing.Optional[typing.Tuple[str, str]]) -> httpcore.Proxy:
        """The proxy `name` as a pool takes it, with these credentials."""
        if name not in self._ports:
            program = name.partition("-")[0]
            getattr(self, "_start_" + program)(name)
        scheme = PROXIES[name][0]
        context = certificates().context() if scheme == "https" else None
        return httpcore.Proxy(f"{scheme}://127.0.0.1:{self._ports[name]}", auth=auth, ssl_context=context)

    def stop(self) -> None:
        for server in self._servers:
            server.stop()

    def _launch(
        self,
        names: typing.Sequence[str],
        arguments: typing.Callable[[pathlib.Path], typing.List[str]],
        environment: typing.Optional[typing.Callable[[pathlib.Path], typing.Dict[str, str]]] = None,
    ) -> None:
        directory = workspace(names[0])
        # Some give up root, and then want to write.
        directory.chmod(0o777)

        def prepare() -> typing.Tuple[typing.List[str], typing.List[Address]]:
            for name in names:
                self._ports[name] = free_port()
            return arguments(directory), [("127.0.0.1", self._ports[name]) for name in names]

        self._servers.append(launch(prepare, directory, environment(directory) if environment is not None else None))

    def _start_squid(self, _: str) -> None:
        program = require("squid")
        helper = "/usr/lib/squid/basic_ncsa_auth"

        def arguments(directory: pathlib.Path) -> typing.List[str]:
            passwords = directory / "passwords"
            passwords.write_text(f"{AUTH[0]}:{_hashed('-apr1')}\n")
            configuration = directory / "squid.conf"
            configuration.write_text(
                SQUID.format(
                    plain=self._ports["squid"],
                    auth=self._ports["squid-auth"],
                    tls=self._ports["squid-tls"],
                    certificate=certificates().good.both,
                    helper=helper,
                    passwords=passwords,
                    directory=directory,
                )
            )
            return [program, "-N", "-f", str(configuration)]

        self._launch(["squid", "squid-auth", "squid-tls"], arguments)

    def _start_tinyproxy(self, name: str) -> None:
        program = require("tinyproxy")

        def arguments(directory: pathlib.Path) -> typing.List[str]:
            extra = f"BasicAuth {AUTH[0]} {AUTH[1]}" if name.endswith("-auth") else ""
            configuration = directory / "tinyproxy.conf"
            configuration.write_text(TINYPROXY.format(port=self._ports[name], extra=extra))
            return [program, "-d", "-c", str(configuration)]

        self._launch([name], arguments)

    def _start_dante(self, name: str) -> None:
        program = require("danted")
        secured = name.endswith("-auth")
        me = getpass.getuser()
        users = f"user.privileged: {me}\nuser.unprivileged: {'nobody' if os.geteuid() == 0 else me}"

        def arguments(directory: pathlib.Path) -> typing.List[str]:
            configuration = directory / "danted.conf"
            method = "username" if secured else "none"
            configuration.write_text(DANTE.format(port=self._ports[name], method=method, users=users))
            return [program, "-f", str(configuration), "-p", str(directory / "pid")]

        def environment(directory: pathlib.Path) -> typing.Dict[str, str]:
            who = {"me": me, "uid": os.getuid(), "gid": os.getgid(), "name": AUTH[0], "hashed": _hashed("-6")}
            variables = {"LD_PRELOAD": require_library("nss_wrapper")}
            for file, text in (("passwd", PASSWD), ("group", GROUP), ("shadow", SHADOW)):
                path = directory / file
                path.write_text(text.format(**who))
                path.chmod(0o644)
                variables["NSS_WRAPPER_" + file.upper()] = str(path)
            return variables

        self._launch([name], arguments, environment if secured else None)

    def _start_microsocks(self, name: str) -> None:
        program = require("microsocks")

        def arguments(_: pathlib.Path) -> typing.List[str]:
            secured = ["-u", AUTH[0], "-P", AUTH[1]] if name.endswith("-auth") else []
            return [program, "-i", "127.0.0.1", "-p", str(self._ports[name]), *secured]

        self._launch([name], arguments)
