"""Follow a stream of server-sent events, and go on after the last one seen when the server ends the stream.

    python examples/server_sent_events.py URL [COUNT]

Events come when they come, so there is no limit on reading; a server that sends comments as a sign of life deserves
one. Leaving the `stream` block in the middle of the body closes the connection, or resets the stream on HTTP/2.
"""

from __future__ import annotations

import asyncio
import sys
from typing import AsyncIterator, Dict

import httpcore


async def lines(response: httpcore.Response) -> AsyncIterator[str]:
    rest = b""
    async for piece in response.aiter_stream():
        *complete, rest = (rest + piece).split(b"\n")
        for line in complete:
            yield line.rstrip(b"\r").decode("utf-8")


async def events(response: httpcore.Response) -> AsyncIterator[Dict[str, str]]:
    """Give each event as its fields; several `data` lines are one text of several lines."""
    event: Dict[str, str] = {}
    async for line in lines(response):
        if not line:
            if event:
                yield event
            event = {}
        elif not line.startswith(":"):
            name, _, value = line.partition(":")
            value = value[1:] if value.startswith(" ") else value
            event[name] = f"{event[name]}\n{value}" if name == "data" and "data" in event else value


async def main(url: str, count: int) -> None:
    last = ""
    async with httpcore.AsyncConnectionPool() as pool:
        while count:
            headers = {"Accept": "text/event-stream", **({"Last-Event-ID": last} if last else {})}
            async with pool.stream("GET", url, headers=headers) as response:
                async for event in events(response):
                    last = event.get("id", last)
                    print(f"{event.get('event', 'message')} {last}: {event.get('data', '')}", flush=True)
                    count -= 1
                    if not count:
                        break
            # The server has ended the stream. Say where we were, and ask for what comes after it.


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 10))
