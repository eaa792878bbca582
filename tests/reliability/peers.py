"""Servers and proxies on the loopback, in threads: small enough to be seen through, and counting what they see.

Rules that hold here:

* A peer knows which connections are open. `wait_until_idle` returns once all are closed: that is how a test knows that
  the client has let go of them.
* An answer tells the request apart from every other: it repeats its identifier and the length of its body.
* Everything that arrives is kept, after TLS has been taken off it.
"""

from __future__ import annotations

import select
import socket
import ssl
import threading
import time
from types import TracebackType
from typing import Any, Callable, Dict, List, Optional, Tuple, Type

import h2.config
import h2.connection
import h2.errors
import h2.events
import h2.exceptions

PATIENCE = 20.0
SMALL_BUFFER = 16 * 1024
# Whether the system tells that a peer has closed while there is still something of it to be read.
TELLS_WHO_LEFT = hasattr(select, "POLLRDHUP")

Head = Tuple[bytes, bytes, Dict[bytes, bytes]]


class Gate:
    """Lets a server send the next part of an answer only when the client has begun to wait for it.

    Without it an answer can arrive in one piece, and the client has fewer points at which it waits. It is no lock: a
    client that waits for something else is given a moment only.
    """

    MOMENT = 0.02

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._waits = 0
        self._open = True

    def close(self) -> None:
        with self._changed:
            self._open = False
            self._waits = 0

    def open(self) -> None:
        with self._changed:
            self._open = True
            self._changed.notify_all()

    def client_waits(self) -> None:
        with self._changed:
            self._waits += 1
            self._changed.notify_all()

    def pass_after(self, seen: int) -> int:
        with self._changed:
            self._changed.wait_for(lambda: self._open or self._waits > seen, self.MOMENT)
            return self._waits


class Peer:
    """Listens, and serves each connection in a thread of its own."""

    def __init__(self, tls: Optional[ssl.SSLContext] = None) -> None:
        self._tls = tls
        self._changed = threading.Condition()
        self._open: Dict[socket.socket, threading.Thread] = {}
        self._descriptors: Dict[socket.socket, int] = {}
        self.accepted = 0
        # The most connections that were open at a time, seen from here: not those that the client has closed already.
        self.most_open = 0
        self.faults: List[BaseException] = []
        self.received: List[bytearray] = []
        self.keep_received = False
        # While `keep_received`: the number of the connection, and the fields, of each request.
        self.exchanges: List[Tuple[int, Dict[bytes, bytes]]] = []
        # Called with the identifier of each request that has arrived whole; what it raises ends the connection.
        self.on_request: Callable[[bytes], Any] = len
        self._listener = socket.socket()
        self._listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, SMALL_BUFFER)
        self._listener.bind(("127.0.0.1", 0))
        self._listener.listen(256)
        self.port: int = self._listener.getsockname()[1]
        self._accepting = threading.Thread(target=self._accept, daemon=True)
        self._accepting.start()

    @property
    def open_connections(self) -> int:
        return len(self._open)

    def reset_counts(self) -> None:
        with self._changed:
            self.accepted = 0
            self.most_open = self._held_by_clients()
            self.received.clear()
            self.exchanges.clear()

    def wait_until_idle(self) -> None:
        with self._changed:
            if not self._changed.wait_for(lambda: not self._open, PATIENCE):
                raise AssertionError(f"{len(self._open)} connections to {type(self).__name__} are still open.")
            faults, self.faults = self.faults, []
        if faults:
            raise faults[0]

    def close(self) -> None:
        self._listener.close()
        with self._changed:
            serving = list(self._open.items())
        for connection, _ in serving:
            try:
                connection.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass  # The other side was faster.
        for _, thread in serving:
            thread.join(PATIENCE)
        # Nothing else wakes a thread that waits in accept() on every platform.
        self._accepting.join(PATIENCE)

    def __enter__(self) -> Any:
        return self

    def __exit__(
        self,
        exc_type: Optional[Type[BaseException]],
        exc_value: Optional[BaseException],
        traceback: Optional[TracebackType],
    ) -> None:
        self.close()

    def _accept(self) -> None:
        while True:
            try:
                ready, _, _ = select.select([self._listener], [], [], 0.2)
                if not ready:
                    continue
                connection, _ = self._listener.accept()
            except (OSError, ValueError):
                return
            thread = threading.Thread(target=self._serve, args=(connection,), daemon=True)
            with self._changed:
                self._open[connection] = thread
                self._descriptors[connection] = connection.fileno()
                self.accepted += 1
                self.most_open = max(self.most_open, self._held_by_clients())
            thread.start()

    def _held_by_clients(self) -> int:
        if not TELLS_WHO_LEFT:
            return len(self._open)
        poller = select.poll()
        for descriptor in self._descriptors.values():
            poller.register(descriptor, select.POLLRDHUP)
        return len(self._descriptors) - len(poller.poll(0))

    def _serve(self, connection: socket.socket) -> None:
        stream = connection
        try:
            connection.settimeout(PATIENCE)
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if self._tls is not None:
                stream = self._tls.wrap_socket(connection, server_side=True, suppress_ragged_eofs=True)
                stream.settimeout(PATIENCE)
            self.serve(stream)
        except (OSError, EOFError):
            pass  # The client has gone: what the tests are about.
        except BaseException as exc:
            self.faults.append(exc)
        finally:
            with self._changed:
                # Before it is closed: the next connection may get the same descriptor.
                del self._descriptors[connection]
            stream.close()
            connection.close()
            with self._changed:
                del self._open[connection]
                self._changed.notify_all()

    def keep(self) -> bytearray:
        log = bytearray()
        if self.keep_received:
            with self._changed:
                self.received.append(log)
        return log

    def keep_exchange(self, log: bytearray, fields: Dict[bytes, bytes]) -> None:
        """Keep a request's fields with the number of its connection, whose log `keep` has given."""
        if self.keep_received:
            with self._changed:
                self.exchanges.append((id(log), fields))

    def serve(self, stream: socket.socket) -> None:
        raise NotImplementedError


