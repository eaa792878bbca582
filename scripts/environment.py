"""The environments that `scripts/demo` and `scripts/test` run in: made from this tree, on a machine with only Python.

Needs the standard library only, on CPython 3.8 and later.
"""

from __future__ import annotations

import hashlib
import os
import pathlib
import subprocess
import sys
import time
import venv
from typing import List, Sequence

ROOT = pathlib.Path(__file__).resolve().parent.parent
EXTRAS = "asyncio,http2,socks,trio"


def step(what: str, command: List[str]) -> None:
    """Run a command quietly and say how long it took; on failure show its output and stop."""
    began = time.monotonic()
    done = subprocess.run(command, cwd=str(ROOT), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
    if done.returncode:
        raise SystemExit(f"{what} failed: {' '.join(command)}\n{done.stdout.decode(errors='replace')}")
    print(f"{what}: {time.monotonic() - began:.1f} s", flush=True)


def prepare(name: str, requirements: Sequence[pathlib.Path]) -> pathlib.Path:
    """Return the Python of an environment with this tree's wheels, all extras, and what `requirements` list.

    It stands in the folder `name` and is reused while what it is made from stays the same; the wheels are always new.
    """
    environment = ROOT / name / f"{sys.version_info[0]}.{sys.version_info[1]}"
    python = environment / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    step("build", [sys.executable, str(ROOT / "scripts" / "build")])
    listed = [path for path in requirements if path.is_file()]
    metadata = [*listed, *sorted(ROOT.glob("packages/*/pyproject.toml"))]
    wanted = hashlib.sha256(b"".join(path.read_bytes() for path in metadata) + sys.version.encode()).hexdigest()
    stamp = environment / "stamp"
    pip = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    wheels = sorted((ROOT / "dist").glob("*.whl"))
    if not stamp.is_file() or stamp.read_text() != wanted:
        venv.create(str(environment), with_pip=True, clear=True)
        packages = [word for path in listed for word in ("-r", str(path))]
        packages += [f"{path}[{EXTRAS}]" if path.name.startswith("httpcore-") else str(path) for path in wheels]
        step("install", [*pip, *packages])
        stamp.write_text(wanted)
    # A wheel of the same version may hold other bytes than the one installed last time.
    step("install wheels", [*pip, "--no-deps", "--no-index", "--force-reinstall", *map(str, wheels)])
    return python
