"""The table of workloads: what is sent, how often, with how many tasks or threads, over which transport."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Dict, List, Optional, Sequence, Tuple

from .nginx import DOWNLOAD_SIZES, SMALL_BODY
from .stage import Stage

__all__ = ["GROUPS", "IMPORT_TIME", "QUICK", "WORKLOADS", "Workload", "origins_of", "series"]

_FLAVOURS = ("sync", "asyncio", "trio")


@dataclass(frozen=True)
class Workload:
    """One row. At most `requests` a run, at least `turns` for each task or thread; `origins` is over how many they go,
    `idle` how many connections stand by, `unit` what one count stands for. `fresh` takes a new process for every run;
    `patience` multiplies the time after which a run is given up. `peers` names those who can do it, or do it alike.

    Rows of one `series` are raced together, the lighter ones first: who does not finish one, or would not finish the
    next at the same pace, is not tried on it.
    """

    name: str
    flavour: str
    load: str = "requests"
    base: str = "http"
    path: str = "/small"
    requests: int = 10000
    concurrency: int = 1
    limit: int = 100
    origins: int = 1
    idle: int = 0
    turns: int = 1
    size: int = SMALL_BODY
    fresh: bool = False
    proxied: bool = False
    patience: float = 1.0
    unit: str = "request"
    series: str = ""
    peers: Optional[Tuple[str, ...]] = None

    def job(self, stage: Stage) -> Dict[str, Any]:
        """The job as the worker reads it."""
        urls = [stage.bases[self.base] + self.path] if self.origins == 1 else stage.origins[: self.origins]
        if self.load == "slow_origin":
            urls = [stage.bases["slow"] + self.path, *urls]
        return {
            "flavour": self.flavour,
            "load": self.load,
            "urls": urls,
            "body_size": self.size,
            "requests": self.requests,
            "concurrency": self.concurrency,
            "limit": self.limit,
            "idle": self.idle,
            "http2": self.base == "h2",
            "closes": self.path == "/close",
            "resumes": self.base == "resumed",
            "cafile": None if self.base == "http" else stage.cafile,
            "proxy": stage.proxy if self.proxied else None,
        }

    @property
    def waits(self) -> bool:
        """Whether more requests are under way at a time than connections."""
        return self.base != "h2" and self.concurrency > self.limit

    @property
    def least(self) -> int:
        """How many exchanges make a run, at the least."""
        if self.load not in {"requests", "slow_origin"}:
            return self.requests
        return max(self.requests // 50, self.concurrency * self.turns)

    @property
    def effort(self) -> int:
        """How many exchanges the shortest run takes, those that open connections before it included."""
        return self.least + max(self.origins, self.concurrency) + self.idle


def _small() -> List[Workload]:
    rows = [Workload("sync_seq", "sync", series="threads")]
    rows += [
        Workload(f"sync_threads{threads}", "sync", concurrency=threads, turns=4, series="threads")
        for threads in (2, 8, 64)
    ]
    rows += [Workload("sync_tls_seq", "sync", base="https"), Workload("asyncio_seq", "asyncio")]
    rows += [
        Workload(f"asyncio_{tasks}", "asyncio", concurrency=tasks, series="tasks") for tasks in (10, 20, 100, 1000)
    ]
    rows += [Workload("asyncio_1000_unlimited", "asyncio", concurrency=1000, limit=1000, series="tasks")]
    rows += [Workload("asyncio_tls_100", "asyncio", base="https", concurrency=100)]
    rows += [Workload("trio_seq", "trio")]
    rows += [Workload(f"trio_{tasks}", "trio", concurrency=tasks, series="trio_tasks") for tasks in (100, 1000)]
    rows += [Workload("many_origins_200", "asyncio", origins=200, concurrency=20, limit=200)]
    for flavour in _FLAVOURS:
        rows.append(Workload(f"new_connections_{flavour}", flavour, path="/close", requests=1000))
        rows.append(Workload(f"new_connections_tls_{flavour}", flavour, base="https", path="/close", requests=200))
    rows += [
        Workload(
            f"new_connections_tls_resumed_{flavour}",
            flavour,
            base="resumed",
            path="/close",
            requests=200,
            peers=("ours", "pycurl", "pyreqwest"),
        )
        for flavour in ("sync", "asyncio")
    ]
    return rows


# Those who let requests wait for one of few connections, over however many origins.
_QUEUEING = {
    "sync": ("ours", "httpcore", "httpcore2", "urllib3", "pyreqwest"),
    "asyncio": ("ours", "httpcore", "httpcore2", "aiohttp", "pyreqwest", "raw"),
    "trio": ("ours", "httpcore", "httpcore2", "raw"),
}


def _queued(flavour: str, *numbers: int) -> List[Workload]:
    """So many requests waiting for ten connections."""
    return [
        Workload(
            f"queued_{waiting}_{flavour}",
            flavour,
            requests=max(10000, 10 * (waiting + 10)),
            concurrency=waiting + 10,
            limit=10,
            turns=10 if flavour == "sync" else 2,
            patience=2.0,
            series=f"queued_{flavour}",
            peers=_QUEUEING[flavour],
        )
        for waiting in numbers
    ]


def _idle_beside(flavour: str, *numbers: int) -> List[Workload]:
    """One request at a time, in a pool with so many idle connections."""
    peers = tuple(name for name in _QUEUEING[flavour] if name != "pyreqwest")
    return [
        Workload(f"idle_{idle}_{flavour}", flavour, limit=1000, idle=idle, series=f"idle_{flavour}", peers=peers)
        for idle in numbers
    ]


def _origins() -> List[Workload]:
    """A connection for each origin; five origins for each connection; a queue for few connections to all of them."""
    rows = [
        Workload(f"origins_{origins}", "asyncio", origins=origins, concurrency=20, limit=5000, series="origins")
        for origins in (1, 50, 500, 5000)
    ]
    rows += [
        Workload(f"evicting_{limit}", "asyncio", origins=5 * limit, concurrency=5, limit=limit, series="evicting")
        for limit in (10, 100, 1000)
    ]
    # No divisor of the limit: in step with it, connections would come free in the order in which they are wanted.
    rows += [
        Workload(f"contended_{origins}", "asyncio", origins=origins, concurrency=100, limit=20, series="contended")
        for origins in (1, 7)
    ]
    evicting = ("ours", "httpcore", "httpcore2")
    return [replace(row, peers=evicting if row.series == "evicting" else _QUEUEING["asyncio"]) for row in rows]


def _slow_origin() -> Workload:
    """A tenth of the tasks wants a slow origin, all share 20 connections; the others' requests are counted."""
    return Workload(
        "slow_origin_asyncio",
        "asyncio",
        "slow_origin",
        origins=4,
        concurrency=100,
        limit=20,
        unit="request to a fast origin",
        peers=_QUEUEING["asyncio"],
    )


