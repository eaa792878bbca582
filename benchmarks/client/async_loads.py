"""Loads for asyncio and trio clients: the same as for blocking ones, awaited.

`open_asyncio(job)` and `open_trio(job)` are coroutine functions; the clients' methods are those of the blocking
clients, as coroutine functions. Tasks take turns from one counter, so that slow and fast exchanges mix as they would.
"""

from __future__ import annotations

from time import perf_counter
from typing import Any, Awaitable, Callable, Coroutine, Dict, Iterator, List

from .job import Job
from .meter import Meter, resident_bytes
from .sync_loads import expect

__all__ = ["run"]

_Opener = Callable[[Job], Awaitable[Any]]
_Spawn = Callable[[Callable[[], Awaitable[None]], int], Awaitable[None]]


def run(open_client: _Opener, job: Job, meter: Meter) -> None:
    """Run one job under the runtime that its flavour names, measured by `meter`."""
    load = _LOADS[job.load]
    if job.flavour == "asyncio":
        import asyncio

        asyncio.run(load(open_client, job, meter, _asyncio_tasks))
    else:
        import trio

        trio.run(load, open_client, job, meter, _trio_tasks)


async def _asyncio_tasks(work: Callable[[], Awaitable[None]], count: int) -> None:
    import asyncio

    await asyncio.gather(*[work() for _ in range(count)])


async def _trio_tasks(work: Callable[[], Awaitable[None]], count: int) -> None:
    import trio

    async with trio.open_nursery() as nursery:
        for _ in range(count):
            nursery.start_soon(work)


async def _requests(open_client: _Opener, job: Job, meter: Meter, spawn: _Spawn) -> None:
    client = await open_client(job)
    urls, count = job.urls, len(job.urls)
    turns: Iterator[int] = iter(range(max(count, job.concurrency)))

    async def exchange() -> None:
        for turn in turns:
            began = perf_counter()
            received = await client.get(urls[turn % count])
            meter.latencies.append(perf_counter() - began)
            expect(received, job)

    await spawn(exchange, job.concurrency)
    for held in [await client.hold(urls[0]) for _ in range(job.idle)]:
        expect(await client.release(held), job)
    meter.latencies.clear()
    turns = iter(range(job.requests))
    meter.start()
    if job.concurrency == 1:
        await exchange()
    else:
        await spawn(exchange, job.concurrency)
    meter.stop()
    await client.close()


async def _slow_origin(open_client: _Opener, job: Job, meter: Meter, spawn: _Spawn) -> None:
    """A tenth of the tasks wants nothing but the first URL, which is slow; what the others wait is measured."""
    client = await open_client(job)
    slow, fast = job.urls[0], job.urls[1:]
    patient = job.concurrency // 10
    hurried = job.concurrency - patient
    for url in job.urls:
        expect(await client.get(url), job)
    turns = iter(range(job.requests))
    finished: List[None] = []

    async def wait_long() -> None:
        while len(finished) < hurried:
            expect(await client.get(slow), job)

    async def hurry() -> None:
        for turn in turns:
            began = perf_counter()
            received = await client.get(fast[turn % len(fast)])
            meter.latencies.append(perf_counter() - began)
            expect(received, job)
        finished.append(None)
        if len(finished) == hurried:
            meter.stop()

    kinds = iter([wait_long] * patient + [hurry] * hurried)

    async def task() -> None:
        await next(kinds)()

    meter.start()
    await spawn(task, job.concurrency)
    await client.close()


async def _download(open_client: _Opener, job: Job, meter: Meter, spawn: _Spawn) -> None:
    client = await open_client(job)
    meter.start()
    for _ in range(job.requests):
        began = perf_counter()
        received = await client.download(job.urls[0])
        meter.latencies.append(perf_counter() - began)
        expect(received, job)
    meter.stop()
    await client.close()


async def _upload(open_client: _Opener, job: Job, meter: Meter, spawn: _Spawn) -> None:
    client = await open_client(job)
    data = job.content()
    meter.start()
    for _ in range(job.requests):
        began = perf_counter()
        await client.upload(job.urls[0], data)
        meter.latencies.append(perf_counter() - began)
    meter.stop()
    await client.close()


async def _idle_memory(open_client: _Opener, job: Job, meter: Meter, spawn: _Spawn) -> None:
    client = await open_client(job)
    expect(await client.get(job.urls[0]), job)
    before = resident_bytes()
    meter.start()
    held = [await client.hold(job.urls[0]) for _ in range(job.requests)]
    for response in held:
        expect(await client.release(response), job)
    held.clear()
    meter.stop()
    after = resident_bytes()
    meter.extra["count"] = job.requests
    if before is not None and after is not None:
        meter.extra["idle_bytes"] = after - before
    await client.close()


_LOADS: Dict[str, Callable[[_Opener, Job, Meter, _Spawn], Coroutine[Any, Any, None]]] = {
    "download": _download,
    "idle_memory": _idle_memory,
    "requests": _requests,
    "slow_origin": _slow_origin,
    "upload": _upload,
}
