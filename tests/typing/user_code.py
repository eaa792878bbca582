"""Code as users of httpcore write it: never run, but checked by mypy --strict and by pyright, against built wheels.

`assert_type` says what an editor knows of a value. A line that ends in `type: ignore` holds a mistake that has to be
reported: where it is not, the comment is unused, and that is an error.
"""

from __future__ import annotations

import ssl
from typing import Any, AsyncIterable, AsyncIterator, Dict, Iterable, Iterator, List, Optional, Tuple, Union

from typing_extensions import assert_type

import core_h1
import core_pool
import core_proxy
import httpcore
from core_backends import AsyncioBackend, AutoBackend, DirectConnector
from core_backends.lowlevel import is_secure


def use(*values: object) -> None:
    """Stands for whatever is done with values."""


def trace(name: str, info: Dict[str, Any]) -> None:
    use(name, info)


async def async_trace(name: str, info: Dict[str, Any]) -> None:
    use(name, info)


def pieces() -> Iterator[bytes]:
    yield b"one"


async def async_pieces() -> AsyncIterator[bytes]:
    yield b"one"


def requests_with_a_pool() -> None:
    with httpcore.ConnectionPool(
        ssl_context=ssl.create_default_context(),
        max_connections=10,
        max_keepalive_connections=None,
        keepalive_expiry=30.0,
        http2=True,
        retries=1,
        network_backend=httpcore.SyncBackend(),
        socket_options=[(1, 2, 3)],
    ) as pool:
        assert_type(pool, httpcore.ConnectionPool)
        response = pool.request("GET", "https://example.com/")
        assert_type(response, httpcore.Response)
        assert_type(response.status, int)
        assert_type(response.headers, List[Tuple[bytes, bytes]])
        assert_type(response.content, bytes)
        assert_type(response.read(), bytes)
        assert_type(response.stream, Union[Iterable[bytes], AsyncIterable[bytes]])
        pool.request(b"POST", httpcore.URL("https://example.com/"), headers={"a": "b"}, content=b"body")
        pool.request("POST", b"https://example.com/", headers=[(b"a", b"b")], content=bytearray(b"body"))
        pool.request("POST", "https://example.com/", headers=[("a", "b")], content=pieces())
        with pool.stream("GET", "https://example.com/") as streamed:
            assert_type(streamed, httpcore.Response)
            for piece in streamed.iter_stream():
                assert_type(piece, bytes)
        for connection in pool.connections:
            assert_type(connection, httpcore.ConnectionInterface)
            assert_type(connection.info(), str)
    assert_type(httpcore.request("GET", "https://example.com/"), httpcore.Response)
    with httpcore.stream("GET", "https://example.com/") as streamed:
        assert_type(streamed, httpcore.Response)


async def async_requests_with_a_pool() -> None:
    async with httpcore.AsyncConnectionPool(network_backend=httpcore.AnyIOBackend()) as pool:
        assert_type(pool, httpcore.AsyncConnectionPool)
        response = await pool.request("GET", "https://example.com/", content=async_pieces())
        assert_type(response, httpcore.Response)
        assert_type(await response.aread(), bytes)
        async with pool.stream("GET", "https://example.com/") as streamed:
            assert_type(streamed, httpcore.Response)
            async for piece in streamed.aiter_stream():
                assert_type(piece, bytes)
    httpcore.AsyncConnectionPool(network_backend=AsyncioBackend())
    httpcore.AsyncConnectionPool(network_backend=httpcore.TrioBackend())
    httpcore.AsyncConnectionPool(network_backend=AutoBackend())


def extensions(pool: httpcore.ConnectionPool) -> None:
    timeout = {"connect": 5.0, "read": None, "write": 5, "pool": 1.5, "total": 10.0}
    response = pool.request("GET", "https://example.com/", extensions={"timeout": timeout, "trace": trace})
    version: bytes = response.extensions["http_version"]
    stream: httpcore.NetworkStream = response.extensions["network_stream"]
    assert_type(stream.read(1024, timeout=1.0), bytes)
    stream.write(version, timeout=None)
    assert_type(stream.start_tls(ssl.create_default_context(), server_hostname="a"), httpcore.NetworkStream)
    tls: Optional[ssl.SSLObject] = stream.get_extra_info("ssl_object")
    use(tls)


async def async_extensions(pool: httpcore.AsyncConnectionPool) -> None:
    response = await pool.request("GET", "https://example.com/", extensions={"trace": async_trace})
    stream: httpcore.AsyncNetworkStream = response.extensions["network_stream"]
    assert_type(await stream.read(1024), bytes)
    assert_type(await stream.start_tls(ssl.create_default_context()), httpcore.AsyncNetworkStream)


