"""The command line, driven as it is used: requests, responses, exit codes, and nothing but one line on failure."""

from __future__ import annotations

import io
import os
import pathlib
import re
import signal
import socket
import ssl
import subprocess
import sys
import tempfile
import threading
from typing import Any, Dict, List, Optional, Sequence, Tuple

import pytest

import httpcore
from httpcore._cli.exit_codes import ExitCode, exit_code_of
from httpcore._cli.main import main

from .cli_peers import Tls, answer, hang_up, peer, read_head

Capture = pytest.CaptureFixture[bytes]


def command(*arguments: str, data: bytes = b"", env: Optional[Dict[str, str]] = None) -> Tuple[int, bytes, str]:
    """Run the command as a process; return its exit code, standard output, and standard error."""
    words = [sys.executable, "-W", "error", "-m", "httpcore", *arguments]
    environment = {**os.environ, "PYTHON_COLORS": "0", **(env or {})}
    done = subprocess.run(words, env=environment, input=data, capture_output=True, timeout=50, check=False)
    return done.returncode, done.stdout, done.stderr.decode()


@pytest.fixture(scope="module")
def tls(tmp_path_factory: pytest.TempPathFactory) -> Tls:
    return Tls(tmp_path_factory.mktemp("tls"))


def one_line(capture: Capture) -> str:
    out, err = capture.readouterr()
    text = err.decode()
    assert out == b"" and text.startswith("httpcore: ") and text.count("\n") == 1 and text.endswith("\n")
    return text[len("httpcore: ") : -1]


# Loading.


def test_importing_httpcore_loads_neither_the_command_nor_argparse() -> None:
    code = "import sys, httpcore; print([name for name in sys.modules if name == 'argparse' or '_cli' in name])"
    done = subprocess.run([sys.executable, "-S", "-c", f"import sys; sys.path[:] = {sys.path!r}; {code}"],
                          capture_output=True, timeout=50, check=False)  # fmt: skip
    assert done.stdout.decode().strip() == "[]", done.stderr.decode()


def test_help_and_version_say_what_there_is() -> None:
    code, out, err = command("--help")
    assert (code, err) == (0, "") and b"--trace-svg" in out and b"Exit codes" in out and out.isascii()
    code, out, err = command("--version")
    assert (code, out.strip(), err) == (0, b"httpcore " + httpcore.__version__.encode(), "")


PAGE = pathlib.Path(__file__).resolve().parents[2] / "docs" / "command-line.md"


def test_the_page_names_every_option_and_code() -> None:
    text = PAGE.read_text(encoding="utf-8")
    _, out, _ = command("--help")
    options = set(re.findall(r"(?<![\w-])--?[a-z0-9][a-z0-9.-]*", out.decode(), re.IGNORECASE)) - {"-m", "-h"}
    assert "--proxy-ca-bundle" in options
    assert [option for option in sorted(options) if not re.search(rf"{re.escape(option)}(?![\w-])", text)] == []
    assert [int(code) for code in re.findall(r"^\| (\d+) \|", text, re.MULTILINE)] == sorted(ExitCode)


# Requests.


def test_the_body_goes_to_standard_output_as_it_is() -> None:
    blob = bytes(range(256)) * 40 + b"\r\n\n"
    with peer(answer(blob)) as server:
        assert command(server.url) == (0, blob, "")


def test_a_console_that_knows_few_characters_is_no_obstacle() -> None:
    blob = "héllo ☃".encode()
    with peer(answer(blob)) as server:
        environment = {"PYTHONIOENCODING": "cp1252", "PYTHONUTF8": "0"}
        code, out, err = command(server.url, "--trace", env=environment)
    assert (code, out) == (0, blob)
    assert "#" in err and "connection.connect_tcp" in err


def test_method_and_headers_are_sent_as_given(capsysbinary: Capture) -> None:
    heads: List[bytes] = []
    with peer(answer(b"", heads=heads)) as server:
        words = ["-X", "OPTIONS", "-H", "X-A: 1", "-H", "x-a: zwei ü", "-H", "accept:", "-H", "X-Empty;"]
        assert main([server.url + "a?b=c#d", *words]) == 0
    lines = heads[0].decode().split("\r\n")
    assert lines[0] == "OPTIONS /a?b=c HTTP/1.1"
    assert lines[1:-2] == [
        f"Host: localhost:{server.port}",
        f"User-Agent: httpcore/{httpcore.__version__}",
        "X-A: 1",
        "x-a: zwei ü",
        "X-Empty: ",
    ]


