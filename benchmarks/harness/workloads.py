"""The table of workloads: what is sent, how often, with how many tasks or threads, over which transport."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Dict, List, Optional, Tuple

from .nginx import DOWNLOAD_SIZES, SMALL_BODY, Server

__all__ = ["GOALS", "GROUPS", "IMPORT_TIME", "QUICK", "WORKLOADS", "Goal", "Workload"]


_FLAVOURS = ("sync", "asyncio", "trio")


@dataclass(frozen=True)
class Workload:
    """One row. At most `requests` a run; `fresh` runs in a new worker process; `unit` is what one count
    stands for; `patience` multiplies the time after which a run is given up."""

    name: str
    flavour: str
    load: str = "requests"
    base: str = "http"
    path: str = "/small"
    requests: int = 10000
    concurrency: int = 1
    limit: int = 100
    size: int = SMALL_BODY
    fresh: bool = False
    proxied: bool = False
    patience: float = 1.0
    unit: str = "request"

    def job(self, server: Server, proxy: Optional[str]) -> Dict[str, Any]:
        """The job as the worker reads it."""
        if self.path == "many":
            urls = server.origins
        else:
            urls = [server.bases[self.base] + self.path]
        return {
            "flavour": self.flavour,
            "load": self.load,
            "urls": urls,
            "body_size": self.size,
            "requests": self.requests,
            "concurrency": self.concurrency,
            "limit": self.limit,
            "http2": self.base == "h2",
            "closes": self.path == "/close",
            "cafile": None if self.base == "http" else server.cafile,
            "proxy": proxy if self.proxied else None,
        }


def _small() -> List[Workload]:
    rows = [Workload("sync_seq", "sync"), Workload("sync_threads8", "sync", concurrency=8)]
    rows += [Workload("sync_tls_seq", "sync", base="https"), Workload("asyncio_seq", "asyncio")]
    rows += [Workload(f"asyncio_{tasks}", "asyncio", concurrency=tasks) for tasks in (10, 20, 100)]
    rows += [Workload("asyncio_1000", "asyncio", concurrency=1000)]
    rows += [Workload("asyncio_1000_unlimited", "asyncio", concurrency=1000, limit=1000)]
    rows += [Workload("asyncio_tls_100", "asyncio", base="https", concurrency=100)]
    rows += [Workload("trio_seq", "trio"), Workload("trio_100", "trio", concurrency=100)]
    rows += [Workload("trio_1000", "trio", concurrency=1000)]
    rows += [Workload("many_origins_200", "asyncio", path="many", concurrency=20, limit=200)]
    for flavour in _FLAVOURS:
        rows.append(Workload(f"new_connections_{flavour}", flavour, path="/close", requests=1000))
        rows.append(Workload(f"new_connections_tls_{flavour}", flavour, base="https", path="/close", requests=200))
    return rows


def _bodies(flavour: str) -> List[Workload]:
    down: Dict[str, Any] = {"load": "download", "requests": 1, "unit": "download"}
    up: Dict[str, Any] = {"load": "upload", "requests": 1, "unit": "upload", "path": "/upload"}
    large, medium = DOWNLOAD_SIZES["100mb"], DOWNLOAD_SIZES["50mb"]
    return [
        Workload(f"download_100mb_{flavour}", flavour, path="/100mb", size=large, **down),
        Workload(f"upload_5mb_{flavour}", flavour, size=5_000_000, **up),
        Workload(f"upload_50mb_{flavour}", flavour, size=50_000_000, **up),
        Workload(f"h2_download_50mb_{flavour}", flavour, base="h2", path="/50mb", size=medium, **down),
        Workload(f"h2_upload_50mb_{flavour}", flavour, base="h2", size=50_000_000, **up),
    ]


def _idle(flavour: str) -> Workload:
    name, unit = f"memory_idle_1000_{flavour}", "connection"
    return Workload(name, flavour, "idle_memory", requests=1000, limit=1000, fresh=True, patience=4.0, unit=unit)


def _http2() -> List[Workload]:
    return [
        *(Workload(f"h2_seq_{flavour}", flavour, base="h2") for flavour in _FLAVOURS),
        Workload("h2_threads8", "sync", base="h2", concurrency=8, limit=1),
        Workload("h2_100_streams_asyncio", "asyncio", base="h2", concurrency=100, limit=1),
        Workload("h2_100_streams_trio", "trio", base="h2", concurrency=100, limit=1),
    ]


def _tunnel(flavour: str) -> List[Workload]:
    return [
        Workload(f"direct_tls_{flavour}", flavour, base="https"),
        Workload(f"tunnel_tls_{flavour}", flavour, base="https", proxied=True),
    ]


def _table() -> List[Workload]:
    rows = [*_small(), *_http2()]
    for flavour in _FLAVOURS:
        rows += [*_bodies(flavour), _idle(flavour), *_tunnel(flavour)]
    return rows


WORKLOADS: Dict[str, Workload] = {row.name: row for row in _table()}

IMPORT_TIME = "import_time"


def _starting(*prefixes: str) -> Tuple[str, ...]:
    return tuple(name for name in WORKLOADS if name.startswith(prefixes))


GROUPS: Dict[str, Tuple[str, ...]] = {
    "download": _starting("download_"),
    "flat_cost": ("asyncio_10", "asyncio_100", "asyncio_1000"),
    "h2": _starting("h2_"),
    "memory": _starting("memory_"),
    "new_connections": _starting("new_connections_"),
    "tunnel": _starting("direct_", "tunnel_"),
    "upload": _starting("upload_"),
}

QUICK = ("sync_seq", "asyncio_seq", "asyncio_100", "trio_100", "download_100mb_sync", IMPORT_TIME)


@dataclass(frozen=True)
class Goal:
    """CPU of this project on `workload` is at most `ratio` times that of `peer` (on `against`, else the same)."""

    workload: str
    peer: str
    ratio: float
    against: Optional[str] = None


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
    Goal("asyncio_1000", "ours", 1.2, against="asyncio_10"),
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
    Goal("upload_50mb_sync", "ours", 12.0, against="upload_5mb_sync"),
    Goal("upload_50mb_asyncio", "ours", 12.0, against="upload_5mb_asyncio"),
    Goal("upload_50mb_trio", "ours", 12.0, against="upload_5mb_trio"),
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
    Goal("tunnel_tls_sync", "ours", 1.05, against="direct_tls_sync"),
    Goal("tunnel_tls_trio", "ours", 1.05, against="direct_tls_trio"),
    Goal("tunnel_tls_asyncio", "ours", 1.05, against="direct_tls_asyncio"),
)
