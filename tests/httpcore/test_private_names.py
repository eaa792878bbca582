"""Private names that recorders, mocks, caches and SSRF guards patch: each is the same object as the public one."""

from __future__ import annotations

import importlib
from typing import Any, Dict, List

import pytest

import httpcore

SAME_AS_PUBLIC: Dict[str, List[str]] = {
    "_sync.connection": ["HTTPConnection"],
    "_sync.connection_pool": ["ConnectionPool"],
    "_sync.http_proxy": ["HTTPProxy"],
    "_async.connection": ["AsyncHTTPConnection"],
    "_async.connection_pool": ["AsyncConnectionPool"],
    "_async.http_proxy": ["AsyncHTTPProxy"],
    "_models": ["Origin", "Request", "Response", "URL"],
    "_ssl": ["default_ssl_context"],
    "_backends.base": ["AsyncNetworkBackend", "AsyncNetworkStream", "NetworkBackend", "NetworkStream"],
    "_backends.sync": ["SyncBackend"],
    "_backends.anyio": ["AnyIOBackend"],
    "_backends.trio": ["TrioBackend"],
    "_backends.mock": ["AsyncMockBackend", "AsyncMockStream", "MockBackend", "MockStream"],
    "_exceptions": [
        name
        for name in httpcore.__all__
        if name.endswith(("Error", "Timeout", "TimeoutException", "ConnectionNotAvailable", "UnsupportedProtocol"))
    ],
}

OTHERS: Dict[str, List[str]] = {
    "_sync.interfaces": ["RequestInterface"],
    "_async.interfaces": ["AsyncRequestInterface"],
    "_exceptions": ["map_exceptions"],
    "_models": ["ByteStream"],
    "_synchronization": ["AsyncLock", "Lock"],
    "_utils": ["is_socket_readable"],
    "_backends.auto": ["AutoBackend"],
    "_backends.sync": ["SyncStream"],
    "_backends.base": ["SOCKET_OPTION"],
}


def pairs(table: Dict[str, List[str]]) -> List[Any]:
    return [pytest.param(module, name, id=f"{module}.{name}") for module, names in table.items() for name in names]


@pytest.mark.parametrize(("module", "name"), pairs(SAME_AS_PUBLIC))
def test_the_private_name_is_the_public_object(module: str, name: str) -> None:
    assert getattr(importlib.import_module(f"httpcore.{module}"), name) is getattr(httpcore, name)


@pytest.mark.parametrize(("module", "name"), pairs(OTHERS))
def test_the_private_name_is_there(module: str, name: str) -> None:
    assert hasattr(importlib.import_module(f"httpcore.{module}"), name)


def test_request_interfaces_are_bases_of_the_pools() -> None:
    interfaces = importlib.import_module("httpcore._sync.interfaces")
    async_interfaces = importlib.import_module("httpcore._async.interfaces")
    assert issubclass(httpcore.ConnectionPool, interfaces.RequestInterface)
    assert issubclass(httpcore.AsyncConnectionPool, async_interfaces.AsyncRequestInterface)


@pytest.mark.parametrize(("runtime", "name"), [("anyio", "AnyIOStream"), ("trio", "TrioStream")])
def test_streams_of_third_party_runtimes(runtime: str, name: str) -> None:
    pytest.importorskip(runtime)
    assert isinstance(getattr(importlib.import_module(f"httpcore._backends.{runtime}"), name), type)


@pytest.mark.parametrize("kind", [httpcore.ConnectionPool, httpcore.AsyncConnectionPool])
def test_attributes_of_pools(kind: Any) -> None:
    context = httpcore.default_ssl_context()
    pool = kind(ssl_context=context, max_connections=3, max_keepalive_connections=2, keepalive_expiry=5.0, retries=1)
    assert pool._ssl_context is context
    assert (pool._http1, pool._http2) == (True, False)
    assert (pool._max_connections, pool._max_keepalive_connections) == (3, 2)
    assert (pool._keepalive_expiry, pool._retries) == (5.0, 1)
    assert (len(pool._requests), len(pool._connections)) == (0, 0)


@pytest.mark.parametrize("kind", [httpcore.HTTPProxy, httpcore.AsyncHTTPProxy])
def test_attributes_of_proxies(kind: Any) -> None:
    pool = kind("http://127.0.0.1:3128", proxy_headers=[(b"X-Via", b"1")])
    assert pool._proxy_url == httpcore.URL("http://127.0.0.1:3128")
    assert (b"X-Via", b"1") in pool._proxy_headers


ANSWER = [b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\n", b"ok"]


class Guard(httpcore.NetworkBackend):
    """An SSRF guard, as they are written: it looks at the host and hands on with keywords."""

    def __init__(self, inner: httpcore.NetworkBackend) -> None:
        self.inner = inner
        self.hosts: List[str] = []

    def connect_tcp(self, **arguments: Any) -> httpcore.NetworkStream:  # type: ignore[override]
        assert set(arguments) <= {"host", "port", "timeout", "local_address", "socket_options"}
        self.hosts.append(arguments["host"])
        if arguments["host"] == "blocked.test":
            raise httpcore.ConnectError("not allowed")
        return self.inner.connect_tcp(**arguments)


def test_a_network_backend_assigned_later_is_used_for_every_new_connection() -> None:
    with httpcore.ConnectionPool(network_backend=httpcore.MockBackend(list(ANSWER))) as pool:
        assert pool.request("GET", "http://first.test/").content == b"ok"
        guard = Guard(httpcore.MockBackend(list(ANSWER)))
        pool._network_backend = guard
        assert pool.request("GET", "http://second.test/").content == b"ok"
        with pytest.raises(httpcore.ConnectError, match="not allowed"):
            pool.request("GET", "http://blocked.test/")
    assert guard.hosts == ["second.test", "blocked.test"]


def test_a_patched_connection_class_sees_and_changes_every_request(monkeypatch: pytest.MonkeyPatch) -> None:
    original = httpcore.HTTPConnection.handle_request
    seen: List[bytes] = []

    def recording(self: Any, request: httpcore.Request) -> httpcore.Response:
        request.headers.append((b"X-Recorded", b"1"))
        seen.append(request.url.host)
        return original(self, request=request)

    connection = importlib.import_module("httpcore._sync.connection")
    monkeypatch.setattr(connection.HTTPConnection, "handle_request", recording)
    with httpcore.ConnectionPool(network_backend=httpcore.MockBackend(list(ANSWER))) as pool:
        assert pool.request("GET", "http://recorded.test/").content == b"ok"
    assert seen == [b"recorded.test"]
