"""What every backend has to do, as checks that run on any implementation.

Rules that hold here:

* The caller runs a server that returns what it receives, and says where; failures are provoked with sockets made here.
* Only the contract's methods are used, with keywords, as everything else in the project calls them.
* A failure is an `AssertionError` that says which rule was broken.
"""

from __future__ import annotations

import contextlib
import math
import socket
import ssl
import threading
import time
from typing import Any, Awaitable, Callable, Iterator, Optional

from ..._backend import AsyncNetworkBackend, AsyncNetworkStream
from ..._exceptions import ConnectError, ConnectTimeout

__all__ = ["check_async_backend"]

PATIENCE = 20.0


async def check_async_backend(
    backend: AsyncNetworkBackend,
    *,
    host: str,
    port: int,
    path: Optional[str] = None,
    tls_port: Optional[int] = None,
    ssl_context: Optional[ssl.SSLContext] = None,
    server_hostname: Optional[str] = None,
    wrong_hostname: str = "wrong.invalid",
) -> None:
    """Check a backend against the contract.

    An echo server listens on TCP at `host:port`; at the unix socket `path`, when given; and with TLS at
    `host:tls_port`, when given, trusted by `ssl_context` under `server_hostname` and not under `wrong_hostname`.
    Raises `AssertionError` for the first rule that is broken.
    """
    kit = _AsyncBackendKit(backend, host, port, path, tls_port, ssl_context, server_hostname, wrong_hostname)
    checks = list(kit.tcp_checks)
    if path is not None:
        checks += kit.unix_checks
    if ssl_context is not None:
        checks += kit.tls_checks
    for check in checks:
        try:
            await check()
        except Exception as exc:
            raise AssertionError(f"{check.__name__}: {type(exc).__name__}: {exc}") from exc


async def _raises(expected: Any, function: Callable[..., Awaitable[Any]], **arguments: Any) -> BaseException:
    try:
        result = await function(**arguments)
    except expected as exc:
        assert str(exc), f"{type(exc).__name__} says nothing"
        return exc  # type: ignore[no-any-return]
    raise AssertionError(f"{expected!r} was expected, {result!r} came")


@contextlib.contextmanager
def _listener(backlog: int = 5) -> Iterator[socket.socket]:
    with contextlib.closing(socket.socket(socket.AF_INET, socket.SOCK_STREAM)) as sock:
        sock.bind(("127.0.0.1", 0))
        sock.listen(backlog)
        yield sock


@contextlib.contextmanager
def _full_listener() -> Iterator[int]:
    """A listener that takes no more connections: attempts get no answer, or on some systems are refused."""
    with contextlib.ExitStack() as stack:
        port = stack.enter_context(_listener(0)).getsockname()[1]
        for _ in range(8):
            sock = stack.enter_context(contextlib.closing(socket.socket(socket.AF_INET, socket.SOCK_STREAM)))
            sock.setblocking(False)
            sock.connect_ex(("127.0.0.1", port))
        yield port


@contextlib.contextmanager
def _answering(answer: Optional[bytes]) -> Iterator[int]:
    """A server that says `answer` to a first message and closes, or never says anything when it is None."""
    with _listener() as listener:

        def serve() -> None:
            with contextlib.suppress(OSError):
                connection, _ = listener.accept()
                with contextlib.closing(connection):
                    connection.settimeout(PATIENCE)
                    connection.recv(65536)
                    if answer is None:
                        connection.recv(1)
                    else:
                        connection.sendall(answer)

        # It ends with the connection; waiting for that here would stop the event loop that has to close it.
        threading.Thread(target=serve, daemon=True).start()
        yield listener.getsockname()[1]


async def _echo(stream: AsyncNetworkStream) -> None:
    try:
        await stream.write(b"hello", PATIENCE)
        received = b""
        while len(received) < 5:
            data = await stream.read(100, PATIENCE)
            assert data, "the echo server closed the connection"
            received += data
        assert received == b"hello"
    finally:
        await stream.aclose()


