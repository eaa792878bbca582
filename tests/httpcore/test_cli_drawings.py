"""What the command draws: the trace as text and picture, and the meter."""

from __future__ import annotations

import io
import pathlib
import re
import socket
from typing import Any, Iterator, List
from xml.etree import ElementTree

import pytest

from httpcore._cli.main import main
from httpcore._cli.progress import Meter, meter_wanted, metered
from httpcore._cli.svg import svg
from httpcore._cli.timeline import Timeline
from httpcore._cli.waterfall import waterfall

from .cli_peers import Tls, answer, hang_up, peer

Capture = pytest.CaptureFixture[bytes]


class Clock:
    """Seconds that pass when the test says so."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


class Terminal(io.StringIO):
    encoding = "utf-8"

    def isatty(self) -> bool:
        return True


def timeline_of(*events: Any) -> Timeline:
    """Return a finished timeline of ten seconds; an event is (second, name) or (second, name, info)."""
    clock = Clock()
    timeline = Timeline(clock)
    for second, name, *info in events:
        clock.now = 100.0 + second
        timeline(name, info[0] if info else {})
    clock.now = 110.0
    timeline.finish()
    return timeline


def test_a_phase_is_drawn_where_and_as_long_as_it_was() -> None:
    timeline = timeline_of(
        (0, "connection.connect_tcp.started", {"host": "h", "port": 80}),
        (5, "connection.connect_tcp.complete", {"return_value": None}),
        (5, "http11.send_request_headers.started"),
        (5, "http11.send_request_headers.complete", {"return_value": None}),
        (7.5, "http11.receive_body.started"),
        (10, "http11.receive_body.failed", {"exception": ValueError("no\nway")}),
    )
    assert waterfall(timeline, "GET x", "utf-8").splitlines() == [
        "GET x, 10000.0 ms",
        "       start         took  |                                |",
        "      0.0 ms    5000.0 ms  |████████████████                | connection.connect_tcp h:80",
        "   5000.0 ms       0.0 ms  |                █               | http11.send_request_headers",
        "   7500.0 ms    2500.0 ms  |                        xxxxxxxx| http11.receive_body: ValueError: no way",
    ]


def test_phases_of_one_name_within_each_other_end_in_turn() -> None:
    timeline = timeline_of(
        (0, "connection.start_tls.started", {"server_hostname": "outer"}),
        (1, "connection.start_tls.started", {"server_hostname": "inner"}),
        (2, "connection.start_tls.complete", {"return_value": None}),
        (3, "connection.start_tls.complete", {"return_value": None}),
        (4, "http2.receive_response_headers.started", {}),
    )
    assert [(span.detail, span.start, span.end) for span in timeline.spans[:2]] == [("outer", 0, 3), ("inner", 1, 2)]
    assert timeline.spans[2].label == "http2.receive_response_headers: not finished"
    assert "...." in waterfall(timeline, "", None)


def test_an_end_without_a_beginning_is_left_out() -> None:
    assert timeline_of((1, "http11.response_closed.complete", {"return_value": None})).spans == []


def test_a_timeline_in_which_nothing_took_any_time_can_be_drawn() -> None:
    timeline = Timeline(lambda: 1.0)
    timeline("a.b.started", {})
    timeline.finish()
    assert "a.b" in waterfall(timeline, "", "utf-8")
    ElementTree.fromstring(svg(timeline, ""))


@pytest.mark.parametrize(
    "encoding, mark", [("utf-8", "█"), ("cp437", "█"), ("cp1252", "#"), ("ascii", "#"), (None, "#")]
)
def test_bars_are_made_of_what_the_console_has(encoding: Any, mark: str) -> None:
    text = waterfall(timeline_of((0, "a.b.started"), (10, "a.b.complete", {"return_value": None})), "t", encoding)
    assert f"|{mark * 32}| a.b" in text


def test_the_picture_is_well_formed_whatever_the_texts() -> None:
    timeline = timeline_of(
        (0, "connection.connect_tcp.started", {"host": '<"&', "port": 1}),
        (4, "connection.connect_tcp.failed", {"exception": ValueError("</svg>")}),
        (5, "other.thing.started", {}),
    )
    picture = ElementTree.fromstring(svg(timeline, "GET <x>&"))
    texts = [element.text for element in picture.iter() if element.tag.endswith("}text")]
    assert "GET <x>&, 10000.0 ms" in texts
    assert 'connection.connect_tcp <"&:1: ValueError: </svg>, 4000.0 ms' in texts
    bars = list(picture.iter("{http://www.w3.org/2000/svg}rect"))[1:]
    assert [float(bar.get("width", "0")) for bar in bars] == [168.0, 210.0]


def test_the_trace_of_a_request(capsysbinary: Capture, tmp_path: pathlib.Path) -> None:
    picture = tmp_path / "trace.svg"
    with peer(answer(b"text")) as server:
        assert main([server.url, "--trace", "--trace-svg", str(picture), "-H", "Authorization: secret"]) == 0
    out, err = capsysbinary.readouterr()
    lines = err.decode().splitlines()
    assert out == b"text"
    assert re.fullmatch(rf"GET http://localhost:{server.port}/: 200 OK, \d+\.\d ms", lines[0])
    assert [line.split("| ")[-1] for line in lines[2:]] == [
        f"connection.connect_tcp localhost:{server.port} (127.0.0.1)",
        "http11.send_request_headers",
        "http11.send_request_body",
        "http11.receive_response_headers 200",
        "http11.receive_response_body",
        "http11.response_closed",
    ]
    assert len(list(ElementTree.parse(str(picture)).getroot())) == 2 + 1 + 10 + 6
    assert b"secret" not in err and "secret" not in picture.read_text("utf-8")


def test_the_trace_of_tls_says_what_was_agreed(capsysbinary: Capture, tmp_path: pathlib.Path) -> None:
    tls = Tls(tmp_path)
    with peer(answer(b""), tls.context(alpn=("http/1.1",))) as server:
        assert main([server.url, "--trace", "--ca-bundle", tls.ca_bundle]) == 0
    assert re.search(
        r"connection\.start_tls localhost \(TLSv1\.\d, http/1\.1\)", capsysbinary.readouterr().err.decode()
    )


def test_a_failure_is_drawn_too_and_keeps_its_code(capsysbinary: Capture, tmp_path: pathlib.Path) -> None:
    with peer(hang_up) as server:
        words = ["--trace", "--trace-svg", str(tmp_path / "no" / "picture.svg")]
        assert main([server.url, *words]) == 9
    text = capsysbinary.readouterr().err.decode()
    assert "receive_response_headers: RemoteProtocolError" in text and "cannot write the picture" in text


def test_a_picture_that_cannot_be_written_is_a_failure(capsysbinary: Capture, tmp_path: pathlib.Path) -> None:
    with peer(answer(b"")) as server:
        assert main([server.url, "--trace-svg", str(tmp_path / "no" / "picture.svg")]) == 3


def test_the_meter_comes_late_says_how_much_and_is_wiped() -> None:
    clock, terminal = Clock(), Terminal()
    meter = Meter(terminal, "received", 4_000_000, clock)

    def pieces() -> Iterator[bytes]:
        for seconds in (0.1, 0.5, 0.55, 2.0):
            clock.now = 100.0 + seconds
            yield b"x" * 500_000

    assert sum(map(len, metered(pieces(), meter))) == 2_000_000
    drawn: List[str] = terminal.getvalue().split("\r")[1:]
    assert drawn[0] == "received 1.0 MB of 4.0 MB (25 %), 2.0 MB/s"
    assert drawn[1] == "received 2.0 MB of 4.0 MB (50 %), 1.0 MB/s"
    assert drawn[2].isspace() and drawn[3] == "" and len(drawn) == 4


def test_what_is_short_has_no_meter() -> None:
    clock, terminal = Clock(), Terminal()
    assert list(metered([b"x", b"y"], Meter(terminal, "sent", None, clock))) == [b"x", b"y"]
    assert terminal.getvalue() == ""


def test_a_length_that_nobody_knows_is_not_guessed() -> None:
    clock, terminal = Clock(), Terminal()
    meter = Meter(terminal, "sent", None, clock)
    clock.now += 1
    meter.add(999)
    assert terminal.getvalue() == "\rsent 999 B, 999 B/s"


def test_only_a_terminal_that_nothing_else_goes_to_has_a_meter(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stderr", Terminal())
    monkeypatch.setattr("sys.stdout", Terminal())
    assert meter_wanted("file", False) and not meter_wanted(None, False) and not meter_wanted("file", True)
    monkeypatch.setattr("sys.stdout", io.StringIO())
    assert meter_wanted(None, False)
    monkeypatch.setattr("sys.stderr", io.StringIO())
    assert not meter_wanted("file", False)
    monkeypatch.setattr("sys.stderr", None)
    assert not meter_wanted("file", False)


def test_both_directions_are_metered(monkeypatch: pytest.MonkeyPatch, tmp_path: pathlib.Path) -> None:
    monkeypatch.setattr("httpcore._cli.progress._PATIENCE", 0.0)
    terminal = Terminal()
    monkeypatch.setattr("sys.stderr", terminal)
    (tmp_path / "in").write_bytes(b"x" * 3000)

    def slowly(connection: socket.socket) -> None:
        answer(b"y" * 2000, heads=[])(connection)

    with peer(slowly) as server:
        words = ["-d", f"@{tmp_path / 'in'}", "-o", str(tmp_path / "out")]
        assert main([server.url, *words]) == 0
    assert "sent 3.0 kB of 3.0 kB (100 %)" in terminal.getvalue()
    assert "received 2.0 kB of 2.0 kB (100 %)" in terminal.getvalue()
    assert terminal.getvalue().endswith("\r")
