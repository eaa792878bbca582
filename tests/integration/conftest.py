"""Fixtures of the integration tests: the four kinds of client, and the servers, each started once a session."""

from __future__ import annotations

import inspect
import pathlib
import sys
import typing

import pytest

# The harness is plain modules beside the tests; this makes them importable under every import mode of pytest.
sys.path.insert(0, str(pathlib.Path(__file__).parent))

from client_kinds import CLIENT_KINDS, Client, make_client
from servers.endpoint import Endpoint
from servers.fleet import Fleet


def pytest_collection_modifyitems(items: typing.List[pytest.Item]) -> None:
    """Everything in this directory talks to real servers, most of which are not Python packages."""
    here = pathlib.Path(__file__).parent
    for item in items:
        if here in item.path.parents:
            item.add_marker(pytest.mark.network_server)


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> typing.Optional[bool]:
    """Run an `async def` test as its `client` runs things."""
    function = pyfuncitem.obj
    if not inspect.iscoroutinefunction(function):
        return None
    names = pyfuncitem._fixtureinfo.argnames
    arguments = {name: pyfuncitem.funcargs[name] for name in names}
    client = pyfuncitem.funcargs["client"]
    assert isinstance(client, Client)
    client.run(function, **arguments)
    return True


@pytest.fixture(params=sorted(CLIENT_KINDS))
def client(request: pytest.FixtureRequest) -> Client:
    """sync, asyncio, asyncio-anyio, trio in turn."""
    return make_client(request.param)


@pytest.fixture(scope="session")
def fleet() -> typing.Iterator[Fleet]:
    """Every server, started on first use and stopped at the end of the session."""
    servers = Fleet()
    yield servers
    servers.stop()


@pytest.fixture
def endpoint(request: pytest.FixtureRequest, fleet: Fleet) -> Endpoint:
    """Indirectly parametrised by `"<server>-<transport>"`."""
    return fleet.endpoint(request.param)
