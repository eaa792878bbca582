"""One virtual environment per peer under `.envs/`, and this project's wheels in its own.

An environment is named by what it is made from and by the process that made it, is never changed, and counts once its
stamp is written: runs beside each other, on a tree that changes meanwhile, do not disturb one another.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import venv
from pathlib import Path
from typing import Dict, List, Sequence

from .peers import HTTPX, OURS, SHARED, Peer

__all__ = ["Environments", "tree_digest", "versions"]

_BENCHMARKS = Path(__file__).parents[1]
_ROOT = _BENCHMARKS / ".envs"
_PACKAGES = _BENCHMARKS.parent / "packages"
_EXTRAS = "asyncio,http2,socks,trio"
_KEPT = 3


class Environments:
    """The environments of one run: peers that share one see the same state of this tree."""

    def __init__(self) -> None:
        self._pythons: Dict[str, Path] = {}

    def python(self, peer: Peer) -> Path:
        """The python of a ready environment for `peer`."""
        name = peer.environment
        if name not in self._pythons:
            self._pythons[name] = _interpreter(_ready(name, peer.requirements))
        return self._pythons[name]


def versions(python: Path) -> List[str]:
    """What is installed there, as `name==version` lines without the installer."""
    command = [str(python), "-m", "pip", "list", "--format=freeze", "--disable-pip-version-check"]
    listed = subprocess.run(command, check=True, capture_output=True, text=True)
    return [line for line in listed.stdout.split() if line.partition("==")[0] not in {"pip", "setuptools"}]


def _interpreter(root: Path) -> Path:
    return root / "Scripts" / "python.exe" if os.name == "nt" else root / "bin" / "python"


def _ready(name: str, requirements: Sequence[str]) -> Path:
    prefix = f"{name}-{_digest(name, requirements)}"
    found = sorted(_ROOT.glob(f"{prefix}-*/stamp"))
    if found:
        return found[0].parent
    print(f"preparing {name}", file=sys.stderr)
    root = _ROOT / f"{prefix}-{os.getpid()}"
    shutil.rmtree(root, ignore_errors=True)
    venv.create(root, with_pip=True, symlinks=os.name != "nt")
    wanted = [*_own_wheels(root), HTTPX] if name == OURS else list(requirements)
    if wanted:
        constraints = root / "constraints.txt"
        constraints.write_text("\n".join(SHARED), encoding="utf-8")
        _pip(root, "install", "--constraint", str(constraints), *wanted)
    (root / "stamp").write_text(prefix, encoding="utf-8")
    _prune(name)
    return root


def _digest(name: str, requirements: Sequence[str]) -> str:
    made_from = [sys.version, sys.executable, *requirements, *SHARED, HTTPX]
    if name == OURS:
        made_from.append(tree_digest())
    return hashlib.sha256("\n".join(made_from).encode()).hexdigest()[:12]


def tree_digest() -> str:
    """What this project's packages are made from, in twelve digits."""
    digest = hashlib.sha256()
    for path in sorted(_PACKAGES.glob("*/**/*")):
        if path.is_file() and path.suffix in {".py", ".toml", ".typed"}:
            digest.update(str(path.relative_to(_PACKAGES)).encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()[:12]


def _own_wheels(root: Path) -> List[str]:
    """Requirements that name this tree's wheels by path: the index has other projects under some of the names."""
    projects = sorted(str(path.parent) for path in _PACKAGES.glob("*/pyproject.toml"))
    _pip(root, "wheel", "--no-deps", "--wheel-dir", str(root / "wheels"), *projects)
    return [f"{_named(wheel)} @ {wheel.as_uri()}" for wheel in sorted((root / "wheels").glob("*.whl"))]


def _named(wheel: Path) -> str:
    name = wheel.name.partition("-")[0].replace("_", "-")
    return f"{name}[{_EXTRAS}]" if name == "httpcore" else name


def _prune(name: str) -> None:
    stamps = sorted(_ROOT.glob(f"{name}-*/stamp"), key=lambda stamp: stamp.stat().st_mtime)
    for stamp in stamps[:-_KEPT]:
        shutil.rmtree(stamp.parent, ignore_errors=True)


def _pip(root: Path, *arguments: str) -> None:
    command = [str(_interpreter(root)), "-m", "pip", "--quiet", "--disable-pip-version-check", *arguments]
    subprocess.run(command, check=True)
