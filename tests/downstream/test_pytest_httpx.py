"""pytest-httpx: it replaces httpx's transports, and reads a proxy's address and headers off our pools."""

from __future__ import annotations

import re
from typing import Any

import httpx
import pytest

from .application import Server
from .conftest import Run


def test_a_registered_response(httpx_mock: Any) -> None:
    httpx_mock.add_response(url="https://nowhere.invalid/a", json={"id": 7}, headers={"X-A": "b"})
    with httpx.Client() as client:
        response = client.get("https://nowhere.invalid/a")
    assert (response.json(), response.headers["X-A"], response.http_version) == ({"id": 7}, "b", "HTTP/1.1")
    assert [str(request.url) for request in httpx_mock.get_requests()] == ["https://nowhere.invalid/a"]


def test_async_callback_and_exception(run: Run, httpx_mock: Any) -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        return httpx.Response(200, content=request.content[::-1])

    async def main() -> None:
        httpx_mock.add_callback(answer, method="POST", match_content=b"abc")
        httpx_mock.add_exception(httpx.ReadTimeout("too slow"), method="GET")
        async with httpx.AsyncClient() as client:
            assert (await client.post("https://nowhere.invalid/", content=b"abc")).text == "cba"
            with pytest.raises(httpx.ReadTimeout, match="too slow"):
                await client.get("https://nowhere.invalid/")

    run(main)


def test_a_stream(httpx_mock: Any) -> None:
    from pytest_httpx import IteratorStream

    httpx_mock.add_response(stream=IteratorStream([b"one ", b"two"]))
    with httpx.Client() as client, client.stream("GET", "https://nowhere.invalid/") as response:
        assert list(response.iter_raw()) == [b"one ", b"two"]


@pytest.mark.httpx_mock(should_mock=lambda request: request.url.host != "127.0.0.1")
def test_what_shall_not_be_mocked_reaches_the_server(run: Run, httpx_mock: Any, echoing: Server) -> None:
    httpx_mock.add_response(url=re.compile("https://nowhere.invalid/.*"), text="mocked", is_reusable=True)

    async def main() -> None:
        async with httpx.AsyncClient() as client:
            assert (await client.get("https://nowhere.invalid/x")).text == "mocked"
            assert (await client.post(f"{echoing.url}/real", content=b"body")).text == "POST /real body"

    with httpx.Client() as client:
        assert client.get("https://nowhere.invalid/x").text == "mocked"
        assert client.post(f"{echoing.url}/real", content=b"body").text == "POST /real body"
    run(main)


@pytest.mark.parametrize("proxy", ["http://127.0.0.1:8030/", "http://name:secret@127.0.0.1:8030/"])
def test_requests_are_matched_by_their_proxy(run: Run, httpx_mock: Any, proxy: str) -> None:
    httpx_mock.add_response(url="https://nowhere.invalid/", proxy_url=proxy, text="by proxy", is_reusable=True)
    httpx_mock.add_response(url="https://nowhere.invalid/direct", proxy_url=None, text="direct")

    async def main() -> None:
        async with httpx.AsyncClient(proxy=proxy) as client:
            assert (await client.get("https://nowhere.invalid/")).text == "by proxy"

    with httpx.Client(proxy=proxy) as client:
        assert client.get("https://nowhere.invalid/").text == "by proxy"
    with httpx.Client() as client:
        assert client.get("https://nowhere.invalid/direct").text == "direct"
    run(main)
    assert len(httpx_mock.get_requests(proxy_url=proxy)) == 2
