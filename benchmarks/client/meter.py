"""CPU, wall and latency of the measured stretch of a run; set-up and warm-up stay outside of it."""

from __future__ import annotations

import cProfile
import gc
import io
import pstats
import sys
from time import perf_counter, process_time
from typing import Any, Dict, List, Optional

__all__ = ["Meter", "peak_rss", "resident_bytes"]


class Meter:
    """Started and stopped once by a load; `latencies` are seconds, one per exchange."""

    def __init__(self, profile: Optional[str] = None) -> None:
        self.latencies: List[float] = []
        self.extra: Dict[str, Any] = {}
        self._sort = profile
        self._profiler = None if profile is None else cProfile.Profile()
        self._wall = self._cpu = 0.0

    def start(self) -> None:
        gc.collect()
        if self._profiler is not None:
            self._profiler.enable()
        self._cpu = process_time()
        self._wall = perf_counter()

    def stop(self) -> None:
        self._wall = perf_counter() - self._wall
        self._cpu = process_time() - self._cpu
        if self._profiler is not None:
            self._profiler.disable()

    def report(self) -> Dict[str, Any]:
        """The measurement as JSON members: seconds, bytes, and a profile's text where one was asked for."""
        ordered = sorted(self.latencies)
        document: Dict[str, Any] = {"cpu": self._cpu, "wall": self._wall, "count": len(ordered), "peak_rss": peak_rss()}
        if ordered:
            document["p50"] = ordered[len(ordered) // 2]
            document["p99"] = ordered[min(len(ordered) - 1, len(ordered) * 99 // 100)]
            document["max"] = ordered[-1]
        if self._profiler is not None:
            text = io.StringIO()
            pstats.Stats(self._profiler, stream=text).sort_stats(self._sort or "tottime").print_stats(50)
            document["profile"] = text.getvalue()
        document.update(self.extra)
        return document


def peak_rss() -> Optional[int]:
    """Highest resident size of this process in bytes, None where the system does not say."""
    if sys.platform == "win32":
        return None
    import resource

    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


def resident_bytes() -> Optional[int]:
    """Resident size of this process now in bytes, None where there is no /proc."""
    if not sys.platform.startswith("linux"):
        return None
    with open("/proc/self/status", encoding="ascii") as status:
        for line in status:
            if line.startswith("VmRSS:"):
                return int(line.split()[1]) * 1024
    return None
