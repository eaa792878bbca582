"""What a client does where clients differ, by running it: what docs/migrating.md and docs/comparison.md state.

    python tests/docs/observations.py httpcore        # in an environment that has it; also httpcore2, urllib3,
                                                      # aiohttp and niquests

Servers are threads on the loopback. Prints a line per observation. `test_claims.py` holds this project to its column.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import importlib
import re
import socket
import sys
import threading
import time
import warnings
from typing import Any, Callable, Dict, Iterator, List

HELLO = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"
UNFINISHED = b"HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\nhello"
SECONDS = 20.0

Handler = Callable[[socket.socket], None]


def head(connection: socket.socket) -> bytes:
    """A request's head; b"" when the client has closed."""
    data = b""
    while not data.endswith(b"\r\n\r\n"):
        byte = connection.recv(1)
        if not byte:
            return b""
        data += byte
    return data


def answering(connection: socket.socket) -> None:
    while head(connection):
        connection.sendall(HELLO)


@contextlib.contextmanager
def serving(handler: Handler, address: str = "127.0.0.1", port: int = 0) -> Iterator[int]:
    """Serve each connection in a thread, and give the port."""
    listener = socket.create_server((address, port), family=socket.AF_INET6 if ":" in address else socket.AF_INET)
    ended = threading.Event()

    def serve(connection: socket.socket) -> None:
        with contextlib.suppress(OSError), connection:
            connection.settimeout(SECONDS)
            handler(connection)

    def accept() -> None:
        while not ended.is_set():
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=serve, args=(connection,), daemon=True).start()

    thread = threading.Thread(target=accept, daemon=True)
    thread.start()
    try:
        yield listener.getsockname()[1]
    finally:
        ended.set()
        # Wakes the thread that accepts, on every system.
        with contextlib.suppress(OSError):
            socket.create_connection(listener.getsockname()[:2], 1).close()
        thread.join(SECONDS)
        listener.close()


class Transport:
    """A client with the API of httpcore."""

    def __init__(self, name: str, **options: Any) -> None:
        self.module = importlib.import_module(name)
        self.pool = self.module.ConnectionPool(**options)

    def get(self, url: str, **timeouts: float) -> bytes:
        content: bytes = self.pool.request("GET", url, extensions={"timeout": timeouts}).content
        return content

    def unread(self, url: str, **timeouts: float) -> Any:
        request = self.module.Request("GET", url, headers={"Host": "x"}, extensions={"timeout": timeouts})
        return self.pool.handle_request(request)

    def close(self) -> None:
        self.pool.close()


class Urllib3:
    def __init__(self, name: str) -> None:
        self.module = importlib.import_module("urllib3")
        self.pool = self.module.PoolManager()

    def get(self, url: str, **timeouts: float) -> bytes:
        content: bytes = self.pool.request("GET", url, timeout=self.module.Timeout(**timeouts)).data
        return content

    def close(self) -> None:
        self.pool.clear()


class Niquests:
    def __init__(self, name: str) -> None:
        self.timeout = importlib.import_module("urllib3").Timeout
        self.session = importlib.import_module(name).Session()

    def get(self, url: str, **timeouts: float) -> bytes:
        content: bytes = self.session.get(url, timeout=self.timeout(**timeouts)).content
        return content

    def close(self) -> None:
        self.session.close()


class Aiohttp:
    def __init__(self, name: str) -> None:
        self.module = importlib.import_module(name)
        self.loop = asyncio.new_event_loop()
        self.session = self.loop.run_until_complete(self._open())

    async def _open(self) -> Any:
        return self.module.ClientSession()

    def get(self, url: str, **timeouts: float) -> bytes:
        names = {"connect": "sock_connect", "read": "sock_read", "total": "total"}
        timeout = self.module.ClientTimeout(**{names[key]: value for key, value in timeouts.items()})

        async def get() -> bytes:
            async with self.session.get(url, timeout=timeout) as response:
                content: bytes = await response.read()
                return content

        return self.loop.run_until_complete(get())

    def close(self) -> None:
        self.loop.run_until_complete(self.session.close())
        self.loop.close()


