"""A recording origin and recording proxies, on real sockets: what arrives first, and at whom.

The proxies are small, obey, and relay bytes; that real ones are spoken to as well is shown elsewhere. The origin is one
port that speaks plain text and TLS, by the first byte of each connection.
"""

from __future__ import annotations

import base64
import contextlib
import socket
import ssl
import struct
import sys
import threading
import typing

from proxy_relay import SECONDS, relay, send_at_once
from servers.certificates import certificates

__all__ = [
    "CONSENT",
    "SOCKS4_CONSENT",
    "SOCKS5_CONSENT",
    "Origin",
    "ScriptedProxy",
    "basic",
    "origin_server",
    "proxy_server",
]

#: Windows shows what there is; a ClientHello comes in one piece on the loopback interface.
PEEK_AT_ALL = socket.MSG_PEEK | (socket.MSG_WAITALL if sys.platform != "win32" else 0)
CONSENT = b"HTTP/1.1 200 Connection established\r\nX-Proxy: yes\r\n\r\n"
SOCKS4_CONSENT = b"\x00\x5a" + bytes(6)
SOCKS5_CONSENT = b"\x05\x00\x00\x01\x7f\x00\x00\x01\x04\xd2"


class Origin:
    """What the origin saw, a list entry per connection."""

    def __init__(self, port: int, uds: typing.Optional[str]) -> None:
        self.port = port
        self.uds = uds
        self.peers: typing.List[typing.Any] = []
        #: With TLS, the whole ClientHello.
        self.first_bytes: typing.List[bytes] = []
        #: Of each connection with TLS, whether it took up an earlier session.
        self.resumed: typing.List[bool] = []
        self.server_names: typing.List[typing.Optional[str]] = []
        self.requests: typing.List[bytes] = []

    def url(self, scheme: str, path: str = "/", host: str = "localhost") -> str:
        return f"{scheme}://{host}:{self.port}{path}"


class ScriptedProxy:
    """What a proxy saw, and how it is to be reached and to behave."""

    def __init__(self, kind: str, port: int, uds: typing.Optional[str]) -> None:
        self.kind = kind
        self.port = port
        self.uds = uds
        #: What the client sent before anything was relayed, without TLS to the proxy: a list entry per exchange.
        self.heads: typing.List[bytes] = []
        self.peers: typing.List[typing.Any] = []
        self.server_names: typing.List[typing.Optional[str]] = []
        #: The ClientHello of each connection that began with TLS.
        self.hellos: typing.List[bytes] = []
        #: Of each such connection, whether it took up an earlier session.
        self.resumed: typing.List[bool] = []
        #: What was said to a proxy that listens no more.
        self.heard = bytearray()
        #: Set whenever a client's connection has ended.
        self.ended = threading.Semaphore(0)
        #: Set whenever nothing more will be said on a connection.
        self.silent = threading.Semaphore(0)
        #: Nothing is said, not even TLS.
        self.deaf = False
        #: Connections that are dropped at once, before anything else.
        self.drops = 0
        #: How many bytes are said, in clear or inside TLS to the proxy, before the connection is dropped: with a reset
        #: if `resets`.
        self.dies_after: typing.Optional[int] = None
        self.resets = False
        #: Sent to a CONNECT, or to the first of them, in place of consent.
        self.answers: typing.List[bytes] = []
        #: Sent to every client in place of anything else; then silence, and what the client says goes to `heard`.
        self.garbage: typing.Optional[bytes] = None
        #: Sent to a client whose CONNECT was granted, in place of what the origin says.
        self.behind: typing.Optional[bytes] = None

    @property
    def url(self) -> str:
        return f"{self.kind}://localhost:{self.port}"


class _Listener:
    """Accepts connections, one thread each, until the block is left; what a thread raises fails the block."""

    def __init__(self, listener: socket.socket, serve: typing.Callable[[socket.socket], None]) -> None:
        self._listener = listener
        self._serve = serve
        self._open: typing.List[socket.socket] = []
        self._failures: typing.List[BaseException] = []
        self._closing = False
        self._accepting = threading.Thread(target=self._accept, daemon=True)

    def __enter__(self) -> _Listener:
        self._accepting.start()
        return self

    def __exit__(self, *exception: typing.Any) -> None:
        self._closing = True
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._accepting.join(SECONDS)
        for connection in self._open:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
            connection.close()
        if exception[0] is None and self._failures:
            raise self._failures[0]

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            connection.settimeout(SECONDS)
            send_at_once(connection)
            self._open.append(connection)
            threading.Thread(target=self._run, args=(connection,), daemon=True).start()

    def _run(self, connection: socket.socket) -> None:
        try:
            self._serve(connection)
        except OSError:
            # The client's tests end connections in every way there is.
            pass
        except BaseException as exc:
            if not self._closing:
                self._failures.append(exc)
        finally:
            connection.close()


