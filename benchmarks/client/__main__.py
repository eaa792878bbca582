"""`python -m client ADAPTER [PACKAGE]`: runs jobs from standard input, one JSON object a line, answers likewise.

The process stays alive between jobs, so that imports, caches and allocators are as warm as in a real program.
"""

from __future__ import annotations

import importlib
import json
import sys
import traceback
from typing import Any, Dict

from . import async_loads, sync_loads
from .job import Job
from .meter import Meter


def main() -> None:
    adapter = importlib.import_module(f"client.adapters.{sys.argv[1]}")
    if len(sys.argv) > 2:
        adapter.use(sys.argv[2])
    # Answers own the real standard output; whatever a peer prints must not garble them.
    answers, sys.stdout = sys.stdout, sys.stderr
    for line in sys.stdin:
        answers.write(json.dumps(_perform(adapter, json.loads(line))) + "\n")
        answers.flush()


def _perform(adapter: Any, document: Dict[str, Any]) -> Dict[str, Any]:
    job = Job.from_json(document)
    opener = getattr(adapter, f"open_{job.flavour}", None)
    if opener is None:
        return {"absent": f"no {job.flavour} client", "flavour": job.flavour}
    meter = Meter(job.profile)
    try:
        (sync_loads if job.flavour == "sync" else async_loads).run(opener, job, meter)
    except NotImplementedError as error:
        return {"absent": str(error)}
    except Exception as error:
        _print_way(error)
        return {"error": f"{type(error).__name__}: {error}"}
    return meter.report()


def _print_way(error: Exception) -> None:
    """Where the error came from, in names and lines: the text of a peer's source is not to be shown."""
    for frame in traceback.extract_tb(error.__traceback__):
        print(f"  {frame.filename}:{frame.lineno} in {frame.name}", file=sys.stderr)


if __name__ == "__main__":
    main()
