"""What www.example.com answers, as an ASGI application for hypercorn: the examples and the documentation talk to it."""

from __future__ import annotations

import asyncio
import collections
import json
import typing

__all__ = ["application"]

Message = typing.Dict[str, typing.Any]
Receive = typing.Callable[[], typing.Awaitable[Message]]
Send = typing.Callable[[Message], typing.Awaitable[None]]

GREETING = b"Hello, world!"
CONTAINERS = [
    {"Names": ["/web"], "Image": "nginx:1.27", "State": "running"},
    {"Names": ["/queue"], "Image": "redis:7", "State": "exited"},
]

#: How often each path below /flaky has failed.
failures: typing.Counter[str] = collections.Counter()


async def application(scope: Message, receive: Receive, send: Send) -> None:
    if scope["type"] == "lifespan":
        while (await receive())["type"] != "lifespan.shutdown":
            await send({"type": "lifespan.startup.complete"})
        await send({"type": "lifespan.shutdown.complete"})
    elif scope["type"] == "websocket":
        await _echo_messages(receive, send)
    else:
        name, _, parameter = scope["path"].lstrip("/").partition("/")
        await ROUTES.get(name, _greet)(scope, receive, send, parameter)


async def _greet(scope: Message, receive: Receive, send: Send, parameter: str) -> None:
    await _body(receive)
    await _answer(send, 200, GREETING, [(b"content-type", b"text/plain")])


async def _bytes(scope: Message, receive: Receive, send: Send, parameter: str) -> None:
    await _answer(send, 200, bytes(int(parameter)), [])


async def _stream(scope: Message, receive: Receive, send: Send, parameter: str) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": []})
    for number in range(5):
        await send({"type": "http.response.body", "body": b"line %d\n" % number, "more_body": True})
    await send({"type": "http.response.body", "body": b""})


async def _upload(scope: Message, receive: Receive, send: Send, parameter: str) -> None:
    body = await _body(receive)
    await _json(send, 200, {"received": len(body)})


async def _echo(scope: Message, receive: Receive, send: Send, parameter: str) -> None:
    await _answer(send, 200, await _body(receive), [])


async def _headers(scope: Message, receive: Receive, send: Send, parameter: str) -> None:
    await _json(send, 200, {name.decode(): value.decode() for name, value in scope["headers"]})


async def _status(scope: Message, receive: Receive, send: Send, parameter: str) -> None:
    await _body(receive)
    await _answer(send, int(parameter), b"", [])


async def _flaky(scope: Message, receive: Receive, send: Send, parameter: str) -> None:
    failures[parameter] += 1
    if failures[parameter] <= 2:
        await _answer(send, 503, b"later", [(b"retry-after", b"0")])
    else:
        await _answer(send, 200, GREETING, [])


async def _slow(scope: Message, receive: Receive, send: Send, parameter: str) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


async def _drip(scope: Message, receive: Receive, send: Send, parameter: str) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"some", "more_body": True})
    while (await receive())["type"] != "http.disconnect":
        pass


async def _events(scope: Message, receive: Receive, send: Send, parameter: str) -> None:
    """Three events, numbered on from the last that the client has seen; then the stream ends."""
    seen = int(dict(scope["headers"]).get(b"last-event-id", b"0"))
    headers = [(b"content-type", b"text/event-stream")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    for number in range(seen + 1, seen + 4):
        event = b": a comment\nid: %d\ndata: first line\ndata: of event %d\n\n" % (number, number)
        await send({"type": "http.response.body", "body": event, "more_body": True})
    await send({"type": "http.response.body", "body": b""})


async def _containers(scope: Message, receive: Receive, send: Send, parameter: str) -> None:
    await _json(send, 200, CONTAINERS)


async def _echo_messages(receive: Receive, send: Send) -> None:
    await receive()
    await send({"type": "websocket.accept"})
    while True:
        message = await receive()
        if message["type"] != "websocket.receive":
            return
        await send({"type": "websocket.send", "text": message["text"]})


ROUTES = {
    "bytes": _bytes,
    "containers": _containers,
    "drip": _drip,
    "echo": _echo,
    "events": _events,
    "flaky": _flaky,
    "headers": _headers,
    "slow": _slow,
    "status": _status,
    "stream": _stream,
    "upload": _upload,
}


async def _body(receive: Receive) -> bytes:
    parts = []
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise asyncio.CancelledError
        parts.append(message.get("body", b""))
        if not message.get("more_body", False):
            return b"".join(parts)


async def _json(send: Send, status: int, value: typing.Any) -> None:
    await _answer(send, status, json.dumps(value).encode(), [(b"content-type", b"application/json")])


async def _answer(send: Send, status: int, body: bytes, headers: typing.List[typing.Tuple[bytes, bytes]]) -> None:
    headers = [*headers, (b"content-length", b"%d" % len(body))]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
