"""What this project holds itself to: ratios that a run's data are compared with."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Optional, Tuple

from .peers import OURS
from .workloads import IMPORT_TIME

__all__ = ["GOALS", "Goal"]

_FLAVOURS = ("sync", "asyncio", "trio")

# What a hundred or a thousand times as many may cost each: the same steps find less in the processor's caches.
_FLAT = 1.3


@dataclass(frozen=True)
class Goal:
    """A `measure` of this project on `workload` is at most `ratio` times that of `peer`, on `against` where the other
    is another workload, and in `over` where it is another measure. Workloads that are compared are of one series."""

    workload: str
    peer: str
    ratio: float
    against: Optional[str] = None
    measure: str = "cpu"
    over: Optional[str] = None


GOALS: Tuple[Goal, ...] = (
    Goal("sync_seq", "http_client", 0.8),
    Goal("sync_seq", "urllib3", 0.45),
    Goal("sync_seq", "httpcore", 0.7),
    Goal("sync_threads8", "http_client", 1.0),
    Goal("asyncio_seq", "aiohttp", 0.65),
    *(
        Goal(workload, peer, ratio)
        for workload in ("asyncio_20", "asyncio_100", "asyncio_1000", "asyncio_1000_unlimited")
        for peer, ratio in (("aiohttp", 0.6), ("pyreqwest", 1.3), ("raw", 2.5))
    ),
    Goal("asyncio_1000", OURS, 1.2, against="asyncio_10"),
    Goal("asyncio_1000_unlimited", OURS, 1.2, against="asyncio_10"),
    Goal("asyncio_tls_100", "aiohttp", 0.7),
    Goal("many_origins_200", "aiohttp", 0.6),
    Goal("trio_seq", "httpcore2", 0.4),
    Goal("trio_100", "httpcore", 0.05),
    *(
        Goal(f"{body}_{flavour}", peer, ratio)
        for body in ("download_100mb", "upload_50mb")
        for flavour, fastest in (("sync", "http_client"), ("asyncio", "aiohttp"), ("trio", None))
        for peer, ratio in ((fastest, 1.2), ("raw", 1.5))
        if peer is not None
    ),
    Goal("upload_50mb_sync", OURS, 12.0, against="upload_5mb_sync"),
    Goal("upload_50mb_asyncio", OURS, 12.0, against="upload_5mb_asyncio"),
    Goal("upload_50mb_trio", OURS, 12.0, against="upload_5mb_trio"),
    Goal("new_connections_sync", "http_client", 1.0),
    Goal("new_connections_tls_sync", "http_client", 1.0),
    Goal("new_connections_asyncio", "aiohttp", 1.0),
    Goal("new_connections_tls_asyncio", "aiohttp", 1.0),
    Goal(IMPORT_TIME, "httpcore", 0.4),
    Goal("h2_seq_sync", "httpcore", 0.5),
    Goal("h2_seq_sync", "httpcore2", 0.4),
    Goal("h2_seq_asyncio", "httpcore2", 0.4),
    Goal("h2_100_streams_asyncio", "httpcore", 0.4),
    Goal("h2_100_streams_asyncio", "niquests", 0.2),
    *(
        Goal(f"h2_{body}_{flavour}", "httpcore2", 0.3)
        for body in ("download_50mb", "upload_50mb")
        for flavour in _FLAVOURS
    ),
    Goal("tunnel_tls_sync", OURS, 1.05, against="direct_tls_sync"),
    Goal("tunnel_tls_trio", OURS, 1.05, against="direct_tls_trio"),
    Goal("tunnel_tls_asyncio", OURS, 1.05, against="direct_tls_asyncio"),
    *(
        Goal(f"{workload}_{more}{flavour}", OURS, _FLAT, against=f"{workload}_{few}{flavour}")
        for workload, flavour, few, more in (
            ("queued", "_sync", 10, 1000),
            ("queued", "_asyncio", 10, 1000),
            ("queued", "_asyncio", 10, 10000),
            ("queued", "_trio", 10, 1000),
            ("queued", "_trio", 10, 10000),
            ("idle", "_sync", 1, 1000),
            ("idle", "_asyncio", 1, 1000),
            ("origins", "", 50, 500),
            ("origins", "", 50, 5000),
            ("evicting", "", 10, 1000),
            ("contended", "", 1, 7),
        )
    ),
    Goal("sync_threads64", OURS, _FLAT, against="sync_seq"),
    *(Goal(f"queued_1000_{flavour}", OURS, 1.5, measure="p99", over="p50") for flavour in _FLAVOURS),
)
