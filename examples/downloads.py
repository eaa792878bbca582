"""Download many URLs at a time, into files, with one line of progress for all of them.

    python examples/downloads.py DIRECTORY URL...

The pool bounds how many downloads run at once; what is beyond that waits its turn. A failed download leaves no half
file behind and does not stop the others.
"""

from __future__ import annotations

import asyncio
import pathlib
import sys
from typing import List, Optional

import httpcore


class Progress:
    def __init__(self, downloads: int) -> None:
        self.left, self.received, self.expected = downloads, 0, 0

    def show(self) -> None:
        print(
            f"\r{self.received / 1e6:8.1f} of {self.expected / 1e6:.1f} MB, {self.left} to go", end="", file=sys.stderr
        )


def content_length(response: httpcore.Response) -> int:
    lengths = [int(value) for name, value in response.headers if name.lower() == b"content-length"]
    return lengths[0] if lengths else 0


async def download(
    pool: httpcore.AsyncConnectionPool, url: str, target: pathlib.Path, progress: Progress
) -> Optional[str]:
    """Store `url` in `target`; return what went wrong, or None."""
    part = target.with_name(target.name + ".part")
    try:
        async with pool.stream("GET", url, extensions={"timeout": {"connect": 10.0, "read": 30.0}}) as response:
            if response.status != 200:
                return f"{url}: status {response.status}"
            progress.expected += content_length(response)
            with open(part, "wb") as file:  # noqa: ASYNC230  # a page cache is not worth a thread per write
                async for piece in response.aiter_stream():
                    file.write(piece)
                    progress.received += len(piece)
                    progress.show()
        part.replace(target)
        return None
    except (httpcore.NetworkError, httpcore.ProtocolError, httpcore.TimeoutException) as exc:
        return f"{url}: {type(exc).__name__}: {exc}"
    finally:
        if part.exists():
            part.unlink()
        progress.left -= 1
        progress.show()


async def main(directory: str, urls: List[str]) -> int:
    progress = Progress(len(urls))
    folder = pathlib.Path(directory)
    async with httpcore.AsyncConnectionPool(max_connections=8, http2=True) as pool:
        targets = [folder / f"{number:03}-{url.rstrip('/').rpartition('/')[2]}" for number, url in enumerate(urls)]
        failures = await asyncio.gather(*[download(pool, url, target, progress) for url, target in zip(urls, targets)])
    print(file=sys.stderr)
    for target, failure in zip(targets, failures):
        print(failure or f"{target.name}: {target.stat().st_size} bytes")
    return 1 if any(failures) else 0


if __name__ == "__main__":
    sys.exit(asyncio.run(main(sys.argv[1], sys.argv[2:])))
