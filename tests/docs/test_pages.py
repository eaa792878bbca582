"""Every Python block of the documentation runs, against servers on the loopback."""

from __future__ import annotations

import json
import os
import pathlib
import shutil
import socket
import subprocess
import sys
from typing import Any

import pytest

from ..examples.internet import Internet
from .blocks import blocks_of
from .conftest import needs

HERE = pathlib.Path(__file__).parent
ROOT = HERE.parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
WITH_CODE = [page for page in PAGES if any(block.language == "python" for block in blocks_of(page))]

#: What pages import beside the distributions and what the servers need.
NEEDED = {"async.md": ("trio", "anyio"), "tls.md": ("trio",), "migrating.md": ("httpx",)}


@pytest.fixture
def network(internet: Internet, monkeypatch: pytest.MonkeyPatch) -> Internet:
    """The proxies are of this process, and find www.example.com and each other on the ports where those are."""
    original = socket.create_connection
    ports = {80: internet.ports["http"], 443: internet.ports["https"], 8080: internet.proxy("http").port}

    def create_connection(address: Any, *arguments: Any, **options: Any) -> socket.socket:
        host, port = address
        port = ports.get(port, port)
        return original((host, port), *arguments, **options)

    monkeypatch.setattr(socket, "create_connection", create_connection)
    return internet


@pytest.mark.parametrize("page", WITH_CODE, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_page(page: pathlib.Path, network: Internet, tmp_path: pathlib.Path) -> None:
    needs(*NEEDED.get(page.name, ()))
    shutil.copy(network.authority, tmp_path / "authority.pem")
    shutil.copy(network.client, tmp_path / "client.pem")
    with network.wants_certificate() as url:
        hosts = {
            "www.example.com:80": network.ports["http"],
            "www.example.com:443": network.ports["https"],
            "localhost:8000": network.ports["http"],
            "proxy.example.com:8080": network.proxy("http").port,
            "proxy.example.com:8443": network.proxy("https").port,
            "proxy.example.com:1080": network.proxy("socks5").port,
            "partner.example.com:443": int(url.rstrip("/").rpartition(":")[2]),
        }
        ended = subprocess.run(
            [sys.executable, "-W", "error", str(HERE / "run_page.py"), str(page)],
            env={**network.environment(), "DOCS_HOSTS": json.dumps(hosts)},
            cwd=str(tmp_path),
            timeout=50,
            check=False,
            capture_output=True,
            encoding="utf-8",
        )
    assert ended.returncode == 0, ended.stderr + ended.stdout


def test_a_page_that_is_wrong_fails(internet: Internet, tmp_path: pathlib.Path) -> None:
    page = tmp_path / "page.md"

    def run(text: str) -> int:
        page.write_text(text, encoding="utf-8")
        command = [sys.executable, str(HERE / "run_page.py"), str(page)]
        return subprocess.run(
            command, env={**os.environ, "DOCS_HOSTS": "{}"}, timeout=50, check=False, capture_output=True
        ).returncode

    assert run('```python\nprint(1)\n```\n\n```text title="Output"\n1\n```\n') == 0
    assert run('```python\nprint(1)\n```\n\n```text title="Output"\n2\n```\n') == 1
    assert run("```python\nraise ValueError\n```\n") == 1
    assert run("```python\nawait undefined()\n```\n") == 1
    assert run("```python\nimport socket\nsocket.getaddrinfo('elsewhere.example', 80)\n```\n") == 1
