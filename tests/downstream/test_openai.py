"""The openai SDK: answers at once and as server-sent events, its retries, its timeouts, streams left half read."""

from __future__ import annotations

import json
import threading
from typing import Any, Callable, Iterator, List

import anyio
import httpx
import openai
import pytest

from .application import Exchange, Server
from .conftest import Run

WORDS = ["Once ", "upon ", "a ", "time"]
MESSAGES: Any = [{"role": "user", "content": "Tell me a story."}]


def completion(text: str) -> Any:
    message = {"role": "assistant", "content": text}
    return {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "created": 1,
        "model": "local",
        "choices": [{"index": 0, "message": message, "finish_reason": "stop"}],
    }


def event(word: str) -> bytes:
    chunk = {
        "id": "chatcmpl-1",
        "object": "chat.completion.chunk",
        "created": 1,
        "model": "local",
        "choices": [{"index": 0, "delta": {"content": word}, "finish_reason": None}],
    }
    return b"data: %s\n\n" % json.dumps(chunk).encode()


class Model:
    """The server's side: `failures` are done first, one a request; then it answers what `stream` asks for."""

    def __init__(self) -> None:
        self.failures: List[Callable[[Exchange], None]] = []
        # A stream pauses after its first word until this is set.
        self.proceed = threading.Event()
        self.proceed.set()

    def __call__(self, exchange: Exchange) -> None:
        if self.failures:
            self.failures.pop(0)(exchange)
        elif json.loads(exchange.seen.body).get("stream"):
            exchange.answer_pieces(self.words(), Content_Type="text/event-stream")
        else:
            exchange.answer_json(completion("".join(WORDS)))

    def words(self) -> Iterator[bytes]:
        for word in WORDS:
            yield event(word)
            self.proceed.wait()
        yield b"data: [DONE]\n\n"


@pytest.fixture
def model() -> Iterator[Model]:
    model = Model()
    yield model
    model.proceed.set()


@pytest.fixture
def server(model: Model) -> Iterator[Server]:
    with Server(model) as server:
        yield server


def client_of(server: Server, **options: Any) -> openai.OpenAI:
    return openai.OpenAI(api_key="none", base_url=f"{server.url}/v1", **options)


def async_client_of(server: Server, **options: Any) -> openai.AsyncOpenAI:
    return openai.AsyncOpenAI(api_key="none", base_url=f"{server.url}/v1", **options)


def slow_down(exchange: Exchange) -> None:
    exchange.answer_json({"error": {"message": "slow down"}}, 429, retry_after_ms="1")


def overloaded(exchange: Exchange) -> None:
    exchange.answer_json({"error": {"message": "overloaded"}}, 503, retry_after_ms="1")


def test_completions_and_streams(server: Server) -> None:
    with client_of(server) as client:
        answer = client.chat.completions.create(model="local", messages=MESSAGES)
        assert answer.choices[0].message.content == "".join(WORDS)
        raw = client.chat.completions.with_raw_response.create(model="local", messages=MESSAGES)
        assert raw.http_response.http_version == "HTTP/1.1"
        assert len({seen.peer for seen in server.seen}) == 1
        stream = client.chat.completions.create(model="local", messages=MESSAGES, stream=True)
        assert [chunk.choices[0].delta.content for chunk in stream] == WORDS
    assert {seen.path for seen in server.seen} == {"/v1/chat/completions"}


def test_events_arrive_one_by_one(server: Server, model: Model) -> None:
    model.proceed.clear()
    with client_of(server) as client:
        stream = client.chat.completions.create(model="local", messages=MESSAGES, stream=True)
        assert next(stream).choices[0].delta.content == WORDS[0]
        model.proceed.set()
        assert [chunk.choices[0].delta.content for chunk in stream] == WORDS[1:]


def test_a_stream_left_early_frees_its_place(server: Server, model: Model) -> None:
    model.proceed.clear()
    limits = httpx.Limits(max_connections=1)
    with client_of(server, http_client=openai.DefaultHttpxClient(limits=limits)) as client:
        with client.chat.completions.create(model="local", messages=MESSAGES, stream=True) as stream:
            assert next(stream).choices[0].delta.content == WORDS[0]
        assert client.chat.completions.create(model="local", messages=MESSAGES).choices


def test_refusals_and_lost_connections_are_tried_again(server: Server, model: Model) -> None:
    model.failures = [slow_down, overloaded, Exchange.drop]
    with client_of(server, max_retries=3) as client:
        assert client.chat.completions.create(model="local", messages=MESSAGES).choices
    assert [seen.headers["x-stainless-retry-count"] for seen in server.seen] == ["0", "1", "2", "3"]