def _scale() -> List[Workload]:
    return [
        *_queued("sync", 10, 100, 1000),
        *_queued("asyncio", 1, 10, 100, 1000, 10000),
        *_queued("trio", 10, 1000, 10000),
        *_idle_beside("sync", 1, 1000),
        *_idle_beside("asyncio", 1, 10, 100, 1000),
        *_origins(),
        _slow_origin(),
    ]


def _bodies(flavour: str) -> List[Workload]:
    down: Dict[str, Any] = {"load": "download", "requests": 1, "unit": "download"}
    up: Dict[str, Any] = {"load": "upload", "requests": 1, "unit": "upload", "path": "/upload"}
    large, medium = DOWNLOAD_SIZES["100mb"], DOWNLOAD_SIZES["50mb"]
    return [
        Workload(f"download_100mb_{flavour}", flavour, path="/100mb", size=large, **down),
        Workload(f"upload_5mb_{flavour}", flavour, size=5_000_000, series=f"upload_{flavour}", **up),
        Workload(f"upload_50mb_{flavour}", flavour, size=50_000_000, series=f"upload_{flavour}", **up),
        Workload(f"h2_download_50mb_{flavour}", flavour, base="h2", path="/50mb", size=medium, **down),
        Workload(f"h2_upload_50mb_{flavour}", flavour, base="h2", size=50_000_000, **up),
    ]


def _idle(flavour: str) -> Workload:
    name, unit = f"memory_idle_1000_{flavour}", "connection"
    return Workload(name, flavour, "idle_memory", requests=1000, limit=1000, fresh=True, patience=2.0, unit=unit)


def _http2() -> List[Workload]:
    return [
        *(Workload(f"h2_seq_{flavour}", flavour, base="h2") for flavour in _FLAVOURS),
        Workload("h2_threads8", "sync", base="h2", concurrency=8, limit=1),
        Workload("h2_100_streams_asyncio", "asyncio", base="h2", concurrency=100, limit=1),
        Workload("h2_100_streams_trio", "trio", base="h2", concurrency=100, limit=1),
    ]


def _tunnel(flavour: str) -> List[Workload]:
    return [
        Workload(f"direct_tls_{flavour}", flavour, base="https", series=f"tunnel_{flavour}"),
        Workload(f"tunnel_tls_{flavour}", flavour, base="https", proxied=True, series=f"tunnel_{flavour}"),
    ]


def _table() -> List[Workload]:
    rows = [*_small(), *_http2()]
    for flavour in _FLAVOURS:
        rows += [*_bodies(flavour), _idle(flavour), *_tunnel(flavour)]
    return [*rows, *_scale()]


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
    "scale": tuple(row.name for row in _scale()),
    "threads": _starting("sync_threads"),
    "tunnel": _starting("direct_", "tunnel_"),
    "upload": _starting("upload_"),
}

QUICK = ("sync_seq", "asyncio_seq", "asyncio_100", "trio_100", "download_100mb_sync", IMPORT_TIME)


def origins_of(names: Sequence[str]) -> int:
    """How many origins the largest of these workloads goes to."""
    return max((WORKLOADS[name].origins for name in names if name in WORKLOADS), default=1)


def series(names: Sequence[str]) -> List[List[str]]:
    """The same names, those of one series together where its first one stands and in the order of the table."""
    together: Dict[str, List[str]] = {}
    for name in names:
        own = WORKLOADS[name].series if name in WORKLOADS else ""
        together.setdefault(f"series {own}" if own else name, []).append(name)
    order = list(WORKLOADS)
    return [sorted(group, key=order.index) if len(group) > 1 else group for group in together.values()]