class Reader:
    """Reads heads and bodies of HTTP/1.1 requests; `EOFError` at the end of the stream."""

    def __init__(self, stream: socket.socket, log: bytearray, keep: bool) -> None:
        self._stream = stream
        self._buffer = bytearray()
        self._log = log
        self._keep = keep

    def _more(self) -> None:
        data = self._stream.recv(65536)
        if not data:
            raise EOFError
        if self._keep:
            self._log += data
        self._buffer += data

    def exactly(self, count: int) -> bytes:
        while len(self._buffer) < count:
            self._more()
        data = bytes(self._buffer[:count])
        del self._buffer[:count]
        return data

    def until(self, mark: bytes) -> bytes:
        while True:
            at = self._buffer.find(mark)
            if at >= 0:
                data = bytes(self._buffer[:at])
                del self._buffer[: at + len(mark)]
                return data
            self._more()

    def head(self) -> Head:
        lines = self.until(b"\r\n\r\n").split(b"\r\n")
        method, target, _ = lines[0].split(b" ", 2)
        headers = {}
        for line in lines[1:]:
            name, _, value = line.partition(b":")
            headers[name.lower()] = value.strip()
        return method, target, headers

    def body_size(self, headers: Dict[bytes, bytes]) -> int:
        if headers.get(b"transfer-encoding") != b"chunked":
            size = int(headers.get(b"content-length", b"0"))
            self.exactly(size)
            return size
        total = 0
        while True:
            size = int(self.until(b"\r\n"), 16)
            self.exactly(size + 2)
            if not size:
                return total
            total += size


def answer_parts(method: bytes, target: bytes, identifier: bytes, size: int) -> List[bytes]:
    """What a server answers, in parts; the target in origin-form."""
    if target.startswith(b"http://"):
        target = b"/" + target.split(b"/", 3)[3]
    return [method + b" " + target, b" %d " % size, identifier]


