"""Fuzz the targets one after another, guided by coverage: `python -m tests.fuzz [--seconds 600] [TARGET ...]`.

Inputs that crash, hang or take too much memory are written to the directory that `--crashes` names; a crash whose cause
has been removed belongs in tests/fuzz/kept/TARGET, where the ordinary tests run it from then on.
"""

from __future__ import annotations

import argparse
import pathlib
import re
import subprocess
import sys
import tempfile
from typing import List

from .targets import TARGETS, kept

LONGEST_INPUT = 8192
SECONDS_FOR_ONE = 10
MEGABYTES = 1024


def write_seeds(name: str, folder: pathlib.Path) -> None:
    for number, data in enumerate([*TARGETS[name].seeds(), *kept(name)]):
        (folder / f"{number:05}").write_bytes(data)


def say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def fuzz(name: str, seconds: int, crashes: pathlib.Path) -> bool:
    """Fuzz one target for `seconds`; whether it stood."""
    found = crashes / name
    found.mkdir(parents=True, exist_ok=True)
    before = set(found.iterdir())
    with tempfile.TemporaryDirectory() as temporary:
        folder = pathlib.Path(temporary)
        write_seeds(name, folder)
        command = [
            *(sys.executable, "-m", f"{__package__}.one", name, str(folder)),
            f"-max_total_time={seconds}",
            f"-max_len={LONGEST_INPUT}",
            f"-timeout={SECONDS_FOR_ONE}",
            f"-rss_limit_mb={MEGABYTES}",
            f"-artifact_prefix={found}/",
            "-print_final_stats=1",
        ]
        done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
    output = done.stdout.decode("utf-8", "replace")
    (crashes / f"{name}.log").write_text(output, encoding="utf-8")
    stats = dict(re.findall(r"^stat::(\w+): +(\d+)$", output, re.MULTILINE))
    new = sorted(path.name for path in set(found.iterdir()) - before)
    ran = f"{stats.get('number_of_executed_units', 'no')} runs, {stats.get('peak_rss_mb', '?')} MB at most"
    if not done.returncode and not new:
        say(f"{name}: {ran}, nothing found")
        return True
    say(f"{name}: {ran}, exit {done.returncode}, kept {', '.join(new) or 'nothing'}")
    say("\n".join(output.splitlines()[-40:]))
    return False


def main(arguments: List[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("--seconds", type=int, default=600, help="for each target (default 600)")
    parser.add_argument("--crashes", type=pathlib.Path, default=pathlib.Path("fuzz-crashes"))
    parser.add_argument("targets", nargs="*", metavar="TARGET", help=f"of {', '.join(TARGETS)} (default all)")
    options = parser.parse_args(arguments)
    unknown = set(options.targets) - set(TARGETS)
    if unknown:
        parser.error(f"there is no target {', '.join(sorted(unknown))}")
    crashes = options.crashes.resolve()
    stood = [fuzz(name, options.seconds, crashes) for name in options.targets or TARGETS]
    return 0 if all(stood) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