def _server_context(names: typing.List[typing.Optional[str]]) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(str(certificates().good.both))
    context.set_alpn_protocols(["http/1.1"])
    context.sni_callback = lambda _, name, __: names.append(name)
    return context


def _head(connection: socket.socket) -> bytes:
    """One HTTP head; b"" when the client has closed."""
    head = b""
    while not head.endswith(b"\r\n\r\n"):
        part = connection.recv(1)
        if not part:
            return b""
        head += part
    return head


def _exactly(connection: socket.socket, count: int) -> bytes:
    data = b""
    while len(data) < count:
        part = connection.recv(count - len(data))
        if not part:
            raise ConnectionAbortedError("the client closed")
        data += part
    return data


def _first_bytes(connection: socket.socket) -> bytes:
    """What a client begins with, not taken from the connection: with TLS the whole ClientHello."""
    first = connection.recv(8, socket.MSG_PEEK)
    if first[:1] == b"\x16":
        # Only a socket that blocks without a limit waits for all; closing the listener ends it.
        connection.settimeout(None)
        count = 5 + int.from_bytes(connection.recv(5, PEEK_AT_ALL)[3:], "big")
        first = connection.recv(count, PEEK_AT_ALL)
        connection.settimeout(SECONDS)
    return first


def _listening(host: str, uds: typing.Optional[str]) -> socket.socket:
    if uds is None:
        return socket.create_server((host, 0), family=socket.AF_INET6 if ":" in host else socket.AF_INET)
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(uds)
    listener.listen(16)
    return listener


def _port(listener: socket.socket) -> int:
    """Any port will do for what is reached by a unix socket."""
    return 1 if listener.family == getattr(socket, "AF_UNIX", None) else int(listener.getsockname()[1])


@contextlib.contextmanager
def origin_server(host: str = "127.0.0.1", *, uds: typing.Optional[str] = None) -> typing.Iterator[Origin]:
    """An origin that answers every request with its target."""
    listener = _listening(host, uds)
    origin = Origin(_port(listener), uds)
    context = _server_context(origin.server_names)

    def serve(connection: socket.socket) -> None:
        origin.peers.append(connection.getpeername())
        first = _first_bytes(connection)
        if not first:
            return
        origin.first_bytes.append(first)
        if first[0] == 0x16:
            secured = connection = context.wrap_socket(connection, server_side=True)
            origin.resumed.append(bool(secured.session_reused))
        with connection:
            while True:
                head = _head(connection)
                if not head:
                    return
                origin.requests.append(head)
                body = head.split(b" ")[1]
                connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body))

    with _Listener(listener, serve):
        yield origin


@contextlib.contextmanager
def proxy_server(
    kind: str,
    *,
    uds: typing.Optional[str] = None,
    origin_host: str = "127.0.0.1",
    auth: bool = False,
    tls: typing.Optional[bool] = None,
) -> typing.Iterator[ScriptedProxy]:
    """A proxy for clients that come with `kind`, the scheme of its URL; every name is one of `origin_host`.

    It speaks TLS if it is an `https` one, or if `tls` says so.
    """
    tls = kind == "https" if tls is None else tls
    listener = _listening("127.0.0.1", uds)
    proxy = ScriptedProxy(kind, _port(listener), uds)
    context = _server_context(proxy.server_names)

    def serve(connection: socket.socket) -> None:
        try:
            proxy.peers.append(connection.getpeername())
            if proxy.drops:
                proxy.drops -= 1
                return
            if proxy.deaf:
                _until_closed(proxy, connection)
                return
            if tls:
                proxy.hellos.append(_first_bytes(connection))
                secured = connection = context.wrap_socket(connection, server_side=True)
                proxy.resumed.append(bool(secured.session_reused))
            with connection:
                if proxy.dies_after is not None:
                    connection = typing.cast(socket.socket, _Mortal(connection, proxy.dies_after, proxy.resets))
                if proxy.garbage is not None:
                    connection.sendall(proxy.garbage)
                    _until_closed(proxy, connection)
                elif kind.startswith("socks5"):
                    _socks5(proxy, connection, origin_host, auth)
                elif kind.startswith("socks4"):
                    _socks4(proxy, connection, origin_host)
                else:
                    _http(proxy, connection, origin_host)
        finally:
            proxy.ended.release()

    with _Listener(listener, serve):
        yield proxy


