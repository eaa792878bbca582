"""The generator of the sync drivers: what it writes, and that its check lets no other twin pass."""

from __future__ import annotations

import pathlib
import shutil
import subprocess
import sys
import textwrap
from types import ModuleType
from typing import Callable, Tuple

import pytest

from .loading import ROOT, load

SCRIPT = ROOT / "scripts" / "generate_sync"

Check = Callable[[], Tuple[int, str]]


@pytest.fixture(scope="module")
def generator() -> ModuleType:
    return load("generate_sync")


@pytest.fixture
def twin_of(generator: ModuleType) -> Callable[[str], str]:
    def twin(source: str) -> str:
        banner, _, rest = generator.sync_source(textwrap.dedent(source), "pkg/_async/x.py").partition("\n")
        assert "pkg/_async/x.py" in banner
        return rest

    return twin


def run(root: pathlib.Path, *arguments: str) -> Tuple[int, str]:
    command = [sys.executable, str(SCRIPT), "--root", str(root), *arguments]
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=50, check=False)
    return done.returncode, done.stdout.decode()


@pytest.fixture
def tree(tmp_path: pathlib.Path) -> pathlib.Path:
    """A copy of the packages of this repository, with one driver more whose bytes are known here."""
    for source in ROOT.glob("packages/*/src"):
        ignored = shutil.ignore_patterns("__pycache__")
        shutil.copytree(str(source), str(tmp_path / source.relative_to(ROOT)), ignore=ignored)
    folder = tmp_path / "packages" / "core-x" / "src" / "core_x" / "_async"
    folder.mkdir(parents=True)
    (folder / "driver.py").write_text("async def read(stream):\n    return await stream.aread()\n")
    (folder / "sub").mkdir()
    (folder / "sub" / "deep.py").write_text("class AsyncDeep:\n    pass\n")
    code, output = run(tmp_path)
    assert code == 0, output
    return tmp_path


@pytest.fixture
def twin(tree: pathlib.Path) -> pathlib.Path:
    return tree / "packages" / "core-x" / "src" / "core_x" / "_sync" / "driver.py"


@pytest.fixture
def check(tree: pathlib.Path) -> Check:
    return lambda: run(tree, "--check")


def test_the_twins_of_this_repository_are_what_the_generator_writes() -> None:
    code, output = run(ROOT, "--check")
    assert code == 0, output


def test_check_passes_on_what_was_just_written(check: Check, twin: pathlib.Path) -> None:
    assert twin.read_text().endswith("def read(stream):\n    return stream.read()\n")
    code, output = check()
    assert (code, output.count("\n")) == (0, 1), output


def test_check_writes_nothing(check: Check, twin: pathlib.Path) -> None:
    twin.write_text("")
    check()
    assert twin.read_text() == ""


@pytest.mark.parametrize("kept", [0, 1, -1], ids=["empty", "first byte", "all but one byte"])
def test_check_names_a_truncated_twin(check: Check, twin: pathlib.Path, kept: int) -> None:
    twin.write_bytes(twin.read_bytes()[:kept])
    code, output = check()
    assert code == 1
    assert "packages/core-x/src/core_x/_sync/driver.py: truncated" in output


@pytest.mark.parametrize("tail", [b"\n", b"x = 1\n"])
def test_check_names_an_extended_twin(check: Check, twin: pathlib.Path, tail: bytes) -> None:
    twin.write_bytes(twin.read_bytes() + tail)
    code, output = check()
    assert code == 1
    assert "packages/core-x/src/core_x/_sync/driver.py: extended" in output


@pytest.mark.parametrize("name", ["extra.py", "sub/extra.py", "notes.txt"])
def test_check_names_a_stray_file(check: Check, twin: pathlib.Path, name: str) -> None:
    (twin.parent / name).write_text("")
    code, output = check()
    assert code == 1
    assert f"packages/core-x/src/core_x/_sync/{name}: stray" in output


def test_check_names_a_twin_whose_source_folder_is_gone(check: Check, twin: pathlib.Path) -> None:
    shutil.rmtree(str(twin.parent.with_name("_async")))
    code, output = check()
    assert code == 1
    assert "_sync/driver.py: stray" in output
    assert "_sync/sub/deep.py: stray" in output


@pytest.mark.parametrize("name", ["driver.py", "sub/deep.py"])
def test_check_names_a_missing_twin(check: Check, twin: pathlib.Path, name: str) -> None:
    (twin.parent / name).unlink()
    code, output = check()
    assert code == 1
    assert f"packages/core-x/src/core_x/_sync/{name}: missing" in output


def test_check_names_a_missing_folder_of_twins(check: Check, twin: pathlib.Path) -> None:
    shutil.rmtree(str(twin.parent))
    code, output = check()
    assert code == 1
    assert "_sync/driver.py: missing" in output


def test_check_names_a_hand_edited_twin_and_its_line(check: Check, twin: pathlib.Path) -> None:
    twin.write_text(twin.read_text().replace("return stream.read()", "return stream.read(1)"))
    code, output = check()
    assert code == 1
    assert (
        "packages/core-x/src/core_x/_sync/driver.py: hand-edited, or its source changed: differs from line 3" in output
    )


def test_check_names_a_twin_whose_source_changed(check: Check, twin: pathlib.Path) -> None:
    source = twin.parent.with_name("_async") / "driver.py"
    source.write_text(source.read_text().replace("aread", "aread_all"))
    code, output = check()
    assert code == 1
    assert "_sync/driver.py: hand-edited, or its source changed" in output


