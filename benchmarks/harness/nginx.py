"""The server under every workload: one nginx worker, on free ports, in a temporary directory.

It answers small requests from memory with 1 KB and eight headers, reads uploads into memory before it answers
(an early answer would let clients skip the upload), and closes after each response on the path for new connections.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Dict, Iterator, List, NamedTuple, Optional

from .certificates import issue
from .machine import pinned

__all__ = ["DOWNLOAD_SIZES", "SMALL_BODY", "Server", "serve", "version"]

SMALL_BODY = 1024
_LOWEST_PORT, _HIGHEST_PORT = 10_000, 32_000
DOWNLOAD_SIZES = {"50mb": 50_000_000, "100mb": 100_000_000}


class Server(NamedTuple):
    """Base URLs by name (`http`, `https`, `resumed`: with TLS sessions, `h2`), the many origins, and the certificate
    that clients trust."""

    bases: Dict[str, str]
    origins: List[str]
    cafile: str


_CONFIGURATION = """\
daemon off;
worker_processes 1;
worker_rlimit_nofile 20000;
pid {root}/nginx.pid;
error_log {root}/error.log warn;
{user}
events {{ worker_connections 19000; }}
http {{
    access_log off;
    default_type text/plain;
    sendfile on;
    tcp_nodelay on;
    keepalive_timeout 3600s;
    keepalive_requests 1000000000;
    client_max_body_size 0;
    client_body_buffer_size 64m;
    client_body_temp_path {root}/body;
    proxy_temp_path {root}/proxy;
    fastcgi_temp_path {root}/fastcgi;
    uwsgi_temp_path {root}/uwsgi;
    scgi_temp_path {root}/scgi;
    ssl_certificate {certificates.certificate};
    ssl_certificate_key {certificates.key};
    ssl_session_cache off;
    ssl_session_tickets off;
    upstream answer {{ server 127.0.0.1:{sink}; keepalive 64; keepalive_requests 1000000000; }}
    server {{ listen 127.0.0.1:{sink}; location / {{ return 200 "stored\\n"; }} }}
    server {{
        listen 127.0.0.1:{resumed} ssl backlog=4096;
        ssl_session_cache shared:resumed:1m;
        ssl_session_tickets on;
        add_header Cache-Control "public, max-age=3600";
        add_header ETag "\\"5f1a2b3c-400\\"";
        add_header Vary Accept-Encoding;
        location = /close {{ keepalive_timeout 0; return 200 "{small}"; }}
    }}
    server {{
        listen 127.0.0.1:{http} backlog=4096;
        listen 127.0.0.1:{https} ssl backlog=4096;
        listen 127.0.0.1:{h2} ssl http2 backlog=4096;
{origins}
        root {root}/files;
        add_header Cache-Control "public, max-age=3600";
        add_header ETag "\\"5f1a2b3c-400\\"";
        add_header Vary Accept-Encoding;
        location = /small {{ return 200 "{small}"; }}
        location = /close {{ keepalive_timeout 0; return 200 "{small}"; }}
        location = /upload {{
            proxy_pass http://answer;
            proxy_http_version 1.1;
            proxy_set_header Connection "";
            proxy_set_header Content-Length "";
            proxy_pass_request_body off;
        }}
    }}
}}
"""


def _program() -> str:
    program = shutil.which("nginx", path=os.environ.get("PATH", "") + os.pathsep + "/usr/sbin")
    if program is None:
        raise SystemExit("nginx is needed: `apt-get install nginx-core`, or your system's package of that name")
    return program


def version() -> str:
    """The server's own name and version."""
    answer = subprocess.run([_program(), "-v"], capture_output=True, text=True, check=True)
    return answer.stderr.strip().rpartition(": ")[2]


def free_ports(count: int) -> List[int]:
    """Distinct ports that nobody listened on a moment ago."""
    with contextlib.ExitStack() as held:
        ports = []
        for _ in range(count):
            sock = held.enter_context(socket.socket())
            sock.bind(("127.0.0.1", 0))
            ports.append(sock.getsockname()[1])
    return ports


def _low_ports(count: int) -> List[int]:
    """Distinct ports that are free, below those that systems give to connecting sockets: thousands among these would
    hardly all be free still when the server starts."""
    ports: List[int] = []
    for port in range(_LOWEST_PORT, _HIGHEST_PORT):
        if len(ports) == count:
            return ports
        with socket.socket() as sock, contextlib.suppress(OSError):
            sock.bind(("127.0.0.1", port))
            ports.append(port)
    raise SystemExit(f"of {count} ports for origins only {len(ports)} are free")


def _files(root: Path) -> None:
    (root / "files").mkdir(mode=0o755)
    for name, size in DOWNLOAD_SIZES.items():
        with open(root / "files" / name, "wb") as file:
            file.truncate(size)


def _user() -> str:
    """Run as root, nginx would drop to an account that cannot read the temporary directory."""
    if sys.platform == "win32" or os.geteuid() != 0:
        return ""
    import grp
    import pwd

    return f"user {pwd.getpwuid(0).pw_name} {grp.getgrgid(os.getegid()).gr_name};"


def _listening(port: int) -> bool:
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex(("127.0.0.1", port)) == 0


@contextlib.contextmanager
def serve(root: Path, core: Optional[int], origins: int) -> Iterator[Server]:
    """A running server with its files under `root`, that is `origins` more origins on ports of their own, pinned to
    `core`, stopped by its process id on leaving."""
    sink, http, https, resumed, h2 = free_ports(5)
    many = _low_ports(origins)
    certificates = issue(root)
    _files(root)
    configuration = _CONFIGURATION.format(
        root=root,
        certificates=certificates,
        user=_user(),
        sink=sink,
        http=http,
        https=https,
        resumed=resumed,
        h2=h2,
        small="x" * SMALL_BODY,
        origins="\n".join(f"        listen 127.0.0.1:{port};" for port in many),
    )
    (root / "nginx.conf").write_text(configuration, encoding="ascii")
    with pinned(core):
        process = subprocess.Popen([_program(), "-p", str(root), "-c", str(root / "nginx.conf")])
    try:
        deadline = time.monotonic() + 20
        while not _listening(http):
            if process.poll() is not None or time.monotonic() > deadline:
                raise SystemExit(f"nginx did not start; see {root / 'error.log'}")
            time.sleep(0.05)
        bases = {
            "http": f"http://127.0.0.1:{http}",
            "https": f"https://127.0.0.1:{https}",
            "resumed": f"https://127.0.0.1:{resumed}",
            "h2": f"https://127.0.0.1:{h2}",
        }
        yield Server(bases, [f"http://127.0.0.1:{port}/small" for port in many], str(certificates.authority))
    finally:
        process.terminate()
        process.wait(20)
