"""What is not installed: not imported, and named with the way to get it when it is asked for."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
import textwrap
from typing import Iterable

import pytest

# An interpreter in which some packages cannot be found, whatever is installed.
WITHOUT = """
import importlib.abc, sys

class Absent(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {absent!r}:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)

sys.meta_path.insert(0, Absent())
real = __import__("importlib.util").util.find_spec
__import__("importlib.util").util.find_spec = (
    lambda name, package=None: None if name.partition(".")[0] in {absent!r} else real(name, package)
)
import httpcore
"""


def run(code: str, absent: Iterable[str] = ()) -> str:
    program = WITHOUT.format(absent=sorted(absent)) + textwrap.dedent(code)
    done = subprocess.run([sys.executable, "-W", "error", "-c", program], capture_output=True, timeout=50, check=False)
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout.decode().strip()


def test_importing_loads_no_third_party_and_nothing_that_many_programs_do_without() -> None:
    code = """
        optional = {"anyio", "asyncio", "h2", "hpack", "hyperframe", "socksio", "sniffio", "trio"}
        seldom = {"certifi", "core_h2", "core_proxy", "h11"}
        print(sorted((optional | seldom) & set(sys.modules)))
    """
    assert run(code) == "[]"


def test_what_is_loaded_when_asked_for_is_listed_all_the_same() -> None:
    assert run("print(sorted(set(httpcore.__all__) - set(dir(httpcore))))") == "[]"
    assert run("from httpcore import *; print(AsyncHTTPProxy.__module__, SOCKSProxy.__module__)") == "httpcore httpcore"
    assert run("from httpcore import *; print(HTTP2Connection.__name__)", ["core_h2", "h2"]) == "HTTP2Connection"


def test_a_sync_request_loads_none_either() -> None:
    code = """
        backend = httpcore.MockBackend([b"HTTP/1.1 200 OK\\r\\nContent-Length: 2\\r\\n\\r\\nok"])
        with httpcore.ConnectionPool(network_backend=backend) as pool:
            assert pool.request("GET", "http://example.com/").content == b"ok"
        print(sorted({"anyio", "asyncio", "h2", "socksio", "trio"} & set(sys.modules)))
    """
    assert run(code) == "[]"


@pytest.mark.parametrize("name, package", [("AnyIOBackend", "anyio"), ("TrioBackend", "trio")])
def test_a_backend_without_its_package_exists_and_says_what_to_install(name: str, package: str) -> None:
    code = f"""
        assert httpcore.{name}.__module__ == "httpcore"
        try:
            httpcore.{name}()
        except RuntimeError as exc:
            print(exc)
    """
    text = run(code, [package])
    assert package in text and "pip install" in text


@pytest.mark.parametrize("pool", ["ConnectionPool", "AsyncConnectionPool"])
def test_http2_without_its_package_says_what_to_install(pool: str) -> None:
    code = f"""
        try:
            httpcore.{pool}(http2=True)
        except RuntimeError as exc:
            print(exc)
    """
    assert "pip install 'httpcore[http2]'" in run(code, ["core_h2", "h2"])


@pytest.mark.parametrize("name", ["HTTP2Connection", "AsyncHTTP2Connection"])
def test_the_http2_connections_without_their_package_say_so_too(name: str) -> None:
    code = f"""
        assert not isinstance(httpcore.ConnectionPool(), httpcore.{name})
        assert httpcore.{name}.__module__ == "httpcore"
        try:
            httpcore.{name}(origin=None, stream=None)
        except RuntimeError as exc:
            print(exc)
    """
    assert "pip install 'httpcore[http2]'" in run(code, ["core_h2", "h2"])


@pytest.mark.parametrize("pool", ["SOCKSProxy", "AsyncSOCKSProxy"])
def test_socks_without_its_package_says_what_to_install(pool: str) -> None:
    code = f"""
        try:
            httpcore.{pool}("socks5://127.0.0.1:1080")
        except (ImportError, RuntimeError) as exc:
            print(exc)
    """
    text = run(code, ["socksio"])
    assert "socksio" in text and "pip install" in text and "[socks]" in text


def test_names_that_are_none_are_attribute_errors() -> None:
    import httpcore

    with pytest.raises(AttributeError, match="module 'httpcore' has no attribute 'Nothing'"):
        httpcore.Nothing  # noqa: B018


@pytest.mark.skipif(importlib.util.find_spec("trio") is None, reason="trio is not installed")
def test_a_name_that_was_loaded_when_it_was_asked_for_is_one_object() -> None:
    import httpcore

    assert httpcore.TrioBackend is httpcore.TrioBackend
    assert repr(httpcore.TrioBackend) == "<class 'httpcore.TrioBackend'>"
