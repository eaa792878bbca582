"""HTTP/1.1 over a stream of one's own: here the standard input and output of a program, such as ssh.

    pip install core-h1
    python examples/own_stream.py http://intranet/ ssh -W intranet:80 gateway.example.com

A stream is any object with `read`, `write` and `close`. That is all that core-h1 asks for. (The program's end of the
socket pair becomes its standard input and output, which takes a system with POSIX descriptors.)
"""

from __future__ import annotations

import socket
import subprocess
import sys
from typing import List, Optional

from core_backends import URL, NetworkStream, ReadTimeout, WriteTimeout
from core_h1 import HTTP11Connection


class ProgramStream(NetworkStream):
    """The standard input and output of a running program."""

    def __init__(self, command: List[str]) -> None:
        self._socket, theirs = socket.socketpair()
        with theirs:
            self._process = subprocess.Popen(command, stdin=theirs.fileno(), stdout=theirs.fileno())

    def read(self, max_bytes: int, timeout: Optional[float] = None) -> bytes:
        self._socket.settimeout(timeout)
        try:
            return self._socket.recv(max_bytes)
        except socket.timeout as exc:
            raise ReadTimeout(f"The program said nothing for {timeout} seconds.") from exc

    def write(self, buffer: bytes, timeout: Optional[float] = None) -> None:
        self._socket.settimeout(timeout)
        try:
            self._socket.sendall(buffer)
        except socket.timeout as exc:
            raise WriteTimeout(f"The program took nothing for {timeout} seconds.") from exc

    def close(self) -> None:
        self._socket.close()
        self._process.terminate()
        self._process.wait()


def main(url: str, command: List[str]) -> None:
    with HTTP11Connection(URL(url).origin, ProgramStream(command)) as connection:
        response = connection.request("GET", url, extensions={"timeout": {"read": 30.0, "write": 30.0}})
        print(response.status, response.content.decode())


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])
