"""httpx-ws: websockets over `network_stream`, which it reads and writes from different threads or tasks at once."""

from __future__ import annotations

import base64
import hashlib
import ssl
from typing import Iterator, List

import anyio
import httpx
import pytest
from httpx_ws import WebSocketDisconnect, WebSocketNetworkError, WebSocketUpgradeError, aconnect_ws, connect_ws
from wsproto.connection import Connection, ConnectionType
from wsproto.events import BytesMessage, CloseConnection, Message, Ping, TextMessage

from .application import Exchange, Server
from .conftest import Run

LARGE = 60_000  # the client takes messages of up to 65,536 bytes


def accepted(exchange: Exchange) -> bytes:
    """The head of the answer that turns the connection into a websocket (RFC 6455 § 4.2.2)."""
    key = exchange.seen.headers["Sec-WebSocket-Key"] + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
    lines = [
        "HTTP/1.1 101 Switching Protocols",
        "Upgrade: websocket",
        "Connection: Upgrade",
        "Sec-WebSocket-Accept: " + base64.b64encode(hashlib.sha1(key.encode()).digest()).decode(),
    ]
    if "chat" in exchange.seen.headers.get("Sec-WebSocket-Protocol", ""):
        lines.append("Sec-WebSocket-Protocol: chat")
    return "\r\n".join([*lines, "", ""]).encode()


def serve(exchange: Exchange) -> None:
    path = exchange.seen.path
    if path == "/plain":
        exchange.answer(200, b"no websocket")
        return
    if path == "/refused":
        exchange.answer(403, b"not for you")
        return
    exchange.close_connection = True
    websocket = Connection(ConnectionType.SERVER)
    head = accepted(exchange)
    if path == "/greeting":
        # In one piece: what follows the head must not be lost.
        exchange.wfile.write(head + websocket.send(Message(data="welcome")))
    else:
        exchange.wfile.write(head)
    if path == "/bye":
        exchange.wfile.write(websocket.send(CloseConnection(code=1001, reason="going away")))
    while True:
        received = exchange.rfile.read1(65536)
        websocket.receive_data(received or None)
        for event in websocket.events():
            if path == "/drop" and isinstance(event, Message):
                return
            if isinstance(event, (TextMessage, BytesMessage)):
                exchange.wfile.write(
                    websocket.send(type(event)(data=event.data, message_finished=event.message_finished))
                )
            elif isinstance(event, Ping) or (isinstance(event, CloseConnection) and path != "/bye"):
                exchange.wfile.write(websocket.send(event.response()))
            if isinstance(event, CloseConnection):
                return
        if not received:
            return


@pytest.fixture
def server() -> Iterator[Server]:
    with Server(serve) as server:
        yield server


@pytest.fixture
def secure(certified: ssl.SSLContext) -> Iterator[Server]:
    with Server(serve, certified) as server:
        yield server


def test_messages_both_ways(server: Server) -> None:
    with httpx.Client() as client, connect_ws(f"{server.url}/echo", client, subprotocols=["chat"]) as session:
        assert session.subprotocol == "chat"
        session.send_text("hello")
        assert session.receive_text() == "hello"
        session.send_json({"a": [1, 2]})
        assert session.receive_json() == {"a": [1, 2]}
        session.send_bytes(b"x" * LARGE)
        assert session.receive_bytes() == b"x" * LARGE
        assert session.ping().wait(10)


def test_many_messages_while_reading(server: Server) -> None:
    with httpx.Client() as client, connect_ws(f"{server.url}/echo", client) as session:
        for number in range(200):
            session.send_text(str(number))
        assert [session.receive_text() for _ in range(200)] == [str(number) for number in range(200)]


def test_over_tls(secure: Server, trusting: ssl.SSLContext) -> None:
    url = secure.url.replace("https:", "wss:")
    with httpx.Client(verify=trusting) as client, connect_ws(f"{url}/echo", client) as session:
        session.send_bytes(b"x" * LARGE)
        assert session.receive_bytes() == b"x" * LARGE


def test_what_comes_with_the_answer_is_received(server: Server) -> None:
    with httpx.Client() as client, connect_ws(f"{server.url}/greeting", client) as session:
        assert session.receive_text() == "welcome"


