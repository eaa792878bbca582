"""From samples to figures: medians per peer, and medians of the ratios within each round."""

from __future__ import annotations

import statistics
from collections import defaultdict
from typing import Any, Dict, Iterable, List, Optional, Tuple

from .peers import PEERS
from .workloads import IMPORT_TIME, WORKLOADS

__all__ = ["Summary"]

_PER_COUNT = {"cpu", "wall"}


class Summary:
    """Figures by workload, peer and measure: `cpu`, `wall` (seconds per request), `p50`, `p99`, `max`,
    `idle_bytes`."""

    def __init__(self, samples: List[Dict[str, Any]]) -> None:
        self._samples: Dict[Tuple[str, str], Dict[int, Dict[str, Any]]] = defaultdict(dict)
        self._failures: Dict[Tuple[str, str], str] = {}
        self.workloads = _ordered((sample["workload"] for sample in samples), [*WORKLOADS, IMPORT_TIME])
        self.peers = _ordered((sample["peer"] for sample in samples), list(PEERS))
        for sample in samples:
            key = sample["workload"], sample["peer"]
            if "cpu" in sample:
                self._samples[key][sample["round"]] = sample
            else:
                self._failures[key] = "did not finish" if "timeout" in sample else "failed"

    def failure(self, workload: str, peer: str) -> Optional[str]:
        """Why there is no figure, where a run was tried."""
        return self._failures.get((workload, peer))

    def median(self, workload: str, peer: str, measure: str) -> Optional[float]:
        """The median over the rounds, None without a sample."""
        values = self._by_round(workload, peer, measure)
        return statistics.median(values.values()) if values else None

    def ratio(self, peer: Tuple[str, str], other: Tuple[str, str], measure: str = "cpu") -> Optional[float]:
        """The median over the rounds that both ran in, of one (workload, peer) over the other."""
        shared = self.ratios(peer, other, measure)
        return statistics.median(shared) if shared else None

    def ratios(
        self, peer: Tuple[str, str], other: Tuple[str, str], measure: str = "cpu", over: Optional[str] = None
    ) -> List[float]:
        """The same, one for each of the rounds, in ascending order; `over` is the other's measure if not the same."""
        left, right = self._by_round(*peer, measure), self._by_round(*other, over or measure)
        return sorted(left[number] / right[number] for number in left if right.get(number))

    def _by_round(self, workload: str, peer: str, measure: str) -> Dict[int, float]:
        values = {}
        for number, sample in self._samples.get((workload, peer), {}).items():
            if sample.get(measure) is not None:
                values[number] = sample[measure] / (sample["count"] if measure in _PER_COUNT else 1)
        return values


def _ordered(names: Iterable[str], table: List[str]) -> List[str]:
    """The distinct names as they stand in the table, then those that it has no more."""
    known = set(names)
    return [*(name for name in table if name in known), *sorted(known - set(table))]