def test_check_names_every_faulty_twin(check: Check, twin: pathlib.Path) -> None:
    twin.write_bytes(b"")
    (twin.parent / "sub" / "deep.py").unlink()
    (twin.parent / "extra.py").write_text("")
    code, output = check()
    assert (code, len(output.splitlines())) == (1, 4), output


def test_writing_repairs_all_of_it(tree: pathlib.Path, check: Check, twin: pathlib.Path) -> None:
    twin.write_bytes(b"")
    (twin.parent / "sub" / "deep.py").unlink()
    (twin.parent / "extra.py").write_text("")
    assert run(tree)[0] == 0
    assert check()[0] == 0
    assert not (twin.parent / "extra.py").exists()


def test_a_source_that_is_not_python_is_an_error_that_names_it(tree: pathlib.Path, twin: pathlib.Path) -> None:
    source = twin.parent.with_name("_async") / "driver.py"
    source.write_text("x = (\n")
    code, output = run(tree, "--check")
    assert code != 0
    assert "packages/core-x/src/core_x/_async/driver.py" in output


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("AsyncLock", "Lock"),
        ("AsyncHTTP11Connection", "HTTP11Connection"),
        ("_AsyncBody", "_Body"),
        ("AsyncIterator", "Iterator"),
        ("AbstractAsyncContextManager", "AbstractContextManager"),
        ("StopAsyncIteration", "StopIteration"),
        ("AutoBackend", "SyncBackend"),
        ("handle_async_request", "handle_request"),
        ("async_tracer", "tracer"),
        ("_async_tracer", "_tracer"),
        ("_async", "_sync"),
        ("aclose", "close"),
        ("aiter_stream", "iter_stream"),
        ("__anext__", "__next__"),
        ("AsyncioBackend", "AsyncioBackend"),
        ("Async", "Async"),
        ("asyncio", "asyncio"),
        ("is_async", "is_async"),
        ("async_1", "async_1"),
        ("async_for", "async_for"),
        ("disclose", "disclose"),
    ],
)
def test_names(generator: ModuleType, name: str, expected: str) -> None:
    assert generator.sync_name(name) == expected


def test_async_and_await_go_with_the_space_behind_them(twin_of: Callable[[str], str]) -> None:
    source = """
        async def run(self):
            async with self._lock, other:  # aligned
                x = await (f() if a else g())
                return [i async for i in await items() if not await i.done()]
    """
    expected = """
        def run(self):
            with self._lock, other:  # aligned
                x = (f() if a else g())
                return [i for i in items() if not i.done()]
    """
    assert twin_of(source) == textwrap.dedent(expected)


def test_awaitables_are_unwrapped(twin_of: Callable[[str], str]) -> None:
    source = "a: Callable[[int], Awaitable[Dict[str, int]]]\nb: Coroutine[Any, Any, Tuple[int, str]]\n"
    assert twin_of(source) == "a: Callable[[int], Dict[str, int]]\nb: Tuple[int, str]\n"


def test_a_generator_gains_the_parameter_that_its_async_kind_lacks(twin_of: Callable[[str], str]) -> None:
    assert twin_of("def f() -> AsyncGenerator[int, None]: ...\n") == "def f() -> Generator[int, None, None]: ...\n"


def test_imports_lose_doubles_and_what_has_no_sync_meaning(twin_of: Callable[[str], str]) -> None:
    source = "from typing import Any, AsyncIterator, Awaitable, Iterator\nfrom typing import Awaitable\nx = 1\n"
    assert twin_of(source) == "from typing import Any, Iterator\nx = 1\n"


def test_imports_are_sorted_anew_and_stay_on_their_lines(twin_of: Callable[[str], str]) -> None:
    source = """\
        from core_backends import (
            SOCKET_OPTION,
            AsyncNetworkStream,
            Origin,
        )
        from .._async.head import AsyncHead as Head
    """
    expected = """\
        from core_backends import (
            SOCKET_OPTION,
            NetworkStream,
            Origin,
        )
        from .._sync.head import Head
    """
    assert twin_of(source) == textwrap.dedent(expected)


def test_an_import_with_a_comment_keeps_it(twin_of: Callable[[str], str]) -> None:
    source = "from m import (\n    AsyncA,  # kept\n    b,\n)\n"
    assert twin_of(source) == "from m import (\n    A,  # kept\n    b,\n)\n"


def test_strings_and_comments_speak_of_the_sync_names(twin_of: Callable[[str], str]) -> None:
    source = '''\
        """See AsyncPool: `await pool.aclose()`, `async with pool`. We await the answer."""
        x = "handle_async_request\\naclose"  # never await self.aclose() here
    '''
    expected = '''\
        """See Pool: `pool.close()`, `with pool`. We await the answer."""
        x = "handle_request\\nclose"  # never self.close() here
    '''
    assert twin_of(source) == textwrap.dedent(expected)


def test_an_f_string_is_replaced_the_same_on_every_python(twin_of: Callable[[str], str]) -> None:
    source = "x = f'{await self.aread()!r:>{width}} {{AsyncA}}' + f\"{'aclose'}\"\n"
    assert twin_of(source) == "x = f'{self.read()!r:>{width}} {{A}}' + f\"{'close'}\"\n"


def test_marks_of_async_tests_go(twin_of: Callable[[str], str]) -> None:
    source = "pytestmark = pytest.mark.anyio\n\n\n@pytest.mark.trio\n@pytest.mark.slow\nasync def test_x(): ...\n"
    assert twin_of(source) == "\n\n@pytest.mark.slow\ndef test_x(): ...\n"


def test_layout_outside_the_replaced_names_stays(twin_of: Callable[[str], str]) -> None:
    source = "def   odd( a,\tb ):\n\n\n    return  {a :b}   # é\n\\\n\n"
    assert twin_of(source) == source
