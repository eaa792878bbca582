"""httpx, as released, on top of this tree: requests over TCP and TLS, streaming, errors, and its view of our names.

It is told nothing: its transports import httpcore, and the tests' conftest.py has made sure whose that is.
"""

from __future__ import annotations

import asyncio
import http.server
import socket
import ssl
import threading
from typing import Any, Awaitable, Callable, Iterator

import pytest
import trustme
from proxy_peers import ScriptedProxy, basic, origin_server, proxy_server
from servers.certificates import certificates

httpx = pytest.importorskip("httpx")
trio = pytest.importorskip("trio")

Run = Callable[[Callable[[], Awaitable[Any]]], Any]


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        if self.path == "/chunked":
            self.send_response(200)
            self.send_header("Transfer-Encoding", "chunked")
            self.end_headers()
            for piece in (b"first ", b"second ", b"third"):
                self.wfile.write(b"%x\r\n%s\r\n" % (len(piece), piece))
            self.wfile.write(b"0\r\n\r\n")
            return
        status = 404 if self.path == "/missing" else 200
        self.answer(status, f"GET {self.path}".encode())

    def do_POST(self) -> None:
        if self.headers.get("Transfer-Encoding") == "chunked":
            body = b""
            while True:
                size = int(self.rfile.readline(), 16)
                body += self.rfile.read(size)
                self.rfile.readline()
                if not size:
                    break
        else:
            body = self.rfile.read(int(self.headers["Content-Length"]))
        self.answer(200, body)

    def answer(self, status: int, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("X-Peer", str(self.client_address[1]))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Quiet: pytest shows what failed."""


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True


def served(context: ssl.SSLContext | None) -> Iterator[str]:
    with Server(("127.0.0.1", 0), Handler) as server:
        if context is not None:
            server.socket = context.wrap_socket(server.socket, server_side=True)
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        scheme = "http" if context is None else "https"
        yield f"{scheme}://127.0.0.1:{server.server_address[1]}"
        server.shutdown()
        thread.join()


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture(scope="module")
def trusting(authority: trustme.CA) -> ssl.SSLContext:
    context = ssl.create_default_context()
    authority.configure_trust(context)
    return context


@pytest.fixture(scope="module")
def plain() -> Iterator[str]:
    yield from served(None)


@pytest.fixture(scope="module")
def secure(authority: trustme.CA) -> Iterator[str]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    yield from served(context)


@pytest.fixture(params=["asyncio", "trio"])
def run(request: pytest.FixtureRequest) -> Run:
    if request.param == "asyncio":
        return lambda function: asyncio.run(function())  # type: ignore[arg-type]
    return lambda function: trio.run(function)


@pytest.fixture
def refused() -> str:
    """A port that was free a moment ago and that nothing listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{probe.getsockname()[1]}"


def test_sync_get_and_post_on_one_connection(plain: str) -> None:
    with httpx.Client() as client:
        got = client.get(f"{plain}/x")
        posted = client.post(plain, content=b"body")
    assert (got.status_code, got.text, got.http_version) == (200, "GET /x", "HTTP/1.1")
    assert posted.content == b"body"
    assert got.headers["X-Peer"] == posted.headers["X-Peer"]


def test_sync_over_tls(secure: str, trusting: ssl.SSLContext) -> None:
    with httpx.Client(verify=trusting) as client:
        assert client.get(f"{secure}/tls").text == "GET /tls"


def test_sync_unknown_authority_is_a_connect_error(secure: str) -> None:
    with httpx.Client() as client, pytest.raises(httpx.ConnectError):
        client.get(secure)


def test_sync_streams_both_ways(plain: str) -> None:
    with httpx.Client() as client:
        with client.stream("GET", f"{plain}/chunked") as response:
            assert b"".join(response.iter_bytes()) == b"first second third"
        assert client.post(plain, content=iter([b"a" * 70000, b"b"])).content == b"a" * 70000 + b"b"


def test_sync_refused_and_status_errors(plain: str, refused: str) -> None:
    with httpx.Client() as client:
        with pytest.raises(httpx.ConnectError):
            client.get(refused)
        with pytest.raises(httpx.HTTPStatusError):
            client.get(f"{plain}/missing").raise_for_status()


def test_sync_timeout_is_translated(plain: str) -> None:
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        with httpx.Client(timeout=0.05) as client, pytest.raises(httpx.ReadTimeout):
            client.get(f"http://127.0.0.1:{silent.getsockname()[1]}/")


def test_sync_unsupported_protocol() -> None:
    with httpx.Client() as client, pytest.raises(httpx.UnsupportedProtocol):
        client.get("gopher://127.0.0.1/")


def test_async_get_and_post_on_one_connection(run: Run, plain: str) -> None:
    async def main() -> None:
        async with httpx.AsyncClient() as client:
            got = await client.get(f"{plain}/x")
            posted = await client.post(plain, content=b"body")
        assert (got.status_code, got.text, got.http_version) == (200, "GET /x", "HTTP/1.1")
        assert posted.content == b"body"
        assert got.headers["X-Peer"] == posted.headers["X-Peer"]

    run(main)


def test_async_over_tls(run: Run, secure: str, trusting: ssl.SSLContext) -> None:
    async def main() -> None:
        async with httpx.AsyncClient(verify=trusting) as client:
            assert (await client.get(f"{secure}/tls")).text == "GET /tls"

    run(main)


def test_async_streams_both_ways(run: Run, plain: str) -> None:
    async def pieces() -> Any:
        yield b"a" * 70000
        yield b"b"

    async def main() -> None:
        async with httpx.AsyncClient() as client:
            async with client.stream("GET", f"{plain}/chunked") as response:
                assert b"".join([piece async for piece in response.aiter_bytes()]) == b"first second third"
            assert (await client.post(plain, content=pieces())).content == b"a" * 70000 + b"b"

    run(main)


def test_async_errors_are_translated(run: Run, plain: str, refused: str) -> None:
    async def main() -> None:
        async with httpx.AsyncClient(timeout=0.05) as client:
            with pytest.raises(httpx.ConnectError):
                await client.get(refused, timeout=5)
            with socket.socket() as silent:
                silent.bind(("127.0.0.1", 0))
                silent.listen()
                with pytest.raises(httpx.ReadTimeout):
                    await client.get(f"http://127.0.0.1:{silent.getsockname()[1]}/")

    run(main)


def test_top_level_functions_and_trace(plain: str) -> None:
    seen = []
    response = httpx.get(plain, headers={"X-A": "1"})
    assert response.status_code == 200
    with httpx.Client() as client:
        client.get(plain, extensions={"trace": lambda name, info: seen.append(name)})
    assert seen[:2] == ["connection.connect_tcp.started", "connection.connect_tcp.complete"]
    assert seen[-1] == "http11.response_closed.complete"


# --- through proxies ------------------------------------

through_proxies = pytest.mark.parametrize("kind", ["http", "https", "socks5", "socks5h"])
USER, PASSWORD = "ann", "s3cret"


def proxied(proxy: ScriptedProxy) -> Any:
    """What httpx takes as `proxy`, with credentials in the URL as its users have them."""
    url = f"{proxy.kind}://{USER}:{PASSWORD}@localhost:{proxy.port}"
    return httpx.Proxy(url, ssl_context=certificates().context()) if proxy.kind == "https" else url


def check_what_the_proxy_saw(proxy: ScriptedProxy, requests: list[bytes]) -> None:
    """Who asked was said to the proxy alone."""
    assert len(proxy.peers) == 2, "a connection for each origin"
    if proxy.kind.startswith("socks5"):
        assert all(
            head.startswith(b"\x05\x01\x02\x01\x03ann\x06s3cret\x05\x01\x00\x03\x09localhost") for head in proxy.heads
        )
    else:
        assert [head.partition(b"localhost")[0] for head in proxy.heads] == [b"GET http://"] * 2 + [b"CONNECT "]
        assert all(basic(USER, PASSWORD) in head for head in proxy.heads)
    assert len(requests) == 4
    for request in requests:
        assert PASSWORD.encode() not in request
        assert basic(USER, PASSWORD) not in request


@through_proxies
def test_sync_through_a_proxy(kind: str) -> None:
    with origin_server() as origin, proxy_server(kind, auth=kind.startswith("socks5")) as proxy:
        with httpx.Client(proxy=proxied(proxy), verify=certificates().context()) as client:
            for scheme in ("http", "https"):
                for path in ("/a", "/b?c"):
                    response = client.get(origin.url(scheme, path))
                    assert (response.status_code, response.http_version) == (200, "HTTP/1.1")
                    assert response.text == path
    check_what_the_proxy_saw(proxy, origin.requests)


@through_proxies
def test_async_through_a_proxy(run: Run, kind: str) -> None:
    with origin_server() as origin, proxy_server(kind, auth=kind.startswith("socks5")) as proxy:

        async def main() -> None:
            async with httpx.AsyncClient(proxy=proxied(proxy), verify=certificates().context()) as client:
                for scheme in ("http", "https"):
                    for path in ("/a", "/b?c"):
                        response = await client.get(origin.url(scheme, path))
                        assert (response.status_code, response.http_version) == (200, "HTTP/1.1")
                        assert response.text == path

        run(main)
    check_what_the_proxy_saw(proxy, origin.requests)


@pytest.mark.parametrize("kind", ["http", "https"])
def test_a_refused_tunnel_is_a_proxy_error(run: Run, kind: str) -> None:
    with origin_server() as origin, proxy_server(kind) as proxy:
        proxy.answers = [b"HTTP/1.1 403 Permission Denied\r\nContent-Length: 0\r\n\r\n"] * 2
        options = {"proxy": proxied(proxy), "verify": certificates().context()}
        with httpx.Client(**options) as client, pytest.raises(httpx.ProxyError, match=r"^403 Permission Denied$"):
            client.get(origin.url("https"))

        async def main() -> None:
            async with httpx.AsyncClient(**options) as client:
                with pytest.raises(httpx.ProxyError, match=r"^403 Permission Denied$"):
                    await client.get(origin.url("https"))

        run(main)
    assert origin.requests == []
