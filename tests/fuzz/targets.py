"""The fuzz targets by name: what is run on each input, and the inputs to begin with.

A target returns, or raises: any exception that leaves it is a defect, and so are a hang and memory that grows.
"""

from __future__ import annotations

import pathlib
from typing import Callable, Dict, Iterator, NamedTuple

from . import h1_codecs, h1_connection, h2_connection, h2_engine, proxies

__all__ = ["TARGETS", "Target", "kept"]

_KEPT = pathlib.Path(__file__).parent / "kept"


class Target(NamedTuple):
    run: Callable[[bytes], None]
    seeds: Callable[[], Iterator[bytes]]


TARGETS: Dict[str, Target] = {
    "connect": Target(proxies.run_connect, proxies.seeds_connect),
    "h1-codecs": Target(h1_codecs.run, h1_codecs.seeds),
    "h1-connection": Target(h1_connection.run, h1_connection.seeds),
    "h2-connection": Target(h2_connection.run, h2_connection.seeds),
    "h2-engine": Target(h2_engine.run, h2_engine.seeds),
    "socks": Target(proxies.run_socks, proxies.seeds_socks),
}


def kept(name: str) -> Iterator[bytes]:
    """Inputs that have once been a crash, in tests/fuzz/kept/NAME."""
    for path in sorted((_KEPT / name).glob("*")):
        yield path.read_bytes()
