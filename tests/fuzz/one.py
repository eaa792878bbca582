"""Fuzz one target in this process: `python -m tests.fuzz.one TARGET [libFuzzer's options and directories]`.

Needs atheris. What is imported from here on is instrumented, so that coverage guides the fuzzer.
"""

from __future__ import annotations

import sys

import atheris

with atheris.instrument_imports(
    include=["core_backends", "core_h1", "core_h2", "core_pool", "core_proxy", "h11", "hpack", "httpcore", "socksio"]
):
    from .targets import TARGETS

if __name__ == "__main__":
    atheris.Setup([sys.argv[0], *sys.argv[2:]], TARGETS[sys.argv[1]].run)
    atheris.Fuzz()
