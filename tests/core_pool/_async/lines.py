"""A protocol of lines: the request's target, and the server's answer to it. Enough for a real network."""

from __future__ import annotations

from typing import Any, Optional

from core_backends import (
    AsyncConnectionInterface,
    AsyncNetworkStream,
    ByteStream,
    ConnectionNotAvailable,
    Origin,
    RemoteProtocolError,
    Request,
    Response,
)
from core_backends.lowlevel import abandon, make_response, phase_timeout
from core_pool import AsyncConnectionPool, AsyncHTTPConnection

__all__ = ["AsyncLineConnection", "async_line_pool"]


class AsyncLineConnection(AsyncConnectionInterface):
    """One line there, one line back, and again."""

    def __init__(self, origin: Origin, stream: AsyncNetworkStream, keepalive_expiry: Optional[float] = None) -> None:
        self.origin = origin
        self.stream = stream
        self.busy = False
        self.closed = False

    async def handle_async_request(self, request: Request) -> Response:
        if self.busy or self.closed:
            raise ConnectionNotAvailable("busy or closed")
        self.busy = True
        try:
            await self.stream.write(request.url.target + b"\n", phase_timeout(request.extensions, "write"))
            line = b""
            while not line.endswith(b"\n"):
                data = await self.stream.read(1024, phase_timeout(request.extensions, "read"))
                if not data:
                    raise RemoteProtocolError("Half a line, or none.")
                line += data
        except BaseException:
            self.abort()
            raise
        self.busy = False
        return make_response(200, [], ByteStream(line[:-1]), {})

    async def aclose(self) -> None:
        self.closed = True
        await self.stream.aclose()

    def abort(self) -> None:
        self.closed = True
        abandon(self.stream)

    def is_available(self) -> bool:
        return not self.busy and not self.closed

    def is_idle(self) -> bool:
        return not self.busy and not self.closed

    def is_closed(self) -> bool:
        return self.closed

    def has_expired(self) -> bool:
        return bool(self.stream.get_extra_info("is_readable"))

    def info(self) -> str:
        return f"{self.origin}, lines"

    @property
    def max_concurrent_requests(self) -> Optional[int]:
        return 1


def async_line_pool(network_backend: Any = None, **options: Any) -> AsyncConnectionPool:
    """Return a pool whose connections speak lines."""
    return AsyncConnectionPool(
        lambda origin: AsyncHTTPConnection(
            origin, network_backend=network_backend, protocols={"http/1.1": AsyncLineConnection}
        ),
        **options,
    )
