"""A recording origin and recording proxies, on real sockets: what arrives first, and at whom.

The proxies are small, obey, and relay bytes; that real ones are spoken to as well is shown elsewhere. The origin is one
port that speaks plain text and TLS, by the first byte of each connection.
"""

from __future__ import annotations

import base64
import contextlib
import selectors
import socket
import ssl
import threading
import typing

from servers.certificates import certificates

__all__ = ["Origin", "ScriptedProxy", "origin_server", "proxy_server"]

SECONDS = 20.0


class Origin:
    """What the origin saw, a list entry per connection."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.first_bytes: typing.List[bytes] = []
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
        #: Set whenever a client's connection has ended.
        self.ended = threading.Semaphore(0)
        #: Set whenever nothing more will be said on a connection.
        self.silent = threading.Semaphore(0)
        #: Nothing is said, not even TLS.
        self.deaf = False
        #: Connections that are dropped at once, before anything else.
        self.drops = 0
        #: Sent to a CONNECT, or to the first of them, in place of consent.
        self.answers: typing.List[bytes] = []
        #: Sent to every client in place of anything else; then silence.
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


@contextlib.contextmanager
def origin_server(host: str = "127.0.0.1") -> typing.Iterator[Origin]:
    """An origin that answers every request with its target."""
    listener = socket.create_server((host, 0), family=socket.AF_INET6 if ":" in host else socket.AF_INET)
    origin = Origin(listener.getsockname()[1])
    context = _server_context(origin.server_names)

    def serve(connection: socket.socket) -> None:
        first = connection.recv(8, socket.MSG_PEEK)
        if not first:
            return
        origin.first_bytes.append(first)
        if first[0] == 0x16:
            connection = context.wrap_socket(connection, server_side=True)
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
    kind: str, *, uds: typing.Optional[str] = None, origin_host: str = "127.0.0.1", auth: bool = False
) -> typing.Iterator[ScriptedProxy]:
    """A proxy for clients that come with `kind`, the scheme of its URL; every name is one of `origin_host`."""
    if uds is None:
        listener = socket.create_server(("127.0.0.1", 0))
        proxy = ScriptedProxy(kind, listener.getsockname()[1], None)
    else:
        listener = socket.socket(socket.AF_UNIX)
        listener.bind(uds)
        listener.listen(16)
        proxy = ScriptedProxy(kind, 1, uds)
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
            if kind == "https":
                connection = context.wrap_socket(connection, server_side=True)
            with connection:
                if proxy.garbage is not None:
                    connection.sendall(proxy.garbage)
                    _until_closed(proxy, connection)
                elif kind.startswith("socks5"):
                    _socks(proxy, connection, origin_host, auth)
                else:
                    _http(proxy, connection, origin_host)
        finally:
            proxy.ended.release()

    with _Listener(listener, serve):
        yield proxy


def _until_closed(proxy: ScriptedProxy, connection: socket.socket) -> None:
    proxy.silent.release()
    while connection.recv(4096):
        pass


def _http(proxy: ScriptedProxy, connection: socket.socket, origin_host: str) -> None:
    while True:
        head = _head(connection)
        if not head:
            return
        proxy.heads.append(head)
        if proxy.answers:
            connection.sendall(proxy.answers.pop(0))
            continue
        method, target, _ = head.split(b" ", 2)
        if method == b"CONNECT":
            authority = target
            connection.sendall(b"HTTP/1.1 200 Connection established\r\nX-Proxy: yes\r\n\r\n")
            if proxy.behind is not None:
                connection.sendall(proxy.behind)
                _until_closed(proxy, connection)
                return
        else:
            authority = target.split(b"/")[2]
        port = int(authority.rpartition(b":")[2])
        with socket.create_connection((origin_host, port), SECONDS) as origin:
            if method != b"CONNECT":
                origin.sendall(_for_the_origin(head))
            _relay(connection, origin)
        return


def _for_the_origin(head: bytes) -> bytes:
    lines = head.split(b"\r\n")
    return b"\r\n".join(line for line in lines if not line.lower().startswith(b"proxy-"))


def _socks(proxy: ScriptedProxy, connection: socket.socket, origin_host: str, auth: bool) -> None:
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
        connection.sendall(b"\x05\x00\x00\x01\x7f\x00\x00\x01\x04\xd2")
        _relay(connection, origin)


def _relay(client: socket.socket, origin: socket.socket) -> None:
    """Both ways, until either has ended."""

    def one_way(source: _Guarded, sink: _Guarded) -> None:
        with contextlib.suppress(OSError):
            while True:
                data = source.receive()
                if not data:
                    break
                sink.send(data)
        for end in (source, sink):
            with contextlib.suppress(OSError):
                socket.socket.shutdown(end.connection, socket.SHUT_RDWR)

    there, behind = _Guarded(client), _Guarded(origin)
    back = threading.Thread(target=one_way, args=(behind, there), daemon=True)
    back.start()
    one_way(there, behind)
    back.join(SECONDS)


class _Guarded:
    """A socket for two threads, one that receives and one that sends: OpenSSL's objects are not made for that."""

    def __init__(self, connection: socket.socket) -> None:
        self.connection = connection
        self._lock = threading.Lock()
        connection.settimeout(0)

    def receive(self) -> bytes:
        while True:
            try:
                with self._lock:
                    return self.connection.recv(65536)
            except (BlockingIOError, ssl.SSLWantReadError):
                self._wait(for_reading=True)

    def send(self, data: bytes) -> None:
        view = memoryview(data)
        while view:
            try:
                with self._lock:
                    sent = self.connection.send(view)
            except (BlockingIOError, ssl.SSLWantWriteError):
                self._wait(for_reading=False)
            else:
                view = view[sent:]

    def _wait(self, *, for_reading: bool) -> None:
        with selectors.DefaultSelector() as selector:
            selector.register(self.connection, selectors.EVENT_READ if for_reading else selectors.EVENT_WRITE)
            if not selector.select(SECONDS):
                raise socket.timeout


def basic(username: str, password: str) -> bytes:
    """The value that stands for these credentials in a header."""
    return b"Basic " + base64.b64encode(f"{username}:{password}".encode())
