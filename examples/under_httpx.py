"""Use httpx on top of a pool of one's own.

    pip install httpx
    python examples/under_httpx.py URL

httpx uses this library by itself: `pip install` is all it takes. A transport of one's own is for what httpx has no
parameter for: here, a pool that tells about its connections and does not replay requests.
"""

from __future__ import annotations

import contextlib
import sys
from typing import Iterator

import httpx

import httpcore


@contextlib.contextmanager
def translated() -> Iterator[None]:
    """Raise httpx's exception of the same name for one of ours."""
    try:
        yield
    except (httpcore.TimeoutException, httpcore.NetworkError, httpcore.ProtocolError, httpcore.ProxyError) as exc:
        raise getattr(httpx, type(exc).__name__)(str(exc)) from exc


class PoolTransport(httpx.BaseTransport):
    def __init__(self, pool: httpcore.ConnectionPool) -> None:
        self.pool = pool

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        assert isinstance(request.stream, httpx.SyncByteStream)
        url = request.url
        with translated():
            response = self.pool.handle_request(
                httpcore.Request(
                    request.method,
                    httpcore.URL(scheme=url.raw_scheme, host=url.raw_host, port=url.port, target=url.raw_path),
                    headers=request.headers.raw,
                    content=request.stream,
                    extensions=request.extensions,
                )
            )
        return httpx.Response(
            response.status, headers=response.headers, stream=Body(response), extensions=response.extensions
        )

    def close(self) -> None:
        self.pool.close()


class Body(httpx.SyncByteStream):
    def __init__(self, response: httpcore.Response) -> None:
        self.response = response

    def __iter__(self) -> Iterator[bytes]:
        with translated():
            yield from self.response.iter_stream()

    def close(self) -> None:
        self.response.close()


def main(url: str) -> None:
    pool = httpcore.ConnectionPool(max_connections=2, replay=False)
    with httpx.Client(transport=PoolTransport(pool)) as client:
        print(client.get(url).text)
        print(client.post(url, content=b"hello").status_code)
        print(*pool.connections)


if __name__ == "__main__":
    main(sys.argv[1])
