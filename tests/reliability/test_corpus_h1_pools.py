"""The HTTP/1.1 corpus through pools: the outcome, and whose connection the next request goes on.

A pool of one connection makes two requests. The first is answered by the case, whole and byte by byte, the second by a
server that behaves: it must get its own answer, on the same connection where the case allows that, else on another.
"""

from __future__ import annotations

from typing import Any, Callable, List

import pytest

import httpcore
from core_h1 import _choice

from .corpus.h1 import CASES, H1Case
from .corpus.h1_line import GOOD_BODY, ResponseLine
from .corpus.line import AsyncLineBackend, LineBackend
from .worlds import WORLDS, run_async

# One read ahead of the bound, and what a read may bring at a time.
MOST_READ = 100 * 1024 + 2 * 64 * 1024
LONGEST_DRIP = 700

URL = "http://example.com/"


def ways(case: H1Case) -> List[List[bytes]]:
    """The case in one piece, and drop by drop where that is not too long."""
    ways = [[case.sent] if case.sent else []]
    if 1 < len(case.sent) <= LONGEST_DRIP:
        ways.append([case.sent[at : at + 1] for at in range(len(case.sent))])
    return ways


class Answer:
    """What became of the first request."""

    def __init__(self) -> None:
        self.status: Any = None
        self.body = b""
        self.switched = b""
        self.error: Any = None


def ask(pool: httpcore.ConnectionPool, case: H1Case) -> Answer:
    answer = Answer()
    try:
        with pool.stream(case.method, URL, headers=[(b"Host", b"example.com"), *case.request_headers]) as response:
            answer.status = response.status
            if case.switched is not None:
                # The stream is the caller's from here on.
                while len(answer.switched) < len(case.switched):
                    answer.switched += response.extensions["network_stream"].read(1000)
                return answer
            for data in response.iter_stream():
                answer.body += data
    except (httpcore.ProtocolError, httpcore.NetworkError) as exc:
        answer.error = exc
    return answer


async def async_ask(pool: httpcore.AsyncConnectionPool, case: H1Case) -> Answer:
    answer = Answer()
    try:
        async with pool.stream(
            case.method, URL, headers=[(b"Host", b"example.com"), *case.request_headers]
        ) as response:
            answer.status = response.status
            if case.switched is not None:
                while len(answer.switched) < len(case.switched):
                    answer.switched += await response.extensions["network_stream"].read(1000)
                return answer
            async for data in response.aiter_stream():
                answer.body += data
    except (httpcore.ProtocolError, httpcore.NetworkError) as exc:
        answer.error = exc
    return answer


def check(case: H1Case, answer: Answer, second: bytes, backend: Any) -> None:
    assert answer.status == case.status
    assert (None if answer.error is None else type(answer.error).__name__) == case.error, answer.error
    if case.error is None:
        assert answer.body == case.body
        assert answer.switched == (case.switched or b"")
    assert second == GOOD_BODY
    assert len(backend.lines) == (1 if case.reusable else 2)
    assert backend.lines[0].delivered <= MOST_READ or not case.endless
    assert all(line.closed for line in backend.lines)


def in_threads(case: H1Case) -> None:
    for pieces in ways(case):
        backend = LineBackend(ResponseLine(case, pieces), ResponseLine)
        with httpcore.ConnectionPool(max_connections=1, network_backend=backend) as pool:
            answer = ask(pool, case)
            second = pool.request("GET", URL).content
        check(case, answer, second, backend)


def in_tasks(case: H1Case) -> Callable[[], Any]:
    async def run() -> None:
        for pieces in ways(case):
            backend = AsyncLineBackend(ResponseLine(case, pieces), ResponseLine)
            async with httpcore.AsyncConnectionPool(max_connections=1, network_backend=backend) as pool:
                answer = await async_ask(pool, case)
                second = (await pool.request("GET", URL)).content
            check(case, answer, second, backend)

    return run


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_case_read_by_h11_alone(case: H1Case, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_choice, "_default", _choice.codec_factory("h11"))
    in_threads(case)


@pytest.mark.parametrize("world", WORLDS)
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_case_and_the_request_after_it(case: H1Case, world: str) -> None:
    if world == "threads":
        in_threads(case)
    else:
        run_async(world, in_tasks(case))
