"""Which runtime and event loop code runs in, and which process and loop a socket belongs to."""

from __future__ import annotations

import subprocess
import sys
from typing import Any, List

import pytest

import core_backends
from core_backends.lowlevel import async_next_turn, current_async_library, next_turn


def test_each_runtime_is_recognised(request: pytest.FixtureRequest, run: Any) -> None:
    async def main() -> str:
        return current_async_library()

    assert run(main) in request.node.name


def test_outside_of_a_runtime_the_error_says_what_to_do() -> None:
    with pytest.raises(RuntimeError, match="asyncio or trio"):
        current_async_library()


def test_who_is_ready_goes_first(run: Any) -> None:
    async def main() -> List[str]:
        order: List[str] = []

        async def other() -> None:
            order.append("the other")

        if current_async_library() == "trio":
            async with sys.modules["trio"].open_nursery() as nursery:
                nursery.start_soon(other)
                await async_next_turn()
                order.append("who let go")
        else:
            task = sys.modules["asyncio"].ensure_future(other())
            await async_next_turn()
            order.append("who let go")
            await task
            assert order == ["the other", "who let go"]  # trio shuffles who is ready
        return order

    assert sorted(run(main)) == ["the other", "who let go"]
    assert next_turn() is None  # type: ignore[func-returns-value]


def imported_after(statement: str) -> Any:
    code = f"import sys; {statement}; print(*sys.modules)"
    return set(subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout.split())


def test_the_package_loads_no_runtime_and_no_test_support() -> None:
    loaded = imported_after("import core_backends, core_backends.lowlevel")
    assert not {"anyio", "trio", "asyncio", "h11", "h2", "socksio", "core_backends.testing"} & loaded


def test_every_public_name_is_there() -> None:
    for name in core_backends.__all__:
        assert getattr(core_backends, name) is not None
    for name in core_backends.lowlevel.__all__:
        assert getattr(core_backends.lowlevel, name) is not None
    with pytest.raises(AttributeError, match="no_such_name"):
        core_backends.no_such_name  # noqa: B018


@pytest.mark.parametrize(
    ("package", "backend", "extra"), [("anyio", "AnyIOBackend", "asyncio"), ("trio", "TrioBackend", "trio")]
)
def test_a_backend_without_its_package_names_the_extra(package: str, backend: str, extra: str) -> None:
    code = (
        f"import sys; sys.modules[{package!r}] = None; import core_backends\n"
        f"try: core_backends.{backend}()\n"
        "except RuntimeError as exc: print(exc)\n"
    )
    text = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout
    assert f"'{package}'" in text
    assert f"core-backends[{extra}]" in text and f"httpcore[{extra}]" in text
