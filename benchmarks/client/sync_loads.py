"""Loads for blocking clients.

A client is opened by an adapter's `open_sync(job)` and offers `get(url)`, `download(url)` and `upload(url, data)`,
each returning the number of body bytes received, `hold(url)` and `release(held)` for a response whose body is not
read yet, and `close()`. A client that threads cannot share says `per_thread = True` and is opened once per thread.
"""

from __future__ import annotations

import threading
from time import perf_counter
from typing import Any, Callable, Dict, List

from .job import Job
from .meter import Meter, resident_bytes

__all__ = ["run"]


def run(open_client: Callable[[Job], Any], job: Job, meter: Meter) -> None:
    """Run one job on clients made by `open_client`, measured by `meter`."""
    _LOADS[job.load](open_client, job, meter)


def expect(received: int, job: Job) -> None:
    """A body of another length means that the run measured something else."""
    if received != job.body_size:
        raise RuntimeError(f"expected a body of {job.body_size} bytes, received {received}")


def _requests(open_client: Callable[[Job], Any], job: Job, meter: Meter) -> None:
    if job.concurrency > 1:
        _threads(open_client, job, meter)
        return
    client = open_client(job)
    urls, count = job.urls, len(job.urls)
    for url in urls:
        expect(client.get(url), job)
    for held in [client.hold(urls[0]) for _ in range(job.idle)]:
        expect(client.release(held), job)
    meter.start()
    for index in range(job.requests):
        began = perf_counter()
        received = client.get(urls[index % count])
        meter.latencies.append(perf_counter() - began)
        expect(received, job)
    meter.stop()
    client.close()


def _threads(open_client: Callable[[Job], Any], job: Job, meter: Meter) -> None:
    shared = open_client(job)
    per_thread = getattr(shared, "per_thread", False)
    # The last to arrive starts the meter, before anybody leaves.
    ready = threading.Barrier(job.concurrency + 1, meter.start)
    done = threading.Event()
    # Filled by one thread after the other; whoever completes it says so.
    results: List[List[float]] = []
    failures: List[BaseException] = []
    url, share = job.urls[0], job.requests // job.concurrency

    def work() -> None:
        try:
            client = open_client(job) if per_thread else shared
            expect(client.get(url), job)
            ready.wait()
            latencies = []
            for _ in range(share):
                began = perf_counter()
                received = client.get(url)
                latencies.append(perf_counter() - began)
                expect(received, job)
            results.append(latencies)
            if len(results) == job.concurrency:
                done.set()
            if per_thread:
                done.wait()
                client.close()
        except threading.BrokenBarrierError:
            return
        except BaseException as error:
            failures.append(error)
            ready.abort()
            done.set()

    threads = [threading.Thread(target=work) for _ in range(job.concurrency)]
    for thread in threads:
        thread.start()
    try:
        ready.wait()
        done.wait()
        meter.stop()
    except threading.BrokenBarrierError:
        pass
    for thread in threads:
        thread.join()
    if failures:
        raise failures[0]
    meter.latencies.extend(latency for latencies in results for latency in latencies)
    shared.close()


def _download(open_client: Callable[[Job], Any], job: Job, meter: Meter) -> None:
    client = open_client(job)
    meter.start()
    for _ in range(job.requests):
        began = perf_counter()
        received = client.download(job.urls[0])
        meter.latencies.append(perf_counter() - began)
        expect(received, job)
    meter.stop()
    client.close()


def _upload(open_client: Callable[[Job], Any], job: Job, meter: Meter) -> None:
    client = open_client(job)
    data = job.content()
    meter.start()
    for _ in range(job.requests):
        began = perf_counter()
        client.upload(job.urls[0], data)
        meter.latencies.append(perf_counter() - began)
    meter.stop()
    client.close()


def _idle_memory(open_client: Callable[[Job], Any], job: Job, meter: Meter) -> None:
    client = open_client(job)
    expect(client.get(job.urls[0]), job)
    before = resident_bytes()
    meter.start()
    held = [client.hold(job.urls[0]) for _ in range(job.requests)]
    for response in held:
        expect(client.release(response), job)
    held.clear()
    meter.stop()
    after = resident_bytes()
    meter.extra["count"] = job.requests
    if before is not None and after is not None:
        meter.extra["idle_bytes"] = after - before
    client.close()


_LOADS: Dict[str, Callable[[Callable[[Job], Any], Job, Meter], None]] = {
    "download": _download,
    "idle_memory": _idle_memory,
    "requests": _requests,
    "upload": _upload,
}
