"""Nothing of one request reaches another, and nothing for one origin goes over a connection to another.

Many requests at a time, to several origins, over fewer connections than there are origins, so that connections come
and go. Each request says by its target which origin it is for, and carries headers and a body that name it.
"""

from __future__ import annotations

import random
import threading
from collections import Counter
from typing import Any, Dict, List, Set, Tuple

import pytest

import httpcore

from .nothing_left import NothingLeft
from .routes import ROUTES, Network
from .test_crowds import together_on_asyncio, together_on_trio
from .worlds import WORLDS, Chunks, run_async

LIMITS = {"timeout": {"connect": 20.0, "read": 20.0, "write": 20.0, "pool": 20.0}}
WORKERS, EACH = 16, 8


def origins(network: Network, route: str) -> List[str]:
    """Origins that differ in host, port or scheme, as the route can tell them apart."""
    hosts = ["127.0.0.1", "localhost"]
    first = network.url(route, "")
    found = [first.replace("127.0.0.1", host) for host in hosts]
    if route in ("direct", "socks"):
        found += [f"https://{host}:{network.both.port}" for host in hosts]
    elif route in ("tls", "tunnel", "tls-proxy-tunnel"):
        found += [f"http://{host}:{network.plain.port}" for host in hosts]
    return found


def request_for(urls: List[str], name: str, chance: random.Random) -> Tuple[Dict[str, Any], bytes]:
    """A request that names itself everywhere, and the answer that it must get."""
    number = chance.randrange(len(urls))
    target = f"/origin-{number}"
    size = chance.randrange(5)
    headers = {"X-Id": name, "Authorization": name, "Cookie": f"own={name}", f"X-Own-{name}": name}
    content: Any = bytes(size)
    if chance.random() < 0.5:
        content = Chunks(*[b"."] * size)
        headers["Transfer-Encoding"] = "chunked"
    headers["Host"] = urls[number].split("//")[1]
    request = {"method": "POST", "url": urls[number] + target, "headers": headers, "content": content}
    return {**request, "extensions": LIMITS}, f"POST {target} {size} {name}".encode("ascii")


@pytest.mark.timeout(120)
@pytest.mark.parametrize("world", WORLDS)
@pytest.mark.parametrize("route", ROUTES)
def test_many_requests_to_several_origins_stay_apart(
    route: str, world: str, network: Network, swept: Counter[str]
) -> None:
    urls = origins(network, route)
    options = network.options(route, max_connections=3)
    wrong: List[Any] = []

    def threads() -> None:
        def work(number: int) -> None:
            chance = random.Random(number)
            for made in range(EACH):
                request, answer = request_for(urls, f"{number}-{made}", chance)
                try:
                    content = pool.request(**request).content
                except Exception as exc:
                    wrong.append(exc)
                else:
                    if content != answer:
                        wrong.append((answer, content))

        with httpcore.ConnectionPool(**options) as pool:
            workers = [threading.Thread(target=work, args=(number,), daemon=True) for number in range(WORKERS)]
            for worker in workers:
                worker.start()
            for worker in workers:
                worker.join(60)
            assert not any(worker.is_alive() for worker in workers)

    async def tasks() -> None:
        async def work(number: int) -> None:
            chance = random.Random(number)
            for made in range(EACH):
                request, answer = request_for(urls, f"{number}-{made}", chance)
                content = (await pool.request(**request)).content
                if content != answer:
                    wrong.append((answer, content))

        together = together_on_trio if world == "trio" else together_on_asyncio
        async with httpcore.AsyncConnectionPool(**options) as pool:
            await together([work(number) for number in range(WORKERS)])

    for peer in network.peers:
        peer.reset_counts()
        peer.keep_received = True
    try:
        with NothingLeft(network):
            threads() if world == "threads" else run_async(world, tasks)
        assert not wrong, wrong[:5]
        seen = [exchange for peer in network.peers for exchange in peer.exchanges]
        assert len(seen) == WORKERS * EACH
        check(seen, urls)
        swept["requests told apart"] += len(seen)
    finally:
        for peer in network.peers:
            peer.keep_received = False
            peer.reset_counts()


def check(seen: List[Tuple[int, Dict[bytes, bytes]]], urls: List[str]) -> None:
    """Each request has its own headers only, and each connection its own origin's requests only."""
    served: Dict[int, Set[bytes]] = {}
    for connection, fields in seen:
        name = fields[b"x-id"]
        authority = fields.get(b"host") or fields[b":authority"]
        served.setdefault(connection, set()).add(fields[b":path"].rpartition(b"/")[2])
        assert fields[b"authorization"] == name
        assert fields[b"cookie"] == b"own=" + name
        assert [field for field in fields if field.startswith(b"x-own-")] == [b"x-own-" + name]
        number = int(fields[b":path"].rpartition(b"-")[2])
        assert authority.decode("ascii") == urls[number].split("//")[1]
    assert all(len(targets) == 1 for targets in served.values()), served