class Origin(Peer):
    """Answers every request with what it was: over HTTP/1.1, or over HTTP/2 where ALPN or `prior_knowledge` say so.

    A target `/large` gets a megabyte in addition, `/slow` is answered when the gate opens.
    """

    def __init__(
        self, tls: Optional[ssl.SSLContext] = None, *, gate: Optional[Gate] = None, prior_knowledge: bool = False
    ) -> None:
        self.gate = gate or Gate()
        self._prior_knowledge = prior_knowledge
        self.fields: List[List[Tuple[bytes, bytes]]] = []
        super().__init__(tls)

    def serve(self, stream: socket.socket) -> None:
        alpn = stream.selected_alpn_protocol() if isinstance(stream, ssl.SSLSocket) else None
        if self._prior_knowledge or alpn == "h2":
            HTTP2Session(self, stream).run()
        else:
            self._serve_http11(stream)

    def _serve_http11(self, stream: socket.socket) -> None:
        log = self.keep()
        reader = Reader(stream, log, self.keep_received)
        while True:
            method, target, headers = reader.head()
            self.keep_exchange(log, {**headers, b":path": target})
            size = reader.body_size(headers)
            identifier = headers.get(b"x-id", b"-")
            self.on_request(identifier)
            gated = b"x-gated" in headers
            seen = 0
            head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
            parts = [b"%x\r\n%b\r\n" % (len(part), part) for part in answer_parts(method, target, identifier, size)]
            if target.endswith(b"/large"):
                parts += [b"10000\r\n" + bytes(65536) + b"\r\n"] * 16
            parts.append(b"0\r\n\r\n")
            if not gated:
                stream.sendall(head + b"".join(parts))
                continue
            for part in [head[:20], head[20:], *parts]:
                seen = self.gate.pass_after(seen)
                stream.sendall(part)


class HTTP2Session:
    """One connection of an `Origin` that speaks HTTP/2."""

    def __init__(self, origin: Origin, stream: socket.socket) -> None:
        self._origin = origin
        self._stream = stream
        self._h2 = h2.connection.H2Connection(
            h2.config.H2Configuration(client_side=False, header_encoding=None, validate_inbound_headers=False)
        )
        self._requests: Dict[int, Dict[bytes, bytes]] = {}
        self._sizes: Dict[int, int] = {}
        self._waiting: Dict[int, bytes] = {}
        self._log = origin.keep()

    def run(self) -> None:
        self._h2.initiate_connection()
        self._flush()
        try:
            while True:
                data = self._stream.recv(65536)
                if not data:
                    return
                if self._origin.keep_received:
                    self._log += data
                events = self._h2.receive_data(data)
                # What is reset further on in the same batch is closed for h2 already.
                gone = {event.stream_id for event in events if isinstance(event, h2.events.StreamReset)}
                if any(isinstance(event, h2.events.ConnectionTerminated) for event in events):
                    return
                for event in events:
                    self._handle(event, getattr(event, "stream_id", None) in gone)
                self._flush()
        except h2.exceptions.ProtocolError as exc:
            self._flush()
            self._origin.faults.append(exc)

    def _flush(self) -> None:
        data = self._h2.data_to_send()
        if data:
            self._stream.sendall(data)

    def _handle(self, event: Any, gone: bool) -> None:
        if isinstance(event, h2.events.RequestReceived):
            if self._origin.keep_received:
                self._origin.fields.append(list(event.headers))
            self._origin.keep_exchange(self._log, dict(event.headers))
            self._requests[event.stream_id] = dict(event.headers)
            self._sizes[event.stream_id] = 0
        elif isinstance(event, h2.events.DataReceived):
            self._sizes[event.stream_id] += len(event.data)
            if not event.flow_controlled_length:
                pass  # An empty frame that ends a stream.
            elif gone:
                self._h2.increment_flow_control_window(event.flow_controlled_length)
            else:
                self._h2.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
        elif isinstance(event, h2.events.StreamReset):
            self._requests.pop(event.stream_id, None)
            self._waiting.pop(event.stream_id, None)
        elif isinstance(event, h2.events.WindowUpdated):
            for stream_id in list(self._waiting):
                self._send_rest(stream_id)
        if isinstance(event, h2.events.StreamEnded) and not gone:
            self._answer(event.stream_id)

    def _answer(self, stream_id: int) -> None:
        fields = self._requests.pop(stream_id)
        identifier = fields.get(b"x-id", b"-")
        self._origin.on_request(identifier)
        gated = b"x-gated" in fields
        gate, seen = self._origin.gate, 0
        if gated:
            self._flush()
            seen = gate.pass_after(seen)
        self._h2.send_headers(stream_id, [(b":status", b"200")])
        target = fields[b":path"]
        for part in answer_parts(fields[b":method"], target, identifier, self._sizes[stream_id]):
            if gated:
                self._flush()
                seen = gate.pass_after(seen)
            self._h2.send_data(stream_id, part)
        self._waiting[stream_id] = bytes(1 << 20) if target.endswith(b"/large") else b""
        if gated:
            self._flush()
            gate.pass_after(seen)
        self._send_rest(stream_id)

    def _send_rest(self, stream_id: int) -> None:
        rest = self._waiting[stream_id]
        while rest:
            room = min(self._h2.local_flow_control_window(stream_id), self._h2.max_outbound_frame_size, len(rest))
            if room <= 0:
                self._waiting[stream_id] = rest
                return
            self._h2.send_data(stream_id, rest[:room])
            rest = rest[room:]
            self._flush()
        del self._waiting[stream_id]
        self._h2.end_stream(stream_id)


