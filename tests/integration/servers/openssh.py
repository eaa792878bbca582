"""OpenSSH as a SOCKS proxy: `ssh -D` to an sshd of our own, both on loopback, with keys made for the session."""

from __future__ import annotations

import getpass
import os
import pathlib
import subprocess
import typing

from .process import Address, Server, free_port, launch, workspace
from .requirement import require

__all__ = ["OpenSSH"]

CONFIGURATION = """\
Port {port}
ListenAddress 127.0.0.1
HostKey {directory}/host
AuthorizedKeysFile {directory}/user.pub
StrictModes no
UsePAM yes
PasswordAuthentication no
KbdInteractiveAuthentication no
PidFile none
LogLevel ERROR
MaxSessions 1000
"""


class OpenSSH:
    """sshd, and the ssh client whose `port` speaks SOCKS5."""

    def __init__(self) -> None:
        sshd, ssh, keygen = require("sshd"), require("ssh"), require("ssh-keygen")
        self._user, self._prefix = _account()
        directory = workspace("ssh")
        for name in ("host", "user"):
            command = [keygen, "-q", "-t", "ed25519", "-N", "", "-f", str(directory / name)]
            subprocess.run(command, check=True, stdin=subprocess.DEVNULL)
        if self._prefix:
            (directory / "host").chmod(0o644)  # sshd gives up root before it reads its key
        self.port = self._sshd_port = 0

        def prepare_sshd() -> typing.Tuple[typing.List[str], typing.List[Address]]:
            self._sshd_port = free_port()
            configuration = directory / "sshd_config"
            configuration.write_text(CONFIGURATION.format(port=self._sshd_port, directory=directory))
            return [*self._prefix, sshd, "-D", "-e", "-f", str(configuration)], [("127.0.0.1", self._sshd_port)]

        def prepare_ssh() -> typing.Tuple[typing.List[str], typing.List[Address]]:
            self.port = free_port()
            return self._ssh(ssh, directory), [("127.0.0.1", self.port)]

        self._sshd = launch(prepare_sshd, directory)
        try:
            self.server: Server = launch(prepare_ssh, directory)
        except BaseException:
            self._sshd.stop()
            raise

    @property
    def url(self) -> str:
        return f"socks5://127.0.0.1:{self.port}"

    def stop(self) -> None:
        self.server.stop()
        self._sshd.stop()

    def _ssh(self, program: str, directory: pathlib.Path) -> typing.List[str]:
        options = {
            "StrictHostKeyChecking": "no",
            "UserKnownHostsFile": "/dev/null",
            "BatchMode": "yes",
            "IdentitiesOnly": "yes",
            "ExitOnForwardFailure": "yes",
            "LogLevel": "ERROR",
        }
        settings = [text for key, value in options.items() for text in ("-o", f"{key}={value}")]
        return [
            program, "-N", "-F", "none", "-i", str(directory / "user"), "-p", str(self._sshd_port),
            "-D", f"127.0.0.1:{self.port}", *settings, f"{self._user}@127.0.0.1",
        ]  # fmt: skip


def _account() -> typing.Tuple[str, typing.List[str]]:
    """Whom to log in as, and what to start sshd with.

    Without root sshd can let in only the user that runs it, and needs no directory of the system's. As root it is
    therefore started as nobody.
    """
    if os.geteuid() != 0:
        return getpass.getuser(), []
    return "nobody", [require("setpriv"), "--reuid=nobody", "--regid=nogroup", "--clear-groups"]
