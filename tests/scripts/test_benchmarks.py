"""The race: its tables agree with each other, its rounds are fair, and its report says what the data says."""

from __future__ import annotations

import pathlib
import sys
from typing import Any, ClassVar, Dict, List, Tuple

import pytest

from .loading import ROOT

sys.path.insert(0, str(ROOT / "benchmarks"))
try:
    from harness import rounds
    from harness.goals import GOALS
    from harness.peers import PEERS
    from harness.rounds import Entrant, Plan, Race
    from harness.stage import Stage
    from harness.tables import render
    from harness.workloads import GROUPS, IMPORT_TIME, QUICK, WORKLOADS, origins_of, series
finally:
    sys.path.remove(str(ROOT / "benchmarks"))

SERVERS = Stage(
    bases={name: f"http://127.0.0.1:{port}" for port, name in enumerate(("http", "https", "resumed", "h2", "slow"), 1)},
    origins=[f"http://127.0.0.1:{port}/small" for port in range(10, 5010)],
    proxy="http://127.0.0.1:9",
    cafile="authority.pem",
)


class Worker:
    """Answers at once, as `answers` says for a peer and a path of the job."""

    log: ClassVar[List[Tuple[int, str, str]]] = []
    started = 0
    running = 0
    refusing: ClassVar[Dict[Tuple[str, int], Dict[str, Any]]] = {}

    def __init__(self, peer: Any, python: pathlib.Path, core: Any) -> None:
        self.peer = peer.name
        self.process = 0

    def run(self, job: Dict[str, Any], timeout: float) -> Dict[str, Any]:
        if not self.process:
            Worker.started += 1
            Worker.running += 1
            self.process = Worker.started
        Worker.log.append((self.process, self.peer, f"{job['flavour']} {job['concurrency']}"))
        refused = Worker.refusing.get((self.peer, job["concurrency"]))
        if refused is not None:
            return refused
        wall = 0.001 * job["requests"]
        return {"cpu": wall, "wall": wall, "count": job["requests"], "p50": 0.1, "p99": 0.2, "max": 0.3}

    def leave(self) -> None:
        return None

    def stop(self) -> None:
        if self.process:
            Worker.running -= 1
        self.process = 0


@pytest.fixture(autouse=True)
def workers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rounds, "Worker", Worker)
    monkeypatch.setattr(Worker, "log", [])
    monkeypatch.setattr(Worker, "started", 0)
    monkeypatch.setattr(Worker, "running", 0)
    monkeypatch.setattr(Worker, "refusing", {})


def raced(workloads: List[str], peers: List[str], count: int = 3) -> List[Dict[str, Any]]:
    plan = Plan(workloads, count, 0.1, 20.0, None)
    race = Race(plan, [Entrant(PEERS[name], pathlib.Path("python")) for name in peers], SERVERS, lambda: None)
    race.run()
    return race.samples


def test_goals_compare_what_is_raced_together() -> None:
    for goal in GOALS:
        assert goal.workload == IMPORT_TIME or goal.workload in WORKLOADS, goal
        assert goal.peer in PEERS, goal
        if goal.against is not None:
            assert WORKLOADS[goal.workload].series, goal
            assert WORKLOADS[goal.workload].series == WORKLOADS[goal.against].series, goal


def test_goals_name_peers_that_take_part() -> None:
    for goal in GOALS:
        takers = None if goal.workload == IMPORT_TIME else WORKLOADS[goal.workload].peers
        assert takers is None or goal.peer in takers, goal


def test_rows_name_peers_and_groups_name_rows_that_exist() -> None:
    for row in WORKLOADS.values():
        assert set(row.peers or ()) <= set(PEERS), row.name
    for names in (*GROUPS.values(), [name for name in QUICK if name != IMPORT_TIME]):
        assert names
        assert set(names) <= set(WORKLOADS)


def test_every_row_makes_a_job_for_its_many_origins() -> None:
    for row in WORKLOADS.values():
        job = row.job(SERVERS)
        slow = row.load == "slow_origin"
        assert len(job["urls"]) == row.origins + slow, row.name
        assert row.least <= row.requests, row.name
    assert origins_of(list(WORKLOADS)) == 5000
    assert origins_of(["sync_seq", IMPORT_TIME]) == 1


def test_rows_of_a_series_stand_together_the_lighter_first() -> None:
    names = ["asyncio_1000", "sync_tls_seq", "asyncio_10", IMPORT_TIME]
    assert series(names) == [["asyncio_10", "asyncio_1000"], ["sync_tls_seq"], [IMPORT_TIME]]


def test_each_workload_has_processes_of_its_own() -> None:
    raced(["asyncio_10", "asyncio_100", "sync_tls_seq"], ["ours", "aiohttp"])
    did: Dict[int, Any] = {}
    for process, _, work in Worker.log:
        did.setdefault(process, set()).add(work)
    assert len(did) == 6
    assert all(len(work) == 1 for work in did.values())
    assert Worker.running == 0


