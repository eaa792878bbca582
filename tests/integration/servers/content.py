"""The bodies that servers and tests agree on, and the few header look-ups that the tests share."""

from __future__ import annotations

import hashlib
import json
import typing

__all__ = ["LARGE", "connection_id", "header", "json_of", "pattern", "receive", "sha256"]

#: Bytes in a body that fills every buffer on the way many times over.
LARGE = 10 * 1000 * 1000

_PATTERN = bytes(range(251))


def pattern(length: int) -> bytes:
    """What `/bytes/<length>` and `/chunked/<length>` answer; its period of 251 betrays lost or swapped blocks."""
    return (_PATTERN * (length // len(_PATTERN) + 1))[:length]


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def header(response: typing.Any, name: str) -> typing.Optional[str]:
    """The only value of a header, None when it is absent."""
    values = [value for key, value in response.headers if key.lower() == name.lower().encode()]
    assert len(values) < 2, values
    return values[0].decode() if values else None


def connection_id(response: typing.Any) -> str:
    """The server's name for the connection that the response came over."""
    value = header(response, "X-Connection-Id")
    assert value
    return value


def json_of(response: typing.Any) -> typing.Any:
    assert response.status == 200, (response.status, response.content)
    return json.loads(response.content)


async def receive(response: typing.Any, received: typing.List[bytes]) -> None:
    """Read a body part by part; `received` keeps what came before an exception."""
    async for part in response.aiter_stream():
        received.append(part)  # noqa: PERF401 -- a comprehension would lose it