@pytest.mark.parametrize("words, body", [(["-d", "text ü"], "text ü".encode()), (["-d", ""], b"")])
def test_data_is_posted(words: Sequence[str], body: bytes) -> None:
    heads: List[bytes] = []
    with peer(answer(b"", heads=heads)) as server:
        assert main([server.url, *words]) == 0
    head, _, sent = heads[0].partition(b"\r\n\r\n")
    assert head.startswith(b"POST / ") and sent == body
    assert b"\r\nContent-Length: %d" % len(body) in head


def test_a_file_is_sent_with_its_length(tmp_path: pathlib.Path) -> None:
    heads: List[bytes] = []
    blob = bytes(range(256)) * 1024
    (tmp_path / "body").write_bytes(blob)
    with peer(answer(b"", heads=heads)) as server:
        assert main([server.url, "-X", "PUT", "-d", f"@{tmp_path / 'body'}"]) == 0
    head, _, sent = heads[0].partition(b"\r\n\r\n")
    assert head.startswith(b"PUT / ") and sent == blob
    assert b"\r\nContent-Length: %d" % len(blob) in head


def test_standard_input_is_sent_as_it_comes() -> None:
    heads: List[bytes] = []
    with peer(answer(b"ok", heads=heads)) as server:
        assert command(server.url, "-d", "@-", data=b"piped") == (0, b"ok", "")
    head, _, sent = heads[0].partition(b"\r\n\r\n")
    assert b"Transfer-Encoding: chunked" in head and sent == b"5\r\npiped\r\n0\r\n\r\n"


def test_standard_input_from_a_file_has_a_length(tmp_path: pathlib.Path) -> None:
    heads: List[bytes] = []
    (tmp_path / "body").write_bytes(b"filed")
    with peer(answer(b"ok", heads=heads)) as server, open(str(tmp_path / "body"), "rb") as body:
        words = [sys.executable, "-m", "httpcore", server.url, "-d", "@-"]
        assert subprocess.run(words, stdin=body, stdout=subprocess.PIPE, timeout=50, check=True).stdout == b"ok"
    assert b"\r\nContent-Length: 5\r\n" in heads[0] and heads[0].endswith(b"\r\n\r\nfiled")


# Responses.


def test_include_and_head_write_the_head(capsysbinary: Capture) -> None:
    with peer(answer(b"text")) as server:
        assert main([server.url, "-i"]) == 0
        assert capsysbinary.readouterr().out == b"HTTP/1.1 200 OK\r\nX-One: 1\r\nContent-Length: 4\r\n\r\ntext"
        assert main([server.url, "-I"]) == 0
        assert capsysbinary.readouterr().out == b"HTTP/1.1 200 OK\r\nX-One: 1\r\nContent-Length: 4\r\n\r\n"


def test_an_output_file_leaves_standard_output_alone(tmp_path: pathlib.Path, capsysbinary: Capture) -> None:
    target = tmp_path / "out"
    with peer(answer(b"text")) as server:
        assert main([server.url, "-o", str(target)]) == 0
    assert target.read_bytes() == b"text" and capsysbinary.readouterr() == (b"", b"")


def test_an_empty_body_makes_an_empty_file(tmp_path: pathlib.Path) -> None:
    with peer(answer(b"")) as server:
        assert main([server.url, "-o", str(tmp_path / "out")]) == 0
    assert (tmp_path / "out").read_bytes() == b""


def test_a_request_that_fails_leaves_the_output_file_as_it_was(tmp_path: pathlib.Path, capsysbinary: Capture) -> None:
    target = tmp_path / "out"
    target.write_bytes(b"before")
    with peer(hang_up) as server:
        assert main([server.url, "-o", str(target)]) == 9
    assert target.read_bytes() == b"before"


def test_a_status_of_400_and_above_fails_on_request_only(capsysbinary: Capture) -> None:
    with peer(answer(b"gone", b"410 Gone")) as server:
        assert main([server.url]) == 0
        assert capsysbinary.readouterr() == (b"gone", b"")
        assert main([server.url, "--fail"]) == 22
    assert capsysbinary.readouterr() == (b"gone", b"httpcore: the server answered 410 Gone\n")


# What goes wrong.


