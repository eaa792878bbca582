"""Runs the Python blocks of one page in order, in one namespace, as for a reader who copies them one after the other.

    run_page.py PAGE

Hosts are found where the variable DOCS_HOSTS says (JSON: "host:port" to a port of the loopback); no other name
resolves, so nothing else is ever contacted. A block with `await` outside a function runs under asyncio. Where a block
is followed by one with the title "Output", that is what it must print. Anything unraisable fails the page.
"""

from __future__ import annotations

import ast
import asyncio
import contextlib
import inspect
import io
import json
import os
import pathlib
import socket
import sys
from typing import Any, Dict, List

sys.path.insert(0, str(pathlib.Path(__file__).parent))

from blocks import Block, blocks_of

OUTPUT = 'title="Output"'


def use_local_hosts(hosts: Dict[str, int]) -> None:
    original = socket.getaddrinfo

    def getaddrinfo(host: Any, port: Any, *arguments: Any, **options: Any) -> Any:
        name = host.decode() if isinstance(host, bytes) else host
        local = hosts.get(f"{name}:{port}")
        if local is not None:
            return original("127.0.0.1", local, *arguments, **options)
        if name in ("localhost", "127.0.0.1", "::1", None):
            return original(host, port, *arguments, **options)
        raise socket.gaierror(socket.EAI_NONAME, f"{name}:{port} is no host of the documentation's")

    socket.getaddrinfo = getaddrinfo


def use_local_hosts_with_anyio(hosts: Dict[str, int]) -> None:
    """anyio resolves names without their port, so it is told beforehand."""
    import anyio

    original: Any = anyio.connect_tcp

    async def connect_tcp(remote_host: str, remote_port: int, **options: Any) -> Any:
        local = hosts.get(f"{remote_host}:{remote_port}")
        if local is not None:
            remote_host, remote_port = "127.0.0.1", local
        return await original(remote_host, remote_port, **options)

    anyio.connect_tcp = connect_tcp


def run(block: Block, page: pathlib.Path, namespace: Dict[str, Any]) -> str:
    """Return what the block printed."""
    # The empty lines make a traceback name the line of the page.
    source = "\n" * (block.line - 1) + block.source
    code = compile(source, str(page), "exec", ast.PyCF_ALLOW_TOP_LEVEL_AWAIT, dont_inherit=True)
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        if code.co_flags & inspect.CO_COROUTINE:
            asyncio.run(eval(code, namespace))
        else:
            exec(code, namespace)
    return printed.getvalue()


def main(page: pathlib.Path) -> int:
    hosts = json.loads(os.environ["DOCS_HOSTS"])
    use_local_hosts(hosts)
    if "AnyIOBackend" in page.read_text(encoding="utf-8"):
        use_local_hosts_with_anyio(hosts)
    unraisable: List[str] = []
    sys.unraisablehook = lambda fault: unraisable.append(repr(fault.exc_value))
    namespace: Dict[str, Any] = {"__name__": "__main__"}
    blocks = blocks_of(page)
    for block, following in zip(blocks, [*blocks[1:], None]):
        if block.language != "python":
            continue
        printed = run(block, page, namespace)
        if following is not None and following.attributes == OUTPUT and printed != following.source:
            sys.stderr.write(f"{page}:{block.line} printed\n{printed}\nand not\n{following.source}\n")
            return 1
        if unraisable:
            sys.stderr.write(f"{page}:{block.line} left behind {unraisable}\n")
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(pathlib.Path(sys.argv[1])))
