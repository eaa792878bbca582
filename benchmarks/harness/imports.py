"""How long importing a peer takes, in new interpreters, with the interpreter's own start left out."""

from __future__ import annotations

import json
import statistics
import subprocess
from pathlib import Path
from typing import Any, Dict, Optional

from .machine import pinned
from .peers import Peer

__all__ = ["import_seconds"]

_REPEATS = 5

_PROGRAM = """\
import json, time
cpu, wall = time.process_time(), time.perf_counter()
import {package}
print(json.dumps([time.process_time() - cpu, time.perf_counter() - wall]))
"""


def import_seconds(peer: Peer, python: Path, core: Optional[int]) -> Dict[str, Any]:
    """Medians of five imports as one sample, in the members of a worker's answer."""
    command = [str(python), "-I", "-c", _PROGRAM.format(package=peer.package)]
    figures = []
    with pinned(core):
        for _ in range(_REPEATS):
            answer = subprocess.run(command, check=False, capture_output=True, text=True)
            if answer.returncode != 0:
                return {"error": answer.stderr.strip().rpartition("\n")[2]}
            figures.append(json.loads(answer.stdout))
    cpu, wall = (statistics.median(column) for column in zip(*figures))
    return {"cpu": cpu, "wall": wall, "count": 1}
