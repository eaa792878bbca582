"""The machine a run is made on: which core does what, and how to name it in a report."""

from __future__ import annotations

import contextlib
import os
import platform
import signal
import sys
from typing import Dict, Iterator, Optional, Tuple

__all__ = ["cores", "describe", "leave_cleanly", "pinned", "raise_file_limit"]


def cores() -> Tuple[Optional[int], Optional[int]]:
    """Core of the clients and core of the servers; None where the system cannot pin, or has one core only."""
    if not hasattr(os, "sched_getaffinity"):
        return None, None
    usable = sorted(os.sched_getaffinity(0))
    return (usable[0], usable[1]) if len(usable) > 1 else (None, None)


@contextlib.contextmanager
def pinned(core: Optional[int]) -> Iterator[None]:
    """Processes started inside run on `core` alone: a child inherits its parent's affinity."""
    if core is None or not hasattr(os, "sched_setaffinity"):
        yield
        return
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {core})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def leave_cleanly() -> None:
    """Unwind on SIGTERM as on Ctrl-C, so that servers and workers are stopped."""
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(128 + number))


def raise_file_limit() -> None:
    """Let this process and its children hold thousands of sockets, as far as the hard limit allows."""
    if sys.platform == "win32":
        return
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = 20000 if hard == resource.RLIM_INFINITY else min(hard, 20000)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def describe() -> Dict[str, str]:
    """What a reader needs to judge the figures."""
    client, server = cores()
    return {
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.release()} {platform.machine()}",
        "cpu": _processor(),
        "cores": str(os.cpu_count() or 1),
        "pinning": "none" if client is None else f"clients on core {client}, servers on core {server}",
    }


def _processor() -> str:
    if os.path.exists("/proc/cpuinfo"):
        with open("/proc/cpuinfo", encoding="utf-8") as lines:
            for line in lines:
                if line.startswith("model name"):
                    return line.partition(":")[2].strip()
    return platform.processor() or "unknown"
