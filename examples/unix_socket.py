"""Speak HTTP over a unix socket, as the Docker API does: list the containers of this machine.

    python examples/unix_socket.py [/var/run/docker.sock]

With `uds=` every connection of the pool goes to that socket, whatever the URL's host; the URL still says what stands in
the `Host` header.
"""

from __future__ import annotations

import json
import sys

import httpcore


def main(path: str) -> None:
    with httpcore.ConnectionPool(uds=path) as pool:
        response = pool.request("GET", "http://docker/containers/json", extensions={"timeout": {"total": 10.0}})
    if response.status != 200:
        raise SystemExit(f"{path} answered {response.status}")
    for container in json.loads(response.content):
        print(f"{container['Names'][0].lstrip('/'):20} {container['Image']:30} {container['State']}")


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else "/var/run/docker.sock")
