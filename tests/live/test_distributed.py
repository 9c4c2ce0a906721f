"""What becomes of a distributed run when machines, processes and cables fail, held against the provider's truth log."""

from __future__ import annotations

import csv
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from three_hosts import PROGRAM, Campaign, Network, identity, impossible

from analysis.report import build

HERE = Path(__file__).parent
MASTER_PORT = "5557"
IN_LOAD_S = 4.0
"""How long a run lasts before something happens to it."""

SCENARIO: dict[str, Any] = {
    "provider": {"ttft": "50ms", "tokens_per_second": 200, "output_tokens": 20},
    "traffic": {
        "users": 20,
        "ramp": "1s",
        "warm_up": "1s",
        "steady": "14s",
        "drain": "5s",
        "think_time": "200ms",
    },
}

Start = Callable[..., Campaign]


@pytest.fixture
def campaign(tmp_path: Path) -> Iterator[Start]:
    """Give a function that sets up hosts and files of a run; everything is taken away afterwards."""
    if reason := impossible():
        pytest.skip(reason)
    with Network("master", "left", "right", "provider") as hosts:
        made: list[Campaign] = []

        def set_up(**traffic: str) -> Campaign:
            scenario = {**SCENARIO, "traffic": {**SCENARIO["traffic"], **traffic}}
            made.append(Campaign(hosts, tmp_path, scenario))
            return made[-1]

        yield set_up
        for each in made:
            each.close()


class Books:
    """The rows that the run has, against what the provider was asked."""

    def __init__(self, run: Campaign, folder: Path | None = None) -> None:
        run.close()
        self.rows = run.rows(folder)
        self.truth = {row["request_id"]: row for row in run.truth()}
        sent = [row for row in self.rows if row["sent_s"]]
        names = [identity(row) for row in sent]
        numbers = [(row["worker"], row["seq"]) for row in self.rows]
        self.doubled = len(names) - len(set(names)) + len(numbers) - len(set(numbers))
        self.doubled += len(run.truth()) - len(self.truth)
        self.missing = {name: row for name, row in self.truth.items() if name not in set(names)}
        self.unknown = {name: row for name, row in zip(names, sent, strict=True) if name not in self.truth}

    @property
    def sums(self) -> tuple[int, int, int]:
        """Rows counted twice, requests without a row, rows without a request."""
        return self.doubled, len(self.missing), len(self.unknown)


def worker(run: Campaign, host: str) -> dict[str, Any]:
    """Give what run.json says of the worker on a host."""
    (found,) = (each for each in run.run_document()["workers"] if each["host"] == host)
    return found


def end(run: Campaign, *others: str) -> tuple[int, ...]:
    """Wait for the master and others to end; give their exit codes."""
    return tuple(run.end(name) for name in ("master", *others))


def test_clocks_two_minutes_off_change_nothing(campaign: Start) -> None:
    """Workers whose wall clocks are 120 s early and late give complete rows, in order, with true rates."""
    run = campaign()
    run.start_provider()
    run.start_master(2)
    for host, skew in (("left", "-120"), ("right", "120")):
        run.start_worker(host, sys.executable, HERE / "skewed_locust.py", "-f", HERE.parents[1] / "locustfiles/chat.py",
                         TAILGATE_TEST_SKEW_S=skew)  # fmt: skip
    assert end(run, "left", "right") == (0, 0, 0)
    books = Books(run)
    epoch_s = run.run_document()["epoch_monotonic_s"]
    early = [
        float(row["sent_s"]) - (float(books.truth[identity(row)]["arrived_s"]) - epoch_s)
        for row in books.rows
        if row["sent_s"]
    ]
    offsets = [round(worker(run, host)["wall_clock_offset_s"] / 10) for host in ("left", "right")]
    with (run.run_folder / "stats.csv").open(encoding="utf-8", newline="") as file:
        (chat,) = (row for row in csv.DictReader(file) if row["Type"] == "CHAT")
    rate = float(chat["Requests/s"]) / (len(books.rows) / run.run_document()["phases"][-1]["end_s"])
    assert (books.sums, offsets) == ((0, 0, 0), [-12, 12])
    assert (min(early) > -0.050, max(early) < 0.010, 0.5 < rate < 2.0) == (True, True, True)