class _Mortal:
    """A connection that ends when so many bytes have been sent on it."""

    def __init__(self, connection: socket.socket, left: int, resets: bool) -> None:
        self._connection = connection
        self._left = left
        self._resets = resets

    def sendall(self, data: bytes) -> None:
        self._connection.sendall(data[: self._left])
        self._left -= len(data)
        if self._left < 0:
            if self._resets:
                self._connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            raise ConnectionAbortedError("all has been said")

    def __getattr__(self, name: str) -> typing.Any:
        return getattr(self._connection, name)


def _until_closed(proxy: ScriptedProxy, connection: socket.socket) -> None:
    proxy.silent.release()
    while True:
        data = connection.recv(4096)
        if not data:
            return
        proxy.heard += data


def _http(proxy: ScriptedProxy, connection: socket.socket, origin_host: str) -> None:
    with contextlib.ExitStack() as opened:
        origin: typing.Optional[socket.socket] = None
        while True:
            head = _head(connection)
            if not head:
                return
            proxy.heads.append(head)
            if proxy.answers:
                connection.sendall(proxy.answers.pop(0))
                continue
            method, target, _ = head.split(b" ", 2)
            authority = target if method == b"CONNECT" else target.split(b"/")[2]
            if method == b"CONNECT":
                connection.sendall(CONSENT)
                if proxy.behind is not None:
                    connection.sendall(proxy.behind)
                    _until_closed(proxy, connection)
                    return
            if origin is None:
                port = int(authority.rpartition(b":")[2])
                origin = opened.enter_context(socket.create_connection((origin_host, port), SECONDS))
            if method == b"CONNECT":
                relay(connection, origin)
                return
            _forward(head, connection, origin)


def _forward(head: bytes, client: socket.socket, origin: socket.socket) -> None:
    """One exchange: a request without a body, a response of known length."""
    line, *lines = head.split(b"\r\n")
    method, target, version = line.split(b" ")
    path = b"/" + target.split(b"/", 3)[3]
    kept = [line for line in lines if not line.lower().startswith(b"proxy-")]
    origin.sendall(b"\r\n".join([b" ".join([method, path, version]), *kept]))
    answer = _head(origin)
    length = int(answer.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
    client.sendall(answer + _exactly(origin, length))


def _socks4(proxy: ScriptedProxy, connection: socket.socket, origin_host: str) -> None:
    def text() -> bytes:
        data = _exactly(connection, 1)
        while data[-1]:
            data += _exactly(connection, 1)
        return data

    head = _exactly(connection, 8) + text()
    if head[4:7] == bytes(3):
        head += text()
    proxy.heads.append(head)
    with socket.create_connection((origin_host, int.from_bytes(head[2:4], "big")), SECONDS) as origin:
        connection.sendall(SOCKS4_CONSENT)
        relay(connection, origin)


def _socks5(proxy: ScriptedProxy, connection: socket.socket, origin_host: str, auth: bool) -> None:
    head = _exactly(connection, 2)
    head += _exactly(connection, head[1])
    connection.sendall(b"\x05\x02" if auth else b"\x05\x00")
    if auth:
        part = _exactly(connection, 2)
        part += _exactly(connection, part[1] + 1)
        part += _exactly(connection, part[-1])
        head += part
        connection.sendall(b"\x01\x00")
    part = _exactly(connection, 5)
    length = {1: 3, 3: part[4], 4: 15}[part[3]]
    part += _exactly(connection, length + 2)
    proxy.heads.append(head + part)
    with socket.create_connection((origin_host, int.from_bytes(part[-2:], "big")), SECONDS) as origin:
        connection.sendall(SOCKS5_CONSENT)
        relay(connection, origin)


def basic(username: str, password: str) -> bytes:
    """The value that stands for these credentials in a header."""
    return b"Basic " + base64.b64encode(f"{username}:{password}".encode())
