"""Many tasks on one connection, on a network that stalls and takes parts, and each may time out or be cancelled."""

from __future__ import annotations

import random
from typing import Any, Optional

import pytest

from core_backends import ConnectionNotAvailable, ReadTimeout, WriteTimeout
from core_backends.lowlevel import AsyncEvent
from core_h2 import AsyncHTTP2Connection

from ._async.pipe import ORIGIN, URL, AsyncPipe
from .peer import Exchange, Peer
from .tasks import async_cancelled, async_gather

TASKS = 15
REQUESTS = 8


class Weather:
    """Chance, the same in each run."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)

    def chance(self, probability: float) -> bool:
        return self.random.random() < probability

    async def pause(self) -> None:
        if self.chance(0.4):
            await AsyncEvent().wait(self.random.random() * 0.002)


class Stormy(AsyncPipe):
    """Reads and writes wait now and then; a write takes a part and says how much."""

    def __init__(self, peer: Peer, weather: Weather) -> None:
        super().__init__(peer, read_size=weather.random.choice([10, 100, 10_000]))
        self.weather = weather

    async def read(self, max_bytes: int, timeout: Optional[float] = None) -> bytes:
        await self.weather.pause()
        return await super().read(max_bytes, timeout)

    async def write_some(self, buffer: bytes, timeout: Optional[float] = None) -> int:
        await self.weather.pause()
        if timeout is not None and timeout < 1 and self.weather.chance(0.5):
            raise WriteTimeout("slow")
        size = self.weather.random.randint(1, 400)
        await super().write(buffer[:size], timeout)
        return len(buffer[:size])


class Echo(Peer):
    def __init__(self, weather: Weather) -> None:
        super().__init__({3: 1_000})
        self.weather = weather

    def on_end(self, stream_id: int, exchange: Exchange) -> None:
        if self.weather.chance(0.05):
            self.reset(stream_id, 7)
        else:
            self.respond(stream_id, dict(exchange.headers)[b"x-number"] * 10)


@pytest.mark.parametrize("seed", range(3))
async def test_every_request_ends_and_leaves_the_connection_right(seed: int) -> None:
    weather = Weather(seed)
    peer = Echo(weather)
    pipe = Stormy(peer, weather)
    connection = AsyncHTTP2Connection(ORIGIN, pipe)
    served = 0

    async def request(number: int, limit: float) -> Any:
        nonlocal served
        headers = {"x-number": str(number)}
        content = b"x" * weather.random.choice([0, 0, 0, 10, 3_000])
        timeouts = {"read": limit, "write": limit}
        try:
            response = await connection.request(
                "POST", URL, headers=headers, content=content, extensions={"timeout": timeouts}
            )
        except (ReadTimeout, WriteTimeout, ConnectionNotAvailable):
            return
        assert response.content == str(number).encode() * 10
        served += 1

    async def work(worker: int) -> None:
        for number in range(worker * REQUESTS, (worker + 1) * REQUESTS):
            if weather.chance(0.2):
                moment = AsyncEvent()

                async def cancelled() -> None:
                    await request(number, 20)  # noqa: B023

                async def cancel() -> None:
                    await weather.pause()
                    moment.set()  # noqa: B023

                await async_gather([cancel, lambda: async_cancelled(cancelled, moment)])  # noqa: B023
            else:
                await request(number, 0.003 if weather.chance(0.2) else 20)

    results = await async_gather([lambda worker=worker: work(worker) for worker in range(TASKS)])
    assert results == [None] * TASKS
    assert served > TASKS
    multiplexer = connection._multiplexer
    assert connection.is_idle() and not connection._h2_state.streams
    assert not (multiplexer._reading or multiplexer._writing or multiplexer._waiters or multiplexer._write_waiters)
    await request(1_000_000, 20)
    assert not multiplexer._relying and not connection._h2_state.outbound
    assert pipe.most_readers == 1