def proxies() -> None:
    proxy = httpcore.Proxy("http://127.0.0.1:3128", auth=("user", b"password"), headers={"a": "b"})
    assert_type(proxy.url, httpcore.URL)
    assert_type(proxy.auth, Optional[Tuple[bytes, bytes]])
    assert_type(proxy.headers, List[Tuple[bytes, bytes]])
    assert_type(proxy.ssl_context, Optional[ssl.SSLContext])
    with httpcore.ConnectionPool(proxy=proxy) as pool:
        assert_type(pool, httpcore.ConnectionPool)
    with httpcore.HTTPProxy("http://127.0.0.1:3128", proxy_auth=(b"user", b"password")) as http_proxy:
        assert_type(http_proxy, httpcore.HTTPProxy)
        taken: httpcore.ConnectionPool = http_proxy
        use(taken)
    with httpcore.SOCKSProxy("socks5://127.0.0.1:1080") as socks_proxy:
        assert_type(socks_proxy, httpcore.SOCKSProxy)


def models() -> None:
    request = httpcore.Request("GET", "https://example.com/", extensions={"target": b"*"})
    assert_type(request.method, bytes)
    assert_type(request.url.host, bytes)
    assert_type(request.url.port, Optional[int])
    assert_type(request.url.origin, httpcore.Origin)
    assert_type(request.url.origin.port, int)
    assert_type(bytes(request.url), bytes)
    assert_type(httpcore.ByteStream(b"a"), httpcore.ByteStream)
    assert_type(httpcore.default_ssl_context(), ssl.SSLContext)
    assert_type(is_secure(b"https"), bool)


class CountingStream(httpcore.NetworkStream):
    """A stream of one's own, with the five methods and no more."""

    def __init__(self, stream: httpcore.NetworkStream) -> None:
        self.stream = stream
        self.received = 0

    def read(self, max_bytes: int, timeout: Optional[float] = None) -> bytes:
        data = self.stream.read(max_bytes, timeout)
        self.received += len(data)
        return data

    def write(self, buffer: bytes, timeout: Optional[float] = None) -> None:
        self.stream.write(buffer, timeout)

    def close(self) -> None:
        self.stream.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: Optional[str] = None, timeout: Optional[float] = None
    ) -> httpcore.NetworkStream:
        return CountingStream(self.stream.start_tls(ssl_context, server_hostname, timeout))

    def get_extra_info(self, info: str) -> Any:
        return self.stream.get_extra_info(info)


class CountingBackend(httpcore.NetworkBackend):
    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: Optional[float] = None,
        local_address: Optional[str] = None,
        socket_options: Optional[Iterable[httpcore.SOCKET_OPTION]] = None,
    ) -> httpcore.NetworkStream:
        return CountingStream(
            httpcore.SyncBackend().connect_tcp(
                host=host, port=port, timeout=timeout, local_address=local_address, socket_options=socket_options
            )
        )


class OnlyOneHost(httpcore.ConnectionPool):
    def create_connection(self, origin: httpcore.Origin) -> httpcore.ConnectionInterface:
        if origin.host != b"example.com":
            raise httpcore.ConnectError(f"not for us: {origin}")
        return super().create_connection(origin)

    def handle_request(self, request: httpcore.Request) -> httpcore.Response:
        return super().handle_request(request)


def cherry_picked() -> None:
    def connect(origin: httpcore.Origin) -> httpcore.ConnectionInterface:
        return core_pool.HTTPConnection(
            origin, network_backend=CountingBackend(), protocols={"http/1.1": core_h1.HTTP11Connection}
        )

    with core_pool.ConnectionPool(connect, max_connections=1) as pool:
        assert_type(pool.request("GET", "http://example.com/"), httpcore.Response)
    proxy = httpcore.URL("socks5://127.0.0.1:1080").origin
    connector = core_proxy.SocksConnector(proxy, auth=("user", b"password"), connector=DirectConnector())
    origin = httpcore.Origin(b"http", b"example.com", 80)
    stream = connector.connect(origin, {})
    with core_h1.HTTP11Connection(origin, stream) as connection:
        assert_type(connection.request("GET", "http://example.com/").status, int)


def errors() -> None:
    try:
        httpcore.request("GET", "https://example.com/")
    except (httpcore.ConnectTimeout, httpcore.PoolTimeout) as exc:
        late: httpcore.TimeoutException = exc
        use(late)
    except httpcore.NetworkError as exc:
        assert_type(exc, httpcore.NetworkError)


def mistakes(pool: httpcore.ConnectionPool, async_pool: httpcore.AsyncConnectionPool) -> None:
    pool.request("GET", 443)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    pool.request("GET", "https://example.com/", content="text")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    pool.request("GET", "https://example.com/", timeout=5)  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    httpcore.ConnectionPool(network_backend=httpcore.AnyIOBackend())  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    httpcore.ConnectionPool(proxy="http://127.0.0.1")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    httpcore.HTTPProxy("http://127.0.0.1", proxy_auth="user:password")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    use(async_pool.request("GET", "https://example.com/").status)  # type: ignore[attr-defined]  # pyright: ignore[reportAttributeAccessIssue, reportUnknownArgumentType, reportUnknownMemberType]
