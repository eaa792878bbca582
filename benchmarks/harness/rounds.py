"""Interleaved rounds: every workload and peer runs once in each round, peers in an order that rotates.

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

__all__ = ["Entrant", "Plan", "Race"]

_NO_IMPORT = {"ours_anyio", "raw", "raw_streams"}
_SLOW = 10
_SLOW_ROUNDS = 2
_FRESH_ROUNDS = 3


class Entrant(NamedTuple):
    """A peer with the python of its environment."""

    peer: Peer
    python: Path


@dataclass(frozen=True)
class Plan:
    """`seconds`: what one run should take; a peer that needs ten times that in its least run races twice only,
    or once where every run takes a new process."""

    workloads: List[str]
    rounds: int
    seconds: float
    timeout: float
    client_core: Optional[int]


class Turn(NamedTuple):
    """One peer's part in every round up to `rounds`."""

    entrant: Entrant
    requests: int
    rounds: int


class Race:
    """Samples gather in `samples`, in the order they were taken."""

    def __init__(self, plan: Plan, entrants: List[Entrant], server: Server, proxy: Optional[str]) -> None:
        self.samples: List[Dict[str, Any]] = []
        self._plan = plan
        self._entrants = entrants
        self._server = server
        self._proxy = proxy
        self._workers = {
            entrant.peer.name: Worker(entrant.peer, entrant.python, plan.client_core) for entrant in entrants
        }

    def run(self) -> None:
        """Find out who takes part in what, then run the rounds."""
        try:
            turns = {name: self._turns(name) for name in self._plan.workloads}
            for number in range(self._plan.rounds):
                _progress(f"\nround {number + 1} of {self._plan.rounds}:")
                for name in self._plan.workloads:
                    _progress(f" {name}")
                    for turn in _rotated([turn for turn in turns[name] if turn.rounds > number], number):
                        if not self._take(name, turn, number):
                            turns[name].remove(turn)
        finally:
            _progress("\n")
            for worker in self._workers.values():
                worker.stop()

    def _turns(self, name: str) -> List[Turn]:
        plan = self._plan
        if name == IMPORT_TIME:
            return [Turn(entrant, 1, plan.rounds) for entrant in self._entrants if entrant.peer.name not in _NO_IMPORT]
        workload = WORKLOADS[name]
        if workload.fresh:
            return [Turn(entrant, workload.requests, min(_FRESH_ROUNDS, plan.rounds)) for entrant in self._entrants]
        _progress(f"warming up {name}\n")
        turns = []
        for entrant in self._entrants:
            answer = self._answer(workload, entrant, _least(workload))
            if "cpu" in answer:
                slow = answer["wall"] > _SLOW * plan.seconds
                rounds = min(_SLOW_ROUNDS, plan.rounds) if slow else plan.rounds
                turns.append(Turn(entrant, _fitting(workload, answer, plan.seconds), rounds))
            else:
                self._record(name, entrant, 0, answer)
        return turns

    def _take(self, name: str, turn: Turn, number: int) -> bool:
        """Take one sample; whether there is a point in taking another."""
        if name == IMPORT_TIME:
            answer = import_seconds(turn.entrant.peer, turn.entrant.python, self._plan.client_core)
        else:
            if WORKLOADS[name].fresh:
                self._workers[turn.entrant.peer.name].stop()
            answer = self._answer(WORKLOADS[name], turn.entrant, turn.requests)
        self._record(name, turn.entrant, number, answer)
        tiring = name != IMPORT_TIME and WORKLOADS[name].fresh and answer.get("wall", 0) > _SLOW * self._plan.seconds
        return "cpu" in answer and not tiring

    def _answer(self, workload: Workload, entrant: Entrant, requests: int) -> Dict[str, Any]:
        job = {**workload.job(self._server, self._proxy), "requests": requests}
        return self._workers[entrant.peer.name].run(job, self._plan.timeout * workload.patience)

    def _record(self, workload: str, entrant: Entrant, number: int, answer: Dict[str, Any]) -> None:
        if "absent" in answer:
            return
        if "cpu" not in answer:
            _progress(f" [{workload}, {entrant.peer.name}: {answer}]")
        self.samples.append({"workload": workload, "peer": entrant.peer.name, "round": number, **answer})


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


def _rotated(items: List[Turn], by: int) -> List[Turn]:
    shift = by % len(items) if items else 0
    return items[shift:] + items[:shift]


def _progress(text: str) -> None:
    print(text, end="", flush=True, file=sys.stderr)