CLIENTS: Dict[str, Any] = {"urllib3": Urllib3, "niquests": Niquests, "aiohttp": Aiohttp}


@contextlib.contextmanager
def client(name: str, **options: Any) -> Iterator[Any]:
    opened = CLIENTS.get(name, Transport)(name, **options)
    try:
        yield opened
    finally:
        opened.close()


# What every client can be asked.


def get_on_a_connection_that_is_being_closed(name: str) -> str:
    connections: List[socket.socket] = []

    def handler(connection: socket.socket) -> None:
        connections.append(connection)
        head(connection)
        connection.sendall(HELLO)
        if len(connections) == 1:
            head(connection)  # The second request has arrived, and nobody answers it.
        else:
            answering(connection)

    with serving(handler) as port, client(name) as ours:
        ours.get(f"http://127.0.0.1:{port}/")
        ours.get(f"http://127.0.0.1:{port}/")
        return "sent again"


def bytes_beyond_a_response(name: str) -> str:
    def handler(connection: socket.socket) -> None:
        head(connection)
        connection.sendall(HELLO + b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil")
        answering(connection)

    with serving(handler) as port, client(name) as ours:
        ours.get(f"http://127.0.0.1:{port}/")
        return "never" if ours.get(f"http://127.0.0.1:{port}/") == b"hello" else "the next response"


def a_server_that_drips(name: str) -> str:
    def handler(connection: socket.socket) -> None:
        head(connection)
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 30\r\n\r\n")
        for _ in range(30):
            connection.sendall(b"x")
            time.sleep(0.1)  # This is the server's speed, which is what the client is to notice.

    with serving(handler) as port, client(name) as ours:
        try:
            ours.get(f"http://127.0.0.1:{port}/", read=5.0, total=0.5)
        except Exception as exc:
            return "ended by the total" if "Timeout" in type(exc).__name__ else repr(exc)
        return "read to its end"


# What needs the API of httpcore.


def host_of_an_ipv6_address(name: str) -> str:
    hosts: List[bytes] = []

    def handler(connection: socket.socket) -> None:
        found = re.search(rb"(?i)^host: (\S+)", head(connection), re.MULTILINE)
        hosts.append(b"" if found is None else found[1])
        connection.sendall(HELLO)

    with serving(handler, "::1") as port, client(name) as ours:
        ours.get(f"http://[::1]:{port}/")
        return hosts[0].decode().replace(str(port), "PORT")


def two_dropped_responses(name: str) -> str:
    def handler(connection: socket.socket) -> None:
        head(connection)
        connection.sendall(UNFINISHED)
        connection.recv(1)

    with serving(handler) as port, client(name, max_connections=2) as ours:
        for _ in range(2):
            ours.unread(f"http://127.0.0.1:{port}/")
        gc.collect()
        ours.unread(f"http://127.0.0.1:{port}/", pool=1.0).close()
        return "the third is served"


def closing_with_a_request_in_the_queue(name: str) -> str:
    outcome: List[str] = []

    def handler(connection: socket.socket) -> None:
        head(connection)
        connection.sendall(UNFINISHED)
        connection.recv(1)

    with serving(handler) as port, client(name, max_connections=1) as ours:
        busy = ours.unread(f"http://127.0.0.1:{port}/")

        def ask() -> None:
            try:
                ours.get(f"http://127.0.0.1:{port}/", pool=3.0, read=3.0)
            except Exception as exc:
                outcome.append(type(exc).__name__)

        thread = threading.Thread(target=ask, daemon=True)
        thread.start()
        began = time.monotonic()
        while "1 queued" not in repr(ours.pool) and time.monotonic() < began + SECONDS:
            time.sleep(0.01)
        ours.pool.close()
        thread.join(SECONDS)
        del busy
        return outcome[0] if outcome else "waits on"


def one_pool_in_three_loops(name: str) -> str:
    module = importlib.import_module(name)
    with serving(answering) as port:
        pool = module.AsyncConnectionPool()

        async def ask() -> None:
            await pool.request("GET", f"http://127.0.0.1:{port}/")

        async def close() -> None:
            await ask()
            await pool.aclose()

        asyncio.run(ask())
        asyncio.run(ask())
        asyncio.run(close())
        return "works"


def an_illegal_credential(name: str) -> str:
    with serving(answering) as port, client(name) as ours:
        try:
            ours.pool.request("GET", f"http://127.0.0.1:{port}/", headers={"Authorization": b"secret\n"})
        except Exception as exc:
            return "shown" if "secret" in str(exc) else "not shown"
        return "sent"


def idle_beside_two_busy(name: str) -> str:
    def handler(connection: socket.socket) -> None:
        while True:
            request = head(connection)
            if not request:
                return
            connection.sendall(UNFINISHED if b"/busy" in request else HELLO)

    with serving(handler) as port, client(name, max_keepalive_connections=1) as ours:
        busy = [ours.unread(f"http://127.0.0.1:{port}/busy") for _ in range(2)]
        ours.get(f"http://127.0.0.1:{port}/")
        idle = sum(connection.is_idle() for connection in ours.pool.connections)
        for response in busy:
            response.close()
        return "kept" if idle else "closed"


def retries_through_a_proxy_that_hangs_up(name: str) -> str:
    attempts: List[socket.socket] = []
    module = importlib.import_module(name)
    with serving(attempts.append) as port:
        with client(name, retries=1, proxy=module.Proxy(f"http://127.0.0.1:{port}")) as ours:
            try:
                ours.get("https://example.com/")
            except Exception as exc:
                return f"{len(attempts)} attempts, {type(exc).__name__}"
    return "a response"


def credentials_of_a_proxy(name: str) -> str:
    module = importlib.import_module(name)
    return re.sub(r" at 0x\w+", "", repr(module.Proxy("http://proxy:1", auth=("user", "secret"))))


def an_upload_that_is_refused(name: str) -> str:
    """The server neither reads on nor closes until it is told to, or has waited in vain."""
    told = threading.Event()
    waited: List[bool] = []

    def handler(connection: socket.socket) -> None:
        head(connection)
        connection.sendall(b"HTTP/1.1 413 Content Too Large\r\nContent-Length: 0\r\n\r\n")
        waited.append(not told.wait(SECONDS / 4))

    with serving(handler) as port, client(name) as ours:
        try:
            status = ours.pool.request("POST", f"http://127.0.0.1:{port}/", content=bytes(64 * 1024 * 1024)).status
        except Exception as exc:
            return f"{type(exc).__name__}: {exc}"
        told.set()
        return f"{status} when the server closes" if any(waited) else f"{status} at once"


def urls_as_keys(name: str) -> str:
    module = importlib.import_module(name)
    return str(len({module.URL("http://a/"), module.URL("http://a/")}))


ALL_CLIENTS = [get_on_a_connection_that_is_being_closed, bytes_beyond_a_response, a_server_that_drips]
TRANSPORTS = [
    host_of_an_ipv6_address,
    two_dropped_responses,
    closing_with_a_request_in_the_queue,
    one_pool_in_three_loops,
    an_illegal_credential,
    idle_beside_two_busy,
    retries_through_a_proxy_that_hangs_up,
    credentials_of_a_proxy,
    an_upload_that_is_refused,
    urls_as_keys,
]


def main(name: str) -> None:
    warnings.simplefilter("ignore")
    for observe in ALL_CLIENTS if name in CLIENTS else ALL_CLIENTS + TRANSPORTS:
        try:
            seen = observe(name)
        except Exception as exc:
            seen = f"{type(exc).__name__}: {exc}"
        sys.stdout.write(f"{observe.__name__.replace('_', ' ')}: {seen}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main(sys.argv[1])
