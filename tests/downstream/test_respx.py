"""respx: it replaces `handle_request` on our pools, proxies and connections, by their private module paths."""

from __future__ import annotations

from typing import Any, AsyncIterator, Iterator

import httpx
import pytest
import respx

import httpcore

from .application import Server
from .conftest import Run


def test_a_mocked_route_answers_without_a_connection() -> None:
    with respx.mock:
        route = respx.get("https://nowhere.invalid/items/", params={"page": "2"}).respond(201, json={"id": 7})
        with httpx.Client() as client:
            response = client.get("https://nowhere.invalid/items/?page=2")
    assert (response.status_code, response.json()) == (201, {"id": 7})
    assert route.call_count == 1


def test_async_mocked_route(run: Run) -> None:
    async def main() -> None:
        async with respx.mock(base_url="https://nowhere.invalid") as router:
            route = router.post("/submit", json={"a": 1}).mock(return_value=httpx.Response(202, text="queued"))
            async with httpx.AsyncClient() as client:
                response = await client.post("https://nowhere.invalid/submit", json={"a": 1})
            assert (response.status_code, response.text) == (202, "queued")
            assert route.calls.last.request.content == b'{"a":1}'

    run(main)


@respx.mock
def test_decorator_and_callback() -> None:
    def answer(request: httpx.Request, slug: str) -> httpx.Response:
        return httpx.Response(200, text=f"{slug} {request.headers['X-A']}")

    respx.get(url__regex=r"https://nowhere\.invalid/(?P<slug>\w+)/").mock(side_effect=answer)
    assert httpx.get("https://nowhere.invalid/thing/", headers={"X-A": "b"}).text == "thing b"


def test_fixture(respx_mock: Any) -> None:
    respx_mock.get("https://nowhere.invalid/").respond(204)
    assert httpx.get("https://nowhere.invalid/").status_code == 204


def test_errors_as_side_effects(run: Run) -> None:
    async def main() -> None:
        async with respx.mock, httpx.AsyncClient() as client:
            respx.get("https://nowhere.invalid/").mock(
                side_effect=[httpx.ConnectTimeout, httpx.ReadError, httpx.Response(200)]
            )
            with pytest.raises(httpx.ConnectTimeout):
                await client.get("https://nowhere.invalid/")
            with pytest.raises(httpx.ReadError):
                await client.get("https://nowhere.invalid/")
            assert (await client.get("https://nowhere.invalid/")).status_code == 200

    run(main)


def test_a_request_that_no_route_knows_is_an_error(echoing: Server) -> None:
    with respx.mock(assert_all_called=False) as router:
        router.get("https://nowhere.invalid/").respond(200)
        with pytest.raises(AssertionError, match="not mocked"):
            httpx.get(f"{echoing.url}/x")
    assert echoing.seen == []


def test_a_passed_through_request_reaches_the_server(echoing: Server) -> None:
    with respx.mock as router, httpx.Client() as client:
        real = router.post(host="127.0.0.1").pass_through()
        router.get("https://nowhere.invalid/").respond(200, text="mocked")
        assert client.post(f"{echoing.url}/real", content=b"body").text == "POST /real body"
        assert client.post(f"{echoing.url}/real", content=iter([b"two ", b"pieces"])).text == "POST /real two pieces"
        assert client.get("https://nowhere.invalid/").text == "mocked"
    assert real.called
    assert len({seen.peer for seen in echoing.seen}) == 1


def test_async_passed_through_request_reaches_the_server(run: Run, echoing: Server) -> None:
    async def pieces() -> AsyncIterator[bytes]:
        yield b"two "
        yield b"pieces"

    async def main() -> None:
        async with respx.mock as router, httpx.AsyncClient() as client:
            router.post(host="127.0.0.1").pass_through()
            response = await client.post(f"{echoing.url}/real", content=pieces())
            assert response.text == "POST /real two pieces"

    run(main)


def test_streamed_mock() -> None:
    def pieces() -> Iterator[bytes]:
        yield b"one "
        yield b"two"

    with respx.mock, httpx.Client() as client:
        respx.get("https://nowhere.invalid/").mock(return_value=httpx.Response(200, content=pieces()))
        with client.stream("GET", "https://nowhere.invalid/") as response:
            assert b"".join(response.iter_bytes()) == b"one two"


def test_through_a_proxy_that_is_not_there() -> None:
    with respx.mock, httpx.Client(proxy="http://127.0.0.1:1") as client:
        respx.get("https://nowhere.invalid/").respond(200, text="mocked")
        assert client.get("https://nowhere.invalid/").text == "mocked"


def test_our_own_pool_is_mocked(run: Run) -> None:
    async def main() -> None:
        async with respx.mock(using="httpcore") as router, httpcore.AsyncConnectionPool() as pool:
            router.get("https://nowhere.invalid/").respond(200, text="mocked")
            response = await pool.request("GET", "https://nowhere.invalid/")
            assert (response.status, response.content) == (200, b"mocked")

    with respx.mock(using="httpcore") as router:
        router.get("https://nowhere.invalid/").respond(200, text="mocked")
        assert httpcore.request("GET", "https://nowhere.invalid/").content == b"mocked"
        with httpcore.ConnectionPool() as pool, pool.stream("GET", "https://nowhere.invalid/") as response:
            assert response.read() == b"mocked"
    run(main)


def test_our_own_connection_is_mocked(run: Run) -> None:
    origin = httpcore.Origin(b"https", b"nowhere.invalid", 443)

    async def main() -> None:
        async with respx.mock(using="httpcore") as router, httpcore.AsyncHTTPConnection(origin) as connection:
            router.get("https://nowhere.invalid/").respond(200, text="mocked")
            assert (await connection.request("GET", "https://nowhere.invalid/")).content == b"mocked"

    with respx.mock(using="httpcore") as router, httpcore.HTTPConnection(origin) as connection:
        router.get("https://nowhere.invalid/").respond(200, text="mocked")
        assert connection.request("GET", "https://nowhere.invalid/").content == b"mocked"
    run(main)


def test_what_was_replaced_comes_back(echoing: Server) -> None:
    with httpx.Client() as client:
        with respx.mock:
            respx.get(f"{echoing.url}/x").respond(200, text="mocked")
            assert client.get(f"{echoing.url}/x").text == "mocked"
        assert client.get(f"{echoing.url}/x").text == "GET /x "
