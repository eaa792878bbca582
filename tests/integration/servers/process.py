"""Child processes that are servers: started, awaited by connecting, stopped by process id.

Rules: a server counts as ready when each of its addresses accepts a connection; its output goes to a file that is
part of the failure when it does not start; whatever still runs when the interpreter exits is killed.
"""

from __future__ import annotations

import atexit
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import typing

__all__ = ["Address", "Server", "ServerFailed", "free_port", "launch", "wait_until", "workspace"]

#: A TCP address, or the path of a unix socket.
Address = typing.Union[typing.Tuple[str, int], str]

START_SECONDS = 20.0
STOP_SECONDS = 1.0
START_ATTEMPTS = 3

_running: typing.Set[Server] = set()


class ServerFailed(Exception):
    """A server ended or stayed deaf instead of becoming ready; the text carries its output."""


class Server:
    """One running child and the file that holds its output."""

    def __init__(self, arguments: typing.Sequence[str], directory: pathlib.Path, environment: typing.Mapping[str, str]):
        self.name = pathlib.Path(arguments[0]).name
        self.log = directory / (self.name + ".output")
        with open(self.log, "ab") as log:
            self._process = subprocess.Popen(
                list(arguments),
                cwd=str(directory),
                env={**os.environ, **environment},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        _running.add(self)

    @property
    def pid(self) -> int:
        return self._process.pid

    def output(self) -> str:
        return self.log.read_text(encoding="utf-8", errors="replace")

    def check(self) -> None:
        """Raise when the server has ended."""
        status = self._process.poll()
        if status is not None:
            raise ServerFailed(f"{self.name} ended with status {status}:\n{self.output()}")

    def wait_ready(self, addresses: typing.Iterable[Address]) -> None:
        for address in addresses:
            wait_until(lambda address=address: self._accepts(address), START_SECONDS, self._describe_deafness)

    def stop(self) -> None:
        """Terminate, then kill: the child and whatever it started (they share a session of their own)."""
        if self not in _running:
            return
        _running.discard(self)
        self._signal_group(signal.SIGTERM)
        try:
            self._process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            pass
        self._signal_group(getattr(signal, "SIGKILL", signal.SIGTERM))
        self._process.wait(STOP_SECONDS)

    def _accepts(self, address: Address) -> bool:
        self.check()
        try:
            _connect(address).close()
        except OSError:
            return False
        return True

    def _describe_deafness(self) -> str:
        return f"{self.name} does not listen after {START_SECONDS:g} s:\n{self.output()}"

    def _signal_group(self, number: int) -> None:
        try:
            if sys.platform == "win32":
                self._process.terminate()
            else:
                os.killpg(self._process.pid, number)
        except (ProcessLookupError, PermissionError):
            pass  # everything in the group has ended already


def launch(
    prepare: typing.Callable[[], typing.Tuple[typing.Sequence[str], typing.Sequence[Address]]],
    directory: pathlib.Path,
    environment: typing.Optional[typing.Mapping[str, str]] = None,
) -> Server:
    """Start what `prepare` configures.

    `prepare` picks ports, writes the configuration and returns the command line and the addresses to wait for.  It is
    called again when the server ends at once, for another process may have taken a port in between.
    """
    for attempt in range(1, START_ATTEMPTS + 1):
        arguments, addresses = prepare()
        server = Server(arguments, directory, environment or {})
        try:
            server.wait_ready(addresses)
        except BaseException as error:
            server.stop()
            if not isinstance(error, ServerFailed) or attempt == START_ATTEMPTS:
                raise
        else:
            return server
    raise AssertionError("unreachable: the last attempt returns or raises")


def wait_until(
    condition: typing.Callable[[], bool],
    seconds: float,
    describe: typing.Callable[[], str] = lambda: "the condition did not come true",
) -> None:
    """Poll `condition` until it holds; `ServerFailed` with `describe()` after `seconds`."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise ServerFailed(describe())
        time.sleep(0.01)


def free_port(host: str = "127.0.0.1") -> int:
    """A port on which nothing listens now."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.bind((host, 0))
        return int(probe.getsockname()[1])


def workspace(name: str) -> pathlib.Path:
    """A temporary directory that daemons which give up root can still read; removed on exit.

    Short on purpose: the path of a unix socket is limited to about a hundred bytes.
    """
    directory = pathlib.Path(tempfile.mkdtemp(prefix=f"it-{name}-"))
    directory.chmod(0o755)
    atexit.register(shutil.rmtree, str(directory), ignore_errors=True)
    return directory


def _connect(address: Address) -> socket.socket:
    if isinstance(address, str):
        connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            connection.settimeout(1.0)
            connection.connect(address)
        except BaseException:
            connection.close()
            raise
        return connection
    return socket.create_connection(address, timeout=1.0)


@atexit.register
def _stop_all() -> None:
    for server in list(_running):
        server.stop()