def test_strangers_have_no_part_in_it(campaign: Start) -> None:
    """Who speaks Locust's protocol without the secret gets no answer and adds nothing; a wrong secret is named."""
    run = campaign()
    run.start("left", "right")
    host = run.hosts["provider"]
    master = run.hosts["master"].address
    program = (sys.executable, HERE / "stranger.py", master, MASTER_PORT)
    stranger = host.start(*program, cwd=run.folder, log=run.folder / "stranger.log")
    options = ("--worker", "--master-host", master)
    command = (*PROGRAM, "locust", "-f", HERE.parents[1] / "locustfiles/chat.py", *options)
    secret = {"TAILGATE_SECRET": "not-the-secret-of-this-run"}
    impostor = host.start(*command, cwd=run.folder, log=run.folder / "impostor.log", variables=secret)
    run.processes |= {"stranger": stranger, "impostor": impostor}
    codes = end(run, "left", "right")
    books = Books(run)
    said = (run.folder / "stranger.log").read_text(), (run.run_folder / "stats.csv").read_text()
    assert (codes, books.sums, said[0], "fake" in said[1]) == ((0, 0, 0), (0, 0, 0), "nothing\n", False)
    assert run.run_document()["strangers"] > 0
    assert "TAILGATE_SECRET the same there?" in (run.folder / "impostor.log").read_text()


def test_a_killed_worker_is_named_with_what_it_took_along(campaign: Start) -> None:
    """After kill -9 the missing rows are that worker's last ones, its users go to the other, the run is invalid."""
    run = campaign()
    run.start("left", "right")
    time.sleep(IN_LOAD_S)
    run.processes["right"].kill()
    assert end(run, "left") == (5, 0)
    books = Books(run)
    lost = worker(run, "right")
    (absence,) = lost["absences"]
    epoch_s = run.run_document()["epoch_monotonic_s"]
    ended_s = [float(row["end_s"]) - epoch_s for row in books.missing.values() if row["end_s"]]
    whose = {name.split("/")[1] for name in books.missing}
    assert (books.doubled, len(books.unknown), whose - {lost["worker"]}) == (0, 0, set())
    assert min(ended_s, default=1e9) >= absence["from_s"]
    assert (absence["users"], absence["all_users"], absence["to_s"]) == (10, 20, None)
    assert lost["rows_lost"] is None or lost["rows_lost"] > 0  # what it last said it had made may have come, or not
    report = build(run.run_folder)
    assert (report.verdict, f"{lost['worker']} on right was lost" in report.validity.reasons[0]) == ("invalid", True)
    last_s = run.run_document()["phases"][1]["end_s"] - 3
    busy = {row["user_id"] for row in books.rows if float(row["intended_s"]) > last_s}
    assert len(busy) == 20


def test_an_evicted_worker_leaves_with_all_its_rows(campaign: Start) -> None:
    """After SIGTERM nothing is missing; the share of users that moved is named."""
    run = campaign()
    run.start("left", "right")
    time.sleep(IN_LOAD_S)
    run.processes["right"].terminate()
    codes = end(run, "left", "right")
    books = Books(run)
    left = worker(run, "right")
    (absence,) = left["absences"]
    assert (codes, books.sums, left["rows_lost"]) == ((5, 0, 0), (0, 0, 0), 0), run.run_document()["phases"]
    assert (absence["why"], absence["users"], absence["all_users"]) == ("left", 10, 20)
    assert "on right left the run" in build(run.run_folder).validity.reasons[0]


def test_a_worker_that_slept_is_back_with_its_rows(campaign: Start) -> None:
    """SIGSTOP for 10 s: named from when to when; every row is there once."""
    run = campaign(steady="20s")
    run.start("left", "right")
    time.sleep(IN_LOAD_S)
    run.processes["right"].send_signal(signal.SIGSTOP)
    time.sleep(10)
    run.processes["right"].send_signal(signal.SIGCONT)
    codes = end(run, "left", "right")
    books = Books(run)
    (absence,) = worker(run, "right")["absences"]
    assert (codes, books.sums) == ((5, 0, 0), (0, 0, 0))
    assert 8 < absence["to_s"] - absence["from_s"] < 15
    assert "on right was lost" in build(run.run_folder).validity.reasons[0]


def test_a_cut_cable_costs_no_row(campaign: Start) -> None:
    """Ten seconds without network: the worker stops its load meanwhile, and delivers every row afterwards."""
    run = campaign(steady="26s")
    run.start("left", "right")
    time.sleep(IN_LOAD_S)
    cut_s = time.monotonic()
    run.hosts["right"].cut()
    time.sleep(10)
    run.hosts["right"].mend()
    codes = end(run, "left", "right")
    books = Books(run)
    right = worker(run, "right")
    (pause,) = right["pauses"]
    epoch_s = run.run_document()["epoch_monotonic_s"]
    back = [row for row in books.rows if row["worker"] == right["worker"] and float(row["intended_s"]) > pause[1]]
    assert (codes, books.sums, right["rows_lost"]) == ((5, 0, 0), (0, 0, 0), 0)
    assert (pause[0] - (cut_s - epoch_s) < 5, len(back) > 0) == (True, True)
    assert "on right was lost" in build(run.run_folder).validity.reasons[0]


