"""Trace requests with OpenTelemetry: a span per request, an event on it per step, and the context sent along.

    pip install opentelemetry-api opentelemetry-sdk
    python examples/opentelemetry_spans.py URL

A pool is wrapped, not patched: anything with `handle_request` serves as one. The span ends when the response's body has
been read or closed, for that is when the request is over.
"""

from __future__ import annotations

import sys
from typing import Any, Dict, Iterator

from opentelemetry import propagate, trace

import httpcore


class TracedPool(httpcore.ConnectionPool):
    tracer = trace.get_tracer("httpcore.example")

    def handle_request(self, request: httpcore.Request) -> httpcore.Response:
        span = self.tracer.start_span(
            request.method.decode(),
            kind=trace.SpanKind.CLIENT,
            attributes={
                "http.request.method": request.method.decode(),
                "server.address": request.url.host.decode(),
                "server.port": request.url.origin.port,
            },
        )

        def hook(name: str, info: Dict[str, Any]) -> None:
            span.add_event(name)

        context: Dict[str, str] = {}
        propagate.inject(context, context=trace.set_span_in_context(span))
        request.headers.extend((name.encode(), value.encode()) for name, value in context.items())
        request.extensions = {**request.extensions, "trace": hook}
        try:
            response = super().handle_request(request)
        except BaseException as exc:
            span.record_exception(exc)
            span.set_status(trace.Status(trace.StatusCode.ERROR, type(exc).__name__))
            span.end()
            raise
        span.set_attribute("http.response.status_code", response.status)
        span.set_attribute("network.protocol.version", response.extensions["http_version"].decode().partition("/")[2])
        response.stream = EndsSpan(response.stream, span)
        return response


class EndsSpan:
    """A body whose end, or close, is the end of the span."""

    def __init__(self, stream: Any, span: trace.Span) -> None:
        self._stream, self._span = stream, span

    def __iter__(self) -> Iterator[bytes]:
        return iter(self._stream)

    def close(self) -> None:
        try:
            self._stream.close()
        finally:
            self._span.end()


def main(url: str) -> None:
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import ConsoleSpanExporter, SimpleSpanProcessor

    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(ConsoleSpanExporter()))
    trace.set_tracer_provider(provider)
    with TracedPool() as pool:
        print(pool.request("GET", url).status)
    provider.shutdown()


if __name__ == "__main__":
    main(sys.argv[1])
