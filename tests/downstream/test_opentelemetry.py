"""OpenTelemetry's instrumentation of httpx: a span a request, its context sent along, failures recorded."""

from __future__ import annotations

from typing import Any, Dict, Iterator, List, Sequence

import httpx
import pytest
from opentelemetry.instrumentation.httpx import (
    AsyncOpenTelemetryTransport,
    HTTPXClientInstrumentor,
    SyncOpenTelemetryTransport,
)
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor, SpanExporter, SpanExportResult

from .application import Exchange, Seen, Server
from .conftest import Run


class Collected(SpanExporter):
    """Keeps what ended."""

    def __init__(self) -> None:
        self.spans: List[ReadableSpan] = []

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        self.spans.extend(spans)
        return SpanExportResult.SUCCESS


@pytest.fixture
def collected() -> Collected:
    return Collected()


@pytest.fixture
def provider(collected: Collected) -> Iterator[TracerProvider]:
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(collected))
    yield provider
    provider.shutdown()


@pytest.fixture
def instrumented(provider: TracerProvider) -> Iterator[None]:
    instrumentor = HTTPXClientInstrumentor()
    instrumentor.instrument(tracer_provider=provider)
    yield
    instrumentor.uninstrument()


def sent_context(span: ReadableSpan) -> str:
    assert span.context is not None
    return f"{span.context.trace_id:032x}-{span.context.span_id:016x}"


def received_context(seen: Seen) -> str:
    _, trace, parent, _ = seen.headers["traceparent"].split("-")
    return f"{trace}-{parent}"


@pytest.mark.usefixtures("instrumented")
def test_a_span_for_each_request(echoing: Server, collected: Collected) -> None:
    with httpx.Client() as client:
        client.get(f"{echoing.url}/a")
        client.post(f"{echoing.url}/b", content=b"body")
    assert [span.name for span in collected.spans] == ["GET", "POST"]
    attributes = collected.spans[0].attributes or {}
    assert attributes["http.url"] == f"{echoing.url}/a"
    assert attributes["http.status_code"] == 200
    assert [received_context(seen) for seen in echoing.seen] == [sent_context(span) for span in collected.spans]


@pytest.mark.usefixtures("instrumented")
def test_async_span_with_our_events_inside(
    run: Run, echoing: Server, collected: Collected, provider: TracerProvider
) -> None:
    events = []

    async def trace(name: str, info: Dict[str, Any]) -> None:
        events.append(name)

    async def main() -> None:
        with provider.get_tracer("test").start_as_current_span("outer"):
            async with httpx.AsyncClient() as client:
                await client.get(echoing.url, extensions={"trace": trace})

    run(main)
    inner, outer = collected.spans
    assert (inner.name, outer.name) == ("GET", "outer")
    assert inner.parent is not None
    assert outer.context is not None
    assert inner.parent.span_id == outer.context.span_id
    assert received_context(echoing.seen[0]) == sent_context(inner)
    assert events[0] == "connection.connect_tcp.started"
    assert events[-1] == "http11.response_closed.complete"


@pytest.mark.usefixtures("instrumented")
def test_a_failure_is_recorded(run: Run, collected: Collected) -> None:
    async def main(url: str) -> None:
        async with httpx.AsyncClient() as client:
            with pytest.raises(httpx.RemoteProtocolError):
                await client.get(url)

    with Server(Exchange.drop) as server:
        with httpx.Client() as client, pytest.raises(httpx.RemoteProtocolError):
            client.get(server.url)
        run(lambda: main(server.url))
    for span in collected.spans:
        assert not span.status.is_ok
        assert [event.name for event in span.events] == ["exception"]
    assert len(collected.spans) == 2


def test_transports_with_hooks(run: Run, echoing: Server, collected: Collected, provider: TracerProvider) -> None:
    def request_hook(span: Any, request: Any) -> None:
        span.set_attribute("hooked", request.method.decode())

    def response_hook(span: Any, request: Any, response: Any) -> None:
        span.set_attribute("version", response.extensions["http_version"].decode())

    async def async_request_hook(span: Any, request: Any) -> None:
        request_hook(span, request)

    async def async_response_hook(span: Any, request: Any, response: Any) -> None:
        response_hook(span, request, response)

    async def main() -> None:
        transport = AsyncOpenTelemetryTransport(
            httpx.AsyncHTTPTransport(),
            tracer_provider=provider,
            request_hook=async_request_hook,
            response_hook=async_response_hook,
        )
        async with httpx.AsyncClient(transport=transport) as client:
            assert (await client.get(f"{echoing.url}/a")).text == "GET /a "

    transport = SyncOpenTelemetryTransport(
        httpx.HTTPTransport(), tracer_provider=provider, request_hook=request_hook, response_hook=response_hook
    )
    with httpx.Client(transport=transport) as client:
        assert client.get(f"{echoing.url}/a").text == "GET /a "
    run(main)
    assert len(collected.spans) == 2
    for span in collected.spans:
        attributes = span.attributes or {}
        assert (attributes["hooked"], attributes["version"]) == ("GET", "HTTP/1.1")
