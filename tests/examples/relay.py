"""Joins its standard input and output to a TCP connection, as `ssh -W` does: relay.py HOST PORT."""

from __future__ import annotations

import os
import select
import socket
import sys


def main(host: str, port: str) -> None:
    with socket.create_connection((host, int(port))) as there:
        while True:
            readable, _, _ = select.select([0, there], [], [])
            if 0 in readable:
                data = os.read(0, 65536)
                if not data:
                    return
                there.sendall(data)
            if there in readable:
                data = there.recv(65536)
                if not data:
                    return
                os.write(1, data)


if __name__ == "__main__":
    main(*sys.argv[1:])