class _AsyncBackendKit:
    def __init__(
        self,
        backend: AsyncNetworkBackend,
        host: str,
        port: int,
        path: Optional[str],
        tls_port: Optional[int],
        ssl_context: Optional[ssl.SSLContext],
        server_hostname: Optional[str],
        wrong_hostname: str,
    ) -> None:
        self.backend = backend
        self.host = host
        self.port = port
        self.path = path
        self.tls_port = tls_port
        self.ssl_context = ssl_context
        self.server_hostname = server_hostname
        self.wrong_hostname = wrong_hostname
        self.tcp_checks: Any = [
            self.connects_within_any_limit,
            self.says_who_is_connected,
            self.sets_socket_options,
            self.connects_from_a_local_address,
            self.fails_when_refused,
            self.fails_when_the_host_has_no_address,
            self.gives_up_in_time,
            self.sleeps,
        ]
        self.unix_checks: Any = [self.connects_to_a_unix_socket, self.fails_when_there_is_no_unix_socket]
        self.tls_checks: Any = [
            self.secures_a_connection,
            self.refuses_a_server_of_another_name,
            self.refuses_tls_from_who_does_not_speak_it,
            self.gives_up_a_handshake_in_time,
            self.refuses_tls_without_the_server_name_that_the_context_wants,
        ]

    async def _connect(self, **arguments: Any) -> AsyncNetworkStream:
        return await self.backend.connect_tcp(
            **{"host": self.host, "port": self.port, "timeout": PATIENCE, **arguments}
        )

    async def connects_within_any_limit(self) -> None:
        for timeout in (None, math.inf, PATIENCE, 1e10):
            await _echo(await self._connect(timeout=timeout))

    async def says_who_is_connected(self) -> None:
        stream = await self._connect()
        try:
            address = stream.get_extra_info("server_addr")
            assert address is None or address[1] == self.port, f"server_addr is {address!r}"
            assert stream.get_extra_info("ssl_object") is None
            sock = stream.get_extra_info("socket")
            if sock is not None:
                assert sock.fileno() >= 0
                assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY), "TCP_NODELAY is not set"
        finally:
            await stream.aclose()

    async def sets_socket_options(self) -> None:
        stream = await self._connect(socket_options=[(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)])
        try:
            sock = stream.get_extra_info("socket")
            assert sock is None or sock.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE), "the option is not set"
        finally:
            await stream.aclose()
        await _raises(ConnectError, self._connect, socket_options=[(socket.SOL_SOCKET, 0x7FFF, 1)])

    async def connects_from_a_local_address(self) -> None:
        stream = await self._connect(host="127.0.0.1", local_address="127.0.0.1")
        try:
            address = stream.get_extra_info("client_addr")
            assert address is None or address[0] == "127.0.0.1", f"client_addr is {address!r}"
        finally:
            await stream.aclose()
        # An address of RFC 5737 that belongs to no machine.
        await _raises(ConnectError, self._connect, host="127.0.0.1", local_address="192.0.2.1")

    async def fails_when_refused(self) -> None:
        with contextlib.closing(socket.socket(socket.AF_INET, socket.SOCK_STREAM)) as unlistened:
            unlistened.bind(("127.0.0.1", 0))
            port = unlistened.getsockname()[1]
            exc = await _raises(ConnectError, self._connect, host="127.0.0.1", port=port)
        assert exc.__cause__ is not None, "the operating system's error is not the cause"

    async def fails_when_the_host_has_no_address(self) -> None:
        # A label of more than 63 characters is refused before anyone is asked (RFC 1035 § 2.3.4).
        await _raises(ConnectError, self._connect, host="a" * 64 + ".invalid")
        await _raises(ConnectError, self._connect, host="nul\0byte.invalid")

    async def gives_up_in_time(self) -> None:
        with _full_listener() as port:
            before = time.monotonic()
            exc = await _raises((ConnectTimeout, ConnectError), self._connect, host="127.0.0.1", port=port, timeout=0.2)
            waited = time.monotonic() - before
            assert waited < PATIENCE / 2, f"the limit of 0.2 seconds became {waited}"
            if isinstance(exc, ConnectTimeout):
                assert waited >= 0.19, f"the limit of 0.2 seconds became {waited}"
                await _raises(ConnectTimeout, self._connect, host="127.0.0.1", port=port, timeout=0)

    async def sleeps(self) -> None:
        before = time.monotonic()
        await self.backend.sleep(0)
        await self.backend.sleep(0.02)
        assert time.monotonic() - before >= 0.01, "the pause was shorter than asked for"

    async def connects_to_a_unix_socket(self) -> None:
        for timeout in (None, math.inf, PATIENCE):
            await _echo(
                await self.backend.connect_unix_socket(path=str(self.path), timeout=timeout, socket_options=None)
            )

    async def fails_when_there_is_no_unix_socket(self) -> None:
        for path in (f"{self.path}.missing", "/" + 200 * "long", "nul\0byte"):
            await _raises(ConnectError, self.backend.connect_unix_socket, path=path, timeout=PATIENCE)

    def _tls_arguments(self, server_hostname: Optional[str], timeout: Optional[float]) -> Any:
        return {"ssl_context": self.ssl_context, "server_hostname": server_hostname, "timeout": timeout}

    async def secures_a_connection(self) -> None:
        for timeout in (None, math.inf, PATIENCE):
            plain = await self._connect(port=self.tls_port)
            stream = await plain.start_tls(**self._tls_arguments(self.server_hostname, timeout))
            assert stream.get_extra_info("ssl_object") is not None, "ssl_object is not known"
            assert stream.get_extra_info("ssl_object").version() is not None
            await _echo(stream)

    async def refuses_a_server_of_another_name(self) -> None:
        plain = await self._connect(port=self.tls_port)
        await _raises(ConnectError, plain.start_tls, **self._tls_arguments(self.wrong_hostname, PATIENCE))
        _is_closed(plain)

    async def refuses_tls_from_who_does_not_speak_it(self) -> None:
        for answer in (b"HTTP/1.1 400 Bad Request\r\n\r\n", b""):
            with _answering(answer) as port:
                plain = await self._connect(host="127.0.0.1", port=port)
                await _raises(ConnectError, plain.start_tls, **self._tls_arguments(self.server_hostname, PATIENCE))
                _is_closed(plain)

    async def gives_up_a_handshake_in_time(self) -> None:
        for timeout in (0.1, 0):
            with _answering(None) as port:
                plain = await self._connect(host="127.0.0.1", port=port)
                before = time.monotonic()
                await _raises(ConnectTimeout, plain.start_tls, **self._tls_arguments(self.server_hostname, timeout))
                assert time.monotonic() - before < PATIENCE / 2, f"the limit of {timeout} was not kept"
                _is_closed(plain)

    async def refuses_tls_without_the_server_name_that_the_context_wants(self) -> None:
        if self.ssl_context is not None and self.ssl_context.check_hostname:
            plain = await self._connect(port=self.tls_port)
            await _raises(ConnectError, plain.start_tls, **self._tls_arguments(None, PATIENCE))
            _is_closed(plain)


def _is_closed(stream: AsyncNetworkStream) -> None:
    sock = stream.get_extra_info("socket")
    assert sock is None or sock.fileno() < 0 or stream.get_extra_info("is_readable"), "the stream was left open"
