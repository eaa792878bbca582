"""What serves requests: the interfaces of a pool and of a connection.

Rules that hold here:

* `request` and `stream` complete a request's headers; `handle_async_request` sends exactly what it is given.
* A connection answers `info`, `is_available` and the like from its state alone, without I/O that waits.
"""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import AsyncIterator, Optional, Union

from .._models import Content, Extensions, Request, Response, complete_request
from .._url import URL, HeaderTypes, Origin

__all__ = ["AsyncConnectionInterface", "AsyncRequestInterface"]


class AsyncRequestInterface:
    """Anything that turns a request into a response."""

    async def request(
        self,
        method: Union[bytes, str],
        url: Union[URL, bytes, str],
        *,
        headers: HeaderTypes = None,
        content: Content = None,
        extensions: Optional[Extensions] = None,
    ) -> Response:
        """Send a request and return the response with its body read.

        `content` is bytes, or an iterator of bytes, which is sent as it comes; None sends no body. Where
        `headers` lack them, `Host` and the headers that frame the body are added. `extensions` hold what concerns this
        request alone: `timeout` (a mapping of `connect`, `read`, `write`, `pool` and `total` to seconds, None for no
        limit), `trace`, `sni_hostname`, `target`.
        """
        request = complete_request(method, url, headers, content, extensions)
        response = await self.handle_async_request(request)
        try:
            await response.aread()
        finally:
            await response.aclose()
        return response

    @asynccontextmanager
    async def stream(
        self,
        method: Union[bytes, str],
        url: Union[URL, bytes, str],
        *,
        headers: HeaderTypes = None,
        content: Content = None,
        extensions: Optional[Extensions] = None,
    ) -> AsyncIterator[Response]:
        """Send a request and give the response while its body is still to be read; it is closed on leaving the block.

        `headers`, `content` and `extensions` are those of `request`.
        """
        request = complete_request(method, url, headers, content, extensions)
        response = await self.handle_async_request(request)
        try:
            yield response
        finally:
            await response.aclose()

    async def handle_async_request(self, request: Request) -> Response:
        """Send `request` exactly as it is and return the response, its body unread."""
        raise NotImplementedError()


class AsyncConnectionInterface(AsyncRequestInterface):
    """A connection to one origin, as a pool sees it."""

    async def aclose(self) -> None:
        """Close the connection."""
        raise NotImplementedError()

    def abort(self) -> None:
        """Close the connection at once, without waiting for anyone."""
        raise NotImplementedError()

    def info(self) -> str:
        """Return one line about the connection's state, for people."""
        raise NotImplementedError()

    def can_handle_request(self, origin: Origin) -> bool:
        """Whether requests to `origin` belong on this connection."""
        raise NotImplementedError()

    def is_available(self) -> bool:
        """Whether the connection takes a request now."""
        raise NotImplementedError()

    def has_expired(self) -> bool:
        """Whether the connection, being idle, must not be used again: too old, or closed by the server."""
        raise NotImplementedError()

    def is_idle(self) -> bool:
        """Whether the connection is open and serves no request."""
        raise NotImplementedError()

    def is_closed(self) -> bool:
        """Whether the connection is closed, for good."""
        raise NotImplementedError()

    @property
    def max_concurrent_requests(self) -> Optional[int]:
        """How many requests the connection can serve at a time; None where only `is_available()` can tell."""
        return None
