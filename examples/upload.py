"""Upload a file without holding it in memory.

    python examples/upload.py FILE URL

Content may be bytes, or anything that can be iterated and gives bytes. With a `Content-Length` of your own the body is
sent as it is; without one it is sent in chunks (RFC 9112 § 7.1), or as DATA frames on HTTP/2. A server that has seen
enough may answer before it has everything: its answer is the response.
"""

from __future__ import annotations

import os
import sys
from typing import BinaryIO, Iterator

import httpcore


def pieces(file: BinaryIO, size: int) -> Iterator[bytes]:
    sent = 0
    while True:
        piece = file.read(256 * 1024)
        if not piece:
            return
        yield piece
        sent += len(piece)
        print(f"\r{100 * sent // size:3} % handed over", end="", file=sys.stderr)


def main(path: str, url: str) -> int:
    size = os.path.getsize(path)
    with open(path, "rb") as file, httpcore.ConnectionPool() as pool:
        response = pool.request(
            "PUT",
            url,
            headers={"Content-Type": "application/octet-stream", "Content-Length": str(size)},
            content=pieces(file, size),
            extensions={"timeout": {"connect": 10.0, "write": 30.0, "read": 60.0}},
        )
    print(file=sys.stderr)
    print(response.status, response.content.decode())
    return 0 if response.status < 400 else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2]))