class Stalling(Peer):
    """Takes nothing and says nothing, once TLS has been agreed on, until it is `released`."""

    def __init__(self, tls: Optional[ssl.SSLContext] = None) -> None:
        self.released = threading.Event()
        super().__init__(tls)

    def serve(self, stream: socket.socket) -> None:
        self.released.wait(PATIENCE)


class Relay(Peer):
    """A peer that passes bytes on once it knows where to."""

    def relay(self, client: socket.socket, host: str, port: int, consent: bytes) -> None:
        with socket.create_connection((host, port), timeout=PATIENCE) as origin:
            origin.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            client.sendall(consent)
            while True:
                if isinstance(client, ssl.SSLSocket) and client.pending():
                    ready = [client]
                else:
                    ready, _, _ = select.select([client, origin], [], [], PATIENCE)
                    if not ready:
                        raise AssertionError("Nothing was relayed for too long.")
                for source in ready:
                    data = source.recv(65536)
                    if not data:
                        return
                    (origin if source is client else client).sendall(data)


class HTTPProxy(Relay):
    """Opens tunnels; answers what it is to forward by itself, as the origin would."""

    def serve(self, stream: socket.socket) -> None:
        log = self.keep()
        reader = Reader(stream, log, self.keep_received)
        while True:
            method, target, headers = reader.head()
            if method == b"CONNECT":
                host, _, port = target.decode("ascii").rpartition(":")
                self.relay(stream, host, int(port), b"HTTP/1.1 200 Connection established\r\n\r\n")
                return
            self.keep_exchange(log, {**headers, b":path": target})
            size = reader.body_size(headers)
            self.on_request(headers.get(b"x-id", b"-"))
            body = b"".join(answer_parts(method, target, headers.get(b"x-id", b"-"), size))
            stream.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + body)


class SocksProxy(Relay):
    """SOCKS5 (RFC 1928), with a password where the client has one (RFC 1929)."""

    def serve(self, stream: socket.socket) -> None:
        log = self.keep()
        reader = Reader(stream, log, self.keep_received)
        version, count = reader.exactly(2)
        if version != 5:
            raise AssertionError(f"SOCKS version {version}.")
        methods = reader.exactly(count)
        method = 2 if 2 in methods else 0
        stream.sendall(bytes([5, method]))
        if method == 2:
            reader.exactly(1)
            reader.exactly(reader.exactly(1)[0])
            reader.exactly(reader.exactly(1)[0])
            stream.sendall(b"\x01\x00")
        kind = reader.exactly(4)[3]
        if kind == 3:
            host = reader.exactly(reader.exactly(1)[0]).decode("ascii")
        else:
            host = socket.inet_ntop(
                socket.AF_INET if kind == 1 else socket.AF_INET6, reader.exactly(4 if kind == 1 else 16)
            )
        port = int.from_bytes(reader.exactly(2), "big")
        self.relay(stream, host, port, b"\x05\x00\x00\x01\x7f\x00\x00\x01\x00\x50")


def wait_for(condition: Callable[[], bool], what: str) -> None:
    """Wait for something that nobody announces, such as a thread of the interpreter's having ended."""
    deadline = time.monotonic() + PATIENCE
    while not condition():
        if time.monotonic() > deadline:
            raise AssertionError(f"This has not come true: {what}.")
        time.sleep(0.001)
