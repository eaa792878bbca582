"""Draw where the time of a request goes, from the `trace` extension.

    python examples/timeline.py URL [COUNT]

The hook is called as each step starts and as it completes or fails. The second request has no connecting to do.
"""

from __future__ import annotations

import sys
import time
from typing import Any, Dict, List, Tuple

import httpcore

WIDTH = 50


class Timeline:
    """A hook for one request: the steps with their beginnings and ends, in seconds since the first."""

    def __init__(self) -> None:
        self.steps: List[Tuple[str, float, float, str]] = []
        self._open: Dict[str, float] = {}
        self._origin = time.perf_counter()

    def __call__(self, name: str, info: Dict[str, Any]) -> None:
        now = time.perf_counter() - self._origin
        step, _, state = name.rpartition(".")
        if state == "started":
            self._open[step] = now
        else:
            self.steps.append((step, self._open.pop(step), now, state))

    def draw(self) -> None:
        whole = max(end for _, _, end, _ in self.steps)
        for step, start, end, state in self.steps:
            left, right = int(WIDTH * start / whole), int(WIDTH * end / whole)
            bar = " " * left + "#" * max(1, right - left)
            print(f"{step:36} {1000 * (end - start):8.2f} ms |{bar:{WIDTH + 1}}|{'' if state == 'complete' else state}")


def main(url: str, count: int) -> None:
    with httpcore.ConnectionPool() as pool:
        for number in range(1, count + 1):
            timeline = Timeline()
            response = pool.request("GET", url, extensions={"trace": timeline})
            print(f"request {number}: status {response.status}")
            timeline.draw()


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 2)
