"""A network backend of one's own: it connects like the built-in one, and records what goes over the wire.

    python examples/recording_backend.py URL

A backend has two methods that connect, a stream five that do the rest. Whatever has them works everywhere a built-in
one does: under pools, proxies, TLS and HTTP/2. TLS is asked of the stream, and what that returns is recorded too: what
is said inside TLS, not what it looks like on the wire.
"""

from __future__ import annotations

import ssl
import sys
from typing import Any, Iterable, List, Optional, Tuple

import httpcore

Record = List[Tuple[str, bytes]]


class RecordingStream(httpcore.NetworkStream):
    def __init__(self, stream: httpcore.NetworkStream, record: Record) -> None:
        self._stream, self._record = stream, record

    def read(self, max_bytes: int, timeout: Optional[float] = None) -> bytes:
        data = self._stream.read(max_bytes, timeout)
        self._record.append(("<", data))
        return data

    def write(self, buffer: bytes, timeout: Optional[float] = None) -> None:
        self._record.append((">", bytes(buffer)))
        self._stream.write(buffer, timeout)

    def close(self) -> None:
        self._stream.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: Optional[str] = None, timeout: Optional[float] = None
    ) -> httpcore.NetworkStream:
        return RecordingStream(self._stream.start_tls(ssl_context, server_hostname, timeout), self._record)

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)


class RecordingBackend(httpcore.NetworkBackend):
    def __init__(self) -> None:
        self._backend = httpcore.SyncBackend()
        self.record: Record = []

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: Optional[float] = None,
        local_address: Optional[str] = None,
        socket_options: Optional[Iterable[httpcore.SOCKET_OPTION]] = None,
    ) -> httpcore.NetworkStream:
        stream = self._backend.connect_tcp(host, port, timeout, local_address, socket_options)
        return RecordingStream(stream, self.record)

    def connect_unix_socket(
        self,
        path: str,
        timeout: Optional[float] = None,
        socket_options: Optional[Iterable[httpcore.SOCKET_OPTION]] = None,
    ) -> httpcore.NetworkStream:
        return RecordingStream(self._backend.connect_unix_socket(path, timeout, socket_options), self.record)


def main(url: str) -> None:
    backend = RecordingBackend()
    with httpcore.ConnectionPool(network_backend=backend) as pool:
        pool.request("GET", url)
    for direction, data in backend.record:
        for line in data.decode("latin-1").splitlines():
            print(direction, line)


if __name__ == "__main__":
    main(sys.argv[1])