def test_errors_that_are_not_tried_again(server: Server, model: Model) -> None:
    with client_of(server, max_retries=0) as client:
        model.failures = [slow_down]
        with pytest.raises(openai.RateLimitError):
            client.chat.completions.create(model="local", messages=MESSAGES)
        model.failures = [Exchange.drop]
        with pytest.raises(openai.APIConnectionError) as caught:
            client.with_options(max_retries=0).chat.completions.create(model="local", messages=MESSAGES)
        assert isinstance(caught.value.__cause__, httpx.RemoteProtocolError)
        model.failures = [Exchange.hang]
        with pytest.raises(openai.APITimeoutError):
            client.with_options(timeout=0.05).chat.completions.create(model="local", messages=MESSAGES)
        assert client.chat.completions.create(model="local", messages=MESSAGES).choices
        server.stop()
        with pytest.raises(openai.APIConnectionError) as caught:
            openai.OpenAI(api_key="none", base_url=server.url, max_retries=0).models.list()
        assert isinstance(caught.value.__cause__, httpx.ConnectError)


def test_a_timeout_is_tried_again(server: Server, model: Model) -> None:
    model.failures = [Exchange.hang]
    with client_of(server, timeout=httpx.Timeout(30, read=0.5), max_retries=1) as client:
        assert client.chat.completions.create(model="local", messages=MESSAGES).choices
    assert len(server.seen) == 2


def test_async_completions_and_streams(run: Run, server: Server) -> None:
    async def main() -> None:
        async with async_client_of(server) as client:
            answer = await client.chat.completions.create(model="local", messages=MESSAGES)
            assert answer.choices[0].message.content == "".join(WORDS)
            assert (await client.chat.completions.create(model="local", messages=MESSAGES)).choices
            assert len({seen.peer for seen in server.seen}) == 1
            stream = await client.chat.completions.create(model="local", messages=MESSAGES, stream=True)
            assert [chunk.choices[0].delta.content async for chunk in stream] == WORDS

    run(main)


def test_async_events_arrive_one_by_one(run: Run, server: Server, model: Model) -> None:
    async def main() -> None:
        model.proceed.clear()
        async with async_client_of(server) as client:
            stream = await client.chat.completions.create(model="local", messages=MESSAGES, stream=True)
            words = []
            async for chunk in stream:
                words.append(chunk.choices[0].delta.content)
                model.proceed.set()
            assert words == WORDS

    run(main)


def test_async_stream_cancelled_half_read_frees_its_place(run: Run, server: Server, model: Model) -> None:
    async def main() -> None:
        model.proceed.clear()
        limits = httpx.Limits(max_connections=1)
        async with async_client_of(server, http_client=openai.DefaultAsyncHttpxClient(limits=limits)) as client:
            with anyio.CancelScope() as scope:
                async with await client.chat.completions.create(
                    model="local", messages=MESSAGES, stream=True
                ) as stream:
                    async for _ in stream:
                        scope.cancel()
            assert scope.cancelled_caught
            assert (await client.chat.completions.create(model="local", messages=MESSAGES)).choices

    run(main)


def test_async_refusals_and_lost_connections_are_tried_again(run: Run, server: Server, model: Model) -> None:
    async def main() -> None:
        model.failures = [slow_down, overloaded, Exchange.drop]
        async with async_client_of(server, max_retries=3) as client:
            assert (await client.chat.completions.create(model="local", messages=MESSAGES)).choices
        assert len(server.seen) == 4

    run(main)


def test_async_errors_that_are_not_tried_again(run: Run, server: Server, model: Model) -> None:
    async def main() -> None:
        async with async_client_of(server, max_retries=0) as client:
            model.failures = [overloaded, Exchange.drop]
            with pytest.raises(openai.InternalServerError):
                await client.chat.completions.create(model="local", messages=MESSAGES)
            with pytest.raises(openai.APIConnectionError):
                await client.chat.completions.create(model="local", messages=MESSAGES)
            model.failures = [Exchange.hang]
            with pytest.raises(openai.APITimeoutError):
                await client.with_options(timeout=0.05).chat.completions.create(model="local", messages=MESSAGES)
            assert (await client.chat.completions.create(model="local", messages=MESSAGES)).choices

    run(main)


def test_async_many_at_once(run: Run, server: Server) -> None:
    async def main() -> None:
        limits = httpx.Limits(max_connections=8)
        texts: List[str] = []
        async with async_client_of(server, http_client=openai.DefaultAsyncHttpxClient(limits=limits)) as client:

            async def ask() -> None:
                stream = await client.chat.completions.create(model="local", messages=MESSAGES, stream=True)
                texts.append("".join([chunk.choices[0].delta.content or "" async for chunk in stream]))

            async with anyio.create_task_group() as tasks:
                for _ in range(40):
                    tasks.start_soon(ask)
        assert texts == ["".join(WORDS)] * 40

    run(main)
