"""What a request did when: trace events, put together to spans.

Rules that hold here:

* A span is what lies between `NAME.started` and `NAME.complete` or `NAME.failed`; the same name may come again, as
  when connecting is retried, or inside itself, as TLS does within TLS. The one begun last ends first.
* Spans keep names, times, addresses and errors; of what events carry along, headers above all, nothing else.
"""

from __future__ import annotations

import time
from typing import Any, Callable, Dict, List, Mapping, Optional

from .exit_codes import line_of

__all__ = ["Span", "Timeline"]


class Span:
    """One phase: `start` and `end` in seconds since the timeline began, `end` None where it has not ended."""

    def __init__(self, name: str, detail: str, start: float) -> None:
        self.name = name
        self.detail = detail
        self.start = start
        self.end: Optional[float] = None
        self.error: Optional[str] = None

    @property
    def label(self) -> str:
        """The name, what it was about, and how it failed."""
        text = f"{self.name} {self.detail}".rstrip()
        if self.error is not None:
            return f"{text}: {self.error}"
        return text if self.end is not None else f"{text}: not finished"


class Timeline:
    """Collects the events of one request: it is the `trace` extension itself. `clock` is in seconds."""

    def __init__(self, clock: Callable[[], float] = time.perf_counter) -> None:
        self.spans: List[Span] = []
        self.duration = 0.0
        self._clock = clock
        self._began = clock()
        self._open: Dict[str, List[Span]] = {}

    def __call__(self, event: str, info: Mapping[str, Any]) -> None:
        """Take one event."""
        now = self._clock() - self._began
        name, _, what = event.rpartition(".")
        if what == "started":
            span = Span(name, _about(info), now)
            self.spans.append(span)
            self._open.setdefault(name, []).append(span)
            return
        begun = self._open.get(name)
        if not begun:
            return
        span = begun.pop()
        span.end = now
        if what == "failed":
            span.error = line_of(info["exception"])
        else:
            span.detail = f"{span.detail} {_outcome(info.get('return_value'))}".strip()

    def finish(self) -> None:
        """Stop the clock: the request is over, one way or another."""
        self.duration = self._clock() - self._began


def _about(info: Mapping[str, Any]) -> str:
    """Return what an event's arguments say about where it goes."""
    if "host" in info and "port" in info:
        host = _text(info["host"])
        return f"[{host}]:{info['port']}" if ":" in host else f"{host}:{info['port']}"
    for key in ("path", "server_hostname"):
        if info.get(key) is not None:
            return _text(info[key])
    return ""


def _outcome(value: Any) -> str:
    """Return what came of it: an address for a connection, version and protocol for TLS, the status for a response."""
    if isinstance(value, tuple):
        for part in value[:2]:
            if isinstance(part, int):
                return str(part)
        return ""
    ask = getattr(value, "get_extra_info", None)
    if ask is None:
        return ""
    tls = ask("ssl_object")
    if tls is not None:
        said = (tls.version(), tls.selected_alpn_protocol())
        return f"({', '.join(word for word in said if word)})"
    address = ask("server_addr")
    return f"({address[0]})" if isinstance(address, tuple) and address else ""


def _text(value: Any) -> str:
    return value.decode("ascii", "replace") if isinstance(value, bytes) else str(value)
