"""The report: machine and versions, goals, then one markdown table per measure."""

from __future__ import annotations

import statistics
from typing import Any, Callable, Dict, List, Optional

from .goals import GOALS, Goal
from .peers import OURS
from .summary import Summary
from .workloads import WORKLOADS

__all__ = ["render"]


def render(data: Dict[str, Any]) -> str:
    """Markdown for one run's data."""
    summary = Summary(data["samples"])
    parts = [_machine(data["meta"]), _versions(data["meta"])]
    if OURS in summary.peers:
        parts.append(_goals(summary))
    parts.append(_table(summary, "CPU time per request, or per what a row names", "cpu", _microseconds))
    parts.append(_table(summary, "Wall time per request, or per what a row names", "wall", _microseconds))
    parts.append(_table(summary, "Latency, median", "p50", _microseconds, _plain))
    parts.append(_table(summary, "Latency, 99th percentile", "p99", _microseconds, _plain))
    parts.append(_fairness(summary))
    parts.append(_table(summary, "Memory that 1000 idle connections hold together", "idle_bytes", _megabytes, _plain))
    return "\n\n".join(part for part in parts if part) + "\n"


def _machine(meta: Dict[str, Any]) -> str:
    lines = [f"- {name}: {meta[name]}" for name in ("date", "commit", "python", "server", "system", "cpu", "cores")]
    lines.append(f"- pinning: {meta['pinning']}")
    length = f", of {meta['seconds']:g} s where requests are small" if "seconds" in meta else ""
    lines.append(f"- rounds: {meta['rounds']}{length}")
    return "\n".join(["### Machine", "", *lines])


def _versions(meta: Dict[str, Any]) -> str:
    lines = [f"- {peer}: {', '.join(installed) or 'stdlib'}" for peer, installed in meta["versions"].items()]
    return "\n".join(["### Versions", "", *lines])


def _goals(summary: Summary) -> str:
    lines = [
        "### Goals: CPU of this project over the other's, where a row names nothing else",
        "",
        "| workload | other | at most | measured | rounds from … to | |",
    ]
    lines.append("| --- | --- | ---: | ---: | ---: | --- |")
    for goal in GOALS:
        row = _goal(summary, goal)
        if row is not None:
            lines.append(row)
    return "\n".join(lines) if len(lines) > 4 else ""


def _goal(summary: Summary, goal: Goal) -> Optional[str]:
    against = goal.against or goal.workload
    rounds = summary.ratios((goal.workload, OURS), (against, goal.peer), goal.measure, goal.over)
    other = goal.peer if goal.against is None else f"itself on {goal.against}"
    if goal.over is not None:
        other = f"{goal.measure} over its {goal.over}"
    if not rounds:
        failure = summary.failure(goal.workload, OURS) or summary.failure(against, goal.peer)
        return f"| {goal.workload} | {other} | {goal.ratio:g} | {failure} | | |" if failure else None
    measured = statistics.median(rounds)
    verdict = "reached" if measured <= goal.ratio else "missed"
    spread = f"{rounds[0]:.3g} … {rounds[-1]:.3g}"
    return f"| {goal.workload} | {other} | {goal.ratio:g} | {measured:.3g} | {spread} | {verdict} |"


def _table(
    summary: Summary,
    title: str,
    measure: str,
    shown: Callable[[float], str],
    label: Optional[Callable[[str], str]] = None,
) -> str:
    rows: List[str] = []
    for workload in summary.workloads:
        cells = [_cell(summary, workload, peer, measure, shown) for peer in summary.peers]
        if any(summary.median(workload, peer, measure) is not None for peer in summary.peers):
            rows.append(f"| {(label or _label)(workload)} | " + " | ".join(cells) + " |")
    return _headed(title, summary.peers, rows)


def _fairness(summary: Summary) -> str:
    """How long requests wait where there is more to do than connections to do it on."""
    rows: List[str] = []
    waiting = [name for name in summary.workloads if name in WORKLOADS and WORKLOADS[name].waits]
    peers = [peer for peer in summary.peers if any(summary.median(name, peer, "max") for name in waiting)]
    for name in waiting:
        cells = [_waits(summary, name, peer) for peer in peers]
        rows.append(f"| {name} | " + " | ".join(cells) + " |")
    return _headed("Waiting for a connection and for the answer: median / 99th percentile / longest, ms", peers, rows)


def _waits(summary: Summary, workload: str, peer: str) -> str:
    values = [summary.median(workload, peer, measure) for measure in ("p50", "p99", "max")]
    known = [f"{value * 1e3:.3g}" for value in values if value is not None]
    return " / ".join(known) if len(known) == len(values) else summary.failure(workload, peer) or ""


def _headed(title: str, peers: List[str], rows: List[str]) -> str:
    if not rows:
        return ""
    head = ["| workload | " + " | ".join(peers) + " |", "| --- |" + " ---: |" * len(peers)]
    return "\n".join([f"### {title}", "", *head, *rows])


def _plain(workload: str) -> str:
    return workload


def _label(workload: str) -> str:
    unit = WORKLOADS[workload].unit if workload in WORKLOADS else "import"
    return workload if unit == "request" else f"{workload} (per {unit})"


def _cell(summary: Summary, workload: str, peer: str, measure: str, shown: Callable[[float], str]) -> str:
    value = summary.median(workload, peer, measure)
    if value is None:
        return summary.failure(workload, peer) or ""
    ratio = None if peer == OURS else summary.ratio((workload, OURS), (workload, peer), measure)
    return shown(value) if ratio is None else f"{shown(value)} ({ratio:.2f}x)"


def _microseconds(seconds: float) -> str:
    if seconds >= 0.01:
        return f"{seconds * 1e3:.4g} ms"
    return f"{seconds * 1e6:.4g} µs"


def _megabytes(size: float) -> str:
    return f"{size / 1e6:.1f} MB"
