"""One request without a pool of one's own: a pool is opened for it and closed after it."""

from __future__ import annotations

from contextlib import contextmanager
from typing import Iterator, Optional, Union

from core_backends import URL, Response
from core_backends.lowlevel import Content, Extensions, HeaderTypes

from ._sync.connection_pool import ConnectionPool

__all__ = ["request", "stream"]


def request(
    method: Union[bytes, str],
    url: Union[URL, bytes, str],
    *,
    headers: HeaderTypes = None,
    content: Content = None,
    extensions: Optional[Extensions] = None,
) -> Response:
    """Send a request and return the response with its body read.

    `method`, `url`, `headers`, `content` and `extensions` are those of `ConnectionPool.request`. For more than one
    request to a server a `ConnectionPool` of one's own saves connecting anew.
    """
    with ConnectionPool() as pool:
        return pool.request(method, url, headers=headers, content=content, extensions=extensions)


@contextmanager
def stream(
    method: Union[bytes, str],
    url: Union[URL, bytes, str],
    *,
    headers: HeaderTypes = None,
    content: Content = None,
    extensions: Optional[Extensions] = None,
) -> Iterator[Response]:
    """Send a request and give the response while its body is still to be read; it is closed on leaving the block.

    `method`, `url`, `headers`, `content` and `extensions` are those of `ConnectionPool.request`.
    """
    with ConnectionPool() as pool:
        with pool.stream(method, url, headers=headers, content=content, extensions=extensions) as response:
            yield response
