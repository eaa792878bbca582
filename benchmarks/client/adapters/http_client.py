"""The standard library's http.client: one connection per thread and origin, no pool."""

from __future__ import annotations

import http.client
from typing import Any, Dict, Tuple
from urllib.parse import urlsplit

from ..job import HEADERS, TIMEOUT, Job

__all__ = ["open_sync"]

_CHUNK = 65536


class SyncClient:
    per_thread = True

    def __init__(self, job: Job) -> None:
        if job.http2:
            raise NotImplementedError("http.client has no HTTP/2")
        self._ssl_context = job.ssl_context()
        self._proxy = None if job.proxy is None else urlsplit(job.proxy)
        self._routes: Dict[str, Tuple[http.client.HTTPConnection, str]] = {}

    def _connect(self, url: str) -> Tuple[http.client.HTTPConnection, str]:
        parts = urlsplit(url)
        via = self._proxy or parts
        host, port = via.hostname or "", via.port or 0
        connection: http.client.HTTPConnection
        if parts.scheme == "https":
            connection = http.client.HTTPSConnection(host, port, timeout=TIMEOUT, context=self._ssl_context)
        else:
            connection = http.client.HTTPConnection(host, port, timeout=TIMEOUT)
        if self._proxy is not None:
            connection.set_tunnel(parts.hostname or "", parts.port)
        return connection, parts.path or "/"

    def _route(self, url: str) -> Tuple[http.client.HTTPConnection, str]:
        if url not in self._routes:
            self._routes[url] = self._connect(url)
        return self._routes[url]

    def get(self, url: str) -> int:
        connection, path = self._route(url)
        connection.request("GET", path, headers=HEADERS)
        return len(connection.getresponse().read())

    def download(self, url: str) -> int:
        connection, path = self._route(url)
        connection.request("GET", path, headers=HEADERS)
        response = connection.getresponse()
        received = 0
        while True:
            chunk = response.read(_CHUNK)
            if not chunk:
                return received
            received += len(chunk)

    def upload(self, url: str, data: bytes) -> int:
        connection, path = self._route(url)
        connection.request("POST", path, body=data, headers=HEADERS)
        return len(connection.getresponse().read())

    def hold(self, url: str) -> Any:
        connection, path = self._connect(url)
        self._routes[f"held {len(self._routes)}"] = connection, path
        connection.request("GET", path, headers=HEADERS)
        return connection.getresponse()

    def release(self, held: Any) -> int:
        return len(held.read())

    def close(self) -> None:
        for connection, _ in self._routes.values():
            connection.close()


def open_sync(job: Job) -> SyncClient:
    return SyncClient(job)
