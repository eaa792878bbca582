"""A watch for what a piece of code leaves behind."""

from __future__ import annotations

import gc
import os
import sys
import warnings
from types import TracebackType
from typing import Any, List, Optional, Set, Type

from .peers import wait_for
from .routes import Network


class NothingLeft:
    """Fails where a block leaves a descriptor, a warning, or an exception that nobody caught."""

    def __init__(self, network: Optional[Network] = None) -> None:
        self._network = network
        self._found: List[str] = []

    def _unraisable(self, unraisable: Any) -> None:
        self._found.append(f"unraisable: {unraisable.exc_value!r} in {unraisable.object!r}: {unraisable.err_msg}")

    def note(self, text: str) -> None:
        self._found.append(text)

    def __enter__(self) -> NothingLeft:
        self._descriptors = open_descriptors()
        self._warnings = warnings.catch_warnings(record=True)
        self._recorded: Any = self._warnings.__enter__()
        warnings.simplefilter("always")
        let_h2_compare_bytes_with_text()
        self._hook, sys.unraisablehook = sys.unraisablehook, self._unraisable
        return self

    def __exit__(
        self,
        exc_type: Optional[Type[BaseException]],
        exc_value: Optional[BaseException],
        traceback: Optional[TracebackType],
    ) -> None:
        try:
            gc.collect()
        finally:
            sys.unraisablehook = self._hook
            self._warnings.__exit__(None, None, None)
        if exc_type is not None:
            return
        if self._network is not None:
            self._network.wait_until_idle()
        self._found += [f"{warning.category.__name__}: {warning.message}" for warning in self._recorded]
        assert not self._found, self._found
        # A peer may be about to accept, or to close, what the client has let go of.
        wait_for(lambda: not open_descriptors() - self._descriptors, "no descriptor is left")


def let_h2_compare_bytes_with_text() -> None:
    """To be said again wherever all warnings are recorded: the last h2 for 3.8, in the test servers, earns some."""
    warnings.filterwarnings("ignore", category=BytesWarning, module=r"(h2|hpack)\.")


def open_descriptors() -> Set[str]:
    """What this process has open; empty where the platform does not tell."""
    folder = "/proc/self/fd"
    if not os.path.isdir(folder):
        return set()
    found = set()
    for name in os.listdir(folder):
        try:
            found.add(f"{name}: {os.readlink(os.path.join(folder, name))}")
        except FileNotFoundError:
            continue  # The descriptor of the listing itself.
    return found
