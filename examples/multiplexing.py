"""Send many requests at a time on one HTTP/2 connection.

    python examples/multiplexing.py URL [COUNT]

HTTP/2 is offered where `http2=True` and used where the server chooses it. Nothing else changes: requests share a
connection as far as the server allows, and a request that is cancelled or times out ends its own stream only.
"""

from __future__ import annotations

import asyncio
import sys

import httpcore


async def main(url: str, count: int) -> None:
    async with httpcore.AsyncConnectionPool(http2=True, max_connections=1) as pool:
        responses = await asyncio.gather(*[pool.request("GET", url) for _ in range(count)])
        versions = {response.extensions["http_version"].decode() for response in responses}
        print(f"{len(responses)} responses over {', '.join(sorted(versions))} on {len(pool.connections)} connection")
        # One of them is given up on, its neighbours are not: the server is told that nobody waits for it.
        given_up = asyncio.ensure_future(pool.request("GET", url))
        neighbour = asyncio.ensure_future(pool.request("GET", url))
        await asyncio.sleep(0)
        given_up.cancel()
        print((await neighbour).status, "beside a cancelled request")
        print(*pool.connections)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 100))
