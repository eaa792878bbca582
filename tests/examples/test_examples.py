"""Every example does what it says, against servers of the tests' own."""

from __future__ import annotations

import json
import pathlib
import re
import sys

import pytest

from .conftest import EXAMPLES, Runner, needs
from .internet import Internet

GREETING = "Hello, world!"


def test_downloads(run: Runner, internet: Internet, tmp_path: pathlib.Path) -> None:
    urls = [internet.url(f"/bytes/{size}", "https") for size in (0, 10, 1_000_000)]
    assert run("downloads.py", str(tmp_path), *urls) == (
        "000-0: 0 bytes\n001-10: 10 bytes\n002-1000000: 1000000 bytes\n"
    )
    assert (tmp_path / "002-1000000").stat().st_size == 1_000_000


def test_a_download_that_fails(run: Runner, internet: Internet, tmp_path: pathlib.Path) -> None:
    ended = run.start("downloads.py", str(tmp_path), internet.url("/status/404"), internet.url("/bytes/5"))
    assert ended.returncode == 1
    assert ended.stdout.splitlines() == [f"{internet.url('/status/404')}: status 404", "001-5: 5 bytes"]
    assert [path.name for path in tmp_path.iterdir()] == ["001-5"]


def test_upload(run: Runner, internet: Internet, tmp_path: pathlib.Path) -> None:
    file = tmp_path / "file"
    file.write_bytes(bytes(3_000_000))
    assert run("upload.py", str(file), internet.url("/upload")) == '200 {"received": 3000000}\n'


def test_server_sent_events(run: Runner, internet: Internet) -> None:
    """The fifth event comes from the second stream: the server ends each after three."""
    printed = run("server_sent_events.py", internet.url("/events"), "5")
    assert printed == "".join(f"message {number}: first line\nof event {number}\n" for number in range(1, 6))


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_websocket(run: Runner, internet: Internet, scheme: str) -> None:
    text = "x" * 300
    assert run("websocket.py", internet.url("/", scheme), text) == f"{text}\nclosed\n"


def test_retries(run: Runner, internet: Internet) -> None:
    assert run("retries.py", internet.url("/flaky/example")) == (
        f"attempt 1: status 503\nattempt 2: status 503\n200 {GREETING}\n"
    )


def test_mutual_tls(run: Runner, internet: Internet) -> None:
    with internet.wants_certificate() as url:
        version, answer = run("mutual_tls.py", url, internet.authority, internet.client).splitlines()
    assert re.fullmatch(r"TLSv1\.[23] .*", version)
    assert answer == "200 Hello, client@example.com!"


@pytest.mark.skipif(sys.platform == "win32", reason="there are no unix sockets")
def test_unix_socket(run: Runner, internet: Internet) -> None:
    printed = run("unix_socket.py", internet.unix_socket)
    assert [line.split() for line in printed.splitlines()] == [
        ["web", "nginx:1.27", "running"],
        ["queue", "redis:7", "exited"],
    ]


@pytest.mark.parametrize("kind", ["http", "https", "socks5", "socks5h"])
@pytest.mark.parametrize("scheme", ["http", "https"])
def test_proxies(run: Runner, internet: Internet, kind: str, scheme: str) -> None:
    proxy = internet.proxy(kind)
    before = len(proxy.heads)
    printed = run("proxies.py", internet.url("/", scheme), proxy.url)
    assert printed.startswith(f"200 {GREETING}\n<")
    assert len(proxy.heads) == before + 1


def test_one_proxy_inside_another(run: Runner, internet: Internet) -> None:
    outer, inner = internet.proxy("socks5"), internet.proxy("http")
    printed = run("proxies.py", internet.url("/", "https"), outer.url, inner.url)
    assert printed.startswith(f"200 {GREETING}\n")
    assert outer.heads[-1].endswith(inner.port.to_bytes(2, "big"))
    assert inner.heads[-1].startswith(b"CONNECT localhost:%d " % internet.ports["https"])


def test_a_proxy_that_refuses(run: Runner, internet: Internet) -> None:
    proxy = internet.proxy("http")
    proxy.answers.append(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n")
    ended = run.start("proxies.py", internet.url("/", "https"), proxy.url)
    assert (ended.returncode, ended.stderr) == (1, "The proxy refuses: 403 Forbidden\n")


def test_multiplexing(run: Runner, internet: Internet) -> None:
    many, beside, connection = run("multiplexing.py", internet.url("/", "https"), "50").splitlines()
    assert many == "50 responses over HTTP/2 on 1 connection"
    assert beside == "200 beside a cancelled request"
    assert "HTTP/2" in connection


def test_recording_backend(run: Runner, internet: Internet) -> None:
    lines = run("recording_backend.py", internet.url("/")).splitlines()
    assert lines[0] == "> GET / HTTP/1.1"
    assert "< HTTP/1.1 200 " in lines
    assert lines[-1] == f"< {GREETING}"


def test_recording_backend_inside_tls(run: Runner, internet: Internet) -> None:
    lines = run("recording_backend.py", internet.url("/", "https")).splitlines()
    assert "> GET / HTTP/1.1" in lines
    assert lines[-1] == f"< {GREETING}"


def test_host_override(run: Runner, internet: Internet) -> None:
    port = internet.ports["https"]
    printed = run("host_override.py", "https://www.example.com/", f"www.example.com:443=127.0.0.1:{port}")
    assert printed == f"https://www.example.com/ is at 127.0.0.1:{port}\n200 {GREETING}\n"


def test_timeline(run: Runner, internet: Internet) -> None:
    printed = run("timeline.py", internet.url("/", "https"))
    first, second = printed.split("request 2: status 200\n")
    assert "connection.start_tls " in first
    assert "connection." not in second
    assert "http11.receive_response_headers" in second


def test_opentelemetry_spans(run: Runner, internet: Internet) -> None:
    needs("opentelemetry")
    printed = run("opentelemetry_spans.py", internet.url("/headers"))
    span, end = json.JSONDecoder().raw_decode(printed)
    assert printed[end:].strip() == "200"
    assert (span["name"], span["kind"]) == ("GET", "SpanKind.CLIENT")
    assert span["attributes"]["http.response.status_code"] == 200
    assert span["attributes"]["network.protocol.version"] == "1.1"
    assert span["events"][-1]["name"] == "http11.response_closed.complete"


def test_under_httpx(run: Runner, internet: Internet) -> None:
    needs("httpx")
    greeting, status, connection = run("under_httpx.py", internet.url("/", "https")).splitlines()
    assert (greeting, status) == (GREETING, "200")
    assert "Request Count: 2" in connection


def test_pool_and_h1(run: Runner, internet: Internet) -> None:
    lines = run("pool_and_h1.py", internet.url("/", "https")).splitlines()
    assert [line.split(" <")[0] for line in lines] == [f"200 {GREETING}"] * 3
    assert "Request Count: 3" in lines[-1]


@pytest.mark.skipif(sys.platform == "win32", reason="sockets cannot be a program's standard input there")
def test_own_stream(run: Runner, internet: Internet) -> None:
    relay = str(pathlib.Path(__file__).parent / "relay.py")
    port = str(internet.ports["http"])
    printed = run("own_stream.py", internet.url("/"), sys.executable, relay, "127.0.0.1", port)
    assert printed == f"200 {GREETING}\n"


def test_every_example_is_tested() -> None:
    tests = pathlib.Path(__file__).read_text(encoding="utf-8")
    untested = [path.name for path in EXAMPLES.glob("*.py") if f'"{path.name}"' not in tests]
    assert untested == []
