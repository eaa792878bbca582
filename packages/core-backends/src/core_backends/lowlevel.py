"""What people who write components build on: protocols, connectors, pools.

Stable like the package itself: what stands in `__all__` changes only with the major version. Users of the finished
library need none of it.
"""

from __future__ import annotations

from ._abandon import abandon, end_generator
from ._async.leading import AsyncLeadingStream
from ._deadline import Deadline, phase_timeout, time_left, with_deadline
from ._interrupt import AsyncInterrupt, Interrupt, Interrupted, register_socket
from ._models import (
    AsyncWholeBody,
    Content,
    Extensions,
    WholeBody,
    in_memory_body,
    make_response,
    response_with_stream,
)
from ._runtime import World, async_next_turn, async_world, current_async_library, next_turn, world
from ._sessions import TLSResumption, TLSSessions
from ._sockets import is_socket_readable
from ._ssl import offering, shared_ssl_context
from ._sync.leading import LeadingStream
from ._synchronization import AsyncEvent, AsyncLock, Event, Lock
from ._tls import async_start_tls, start_tls
from ._trace import AsyncTracer, Tracer, async_tracer, tracer
from ._url import (
    DEFAULT_PORTS,
    HeaderTypes,
    authority,
    enforce_bytes,
    enforce_headers,
    enforce_url,
    host_header,
    host_text,
    is_secure,
)

__all__ = [
    "DEFAULT_PORTS",
    "AsyncEvent",
    "AsyncInterrupt",
    "AsyncLeadingStream",
    "AsyncLock",
    "AsyncTracer",
    "AsyncWholeBody",
    "Content",
    "Deadline",
    "Event",
    "Extensions",
    "HeaderTypes",
    "Interrupt",
    "Interrupted",
    "LeadingStream",
    "Lock",
    "TLSResumption",
    "TLSSessions",
    "Tracer",
    "WholeBody",
    "World",
    "abandon",
    "async_next_turn",
    "async_start_tls",
    "async_tracer",
    "async_world",
    "authority",
    "current_async_library",
    "end_generator",
    "enforce_bytes",
    "enforce_headers",
    "enforce_url",
    "host_header",
    "host_text",
    "in_memory_body",
    "is_secure",
    "is_socket_readable",
    "make_response",
    "next_turn",
    "offering",
    "phase_timeout",
    "register_socket",
    "response_with_stream",
    "shared_ssl_context",
    "start_tls",
    "time_left",
    "tracer",
    "with_deadline",
    "world",
]
