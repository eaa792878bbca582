"""The arguments of the pools that are a proxy as well: what is said of a wrong one calls it by its name there."""

from __future__ import annotations

import ssl
from typing import Optional, Tuple, Union

from core_backends import URL, Proxy
from core_backends.lowlevel import HeaderTypes, enforce_bytes, enforce_headers, enforce_url

__all__ = ["proxy_of"]


def proxy_of(
    proxy_url: Union[URL, bytes, str],
    proxy_auth: Optional[Tuple[Union[bytes, str], Union[bytes, str]]],
    proxy_headers: HeaderTypes = None,
    proxy_ssl_context: Optional[ssl.SSLContext] = None,
) -> Proxy:
    """Return the proxy that `proxy_url`, `proxy_auth`, `proxy_headers` and `proxy_ssl_context` describe.

    Raises `TypeError` for arguments of other types and for text beyond ASCII.
    """
    return Proxy(
        url=enforce_url(proxy_url, name="proxy_url"),
        auth=None
        if proxy_auth is None
        else (enforce_bytes(proxy_auth[0], name="proxy_auth"), enforce_bytes(proxy_auth[1], name="proxy_auth")),
        headers=enforce_headers(proxy_headers, name="proxy_headers"),
        ssl_context=proxy_ssl_context,
    )
