"""One virtual environment per peer under `.envs/`, and this project's wheels for its own.

A stamp holds what an environment was made from; it is made afresh when that changes.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import venv
from pathlib import Path
from typing import List

from .peers import OURS, SHARED, Peer

__all__ = ["interpreter", "prepare", "versions"]

_BENCHMARKS = Path(__file__).parents[1]
_ENVIRONMENTS = _BENCHMARKS / ".envs"
_PACKAGES = _BENCHMARKS.parent / "packages"
_EXTRAS = "asyncio,http2,socks,trio"


def interpreter(root: Path) -> Path:
    """The python of a virtual environment."""
    return root / "Scripts" / "python.exe" if os.name == "nt" else root / "bin" / "python"


def prepare(peer: Peer) -> Path:
    """The python of a ready environment for `peer`."""
    root = _ENVIRONMENTS / peer.environment
    requirements = _own_wheels() if peer.environment == OURS else list(peer.requirements)
    stamp = "\n".join([sys.version, *requirements, *SHARED])
    if (root / "stamp").is_file() and (root / "stamp").read_text(encoding="utf-8") == stamp:
        return interpreter(root)
    print(f"preparing {peer.environment}", file=sys.stderr)
    shutil.rmtree(root, ignore_errors=True)
    venv.create(root, with_pip=True, symlinks=os.name != "nt")
    if requirements:
        constraints = root / "constraints.txt"
        constraints.write_text("\n".join(SHARED), encoding="utf-8")
        _pip(root, "install", "--constraint", str(constraints), *requirements)
    (root / "stamp").write_text(stamp, encoding="utf-8")
    return interpreter(root)


def versions(python: Path) -> List[str]:
    """What is installed there, as `name==version` lines without the installer."""
    command = [str(python), "-m", "pip", "list", "--format=freeze", "--disable-pip-version-check"]
    listed = subprocess.run(command, check=True, capture_output=True, text=True)
    return [line for line in listed.stdout.split() if line.partition("==")[0] not in {"pip", "setuptools"}]


def _pip(root: Path, *arguments: str) -> None:
    command = [str(interpreter(root)), "-m", "pip", "--quiet", "--disable-pip-version-check", *arguments]
    subprocess.run(command, check=True)


def _own_wheels() -> List[str]:
    """Requirements that name this tree's wheels by path: the index has other projects under some of the names."""
    digest = hashlib.sha256()
    for path in sorted(_PACKAGES.glob("*/**/*")):
        if path.is_file() and path.suffix in {".py", ".toml", ".typed"}:
            digest.update(str(path.relative_to(_PACKAGES)).encode() + b"\0" + path.read_bytes() + b"\0")
    target = _ENVIRONMENTS / "wheels" / digest.hexdigest()[:16]
    if not target.is_dir():
        _build(target)
    return [f"{_named(wheel)} @ {wheel.as_uri()}" for wheel in sorted(target.glob("*.whl"))]


def _build(target: Path) -> None:
    print("building this project's wheels", file=sys.stderr)
    builder, partial = _ENVIRONMENTS / "builder", target.with_suffix(".partial")
    if not interpreter(builder).is_file():
        venv.create(builder, with_pip=True, symlinks=os.name != "nt")
    shutil.rmtree(target.parent, ignore_errors=True)
    projects = sorted(str(path.parent) for path in _PACKAGES.glob("*/pyproject.toml"))
    _pip(builder, "wheel", "--no-deps", "--wheel-dir", str(partial), *projects)
    partial.rename(target)


def _named(wheel: Path) -> str:
    name = wheel.name.partition("-")[0].replace("_", "-")
    return f"{name}[{_EXTRAS}]" if name == "httpcore" else name
