"""The forwarding connection: a connection to a proxy that serves one remote origin's requests.

Rules that hold here:

* A pool sees the remote origin; the connection below sees the proxy, which is what `info` shows.
* All state is the inner connection's. Members beyond the contract are passed on where it has them.
"""

from __future__ import annotations

from types import TracebackType
from typing import Iterable, List, Optional, Tuple, Type

from core_backends import AsyncConnectionInterface, Origin, Request, Response
from core_backends.lowlevel import abandon

from .._forward import forwarded_request
from .._guards import checked_headers, checked_host

__all__ = ["AsyncForwardHTTPConnection"]


class AsyncForwardHTTPConnection(AsyncConnectionInterface):
    """Sends requests for `remote_origin` in absolute form on `connection`, which leads to `proxy_origin`.

    `headers` go to the proxy with every request, in front of the request's own, which win on the same name. Raises
    `LocalProtocolError` for headers that are none.
    """

    def __init__(
        self,
        connection: AsyncConnectionInterface,
        proxy_origin: Origin,
        remote_origin: Origin,
        headers: Iterable[Tuple[bytes, bytes]] = (),
    ) -> None:
        self._connection = connection
        checked_host(proxy_origin)
        self._proxy_origin = proxy_origin
        self._remote_origin = remote_origin
        self._headers: List[Tuple[bytes, bytes]] = list(headers)
        checked_headers(self._headers)

    async def handle_async_request(self, request: Request) -> Response:
        """Have the proxy make `request`, and return the response."""
        if not self.can_handle_request(request.url.origin):
            wanted, served = request.url.origin, self._remote_origin
            raise RuntimeError(f"Attempted to send request to {wanted} on a connection that is forwarded to {served}")
        return await self._connection.handle_async_request(
            forwarded_request(request, self._proxy_origin, self._headers)
        )

    def can_handle_request(self, origin: Origin) -> bool:
        return origin == self._remote_origin

    async def aclose(self) -> None:
        await self._connection.aclose()

    def abort(self) -> None:
        abandon(self._connection)

    def info(self) -> str:
        return self._connection.info()

    def is_available(self) -> bool:
        return self._connection.is_available()

    def has_expired(self) -> bool:
        return self._connection.has_expired()

    def is_idle(self) -> bool:
        return self._connection.is_idle()

    def is_closed(self) -> bool:
        return self._connection.is_closed()

    @property
    def max_concurrent_requests(self) -> Optional[int]:
        return getattr(self._connection, "max_concurrent_requests", None)

    @property
    def closed_before_response(self) -> bool:
        """Whether the proxy closed a reused connection before one byte of a response; see the connection's own."""
        return bool(getattr(self._connection, "closed_before_response", False))

    def __repr__(self) -> str:
        return f"<{type(self).__name__} [{self.info()}]>"

    async def __aenter__(self) -> AsyncForwardHTTPConnection:
        return self

    async def __aexit__(
        self,
        exc_type: Optional[Type[BaseException]] = None,
        exc_value: Optional[BaseException] = None,
        traceback: Optional[TracebackType] = None,
    ) -> None:
        await self.aclose()
