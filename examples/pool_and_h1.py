"""Take only what is needed: a pool and HTTP/1.1, without HTTP/2, proxies and the package that puts them together.

pip install core-pool core-h1
python examples/pool_and_h1.py URL
"""

from __future__ import annotations

import sys

from core_backends import ConnectionInterface, Origin
from core_h1 import HTTP11Connection
from core_pool import ConnectionPool, HTTPConnection


def connect(origin: Origin) -> ConnectionInterface:
    return HTTPConnection(origin, retries=1, protocols={"http/1.1": HTTP11Connection})


def main(url: str) -> None:
    with ConnectionPool(connect, max_connections=5, keepalive_expiry=30.0) as pool:
        for _ in range(3):
            response = pool.request("GET", url, extensions={"timeout": {"total": 10.0}})
            print(response.status, response.content.decode(), *pool.connections)


if __name__ == "__main__":
    main(sys.argv[1])
