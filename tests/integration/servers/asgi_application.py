"""The application that hypercorn serves: the paths of node_http.js that the shared tests use, in ASGI."""

from __future__ import annotations

import asyncio
import hashlib
import json
import typing

__all__ = ["application"]

Message = typing.Dict[str, typing.Any]
Receive = typing.Callable[[], typing.Awaitable[Message]]
Send = typing.Callable[[Message], typing.Awaitable[None]]

PIECE = 65536
PATTERN = bytes(range(251))


async def application(scope: Message, receive: Receive, send: Send) -> None:
    if scope["type"] == "lifespan":
        while (await receive())["type"] != "lifespan.shutdown":
            await send({"type": "lifespan.startup.complete"})
        await send({"type": "lifespan.shutdown.complete"})
    elif scope["type"] == "websocket":
        await _websocket(receive, send)
    else:
        name, _, parameter = scope["path"].lstrip("/").partition("/")
        await ROUTES.get(name, _unknown)(scope, receive, send, parameter)


async def _unknown(scope: Message, receive: Receive, send: Send, parameter: str) -> None:
    await _respond(scope, send, 404, b"")


async def _bytes(scope: Message, receive: Receive, send: Send, parameter: str) -> None:
    await _respond(scope, send, 200, _pattern(int(parameter)))


async def _chunked(scope: Message, receive: Receive, send: Send, parameter: str) -> None:
    body = _pattern(int(parameter))
    await send({"type": "http.response.start", "status": 200, "headers": _headers(scope, body)})
    for start in range(0, len(body), PIECE):
        await send({"type": "http.response.body", "body": body[start : start + PIECE], "more_body": True})
    await send({"type": "http.response.body", "body": b""})


async def _digest(scope: Message, receive: Receive, send: Send, parameter: str) -> None:
    body = await _read(receive)
    headers = [text.decode("latin-1") for pair in scope["headers"] for text in pair]
    answer = {
        "length": len(body),
        "sha256": hashlib.sha256(body).hexdigest(),
        "method": scope["method"],
        "headers": headers,
    }
    await _respond(scope, send, 200, json.dumps(answer).encode())


async def _echo(scope: Message, receive: Receive, send: Send, parameter: str) -> None:
    await _respond(scope, send, 200, await _read(receive))


async def _mirror(scope: Message, receive: Receive, send: Send, parameter: str) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": _headers(scope, b"")})
    more = True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise asyncio.CancelledError
        more = message.get("more_body", False)
        await send({"type": "http.response.body", "body": message.get("body", b""), "more_body": more})


async def _status(scope: Message, receive: Receive, send: Send, parameter: str) -> None:
    await _read(receive)
    await send({"type": "http.response.start", "status": int(parameter), "headers": _headers(scope, b"")})
    await send({"type": "http.response.body", "body": b""})


async def _silent(scope: Message, receive: Receive, send: Send, parameter: str) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


async def _websocket(receive: Receive, send: Send) -> None:
    await receive()
    await send({"type": "websocket.accept"})
    await send({"type": "websocket.send", "text": "welcome"})
    while True:
        message = await receive()
        if message["type"] != "websocket.receive":
            return
        await send({"type": "websocket.send", "text": message["text"]})


ROUTES = {
    "bytes": _bytes,
    "chunked": _chunked,
    "digest": _digest,
    "echo": _echo,
    "mirror": _mirror,
    "silent": _silent,
    "status": _status,
}


async def _read(receive: Receive) -> bytes:
    parts = []
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise asyncio.CancelledError
        parts.append(message.get("body", b""))
        if not message.get("more_body", False):
            return b"".join(parts)


async def _respond(scope: Message, send: Send, status: int, body: bytes) -> None:
    headers = [*_headers(scope, body), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else body})


def _headers(scope: Message, body: bytes) -> typing.List[typing.Tuple[bytes, bytes]]:
    # The client's port tells TCP connections apart; a unix socket has none.
    client = scope.get("client") or ("", 0)
    return [
        (b"x-connection-id", str(client[1]).encode()),
        (b"x-sha256", hashlib.sha256(body).hexdigest().encode()),
    ]


def _pattern(length: int) -> bytes:
    return (PATTERN * (length // len(PATTERN) + 1))[:length]
