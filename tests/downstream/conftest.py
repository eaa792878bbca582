"""What the tests of the downstream projects share: both event loops, a certificate, and a server that echoes."""

from __future__ import annotations

import asyncio
import pathlib
import ssl
import sys
from typing import Any, Awaitable, Callable, Iterator

import pytest
import trustme

# httpx goes through the scripted proxies of the integration tests, which are plain modules.
sys.path.append(str(pathlib.Path(__file__).parent.parent / "integration"))

from .application import Exchange, Server

# They iterate by async generators, which trio finds unfinished when a loop over a body was left early.
THEIR_GENERATORS = r"ignore:Async generator '(httpx|hishel|openai)\.:ResourceWarning"

Run = Callable[[Callable[[], Awaitable[Any]]], Any]


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("filterwarnings", THEIR_GENERATORS)


@pytest.fixture(params=["asyncio", "trio"])
def run(request: pytest.FixtureRequest) -> Run:
    """Runs an async function to its end on each event loop."""
    if request.param == "asyncio":
        return lambda function: asyncio.run(function())  # type: ignore[arg-type]
    trio = pytest.importorskip("trio")
    return lambda function: trio.run(function)


@pytest.fixture(scope="session")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture(scope="session")
def trusting(authority: trustme.CA) -> ssl.SSLContext:
    context = ssl.create_default_context()
    authority.configure_trust(context)
    return context


@pytest.fixture(scope="session")
def certified(authority: trustme.CA) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    return context


def echo(exchange: Exchange) -> None:
    seen = exchange.seen
    exchange.answer(200, f"{seen.method} {seen.path} ".encode() + seen.body, X_Peer=str(seen.peer))


@pytest.fixture
def echoing() -> Iterator[Server]:
    """Answers each request with its method, path and body, and names the connection in `X-Peer`."""
    with Server(echo) as server:
        yield server
