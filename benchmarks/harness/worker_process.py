"""The driver's end of a worker: a process in a peer's environment that answers one JSON line per job."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import threading
from pathlib import Path
from typing import Any, Dict, Optional

from .machine import pinned
from .peers import Peer

__all__ = ["Worker"]

_BENCHMARKS = Path(__file__).parents[1]


class Worker:
    """Started on first use, kept warm between jobs, started anew after a job that did not finish."""

    def __init__(self, peer: Peer, python: Path, core: Optional[int]) -> None:
        self._command = [str(python), "-m", "client", peer.adapter]
        if peer.adapter.startswith("httpcore"):
            self._command.append(peer.package)
        self._core = core
        self._process: Optional[subprocess.Popen[str]] = None

    def run(self, job: Dict[str, Any], timeout: float) -> Dict[str, Any]:
        """The worker's answer; `{"timeout": seconds}` when it had to be killed, `{"error": text}` when it died."""
        process = self._started()
        assert process.stdin is not None and process.stdout is not None
        expired = threading.Event()

        def expire() -> None:
            expired.set()
            process.kill()

        timer = threading.Timer(timeout, expire)
        timer.start()
        try:
            process.stdin.write(json.dumps(job) + "\n")
            process.stdin.flush()
            line = process.stdout.readline()
        except BrokenPipeError:
            line = ""
        finally:
            timer.cancel()
        if line:
            answer: Dict[str, Any] = json.loads(line)
            return answer
        self.stop()
        return {"timeout": timeout} if expired.is_set() else {"error": f"the worker died with {process.returncode}"}

    def leave(self) -> None:
        """Tell the process to end, without waiting for it; `stop` does."""
        if self._process is not None and self._process.stdin is not None:
            with contextlib.suppress(BrokenPipeError):
                self._process.stdin.close()

    def stop(self) -> None:
        """End the process; its standard input closing is its signal to leave, unless it is busy."""
        process, self._process = self._process, None
        if process is None:
            return
        assert process.stdin is not None and process.stdout is not None
        with contextlib.suppress(BrokenPipeError):
            process.stdin.close()
        try:
            process.wait(timeout=2)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        process.stdout.close()

    def _started(self) -> subprocess.Popen[str]:
        if self._process is None:
            environment = {name: value for name, value in os.environ.items() if not name.lower().endswith("_proxy")}
            environment["PYTHONPATH"] = str(_BENCHMARKS)
            with pinned(self._core):
                self._process = subprocess.Popen(
                    self._command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment
                )
        return self._process
