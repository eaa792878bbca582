"""Threads in parallel on one pool, for interpreters without a global lock: `python -m tests.reliability.stress`.

Two stresses, each as long as its numbers say:

* 64 threads and four origins on fewer connections than threads. Not one request fails.
* One HTTP/2 connection for 32 threads, which close early, time out, upload, fail and drop their responses. No number of
  a stream comes twice, each answer is its request's, and nothing but the documented exceptions leaves.

There are 4,000 requests altogether in the first and 20,000 from each thread in the second, times `--scale`. Prints a
line per stress, and exits with 1 where something was wrong.
"""

from __future__ import annotations

import argparse
import gc
import random
import sys
import threading
import time
import warnings
from typing import Any, Callable, Dict, List, Set, Tuple

import httpcore

from .crowd import LIMITS, FailingBody, OwnError, Tally, choose, expected
from .routes import Network
from .worlds import DOCUMENTED, Chunks

__all__ = ["gil_is_on", "one_connection", "several_origins"]

STREAM_THREADS, STREAM_REQUESTS = 32, 20_000
ORIGIN_THREADS, ORIGIN_REQUESTS = 64, 4_000


def gil_is_on() -> bool:
    """Whether threads of this interpreter take turns."""
    return bool(getattr(sys, "_is_gil_enabled", lambda: True)())


def in_threads(count: int, work: Callable[[int], None], patience: float) -> None:
    """Run `work(number)` in `count` threads that begin together; raises `AssertionError` where some do not end."""
    together = threading.Barrier(count)

    def run(number: int) -> None:
        together.wait()
        work(number)

    threads = [threading.Thread(target=run, args=(number,), daemon=True) for number in range(count)]
    for thread in threads:
        thread.start()
    deadline = time.monotonic() + patience
    for thread in threads:
        thread.join(max(0.0, deadline - time.monotonic()))
    stuck = sum(thread.is_alive() for thread in threads)
    if stuck:
        raise AssertionError(f"{stuck} of {count} threads hang")


class Numbers:
    """The numbers of the streams on each connection, to see whether one comes twice."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        # By the connection's network stream, which is kept so that no other gets its identity.
        self._seen: Dict[int, Tuple[Any, Set[int]]] = {}

    def add(self, response: httpcore.Response, tally: Tally) -> None:
        stream, number = response.extensions["network_stream"], response.extensions["stream_id"]
        with self._lock:
            _, seen = self._seen.setdefault(id(stream), (stream, set()))
            known = number in seen
            seen.add(number)
        if known:
            tally.fault(f"stream {number} was opened twice")

    @property
    def connections(self) -> int:
        return len(self._seen)


def one_exchange(
    pool: httpcore.ConnectionPool, url: str, name: str, chance: random.Random, tally: Tally, numbers: Numbers
) -> None:
    """One request on an HTTP/2 connection, which may end in many ways."""
    what = choose(chance)
    limits = {**LIMITS, "read": 0.0005 * chance.randrange(5)} if what == "time out" else LIMITS
    content: Any = None
    if what == "body fails":
        content = FailingBody()
    elif what == "upload":
        content = Chunks(b"123", b"45")
    method = "GET" if content is None else "POST"
    request = httpcore.Request(
        method, url, headers={"Host": "test", "X-Id": name}, content=content, extensions={"timeout": limits}
    )
    try:
        response = pool.handle_request(request)
        numbers.add(response, tally)
        if what == "drop":
            tally.count(what)
            return
        try:
            if what != "close early":
                body = response.read()
                if body != expected(method, 5 if what == "upload" else 0, name):
                    tally.fault(f"{name} got {body!r}")
        finally:
            response.close()
    except OwnError:
        tally.count("own errors")
    except DOCUMENTED as exc:
        tally.count(type(exc).__name__)
        if what in ("read", "upload", "close early"):
            tally.fault(f"{name} ({what}): {exc!r}")
    except BaseException as exc:
        tally.fault(f"{name} ({what}): {exc!r}")
    else:
        tally.count(what)


def one_connection(network: Network, requests: int, *, patience: float = 3600.0) -> Tally:
    """Make `requests` requests from each of 32 threads on a pool of one HTTP/2 connection."""
    tally, numbers = Tally(), Numbers()
    url = network.url("h2", "/crowd")
    with httpcore.ConnectionPool(**network.options("h2")) as pool:

        def work(thread: int) -> None:
            chance = random.Random(thread)
            for made in range(requests):
                one_exchange(pool, url, f"{thread}-{made}", chance, tally, numbers)

        in_threads(STREAM_THREADS, work, patience)
        gc.collect()
        if pool.request("GET", url).status != 200:
            tally.fault("the pool does not serve any more")
        pool._plan.check()
        if pool._plan.leases or pool._plan.waiting:
            tally.fault(f"something is left in the pool: {pool!r}")
    network.wait_until_idle()
    tally.counts["connections"] = numbers.connections
    return tally


def several_origins(network: Network, requests: int, *, patience: float = 3600.0) -> Tally:
    """Make `requests` requests altogether from 64 threads to four origins, on eight connections."""
    tally = Tally()
    hosts = ("127.0.0.1", "localhost")
    urls = [f"http://{host}:{network.plain.port}" for host in hosts]
    urls += [f"https://{host}:{network.both.port}" for host in hosts]
    with httpcore.ConnectionPool(**network.options("direct", max_connections=8, max_keepalive_connections=4)) as pool:

        def work(thread: int) -> None:
            chance = random.Random(thread)
            for made in range(requests // ORIGIN_THREADS):
                name, number = f"{thread}-{made}", chance.randrange(len(urls))
                target = f"/origin-{number}"
                try:
                    response = pool.request(
                        "GET", urls[number] + target, headers={"X-Id": name}, extensions={"timeout": LIMITS}
                    )
                except BaseException as exc:
                    tally.fault(f"{name}: {exc!r}")
                    continue
                if response.content != f"GET {target} 0 {name}".encode("ascii"):
                    tally.fault(f"{name} got {response.content!r}")
                tally.count("answers")

        in_threads(ORIGIN_THREADS, work, patience)
        pool._plan.check()
    network.wait_until_idle()
    return tally


def main(arguments: List[str]) -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--scale", type=float, default=1.0, help="times so many requests")
    scale = parser.parse_args(arguments).scale
    warnings.filterwarnings("ignore", "A response was dropped", ResourceWarning)
    how = "take turns" if gil_is_on() else "run in parallel"
    sys.stdout.write(f"CPython {sys.version.split()[0]}, threads {how}\n")
    wrong = 0
    with Network() as network:
        for stress, requests in (
            (several_origins, int(ORIGIN_REQUESTS * scale)),
            (one_connection, int(STREAM_REQUESTS * scale)),
        ):
            begun = time.monotonic()
            tally = stress(network, requests)
            wrong += len(tally.wrong)
            took = time.monotonic() - begun
            counts = ", ".join(f"{count} {what}" for what, count in sorted(tally.counts.items()))
            sys.stdout.write(f"{stress.__name__}: {len(tally.wrong)} wrong in {took:.0f} s, {counts}\n")
            sys.stdout.writelines(f"    {text}\n" for text in tally.wrong[:20])
            sys.stdout.flush()
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