@pytest.mark.parametrize(
    "words, said",
    [
        ([], "required: URL"),
        (["example.org"], "must start with http:// or https://"),
        (["http://ex ample/", "--bogus"], "--bogus"),
        (["http://user:secret@h/"], "credentials in it would not be sent"),
        (["http://h/", "-H", "no colon"], "'NAME: VALUE'"),
        (["http://h/", "--read-timeout=-1"], "no number of seconds"),
        (["http://h/", "--read-timeout", "nan"], "no number of seconds"),
        (["http://h/", "--retries", "few"], "'few' is no count"),
        (["http://h/", "--retries", "9" * 20], "is no count"),
        (["http://h/", "-X", "G\u00c4T"], "ASCII"),
        (["http://h/", "-X", ""], "a method is a word"),
        (["http://h/", "--http2", "--http1.1"], "not allowed with"),
        (["http://h/", "--key", "k"], "--key needs --cert"),
        (["http://h/", "--unix-socket", "s", "--proxy", "http://p"], "choose one"),
        (["http://h/", "--proxy-tunnel"], "need an HTTP --proxy"),
        (["http://h/", "--proxy", "gopher://p:1"], "proxy"),
        (["http://h/", "--proxy", "user:secret@p"], "must look like"),
        (["http://h/", "-I", "-d", "x"], "--head asks for no body"),
        (["http://h\u00e4/"], "unicode"),
    ],
)
def test_what_makes_no_sense_is_a_usage_error(words: Sequence[str], said: str, capsysbinary: Capture) -> None:
    assert main(words) == 2
    line = one_line(capsysbinary)
    assert said in line and "secret" not in line


def test_a_header_that_cannot_be_sent_is_one_too(capsysbinary: Capture) -> None:
    with peer(answer(b"")) as server:
        assert main([server.url, "-H", "X: a\x00b"]) == 2
    assert "Illegal header value" in one_line(capsysbinary)


@pytest.mark.parametrize("words", [["-d", "@/no/such/file"], ["--ca-bundle", "/no/such/file"], ["--cert", "/no/such"]])
def test_a_file_that_is_not_there_is_said_before_connecting(words: Sequence[str], capsysbinary: Capture) -> None:
    assert main(["http://127.0.0.1:1/", *words]) == 3
    assert "/no/such" in one_line(capsysbinary)


def test_an_output_that_cannot_be_written_has_the_same_code(tmp_path: pathlib.Path, capsysbinary: Capture) -> None:
    with peer(answer(b"text")) as server:
        assert main([server.url, "-o", str(tmp_path / "no" / "out")]) == 3
    assert "cannot write to" in one_line(capsysbinary)
    with peer(answer(b"")) as server:
        assert main([server.url, "--trace-svg", "a name that no file has: \0"]) == 3
    assert "cannot write the picture" in one_line(capsysbinary)


@pytest.mark.parametrize("name, words", [("stdout", []), ("stdin", ["-d", "@-"])])
def test_a_stream_that_the_process_has_not_is_said_to_be_missing(
    name: str, words: Sequence[str], monkeypatch: pytest.MonkeyPatch, capsysbinary: Capture
) -> None:
    with peer(answer(b"text")) as server:
        with monkeypatch.context() as patch:
            patch.setattr(sys, name, None)
            assert main([server.url, *words]) == 3
    assert one_line(capsysbinary)


def unused_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


def test_standard_output_without_buffer_may_take_it_in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    class Parts(io.RawIOBase):
        taken = b""

        def writable(self) -> bool:
            return True

        def write(self, data: Any) -> int:
            part = bytes(data[:3])
            self.taken += part
            return len(part)

    class Unbuffered:
        """What `python -u` gives."""

        buffer = Parts()

    monkeypatch.setattr("sys.stdout", Unbuffered())
    with peer(answer(b"hello, hello")) as server:
        assert main([server.url]) == 0
    assert Unbuffered.buffer.taken == b"hello, hello"


def test_a_refused_connection(capsysbinary: Capture) -> None:
    assert main([f"http://127.0.0.1:{unused_port()}/"]) == 4
    assert one_line(capsysbinary).startswith("ConnectError: ")


def test_a_time_limit(capsysbinary: Capture) -> None:
    asked = threading.Event()

    def never(connection: socket.socket) -> None:
        read_head(connection)
        asked.set()
        connection.recv(1)

    with peer(never) as server:
        assert main([server.url, "--read-timeout", "0.05"]) == 7
        assert one_line(capsysbinary).startswith("ReadTimeout: ")
        assert main([server.url, "--total-timeout", "0.05"]) == 7
    assert asked.is_set()


