"""What is tested is this tree, and nothing of the same name from elsewhere.

The name httpcore exists on the index, and so may others of ours: a run that silently imports those tests somebody
else's code. Hence, before anything is collected: each distribution that is installed has the version and, byte for
byte, the files that stand under packages/. Two variables say what else must hold:

- `TEST_WHEELS=1`: distributions come from built wheels, so a development install of this tree will not do.
- `TEST_ISOLATED="core-pool core-h1"` (requirements, extras allowed): what these do not declare is not there: no
  sibling, and none of the third parties that a sibling uses.

On a free-threaded build, threads run in parallel to the end: an extension that turned the global lock on would leave
nothing proven.
"""

from __future__ import annotations

import importlib
import importlib.metadata
import importlib.util
import os
import pathlib
import re
import sys
import sysconfig
import warnings
from typing import Any, Dict, Iterable, Iterator, List, Optional, Set

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = pathlib.Path(__file__).resolve().parent.parent
THIRD_PARTIES = {"anyio", "certifi", "h11", "h2", "hpack", "hyperframe", "socksio", "trio"}

# The last h2 for CPython 3.8 keeps bytes and text in one set, which `python -bb` takes for an error of ours. It does so
# while it is being imported, and that is once.
if importlib.util.find_spec("h2") is not None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", BytesWarning)
        importlib.import_module("h2.utilities")


def versions_of_this_tree() -> Dict[str, str]:
    versions = {}
    for path in sorted(ROOT.glob("packages/*/pyproject.toml")):
        found = re.search(r'^version = "([^"]+)"$', path.read_text(encoding="utf-8"), re.MULTILINE)
        assert found is not None, f"{path} states no version"
        versions[path.parent.name] = found[1]
    return versions


def import_name(distribution: str) -> str:
    return distribution.replace("-", "_")


def installed_version(distribution: str) -> Optional[str]:
    try:
        return importlib.metadata.version(distribution)
    except importlib.metadata.PackageNotFoundError:
        return None


def package_folder(distribution: str) -> Optional[pathlib.Path]:
    spec = importlib.util.find_spec(import_name(distribution))
    return None if spec is None or spec.origin is None else pathlib.Path(spec.origin).resolve().parent


def files_of(folder: pathlib.Path) -> Dict[str, bytes]:
    paths = (path for path in folder.rglob("*") if path.is_file() and path.suffix in (".py", ".typed"))
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in paths}


def foreign(distribution: str, version: str) -> Optional[str]:
    """Why the installed distribution is not the one of this tree, None when it is, or is not installed."""
    folder = package_folder(distribution)
    if folder is None:
        return None
    if installed_version(distribution) != version:
        return f"is version {installed_version(distribution)}, not {version}"
    source = ROOT / "packages" / distribution / "src" / import_name(distribution)
    if folder == source:
        return "is a development install, not a wheel" if os.environ.get("TEST_WHEELS") == "1" else None
    have, want = files_of(folder), files_of(source)
    different = sorted(name for name in have.keys() | want.keys() if have.get(name) != want.get(name))
    if different:
        return f"differs from this tree in {', '.join(different[:5])}: run scripts/build and install again"
    return None


def declared(requirements: Iterable[Requirement]) -> Set[str]:
    """The names that requirements bring along by the metadata of what is installed, themselves included."""
    found: Set[str] = set()
    waiting = list(requirements)
    seen: Set[str] = set()
    while waiting:
        current = waiting.pop()
        if str(current) in seen:
            continue
        seen.add(str(current))
        name = canonicalize_name(current.name)
        found.add(name)
        if installed_version(name) is None:
            continue
        for line in importlib.metadata.requires(name) or []:
            wanted = Requirement(line)
            extras = current.extras or {""}
            if wanted.marker is None or any(wanted.marker.evaluate({"extra": extra}) for extra in extras):
                waiting.append(wanted)
    return found


def undeclared(requirements: str, siblings: Set[str]) -> List[str]:
    allowed = declared(map(Requirement, requirements.split()))
    present = {name for name in siblings | THIRD_PARTIES if importlib.util.find_spec(import_name(name)) is not None}
    return sorted(present - allowed)


def pytest_sessionstart() -> None:
    versions = versions_of_this_tree()
    faults = []
    for distribution, version in versions.items():
        reason = foreign(distribution, version)
        if reason is not None:
            faults.append(f"{distribution} {reason}")
    isolated = os.environ.get("TEST_ISOLATED")
    if isolated:
        wanted = [Requirement(word).name for word in isolated.split()]
        faults.extend(f"{name} is not installed" for name in wanted if package_folder(name) is None)
        extra = undeclared(isolated, set(versions))
        faults.extend(f"{name} is installed, though nothing of '{isolated}' declares it" for name in extra)
    if faults:
        raise pytest.UsageError("the environment is not the one to test in:\n  " + "\n  ".join(faults))


@pytest.fixture(scope="session", autouse=True)
def _parallel_threads() -> Iterator[None]:
    """Fails where the global lock of a free-threaded build is on at the end, unless `PYTHON_GIL=1` asked for it."""
    yield
    interpreter: Any = sys
    if sysconfig.get_config_var("Py_GIL_DISABLED") and os.environ.get("PYTHON_GIL") != "1":
        assert not interpreter._is_gil_enabled(), "Something that was imported has turned the global lock on."
