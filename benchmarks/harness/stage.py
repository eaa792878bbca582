"""All servers that a run's workloads talk to, started together."""

from __future__ import annotations

import contextlib
import tempfile
from pathlib import Path
from typing import Dict, Iterator, List, NamedTuple, Optional

from .nginx import serve
from .relay import relay
from .slow import slow_origin

__all__ = ["Stage", "stage"]


class Stage(NamedTuple):
    """Base URLs by name (`http`, `https`, `resumed`, `h2`, `slow`), URLs of many origins, the proxy's URL, and the
    certificate that clients trust."""

    bases: Dict[str, str]
    origins: List[str]
    proxy: str
    cafile: str


@contextlib.contextmanager
def stage(core: Optional[int], origins: int) -> Iterator[Stage]:
    """Running servers, `origins` of them the same under many ports, pinned to `core`, stopped on leaving."""
    with contextlib.ExitStack() as stack:
        root = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="benchmark-")))
        server = stack.enter_context(serve(root, core, origins))
        proxy = stack.enter_context(relay(core))
        slow = stack.enter_context(slow_origin(core))
        yield Stage({**server.bases, "slow": slow}, server.origins, proxy, server.cafile)