def test_a_server_that_hangs_up_has_broken_the_protocol(capsysbinary: Capture) -> None:
    with peer(hang_up) as server:
        assert main([server.url]) == 9
    assert "disconnected without sending a response" in one_line(capsysbinary)


def test_what_came_of_a_body_that_breaks_off_is_written(capsysbinary: Capture) -> None:
    def break_off(connection: socket.socket) -> None:
        read_head(connection)
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc")

    with peer(break_off) as server:
        assert main([server.url]) == 9
    out, err = capsysbinary.readouterr()
    assert out == b"abc" and err.startswith(b"httpcore: RemoteProtocolError: ") and err.count(b"\n") == 1


def test_what_the_server_says_cannot_move_the_cursor(capsysbinary: Capture) -> None:
    def garbage(connection: socket.socket) -> None:
        read_head(connection)
        connection.sendall(b"\x1b[2Jnonsense\r\n\r\n")

    with peer(garbage) as server:
        assert main([server.url]) == 9
    assert "\x1b" not in one_line(capsysbinary)


def test_nor_can_what_it_says_of_the_status(tmp_path: pathlib.Path, capsysbinary: Capture) -> None:
    picture = tmp_path / "picture.svg"
    # The one byte for what is ESC [ otherwise.
    with peer(answer(b"hello", status=b"200 \x9b2Jgone")) as server:
        assert main(["--trace", "--trace-svg", str(picture), server.url]) == 0
    _, err = capsysbinary.readouterr()
    assert b"200 \\x9b2Jgone" in err and "\x9b" not in err.decode("utf-8")
    assert "\x9b" not in picture.read_text(encoding="utf-8")


def test_an_unexpected_error_is_no_exit_code() -> None:
    """A traceback says more about a defect than any line could."""
    assert exit_code_of(KeyError("x")) is None


# TLS.


def test_tls_with_an_authority_of_ones_own(tls: Tls, capsysbinary: Capture) -> None:
    with peer(answer(b"secure"), tls.context()) as server:
        assert main([server.url, "--ca-bundle", tls.ca_bundle]) == 0
        assert capsysbinary.readouterr().out == b"secure"
        assert main([server.url, "--ca-bundle", tls.other_ca_bundle]) == 5
        assert "CERTIFICATE_VERIFY_FAILED" in one_line(capsysbinary)
        assert main([server.url, "--insecure"]) == 0


def test_a_server_name_is_sent_and_checked(tls: Tls, capsysbinary: Capture) -> None:
    names: List[str] = []
    context = tls.context()
    context.sni_callback = lambda layer, name, _: names.append(name)
    with peer(answer(b""), context) as server:
        assert main([server.url, "--ca-bundle", tls.ca_bundle, "--sni", "alias.example"]) == 0
        assert main([server.url, "--ca-bundle", tls.ca_bundle, "--sni", "elsewhere.example"]) == 5
    assert names == ["alias.example", "elsewhere.example"]


def test_a_client_certificate(tls: Tls, capsysbinary: Capture) -> None:
    def who(connection: socket.socket) -> None:
        assert isinstance(connection, ssl.SSLSocket)
        answer(b"known" if connection.getpeercert() else b"unknown")(connection)

    with peer(who, tls.context(ask=True)) as server:
        assert main([server.url, "--ca-bundle", tls.ca_bundle, "--cert", tls.client]) == 0
        assert capsysbinary.readouterr().out == b"known"
        words = ["--cert", tls.client_chain, "--key", tls.client_key]
        assert main([server.url, "--ca-bundle", tls.ca_bundle, *words]) == 0
        assert capsysbinary.readouterr().out == b"known"


def test_a_server_without_tls_is_a_failure_of_tls(capsysbinary: Capture) -> None:
    def speak(connection: socket.socket) -> None:
        connection.recv(1)
        connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        connection.recv(65536)

    with peer(speak) as server:
        assert main([f"https://localhost:{server.port}/"]) == 5


# Ways.


@pytest.mark.skipif(not hasattr(socket, "AF_UNIX"), reason="there are no unix sockets here")
def test_a_unix_socket(tmp_path: pathlib.Path, capsysbinary: Capture) -> None:
    with tempfile.TemporaryDirectory(prefix="cli") as short:  # a socket's path may have about a hundred bytes
        heads: List[bytes] = []
        with peer(answer(b"here", heads=heads), uds=f"{short}/s"):
            assert main(["http://docker/info", "--unix-socket", f"{short}/s"]) == 0
    assert capsysbinary.readouterr().out == b"here" and b"Host: docker\r\n" in heads[0]


