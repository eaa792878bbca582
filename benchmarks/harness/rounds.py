"""Interleaved rounds: every peer runs a workload once in each round, in an order that rotates.

What drifts over a run (clock speed, a neighbour on the machine) then falls on all peers alike, and the ratio of two
peers within one round is steadier than either figure. Workloads that are compared with each other share their rounds.

Each workload has processes of its own, one for each peer, that do nothing else: what other work leaves behind in a
process (the allocator's thresholds after a large body, say) makes the same requests dearer or cheaper by a quarter.
"""

from __future__ import annotations

import math
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Callable, Dict, List, NamedTuple, Optional, Set, Tuple

from .imports import import_seconds
from .peers import Peer
from .stage import Stage
from .worker_process import Worker
from .workloads import IMPORT_TIME, WORKLOADS, Workload, series

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
    """Samples gather in `samples`, workload by workload; `after` is called whenever a series is complete."""

    def __init__(self, plan: Plan, entrants: List[Entrant], stage: Stage, after: Callable[[], None]) -> None:
        self.samples: List[Dict[str, Any]] = []
        self._plan = plan
        self._entrants = entrants
        self._stage = stage
        self._after = after

    def run(self) -> None:
        """Race every workload, those of one series in the same rounds."""
        unable: Set[Tuple[str, str]] = set()
        for names in series(self._plan.workloads):
            heats: List[_Heat] = []
            pace: Dict[str, float] = {}
            try:
                for name in names:
                    _progress(f"{name}:")
                    heats.append(_Heat(name, self._plan, self._entrants, self._stage, self.samples))
                    heats[-1].warm_up(pace, unable)
                    _progress("\n")
                for number in range(self._plan.rounds):
                    for heat in heats:
                        heat.run_round(number)
            finally:
                for heat in heats:
                    heat.leave()
                for heat in heats:
                    heat.stop()
            self._after()


class _Heat:
    """One workload: a process for each peer, started for it and stopped after it."""

    def __init__(
        self, name: str, plan: Plan, entrants: List[Entrant], stage: Stage, samples: List[Dict[str, Any]]
    ) -> None:
        self._name = name
        self._plan = plan
        self._stage = stage
        self._samples = samples
        self._imports = name == IMPORT_TIME
        takers = None if self._imports else WORKLOADS[name].peers
        self._entrants = [entrant for entrant in entrants if takers is None or entrant.peer.name in takers]
        self._workers = {
            entrant.peer.name: Worker(entrant.peer, entrant.python, plan.client_core) for entrant in self._entrants
        }
        self._turns: List[Turn] = []

    def warm_up(self, pace: Dict[str, float], unable: Set[Tuple[str, str]]) -> None:
        """Find out who takes part and with how many requests.

        `pace` are the seconds that each peer took for a request of the lighter workloads of the series, `unable` those
        who turned out to have no client of a flavour.
        """
        plan = self._plan
        if self._imports:
            self._turns = [
                Turn(entrant, 1, plan.rounds) for entrant in self._entrants if entrant.peer.name not in _NO_IMPORT
            ]
            return
        workload = WORKLOADS[self._name]
        self._entrants = [each for each in self._entrants if (each.peer.name, workload.flavour) not in unable]
        if workload.fresh:
            rounds = min(_FRESH_ROUNDS, plan.rounds)
            self._turns = [Turn(entrant, workload.requests, rounds) for entrant in self._entrants]
            return
        for entrant in self._entrants:
            name = entrant.peer.name
            if pace.get(name, 0.0) * workload.effort > plan.timeout * workload.patience:
                self._record(entrant, 0, {"timeout": 0.0})
                continue
            _progress(f" {name}")
            answer = self._warmed(workload, entrant)
            if "cpu" in answer:
                pace[name] = answer["wall"] / answer["count"]
                slow = answer["wall"] > _SLOW * plan.seconds
                rounds = min(_SLOW_ROUNDS, plan.rounds) if slow else plan.rounds
                self._turns.append(Turn(entrant, _fitting(workload, answer, plan.seconds), rounds))
                continue
            self._record(entrant, 0, answer)
            self._workers[name].stop()
            if "flavour" in answer:
                unable.add((name, workload.flavour))
            if "timeout" in answer:
                pace[name] = math.inf

    def run_round(self, number: int) -> None:
        """Take one sample of each peer that has not dropped out."""
        for turn in _rotated([turn for turn in self._turns if turn.rounds > number], number):
            if not self._take(turn, number):
                self._turns.remove(turn)

    def leave(self) -> None:
        """Tell all processes to end."""
        for worker in self._workers.values():
            worker.leave()

    def stop(self) -> None:
        """See to it that all processes have ended."""
        for worker in self._workers.values():
            worker.stop()

    def _warmed(self, workload: Workload, entrant: Entrant) -> Dict[str, Any]:
        """Run a little, in which modules are imported and caches fill, then, if it took little, what a round would."""
        answer = self._answer(workload, entrant, workload.least)
        if "cpu" not in answer or answer["wall"] > self._plan.seconds / 2:
            return answer
        return self._answer(workload, entrant, _fitting(workload, answer, self._plan.seconds))

    def _take(self, turn: Turn, number: int) -> bool:
        """Take one sample; whether there is a point in taking another."""
        if self._imports:
            answer = import_seconds(turn.entrant.peer, turn.entrant.python, self._plan.client_core)
            fresh = False
        else:
            fresh = WORKLOADS[self._name].fresh
            if fresh:
                self._workers[turn.entrant.peer.name].stop()
            answer = self._answer(WORKLOADS[self._name], turn.entrant, turn.requests)
        self._record(turn.entrant, number, answer)
        tiring = fresh and answer.get("wall", 0) > _SLOW * self._plan.seconds
        return "cpu" in answer and not tiring

    def _answer(self, workload: Workload, entrant: Entrant, requests: int) -> Dict[str, Any]:
        job = {**workload.job(self._stage), "requests": requests}
        return self._workers[entrant.peer.name].run(job, self._plan.timeout * workload.patience)

    def _record(self, entrant: Entrant, number: int, answer: Dict[str, Any]) -> None:
        if "absent" in answer:
            return
        if "cpu" not in answer:
            _progress(f" [{self._name}, {entrant.peer.name}: {answer}]")
        self._samples.append({"workload": self._name, "peer": entrant.peer.name, "round": number, **answer})


def _fitting(workload: Workload, answer: Dict[str, Any], seconds: float) -> int:
    """How many requests take `seconds`, to judge by a run of this length, in equal shares for all tasks."""
    if workload.load not in {"requests", "slow_origin"}:
        return workload.requests
    wanted = int(seconds * answer["count"] / max(answer["wall"], 1e-6))
    fitting = min(workload.requests, max(workload.least, wanted))
    return fitting - fitting % workload.concurrency


def _rotated(items: List[Turn], by: int) -> List[Turn]:
    shift = by % len(items) if items else 0
    return items[shift:] + items[:shift]


def _progress(text: str) -> None:
    print(text, end="", flush=True, file=sys.stderr)