def test_without_master_the_load_stops_and_rows_are_kept(campaign: Start, tailgate: Any) -> None:
    """After kill -9 of the master no request starts 5 s later; workers exit 5 with the path; collect has every row."""
    run = campaign()
    run.start("left", "right")
    time.sleep(IN_LOAD_S)
    run.processes["master"].kill()
    killed_s = time.monotonic()
    codes = run.end("left"), run.end("right")
    last_s = max(float(row["arrived_s"]) for row in run.truth()) - killed_s
    kept = [next((run.folder / host).iterdir()) for host in ("left", "right")]
    done = tailgate("collect", *kept, "--results", run.folder / "collected")
    (folder,) = (run.folder / "collected").iterdir()
    books = Books(run, folder)
    named = [str(path) in run.said(path.parent.name) for path in kept]
    assert (codes, done.returncode, books.sums, named) == ((5, 5), 0, (0, 0, 0), [True, True])
    assert last_s < 5
    assert build(folder).verdict == "invalid"


def test_a_provider_that_restarts_is_on_every_row(campaign: Start) -> None:
    """While it is away, attempts fail and say so; what it answered before and after is all there."""
    run = campaign()
    run.start("left", "right")
    time.sleep(IN_LOAD_S)
    run.processes["provider"].terminate()
    run.processes["provider"].wait()
    time.sleep(2)
    run.start_provider()
    codes = end(run, "left", "right")
    books = Books(run)
    successful = {row["outcome"] for row in books.unknown.values()} & {"ok", "ok_length"}
    failed = {row["outcome"] for row in books.rows} - {"ok", "in_flight"}
    assert (books.doubled, len(books.missing), successful) == (0, 0, set())
    assert (codes[1:], "connect_error" in failed) == ((0, 0), True)


def test_a_slow_line_only_takes_longer(campaign: Start) -> None:
    """Over a line that carries little more than the requests themselves, every row arrives in the end."""
    run = campaign()
    run.hosts["right"].slow_down("320kbit")
    run.start("left", "right")
    codes = end(run, "left", "right")
    books = Books(run)
    assert (codes[1:], books.sums) == ((0, 0), (0, 0, 0))
    assert [worker(run, host)["rows_lost"] for host in ("left", "right")] == [0, 0]


def test_a_full_disk_on_a_worker_costs_no_row(campaign: Start) -> None:
    """Rows that find no room on the worker's disk wait in memory, reach the master, and the disk is named."""
    run = campaign()
    disk = run.folder / "disk"
    disk.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", disk], check=True)
    try:
        run.start_provider()
        run.start_master(2)
        run.start_worker("left")
        run.start_worker("right", results=disk)
        codes = end(run, "left", "right")
        books = Books(run)
        report = build(run.run_folder)
    finally:
        subprocess.run(["umount", disk], check=True)
    right = worker(run, "right")
    assert (codes, books.sums, right["disk_problem"]) == ((0, 0, 0), (0, 0, 0), "No space left on device")
    assert any("No space left on device" in note for note in report.notes)


def test_a_run_may_end_with_its_worker(campaign: Start) -> None:
    """With on_worker_loss: stop, the run ends when a worker is lost, as invalid."""
    run = campaign(on_worker_loss="stop", steady="60s")
    run.start("left", "right")
    killed_s = time.monotonic()
    run.processes["right"].kill()
    codes = end(run, "left")
    books = Books(run)
    assert (codes, time.monotonic() - killed_s < 40, books.doubled) == ((5, 0), True, 0)
    assert build(run.run_folder).verdict == "invalid"


def test_a_worker_that_lacks_a_key_is_refused_by_name(campaign: Start) -> None:
    """The worker says what it lacks and exits 2; the master says it too, and gives up when nobody takes the place."""
    run = campaign()
    path = run.folder / "scenario.yaml"
    path.write_text(path.read_text().replace('"model": "m"', '"model": "m", "key_env": "TEST_MODEL_KEY"'))
    run.start_master(1, TEST_MODEL_KEY="a-key-of-no-use")
    run.start_worker("left")
    codes = run.end("left"), run.end("master")
    said = "TEST_MODEL_KEY is not set here: the endpoint small needs it in the worker's environment"
    assert (codes, said in run.said("left"), said in run.said("master")) == ((2, 2), True, True)


def test_a_late_worker_takes_its_share(campaign: Start) -> None:
    """A worker that comes while the load is on gets the order and users, and its rows count."""
    run = campaign(steady="25s")
    run.start("left")
    run.start_worker("right")
    codes = end(run, "left", "right")
    books = Books(run)
    shares = {row["worker"] for row in books.rows}
    assert (codes, books.sums, shares) == ((0, 0, 0), (0, 0, 0), {"w0", "w1"})