def test_one_family_of_addresses(capsysbinary: Capture) -> None:
    with peer(answer(b"four")) as server:
        assert main([server.url, "-4"]) == 0
        assert capsysbinary.readouterr().out == b"four"
        assert main([f"http://127.0.0.1:{server.port}/", "-6"]) == 4
    assert "IPv6" in one_line(capsysbinary)


def test_a_local_address(capsysbinary: Capture) -> None:
    def from_where(connection: socket.socket) -> None:
        answer(connection.getpeername()[0].encode())(connection)

    with peer(from_where) as server:
        assert main([server.url, "--local-address", "127.0.0.1"]) == 0
    assert capsysbinary.readouterr().out == b"127.0.0.1"


def test_an_http_proxy_forwards(capsysbinary: Capture) -> None:
    heads: List[bytes] = []
    with peer(answer(b"forwarded", heads=heads)) as proxy:
        url = f"http://us%65r:p%40ss@localhost:{proxy.port}"
        assert main(["http://origin.example/x", "--proxy", url, "--proxy-header", "X-P: 1"]) == 0
    assert capsysbinary.readouterr().out == b"forwarded"
    assert heads[0].startswith(b"GET http://origin.example/x HTTP/1.1\r\n")
    assert b"Proxy-Authorization: Basic dXNlcjpwQHNz\r\n" in heads[0] and b"X-P: 1\r\n" in heads[0]


def test_an_http_proxy_tunnels(capsysbinary: Capture) -> None:
    heads: List[bytes] = []

    def tunnel(connection: socket.socket) -> None:
        heads.append(read_head(connection))
        connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
        answer(b"tunnelled", heads=heads)(connection)

    with peer(tunnel) as proxy:
        words = ["--proxy", f"http://localhost:{proxy.port}", "--proxy-tunnel"]
        assert main(["http://origin.example/x", *words]) == 0
    assert capsysbinary.readouterr().out == b"tunnelled"
    assert heads[0].startswith(b"CONNECT origin.example:80 ") and heads[1].startswith(b"GET /x ")


def test_a_proxy_that_refuses_has_its_own_code(capsysbinary: Capture) -> None:
    with peer(answer(b"", b"403 No Way")) as proxy:
        assert main(["https://origin.example/", "--proxy", f"http://user:secret@localhost:{proxy.port}"]) == 6
    line = one_line(capsysbinary)
    assert "403 No Way" in line and "secret" not in line


def test_an_https_proxy(tls: Tls, capsysbinary: Capture) -> None:
    with peer(answer(b"forwarded"), tls.context()) as proxy:
        words = ["http://origin.example/", "--proxy", f"https://localhost:{proxy.port}"]
        assert main([*words, "--proxy-ca-bundle", tls.ca_bundle]) == 0
        assert capsysbinary.readouterr().out == b"forwarded"
        assert main([*words, "--proxy-insecure"]) == 0
        capsysbinary.readouterr()
        assert main([*words, "--proxy-ca-bundle", tls.other_ca_bundle]) == 5


def test_a_socks_proxy(capsysbinary: Capture) -> None:
    pytest.importorskip("socksio")
    asked: List[bytes] = []

    def socks(connection: socket.socket) -> None:
        assert connection.recv(3) == b"\x05\x01\x00"
        connection.sendall(b"\x05\x00")
        start = b"\x05\x01\x00\x03\x0eorigin.example\x00\x50"
        data = b""
        while len(data) < len(start):
            data += connection.recv(len(start) - len(data))
        asked.append(data)
        assert data == start
        connection.sendall(b"\x05\x00\x00\x01\x00\x00\x00\x00\x00\x00")
        answer(b"by socks")(connection)

    with peer(socks) as proxy:
        assert main(["http://origin.example/", "--proxy", f"socks5://localhost:{proxy.port}"]) == 0
    assert capsysbinary.readouterr().out == b"by socks" and len(asked) == 1


# Versions.


