"""The tree of exceptions, and mapping foreign ones onto it."""

from __future__ import annotations

import pytest

import core_backends
from core_backends import map_exceptions


@pytest.mark.parametrize(
    ("name", "base"),
    [
        ("ConnectTimeout", "TimeoutException"),
        ("ReadTimeout", "TimeoutException"),
        ("WriteTimeout", "TimeoutException"),
        ("PoolTimeout", "TimeoutException"),
        ("ConnectError", "NetworkError"),
        ("ReadError", "NetworkError"),
        ("WriteError", "NetworkError"),
        ("RemoteProtocolError", "ProtocolError"),
        ("LocalProtocolError", "ProtocolError"),
    ],
)
def test_exceptions_stand_in_families(name: str, base: str) -> None:
    assert getattr(core_backends, name).__bases__ == (getattr(core_backends, base),)


def test_a_mapped_exception_has_the_original_as_its_cause() -> None:
    original = ConnectionResetError("gone")
    with pytest.raises(core_backends.ReadError, match="gone") as caught, map_exceptions(
        {TimeoutError: core_backends.ReadTimeout, OSError: core_backends.ReadError}
    ):
        raise original
    assert caught.value.__cause__ is original


def test_the_first_class_that_matches_wins_and_others_pass() -> None:
    mapping = {ValueError: core_backends.ReadError, Exception: core_backends.WriteError}
    with pytest.raises(core_backends.ReadError), map_exceptions(mapping):
        raise ValueError
    with pytest.raises(KeyError), map_exceptions({ValueError: core_backends.ReadError}):
        raise KeyError
    with pytest.raises(KeyboardInterrupt), map_exceptions({Exception: core_backends.ReadError}):
        raise KeyboardInterrupt
