"""What the tests need from the machine: a missing peer skips locally and fails in CI.

A matrix that quietly shrinks is worse than a red one, therefore `CI=true` turns a missing peer into a failure.
"""

from __future__ import annotations

import glob
import os
import shutil
import socket
import sys
import typing

import pytest

__all__ = ["missing", "require", "require_ipv6", "require_library", "require_module", "require_unix_sockets"]

#: Directories of system daemons, often absent from an ordinary user's PATH.
DAEMON_DIRECTORIES = ("/usr/sbin", "/usr/local/sbin", "/opt/homebrew/bin", "/opt/homebrew/sbin")

LIBRARY_PATTERNS = ("/usr/lib/*/lib{}.so", "/usr/lib64/lib{}.so", "/usr/lib/lib{}.so")


def missing(reason: str) -> typing.NoReturn:
    """Skip the running test, or fail it when the environment says `CI=true`."""
    if os.environ.get("CI", "").lower() == "true":
        pytest.fail(reason + " (CI must have every peer)", pytrace=False)
    pytest.skip(reason)


def require(*programs: str) -> str:
    """The path of the first of `programs` (alternative names of one peer) that is installed."""
    path = os.pathsep.join([os.environ.get("PATH", os.defpath), *DAEMON_DIRECTORIES])
    for program in programs:
        found = shutil.which(program, path=path)
        if found is not None:
            return found
    missing("{} is not installed".format(" / ".join(programs)))


def require_library(name: str) -> str:
    """The path of a shared library that is loaded by name, and so may have no version in it."""
    for pattern in LIBRARY_PATTERNS:
        for path in glob.glob(pattern.format(name)):
            return path
    missing(f"the library {name} is not installed")


def require_module(name: str) -> None:
    """A Python package that the test or the peer runs on."""
    try:
        __import__(name)
    except ImportError:
        missing(f"the Python package {name} is not installed")


def require_unix_sockets() -> None:
    """Unix sockets are a fact of the platform, not of the set-up: their absence skips in CI too."""
    if not hasattr(socket, "AF_UNIX") or sys.platform == "win32":
        pytest.skip("this platform has no unix sockets")


def require_ipv6() -> None:
    """The IPv6 loopback; hosted CI machines without it exist, hence a skip there too."""
    try:
        with socket.socket(socket.AF_INET6, socket.SOCK_STREAM) as probe:
            probe.bind(("::1", 0))
    except OSError:
        pytest.skip("this machine has no IPv6 loopback")
