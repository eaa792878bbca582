"""A tour: the same library on threads, asyncio and trio, over HTTP/1.1, TLS, HTTP/2 and a proxy."""

from __future__ import annotations

import asyncio
import time
from typing import Any, AsyncIterator, Dict, List, Tuple

from servers import Handler, HTTP2Handler, certificates, serving

import httpcore


def say(title: str, *lines: str) -> None:
    print(f"\n{title}")
    for line in lines:
        print(f"  {line}")


def threads(url: str) -> None:
    with httpcore.ConnectionPool() as pool:
        bodies = [pool.request("GET", url).content.decode() for _ in range(3)]
        say("Threads: three requests, one connection", *bodies, repr(pool))
        with pool.stream("GET", f"{url}stream") as response:
            pieces = [len(piece) for piece in response.iter_stream()]
        say("Streaming: pieces as the server sends them", f"{pieces} bytes")


def timeline(url: str, context: Any) -> None:
    events: List[Tuple[str, float]] = []
    with httpcore.ConnectionPool(ssl_context=context) as pool:

        def trace(name: str, info: Dict[str, Any]) -> None:
            events.append((name, time.perf_counter()))

        pool.request("GET", url, extensions={"trace": trace})
    begin, lines = events[0][1], []
    for (name, at), (_, done) in zip(events[::2], events[1::2]):
        bar = " " * int((at - begin) * 4000) + "#" * max(1, int((done - at) * 4000))
        lines.append(f"{name.rsplit('.', 1)[0]:36} {(done - at) * 1000:7.2f} ms  {bar[:60]}")
    say("TLS: a request's timeline, from the trace extension", *lines)


async def asyncio_tour(url: str) -> None:
    async def body() -> AsyncIterator[bytes]:
        for _ in range(1000):
            yield b"x" * 1000

    async with httpcore.AsyncConnectionPool(max_connections=10) as pool:
        begin = time.perf_counter()
        await asyncio.gather(*[pool.request("GET", url) for _ in range(200)])
        took = time.perf_counter() - begin
        say("asyncio: 200 requests at once, at most 10 connections", f"{took * 1000:.0f} ms", repr(pool))
        response = await pool.request("POST", url, content=body())
        say("asyncio: a body from an async generator", response.content.decode())


async def trio_tour(url: str) -> None:
    import trio

    async with httpcore.AsyncConnectionPool(max_connections=5) as pool:
        async with trio.open_nursery() as nursery:
            for _ in range(50):
                nursery.start_soon(pool.request, "GET", url)
        with trio.move_on_after(0.03):
            await pool.request("GET", f"{url}stream")
        await pool.request("GET", url)
        say("trio: 50 requests, then one cancelled half-way; nothing is lost", repr(pool))


async def http2(url: str, context: Any) -> None:
    async with httpcore.AsyncConnectionPool(http2=True, ssl_context=context) as pool:
        responses = await asyncio.gather(*[pool.request("GET", url) for _ in range(20)])
        say(
            "HTTP/2: 20 requests at once, negotiated by ALPN",
            ", ".join(response.content.decode() for response in responses[:4]) + " ...",
            *map(repr, pool.connections),
        )


def proxy(url: str, context: Any, proxy_url: str) -> None:
    with httpcore.ConnectionPool(ssl_context=context, proxy=httpcore.Proxy(proxy_url)) as pool:
        for _ in range(2):
            response = pool.request("GET", url)
        say("Proxy: two requests to an https origin through one tunnel", repr(response), *map(repr, pool.connections))


def refused(url: str) -> None:
    with httpcore.ConnectionPool() as pool:
        try:
            pool.request("GET", url)
        except httpcore.ConnectError as exc:
            say("A certificate that nobody vouches for is refused", str(exc))


def main() -> None:
    http1_context, http2_context, client_context = certificates()
    with serving(Handler) as plain, serving(Handler, http1_context) as tls, serving(HTTP2Handler, http2_context) as h2:
        url, secure = f"http://127.0.0.1:{plain}/", f"https://localhost:{tls}/"
        say("Servers of this demo's own", url, secure, f"https://localhost:{h2}/ (HTTP/2)")
        threads(url)
        asyncio.run(asyncio_tour(url))
        import trio

        trio.run(trio_tour, url)
        timeline(secure, client_context)
        asyncio.run(http2(f"https://localhost:{h2}/", client_context))
        proxy(secure, client_context, url)
        refused(secure)
    print(f"\nDone: httpcore {httpcore.__version__}, on threads, asyncio and trio.")


if __name__ == "__main__":
    main()
