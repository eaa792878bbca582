"""What a user does with a stream to an origin: TLS, a request, its answer."""

from __future__ import annotations

import ssl
from typing import Any, Optional

from core_backends import Origin

__all__ = ["async_exchange"]

SECONDS = 20.0


async def async_exchange(
    connector: Any, origin: Origin, context: Optional[ssl.SSLContext], request: bytes, end: bytes
) -> bytes:
    """Connect, with TLS if there is a `context`, send `request`, and return what is read up to `end`."""
    stream = await connector.connect(origin, {"timeout": {"connect": SECONDS}})
    if context is not None:
        name = origin.host.decode("ascii")
        stream = await stream.start_tls(context, server_hostname=name, timeout=SECONDS)
    if request:
        await stream.write(request, timeout=SECONDS)
    answer = b""
    while not answer.endswith(end):
        part = await stream.read(4096, timeout=SECONDS)
        assert part, "the origin closed"
        answer += part
    await stream.aclose()
    return answer
