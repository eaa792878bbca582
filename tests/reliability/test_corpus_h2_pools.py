"""The HTTP/2 corpus through pools: the outcome, what the server is told, and whose connection the next request goes on.

A pool of one connection makes two requests. The first is answered by the case, in whole reads and drop by drop, the
second by a server that behaves: it must get its own answer, on the same connection where the case allows that, else on
another.
"""

from __future__ import annotations

from typing import Any, Callable, List

import pytest

import httpcore

from .corpus.h2 import CASES, H2Case
from .corpus.h2_case import greeting
from .corpus.h2_line import GOOD_BODY, FrameLine, heard
from .corpus.line import AsyncLineBackend, LineBackend
from .worlds import WORLDS, run_async

# What a client may take of frames without an end before it hangs up: 2,000 of them, and as many as a second allows.
MOST_READ = 2 * 1024 * 1024
LONGEST_DRIP = 400
# What is looked at before a connection is used again comes in at most so many reads.
DROPS = 50

URL = "http://example.com/"


def ways(case: H2Case) -> List[List[bytes]]:
    """The case as it is written, all at once, and drop by drop where that is not too long."""
    first = [greeting()] if case.greets else []
    whole = b"".join(case.sent)
    ways = [[*first, *case.sent]]
    if not case.waits:
        ways.append([b"".join(first) + whole])
    if 1 < len(whole) <= LONGEST_DRIP and not case.waits:
        # What stands behind a response must have been seen when its connection is wanted again.
        size = 1 if case.reusable or case.error is not None else 1 + len(whole) // DROPS
        ways.append([*first, *[whole[at : at + size] for at in range(0, len(whole), size)]])
    return [[piece for piece in way if piece] for way in ways]


class Answer:
    """What became of the first request."""

    def __init__(self) -> None:
        self.status: Any = None
        self.body = b""
        self.error: Any = None


def ask(pool: httpcore.ConnectionPool, case: H2Case) -> Answer:
    answer = Answer()
    try:
        with pool.stream(case.method, URL, content=case.content) as response:
            answer.status = response.status
            parts = list(response.iter_stream())
            answer.body = b"".join(parts)
    except (httpcore.ProtocolError, httpcore.NetworkError, httpcore.TimeoutException) as exc:
        answer.error = exc
    return answer


async def async_ask(pool: httpcore.AsyncConnectionPool, case: H2Case) -> Answer:
    answer = Answer()
    try:
        async with pool.stream(case.method, URL, content=case.content) as response:
            answer.status = response.status
            parts = [data async for data in response.aiter_stream()]
            answer.body = b"".join(parts)
    except (httpcore.ProtocolError, httpcore.NetworkError, httpcore.TimeoutException) as exc:
        answer.error = exc
    return answer


def check(case: H2Case, answer: Answer, second: bytes, backend: Any) -> None:
    assert (None if answer.error is None else type(answer.error).__name__) == case.error, answer.error
    if case.again:
        assert (answer.status, answer.body) == (200, GOOD_BODY)
    else:
        assert answer.status == case.status
        assert answer.body == (case.body if case.error is None else b"")
    assert second == GOOD_BODY
    assert len(backend.lines) == (1 if case.reusable else 2)
    line = backend.lines[0]
    client = heard(bytes(line.written))
    said = [text for text in client.said if not text.endswith(" NO_ERROR")]
    if case.answer:
        assert any(text.startswith(case.answer) for text in said), said
    else:
        assert not said
    if case.waits:
        assert client.content == case.content
    assert not case.endless or line.delivered <= MOST_READ
    assert all(line.closed for line in backend.lines)


def in_threads(case: H2Case) -> None:
    for pieces in ways(case):
        backend = LineBackend(FrameLine(case, pieces), FrameLine)
        with httpcore.ConnectionPool(max_connections=1, http1=False, http2=True, network_backend=backend) as pool:
            answer = ask(pool, case)
            second = pool.request("GET", URL).content
        check(case, answer, second, backend)


def in_tasks(case: H2Case) -> Callable[[], Any]:
    async def run() -> None:
        for pieces in ways(case):
            backend = AsyncLineBackend(FrameLine(case, pieces), FrameLine)
            async with httpcore.AsyncConnectionPool(
                max_connections=1, http1=False, http2=True, network_backend=backend
            ) as pool:
                answer = await async_ask(pool, case)
                second = (await pool.request("GET", URL)).content
            check(case, answer, second, backend)

    return run


@pytest.mark.parametrize("world", WORLDS)
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_case_and_the_request_after_it(case: H2Case, world: str) -> None:
    if world == "threads":
        in_threads(case)
    else:
        run_async(world, in_tasks(case))