def test_peers_take_turns_within_a_round_and_the_first_changes() -> None:
    samples = raced(["asyncio_10"], ["ours", "aiohttp", "raw"])
    order = [(sample["round"], sample["peer"]) for sample in samples]
    assert order == [
        *((0, peer) for peer in ("ours", "aiohttp", "raw")),
        *((1, peer) for peer in ("aiohttp", "raw", "ours")),
        *((2, peer) for peer in ("raw", "ours", "aiohttp")),
    ]


def test_workloads_that_are_compared_share_their_rounds() -> None:
    samples = raced(["asyncio_10", "asyncio_100"], ["ours"])
    assert [sample["workload"] for sample in samples] == ["asyncio_10", "asyncio_100"] * 3


def test_who_does_not_finish_is_not_tried_on_the_next_of_the_series() -> None:
    Worker.refusing[("httpcore", 100)] = {"timeout": 20.0}
    samples = raced(["asyncio_10", "asyncio_100", "asyncio_1000"], ["ours", "httpcore"])
    assert [work for _, peer, work in Worker.log if peer == "httpcore"][-1] != "asyncio 1000"
    assert not [work for _, peer, work in Worker.log if (peer, work) == ("httpcore", "asyncio 1000")]
    refused = [(sample["workload"], sample["timeout"]) for sample in samples if "timeout" in sample]
    assert refused == [("asyncio_100", 20.0), ("asyncio_1000", 0.0)]
    assert Worker.running == 0


def test_who_is_too_slow_for_the_next_of_the_series_is_not_tried_on_it() -> None:
    Worker.refusing[("httpcore", 100)] = {"cpu": 2.0, "wall": 2.0, "count": 200}
    samples = raced(["asyncio_100", "queued_100_asyncio", "queued_10000_asyncio"], ["ours", "httpcore"], 1)
    assert [sample for sample in samples if "timeout" in sample] == []
    Worker.refusing[("httpcore", 110)] = {"cpu": 2.0, "wall": 2.0, "count": 200}
    samples = raced(["queued_100_asyncio", "queued_10000_asyncio"], ["ours", "httpcore"], 1)
    assert [(sample["workload"], sample["peer"]) for sample in samples if "timeout" in sample] == [
        ("queued_10000_asyncio", "httpcore")
    ]


def test_who_fails_is_tried_on_the_next_of_the_series() -> None:
    Worker.refusing[("httpcore", 100)] = {"error": "refused"}
    samples = raced(["asyncio_100", "asyncio_1000"], ["ours", "httpcore"])
    assert {sample["workload"] for sample in samples if sample["peer"] == "httpcore" and "cpu" in sample} == {
        "asyncio_1000"
    }


def report(*samples: Dict[str, Any]) -> str:
    meta = {name: name for name in ("date", "commit", "python", "server", "system", "cpu", "cores", "pinning")}
    return render({"meta": {**meta, "rounds": 1, "seconds": 0.1, "versions": {}}, "samples": list(samples)})


def sample(workload: str, peer: str, cpu: float, **more: float) -> Dict[str, Any]:
    figures = {"wall": cpu, "count": 1, "p50": 0.01, "p99": 0.012, "max": 0.02}
    return {"workload": workload, "peer": peer, "round": 0, "cpu": cpu, **figures, **more}


def test_the_report_follows_the_tables_whatever_came_first() -> None:
    text = report(
        {"workload": "sync_tls_seq", "peer": "pyreqwest", "round": 0, "error": "refused"},
        sample("sync_tls_seq", "ours", 80e-6),
        sample("sync_seq", "http_client", 100e-6),
        sample("sync_seq", "ours", 70e-6),
    )
    assert "| workload | ours | http_client | pyreqwest |" in text
    assert text.index("| sync_seq | 70 µs | 100 µs (0.70x) |  |") < text.index("| sync_tls_seq | 80 µs |  | failed |")


def test_the_report_judges_goals_between_measures_and_between_workloads() -> None:
    text = report(
        sample("queued_10_asyncio", "ours", 70e-6),
        sample("queued_10000_asyncio", "ours", 140e-6),
        sample("queued_1000_asyncio", "ours", 70e-6),
    )
    assert "| queued_10000_asyncio | itself on queued_10_asyncio | 1.3 | 2 | 2 … 2 | missed |" in text
    assert "| queued_1000_asyncio | p99 over its p50 | 1.5 | 1.2 | 1.2 … 1.2 | reached |" in text
    assert "| queued_1000_asyncio | 10 / 12 / 20 |" in text


def test_the_report_does_not_divide_what_is_held_together() -> None:
    text = report(sample("memory_idle_1000_sync", "ours", 0.1, idle_bytes=7.5e6))
    assert "| memory_idle_1000_sync | 7.5 MB |" in text
    assert "| memory_idle_1000_sync (per connection) |" in text
