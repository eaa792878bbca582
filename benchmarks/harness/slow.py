"""An origin that takes its time over every answer; run as `python -m harness.slow`, prints its port.

Its answers have the small body of the other origins, after `DELAY` seconds in which it serves others.
"""

from __future__ import annotations

import asyncio
import contextlib
import subprocess
import sys
from pathlib import Path
from typing import Iterator, Optional

from .machine import pinned
from .nginx import SMALL_BODY

__all__ = ["DELAY", "slow_origin"]

DELAY = 0.02

_ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % SMALL_BODY + b"x" * SMALL_BODY


async def _serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
        while True:
            await reader.readuntil(b"\r\n\r\n")
            await asyncio.sleep(DELAY)
            writer.write(_ANSWER)
    writer.close()


async def main() -> None:
    server = await asyncio.start_server(_serve, "127.0.0.1", 0, backlog=1024)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


@contextlib.contextmanager
def slow_origin(core: Optional[int]) -> Iterator[str]:
    """URL of a running slow origin, stopped by its process id on leaving."""
    command = [sys.executable, "-m", "harness.slow"]
    with pinned(core):
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=Path(__file__).parents[1])
    try:
        assert process.stdout is not None
        yield f"http://127.0.0.1:{int(process.stdout.readline())}"
    finally:
        process.terminate()
        process.wait(20)


if __name__ == "__main__":
    asyncio.run(main())
