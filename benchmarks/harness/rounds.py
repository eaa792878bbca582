"""Interleaved rounds: every peer runs once in each round, in an order that rotates.

What drifts over a run (clock speed, a neighbour on the machine) then falls on all peers alike, and the ratio of two
peers within one round is steadier than either figure.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Dict, List, NamedTuple, Optional

from .imports import import_seconds
from .nginx import Server
from .peers import Peer
from .worker_process import Worker
from .workloads import IMPORT_TIME, WORKLOADS, Workload

__all__ = ["Entrant", "Plan", "race"]

_NO_IMPORT = {"ours_anyio", "raw", "raw_streams"}


class Entrant(NamedTuple):
    """A peer with the python of its environment."""

    peer: Peer
    python: Path


@dataclass(frozen=True)
class Plan:
    """`seconds`: what one run should take; a peer that needs ten times that in its least run races twice only."""

    workloads: List[str]
    rounds: int
    seconds: float
    timeout: float
    client_core: Optional[int]


def race(plan: Plan, entrants: List[Entrant], server: Server, proxy: Optional[str]) -> List[Dict[str, Any]]:
    """Samples of all workloads, one per peer and round, in the order they were taken."""
    workers = {entrant.peer.name: Worker(entrant.peer, entrant.python, plan.client_core) for entrant in entrants}
    samples: List[Dict[str, Any]] = []
    try:
        for name in plan.workloads:
            print(f"{name} …", end=" ", flush=True, file=sys.stderr)
            if name == IMPORT_TIME:
                samples += _imports(plan, entrants)
            else:
                samples += _workload(plan, WORKLOADS[name], workers, server, proxy)
            print("done", file=sys.stderr)
    finally:
        for worker in workers.values():
            worker.stop()
    return samples


def _imports(plan: Plan, entrants: List[Entrant]) -> List[Dict[str, Any]]:
    taking_part = [entrant for entrant in entrants if entrant.peer.name not in _NO_IMPORT]
    samples = []
    for number in range(plan.rounds):
        for entrant in _rotated(taking_part, number):
            answer = import_seconds(entrant.peer, entrant.python, plan.client_core)
            samples.append(_sample(IMPORT_TIME, entrant.peer.name, number, answer))
    return samples


def _workload(
    plan: Plan, workload: Workload, workers: Dict[str, Worker], server: Server, proxy: Optional[str]
) -> List[Dict[str, Any]]:
    job = workload.job(server, proxy)
    samples: List[Dict[str, Any]] = []
    rounds: Dict[str, int] = {}
    requests: Dict[str, int] = {}
    for name, worker in workers.items():
        answer = worker.run({**job, "requests": _least(workload)}, plan.timeout)
        if "absent" in answer:
            continue
        if "cpu" not in answer:
            print(f"[{name}: {answer}]", end=" ", flush=True, file=sys.stderr)
            samples.append(_sample(workload.name, name, 0, answer))
            continue
        requests[name] = _fitting(workload, answer, plan.seconds)
        slow = answer["wall"] > 10 * plan.seconds
        rounds[name] = min(2, plan.rounds) if slow else plan.rounds
    for number in range(plan.rounds):
        for name in _rotated([name for name, count in rounds.items() if count > number], number):
            if workload.fresh:
                workers[name].stop()
            answer = workers[name].run({**job, "requests": requests[name]}, plan.timeout)
            samples.append(_sample(workload.name, name, number, answer))
    return samples


def _least(workload: Workload) -> int:
    """Exchanges of the run that warms up and tells how many a measured run can have."""
    if workload.load != "requests":
        return workload.requests
    return max(workload.requests // 50, workload.concurrency)


def _fitting(workload: Workload, answer: Dict[str, Any], seconds: float) -> int:
    if workload.load != "requests":
        return workload.requests
    least = _least(workload)
    wanted = int(seconds * least / max(answer["wall"], 1e-6))
    fitting = min(workload.requests, max(least, wanted))
    return fitting - fitting % workload.concurrency


def _rotated(items: List[Any], by: int) -> List[Any]:
    shift = by % len(items) if items else 0
    return items[shift:] + items[:shift]


def _sample(workload: str, peer: str, number: int, answer: Dict[str, Any]) -> Dict[str, Any]:
    return {"workload": workload, "peer": peer, "round": number, **answer}