def test_the_server_says_goodbye_or_just_goes(server: Server) -> None:
    with httpx.Client() as client:
        with connect_ws(f"{server.url}/bye", client) as session, pytest.raises(WebSocketDisconnect) as caught:
            session.receive_text()
        assert caught.value.code == 1001
        with connect_ws(f"{server.url}/drop", client) as session:
            session.send_text("go")
            with pytest.raises(WebSocketNetworkError):
                session.receive_text()


def test_a_refused_upgrade_leaves_a_client_that_works(server: Server) -> None:
    with httpx.Client(limits=httpx.Limits(max_connections=1)) as client:
        with pytest.raises(WebSocketUpgradeError) as caught, connect_ws(f"{server.url}/refused", client):
            pass
        assert caught.value.response.status_code == 403
        assert client.get(f"{server.url}/plain").text == "no websocket"


def test_a_session_gives_its_place_back(server: Server) -> None:
    with httpx.Client(limits=httpx.Limits(max_connections=1)) as client:
        for _ in range(3):
            with connect_ws(f"{server.url}/echo", client) as session:
                session.send_text("hello")
                assert session.receive_text() == "hello"
        assert client.get(f"{server.url}/plain").text == "no websocket"


def test_async_messages_both_ways(run: Run, server: Server) -> None:
    async def main() -> None:
        async with httpx.AsyncClient() as client:
            async with aconnect_ws(f"{server.url}/echo", client, subprotocols=["chat"]) as session:
                assert session.subprotocol == "chat"
                await session.send_json({"a": [1, 2]})
                assert await session.receive_json() == {"a": [1, 2]}
                await session.send_bytes(b"x" * LARGE)
                assert await session.receive_bytes() == b"x" * LARGE
                with anyio.fail_after(10):
                    await (await session.ping()).wait()

    run(main)


def test_async_sends_while_receiving(run: Run, server: Server) -> None:
    async def main() -> None:
        received: List[str] = []
        async with httpx.AsyncClient() as client, aconnect_ws(f"{server.url}/echo", client) as session:
            async with anyio.create_task_group() as tasks:

                async def receive() -> None:
                    received.extend([await session.receive_text() for _ in range(200)])

                tasks.start_soon(receive)
                for number in range(200):
                    await session.send_text(str(number))
        assert received == [str(number) for number in range(200)]

    run(main)


def test_async_over_tls(run: Run, secure: Server, trusting: ssl.SSLContext) -> None:
    async def main() -> None:
        url = secure.url.replace("https:", "wss:")
        async with httpx.AsyncClient(verify=trusting) as client:
            async with aconnect_ws(f"{url}/echo", client) as session:
                await session.send_bytes(b"x" * LARGE)
                assert await session.receive_bytes() == b"x" * LARGE

    run(main)


def test_async_what_comes_with_the_answer_is_received(run: Run, server: Server) -> None:
    async def main() -> None:
        async with httpx.AsyncClient() as client, aconnect_ws(f"{server.url}/greeting", client) as session:
            assert await session.receive_text() == "welcome"

    run(main)


def test_async_the_server_says_goodbye_or_just_goes(run: Run, server: Server) -> None:
    async def main() -> None:
        async with httpx.AsyncClient() as client:
            async with aconnect_ws(f"{server.url}/bye", client) as session:
                with pytest.raises(WebSocketDisconnect):
                    await session.receive_text()
            async with aconnect_ws(f"{server.url}/drop", client) as session:
                await session.send_text("go")
                with pytest.raises(WebSocketNetworkError):
                    await session.receive_text()

    run(main)


def test_async_waiting_for_a_message_is_cancelled(run: Run, server: Server) -> None:
    async def main() -> None:
        async with httpx.AsyncClient(limits=httpx.Limits(max_connections=1)) as client:
            async with aconnect_ws(f"{server.url}/echo", client) as session:
                with pytest.raises(TimeoutError):
                    await session.receive_text(timeout=0.01)
                await session.send_text("still here")
                assert await session.receive_text() == "still here"
            assert (await client.get(f"{server.url}/plain")).text == "no websocket"

    run(main)


def test_async_refused_upgrade_leaves_a_client_that_works(run: Run, server: Server) -> None:
    async def main() -> None:
        async with httpx.AsyncClient(limits=httpx.Limits(max_connections=1)) as client:
            with pytest.raises(WebSocketUpgradeError):
                async with aconnect_ws(f"{server.url}/refused", client):
                    pass
            assert (await client.get(f"{server.url}/plain")).text == "no websocket"

    run(main)
