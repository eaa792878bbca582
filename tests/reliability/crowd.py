"""Many threads or tasks on one pool, doing everything that can be done to it: for the tests and for the soak."""

from __future__ import annotations

import random
import threading
from typing import Any, Callable, Coroutine, Dict, List

import httpcore

from .worlds import DOCUMENTED, Chunks

# What a crowd takes on a slow machine is no fault: a hang is one, and that is seen all the same.
LIMITS = {"connect": 60.0, "read": 60.0, "write": 60.0, "pool": 60.0}


class OwnError(Exception):
    pass


class FailingBody:
    def __iter__(self) -> Any:
        yield b"1"
        raise OwnError

    async def __aiter__(self) -> Any:
        yield b"1"
        raise OwnError


class Tally:
    """What happened, counted; and what must not have happened."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.counts: Dict[str, int] = {}
        self.wrong: List[str] = []

    def count(self, what: str) -> None:
        with self._lock:
            self.counts[what] = self.counts.get(what, 0) + 1

    def fault(self, text: str) -> None:
        with self._lock:
            self.wrong.append(text)


def expected(method: str, size: int, name: str) -> bytes:
    return f"{method} /crowd {size} {name}".encode("ascii")


def choose(chance: random.Random) -> str:
    return chance.choices(
        ["read", "upload", "close early", "time out", "body fails", "drop"], weights=[60, 20, 8, 6, 4, 2]
    )[0]


def one_in_thread(pool: httpcore.ConnectionPool, url: str, name: str, what: str, tally: Tally, calm: bool) -> None:
    """One request; with nobody closing the pool (`calm`) those that are left alone must succeed."""
    limits = {**LIMITS, "read": 0.0005, "pool": 0.01} if what == "time out" else LIMITS
    extensions = {"timeout": limits}
    headers = {"X-Id": name}
    try:
        if what == "drop":
            request = httpcore.Request("GET", url, headers={"Host": "test", **headers}, extensions=extensions)
            pool.handle_request(request)
        elif what == "body fails":
            pool.request("POST", url, headers=headers, content=FailingBody(), extensions=extensions)
        else:
            content = Chunks(b"123", b"45") if what == "upload" else None
            method = "POST" if what == "upload" else "GET"
            with pool.stream(method, url, headers=headers, content=content, extensions=extensions) as response:
                if what != "close early":
                    body = b"".join(response.iter_stream())
                    if body != expected(method, 5 if what == "upload" else 0, name):
                        tally.fault(f"{name} got {body!r}")
    except OwnError:
        tally.count("own errors")
    except DOCUMENTED as exc:
        tally.count(type(exc).__name__)
        if calm and what in ("read", "upload", "close early"):
            tally.fault(f"{name} ({what}): {exc!r}")
    except BaseException as exc:
        tally.fault(f"{name} ({what}): {exc!r}")
    else:
        tally.count(what)


async def one_in_task(pool: Any, url: str, name: str, what: str, tally: Tally, calm: bool) -> None:
    limits = {**LIMITS, "read": 0.0005, "pool": 0.01} if what == "time out" else LIMITS
    extensions = {"timeout": limits}
    headers = {"X-Id": name}
    try:
        if what == "drop":
            request = httpcore.Request("GET", url, headers={"Host": "test", **headers}, extensions=extensions)
            await pool.handle_async_request(request)
        elif what == "body fails":
            await pool.request("POST", url, headers=headers, content=FailingBody(), extensions=extensions)
        else:
            content = Chunks(b"123", b"45") if what == "upload" else None
            method = "POST" if what == "upload" else "GET"
            async with pool.stream(method, url, headers=headers, content=content, extensions=extensions) as response:
                if what != "close early":
                    body = b"".join([part async for part in response.aiter_stream()])
                    if body != expected(method, 5 if what == "upload" else 0, name):
                        tally.fault(f"{name} got {body!r}")
    except OwnError:
        tally.count("own errors")
    except DOCUMENTED as exc:
        tally.count(type(exc).__name__)
        if calm and what in ("read", "upload", "close early"):
            tally.fault(f"{name} ({what}): {exc!r}")
    except Exception as exc:
        tally.fault(f"{name} ({what}): {exc!r}")
    else:
        tally.count(what)


def crowd_of_threads(
    pool: httpcore.ConnectionPool, url: str, threads: int, go_on: Callable[[int], bool], closers: int, tally: Tally
) -> None:
    """`threads` threads make requests while `go_on(how many each has made)`; the first `closers` close the pool."""

    def work(number: int) -> None:
        chance = random.Random(number)
        made = 0
        while go_on(made):
            made += 1
            if number < closers and made % 10 == 0:
                pool.close()
                tally.count("pool closed")
            one_in_thread(pool, url, f"{number}-{made}", choose(chance), tally, calm=not closers)

    working = [threading.Thread(target=work, args=(number,), daemon=True) for number in range(threads)]
    for thread in working:
        thread.start()
    for thread in working:
        thread.join(120)
    stuck = [thread for thread in working if thread.is_alive()]
    if stuck:
        raise AssertionError(f"{len(stuck)} of {threads} threads hang: {pool!r}")


async def crowd_of_tasks(
    pool: Any,
    url: str,
    tasks: int,
    each: int,
    closers: int,
    tally: Tally,
    together: Callable[[List[Coroutine[Any, Any, None]]], Coroutine[Any, Any, None]],
) -> None:
    """`tasks` tasks make `each` requests; the last `closers` close the pool after each of theirs."""

    async def work(number: int) -> None:
        chance = random.Random(number)
        for made in range(each):
            await one_in_task(pool, url, f"{number}-{made}", choose(chance), tally, calm=not closers)
            if number >= tasks - closers:
                await pool.aclose()
                tally.count("pool closed")

    await together([work(number) for number in range(tasks)])
