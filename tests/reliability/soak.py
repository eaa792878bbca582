"""A long run of everything at once, with an eye on what grows: `python -m tests.reliability.soak 600`, in seconds.

Rounds of crowds, of threads and of tasks under asyncio and trio, on every route, against one set of peers. After each
round memory, descriptors and threads are counted. The first fifth of the time is for warming up; from then on none of
the three may grow. Prints a line per report and exits with 1 where something was wrong.
"""

from __future__ import annotations

import gc
import itertools
import sys
import threading
import time
import warnings
from typing import List, Tuple

import httpcore

from .crowd import Tally, crowd_of_tasks, crowd_of_threads
from .nothing_left import open_descriptors
from .routes import ROUTES, Network
from .test_crowds import together_on_asyncio, together_on_trio
from .worlds import run_async

# Kilobytes that the resident memory may differ by: the allocator's share, not that of a leak in thousands of requests.
MEMORY_SLACK = 8 * 1024


def memory() -> int:
    """Resident memory in kilobytes, 0 where the platform does not tell."""
    try:
        with open("/proc/self/status", encoding="ascii") as status:
            return next(int(line.split()[1]) for line in status if line.startswith("VmRSS:"))
    except FileNotFoundError:
        return 0


def say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def one_round(network: Network, route: str, world: str, tally: Tally) -> None:
    url = network.url(route, "/crowd")
    options = network.options(route, max_connections=8)
    closers = 2
    if world == "threads":
        with httpcore.ConnectionPool(**options) as pool:
            crowd_of_threads(pool, url, 32, lambda made: made < 10, closers, tally)
            pool._plan.check()
    else:
        together = together_on_trio if world == "trio" else together_on_asyncio

        async def main() -> None:
            async with httpcore.AsyncConnectionPool(**options) as pool:
                await crowd_of_tasks(pool, url, 200, 3, closers, tally, together)
                pool._plan.check()

        run_async(world, main)
    network.wait_until_idle()
    if tally.wrong:
        raise AssertionError(f"{route}, {world}: {tally.wrong[:5]}")


def main(seconds: float) -> int:
    warnings.filterwarnings("ignore", "A response was dropped", ResourceWarning)
    tally = Tally()
    begun = time.monotonic()
    seen: List[Tuple[int, int, int]] = []
    rounds = itertools.cycle(itertools.product(ROUTES, ("threads", "asyncio", "trio")))
    made, reported = 0, begun
    with Network() as network:
        while time.monotonic() - begun < seconds:
            one_round(network, *next(rounds), tally)
            made += 1
            gc.collect()
            if time.monotonic() - begun > seconds / 5:
                seen.append((memory(), len(open_descriptors()), threading.active_count()))
                if time.monotonic() - reported > seconds / 20:
                    reported = time.monotonic()
                    kilobytes, descriptors, threads = seen[-1]
                    say(f"after {reported - begun:.0f} s: {kilobytes} kB, {descriptors} descriptors, {threads} threads")
    say(f"{made} rounds, {sum(tally.counts.values())} requests: {dict(sorted(tally.counts.items()))}")
    third = max(1, len(seen) // 3)
    names = ("memory (kB)", "descriptors", "threads")
    grown = 0
    for name, slack, column in zip(names, (MEMORY_SLACK, 0, 0), zip(*seen)):
        early, late = min(column[:third]), min(column[-third:])
        say(f"{name}: {early} early, {late} late, at most {max(column)}")
        grown += late > early + slack
    return 1 if grown or not seen else 0


if __name__ == "__main__":
    sys.exit(main(float(sys.argv[1]) if len(sys.argv) > 1 else 600.0))