def http2_answers(connection: socket.socket) -> None:
    """A server that speaks HTTP/2 whatever was agreed, and answers the first request (RFC 9113 §§ 3.4, 4.1)."""

    def take(size: int) -> bytes:
        data = b""
        while len(data) < size:
            piece = connection.recv(size - len(data))
            if not piece:
                raise ConnectionError("the client has hung up")
            data += piece
        return data

    def frame(kind: int, flags: int, stream: int, payload: bytes = b"") -> bytes:
        return len(payload).to_bytes(3, "big") + bytes([kind, flags]) + stream.to_bytes(4, "big") + payload

    assert take(24) == b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
    connection.sendall(frame(SETTINGS, 0, 0))
    kind = None
    while kind != HEADERS:
        head = take(9)
        kind = head[3]
        take(int.from_bytes(head[:3], "big"))
    block = b"\x88" + b"\x00\x05x-two\x012"  # `:status: 200` of the static table (RFC 7541), and a literal
    connection.sendall(frame(SETTINGS, 1, 0) + frame(HEADERS, 4, 1, block) + frame(DATA, 1, 1, b"two"))
    while connection.recv(65536):
        pass


DATA, HEADERS, SETTINGS = 0, 1, 4


def test_http2_where_the_server_agrees(tls: Tls, capsysbinary: Capture) -> None:
    pytest.importorskip("core_h2")
    with peer(http2_answers, tls.context(alpn=("h2",))) as server:
        assert main([server.url, "-i", "--http2", "--ca-bundle", tls.ca_bundle]) == 0
    assert capsysbinary.readouterr().out == b"HTTP/2 200\r\nx-two: 2\r\n\r\ntwo"
    with peer(answer(b"one"), tls.context(alpn=("http/1.1",))) as server:
        assert main([server.url, "--http2", "--ca-bundle", tls.ca_bundle]) == 0
    assert capsysbinary.readouterr().out == b"one"


def test_http2_with_prior_knowledge(capsysbinary: Capture) -> None:
    pytest.importorskip("core_h2")
    with peer(http2_answers) as server:
        assert main([server.url, "-i", "--http2-prior-knowledge"]) == 0
    assert capsysbinary.readouterr().out == b"HTTP/2 200\r\nx-two: 2\r\n\r\ntwo"


def test_http2_without_its_extra_names_it(monkeypatch: pytest.MonkeyPatch, capsysbinary: Capture) -> None:
    monkeypatch.setattr("httpcore._protocols.importlib.util.find_spec", lambda name: None)
    assert main(["https://h/", "--http2"]) == 2
    assert "pip install 'httpcore[http2]'" in one_line(capsysbinary)


# Being ended.


def endless(started: threading.Event) -> Any:
    def function(connection: socket.socket) -> None:
        read_head(connection)
        connection.sendall(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n")
        while True:
            connection.sendall(b"x" * 65536)
            started.set()

    return function


def test_a_reader_that_goes_away_ends_it_quietly() -> None:
    started = threading.Event()
    with peer(endless(started)) as server:
        words = [sys.executable, "-W", "error", "-m", "httpcore", server.url]
        with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
            assert process.stdout is not None and process.stderr is not None
            assert process.stdout.read(10) == b"x" * 10
            process.stdout.close()
            assert process.stderr.read() == b""
            assert process.wait(50) == 141


def test_ctrl_c_is_one_line_and_the_shells_code(capsysbinary: Capture, monkeypatch: pytest.MonkeyPatch) -> None:
    class Typing(io.BytesIO):
        def read1(self, size: Any = -1) -> bytes:
            raise KeyboardInterrupt

    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(Typing()))
    with peer(hang_up) as server:
        assert main([server.url, "-d", "@-"]) == 130
    assert one_line(capsysbinary) == "interrupted"


@pytest.mark.skipif(sys.platform == "win32", reason="an interrupt cannot be sent to one process of a console there")
def test_a_process_that_waits_can_be_interrupted() -> None:
    asked, left = threading.Event(), threading.Event()

    def never(connection: socket.socket) -> None:
        read_head(connection)
        asked.set()
        connection.recv(1)
        left.set()

    # A shell starts what runs in the background with interrupts ignored, and that is inherited.
    program = (
        "import runpy, signal, sys; signal.signal(signal.SIGINT, signal.default_int_handler); "
        "sys.argv[0] = 'httpcore'; runpy.run_module('httpcore', run_name='__main__')"
    )
    with peer(never) as server:
        words = [sys.executable, "-c", program, server.url]
        with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
            assert asked.wait(50)
            process.send_signal(signal.SIGINT)
            out, err = process.communicate(timeout=50)
        assert left.wait(50)
    assert (process.returncode, out, err) == (130, b"", b"httpcore: interrupted\n")
