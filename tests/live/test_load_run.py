"""Whole load runs, by Locust's own command, against the simulated provider: every row held against its truth log."""

from __future__ import annotations

import csv
import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.parse
import urllib.request
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from itertools import pairwise
from pathlib import Path
from statistics import median
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
START_S = 60.0
"""Longest time that anything here may take before it is given up as hung."""

Row = dict[str, str]

SCENARIO = """
name: live
seed: 5
endpoints:
{endpoints}
traffic: {{users: {users}, ramp: {ramp}, warm_up: 0s, steady: {steady}, drain: 6s, think_time: {think}}}
conversation:
  prompts: [What is a queue?, Name three rivers., Why is the sky blue?]
  turns: {{min: 1, max: 3}}
  max_output_tokens: 48
  timeouts: {{connect: 5s, first_byte: 10s, idle: {idle}, total: 30s}}
throttle: {throttle}
"""

MODEL = "ttft: {median: 30ms, p99: 90ms}, tokens_per_second: 300, output_tokens: {median: 20, p99: 60}"
FAST = f"{MODEL}, timings: server_timing"
LIMITED = f"{MODEL}, timings: groq, limit: {{kind: token_bucket, requests: 12, per: 1s, burst: 3}}"
SLOW = "ttft: 3s, tokens_per_second: 50, output_tokens: 40"
FAULTS = (
    "ttft: 20ms, tokens_per_second: 500, output_tokens: {median: 12, p99: 30}, faults: {cut: 0.1, stream_error: 0.1, "
    "missing_done: 0.1, error_500: 0.1, error_503: 0.05, stall: 0.05, role_only: 0.1, no_usage: 0.1}"
)


def simulated(**endpoints: str) -> str:
    """Give simulated endpoints as the scenario has them."""
    return "\n".join(f"  {name}:\n    simulated: {{{text}}}" for name, text in endpoints.items())


@dataclass
class Run:
    """A run of Locust as a process of its own, and what it left behind."""

    folder: Path
    process: subprocess.Popen[str]
    others: list[subprocess.Popen[str]] = field(default_factory=list)
    said: str = ""

    def finish(self) -> Run:
        """Wait for the end of all its processes."""
        try:
            self.said = self.process.communicate(timeout=START_S)[0]
            for other in self.others:
                self.said += other.communicate(timeout=START_S)[0]
        finally:
            self.kill()
        return self

    def kill(self) -> None:
        """End what still runs."""
        for process in (self.process, *self.others):
            if process.poll() is None:
                process.kill()
                process.communicate()

    @property
    def results(self) -> Path:
        """The only run folder that it made."""
        (found,) = [path for path in (self.folder / "results").iterdir() if path.is_dir()]
        return found

    @cached_property
    def rows(self) -> list[Row]:
        """Its attempts."""
        return read_csv(self.results / "attempts.csv")

    @cached_property
    def truth(self) -> dict[str, Row]:
        """What the simulated provider saw, by request id."""
        found = read_csv(self.results / "truth.csv")
        by_id = {entry["request_id"]: entry for entry in found}
        assert len(by_id) == len(found), "a request id was seen twice"
        return by_id

    @cached_property
    def document(self) -> dict[str, Any]:
        """Its `run.json`."""
        document: dict[str, Any] = json.loads((self.results / "run.json").read_text(encoding="utf-8"))
        return document

    @property
    def pairs(self) -> list[tuple[Row, Row]]:
        """Each row that was sent, with its truth."""
        return [(row, self.truth[request_id(row)]) for row in self.rows if row["sent_s"]]

    @property
    def turns(self) -> list[list[Row]]:
        """The attempts of each turn, in order."""
        turns: dict[tuple[str, str], list[Row]] = defaultdict(list)
        for row in sorted(self.rows, key=lambda row: int(row["attempt_no"])):
            turns[row["worker"], row["turn_id"]].append(row)
        return list(turns.values())


def read_csv(path: Path) -> list[Row]:
    """Read a CSV file with a header."""
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def request_id(row: Row) -> str:
    """Give the id under which a row's request went out."""
    return "/".join(row[name] for name in ("run_id", "worker", "turn_id", "attempt_no"))


def locust(folder: Path, *arguments: str, **environment: str) -> subprocess.Popen[str]:
    """Start Locust in `folder` with the shipped locustfile."""
    return subprocess.Popen(
        [sys.executable, "-m", "locust", "-f", str(ROOT / "locustfiles" / "chat.py"), *arguments],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT), **environment},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def write_scenario(folder: Path, endpoints: str, **settings: str) -> Path:
    """Write a scenario of a few seconds."""
    folder.mkdir(parents=True, exist_ok=True)
    defaults = {
        "users": "8",
        "ramp": "0s",
        "steady": "2s",
        "think": "100ms",
        "idle": "5s",
        "throttle": "{max_wait: 30s}",
    }
    (folder / "live.yaml").write_text(
        SCENARIO.format(endpoints=endpoints, **{**defaults, **settings}), encoding="utf-8"
    )
    return folder


def start(folder: Path, *arguments: str) -> Run:
    """Start a headless run of the folder's scenario."""
    return Run(folder, locust(folder, "--scenario", "live.yaml", "--headless", *arguments))


@pytest.fixture
def launch() -> Iterator[Callable[..., Run]]:
    """Give `start`, and end what a test leaves running."""
    runs: list[Run] = []

    def begin(*arguments: Any) -> Run:
        runs.append(start(*arguments))
        return runs[-1]

    yield begin
    for run in runs:
        run.kill()


def unused_port() -> str:
    """Give a port of this machine that is free now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return str(probe.getsockname()[1])


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """Run two endpoints, one of them with a limit, in one process; with Locust's own files."""
    folder = write_scenario(
        tmp_path_factory.mktemp("plain"), simulated(large=LIMITED, small=FAST), users="12", ramp="1s"
    )
    return start(folder, "--csv", "mine", "--html", "mine.html").finish()


@pytest.fixture(scope="module")
def together(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Run]:
    """Run with forked workers, with workers that connect, and with faults, all at the same time."""
    forked = write_scenario(tmp_path_factory.mktemp("forked"), simulated(only=LIMITED))
    split = write_scenario(tmp_path_factory.mktemp("split"), simulated(large=FAST, small=FAST))
    faulty = write_scenario(
        tmp_path_factory.mktemp("faulty"), simulated(only=FAULTS), users="20", idle="400ms",
        throttle="{scope: user, max_attempts: 2}",
    )  # fmt: skip
    port = unused_port()
    runs = {
        "processes": start(forked, "--processes", "2"),
        "master": start(split, "--master", "--master-bind-host", "127.0.0.1", "--master-bind-port", port,
                        "--expect-workers", "2", "-u", "6", "-r", "6", "-t", "7s", "SmallUser"),
        "faulty": start(faulty),
    }  # fmt: skip
    runs["master"].others += [locust(split, "--worker", "--master-port", port) for _ in range(2)]
    return {name: run.finish() for name, run in runs.items()}


def succeeded(rows: list[Row]) -> list[Row]:
    """Give the rows of whole answers."""
    return [row for row in rows if row["outcome"] in ("ok", "ok_length")]


# One process, two endpoints, one limit.


def test_ends_well(plain: Run) -> None:
    """Exit code 0, a whole run, both endpoints one after the other, and rows of each user."""
    phases = [(phase["endpoint"], phase["phase"]) for phase in plain.document["phases"]]
    users = Counter(row["endpoint"] for row in {row["user_id"]: row for row in plain.rows}.values())
    assert (plain.process.returncode, plain.document["interrupted"], phases, users) == (
        0,
        False,
        [(name, phase) for name in ("large", "small") for phase in ("warm_up", "steady", "drain")],
        {"large": 12, "small": 12},
    ), plain.said


def test_every_request_is_a_row(plain: Run) -> None:
    """The rows that were sent are the truth log's, one to one; rows are numbered without a gap."""
    sent = sorted(request_id(row) for row in plain.rows if row["sent_s"])
    numbers = sorted(int(row["seq"]) for row in plain.rows)
    assert (sent, numbers) == (sorted(plain.truth), list(range(1, len(plain.rows) + 1)))


def test_rows_say_what_was_sent(plain: Run) -> None:
    """Status, endpoint, chunks, tokens and finish reason of each answer are the server's."""
    names = (
        "endpoint",
        "http_status",
        "chunks",
        "finish_reason",
        "input_tokens",
        "cached_input_tokens",
        "output_tokens",
    )
    there = ("endpoint", "status", "chunks", "finish_reason", "input_tokens", "cached_input_tokens", "output_tokens")
    answers = [(row, truth) for row, truth in plain.pairs if row["outcome"] in ("ok", "ok_length")]
    different = [
        (row, truth) for row, truth in answers if [row[name] for name in names] != [truth[name] for name in there]
    ]
    assert (different, len(answers) > 50) == ([], True)


def test_times_are_the_servers(plain: Run) -> None:
    """TTFT and duration of each answer differ from the truth by one percent and a millisecond, in the median."""
    beyond = defaultdict(list)
    for row, truth in plain.pairs:
        if row["outcome"] not in ("ok", "ok_length"):
            continue
        for name, ours, theirs in (
            ("ttft", "first_token_s", "first_content_s"),
            ("whole", "last_token_s", "last_content_s"),
        ):
            true_s = float(truth[theirs]) - float(truth["arrived_s"])
            seen_s = float(row[ours]) - float(row["sent_s"])
            beyond[name].append(abs(seen_s - true_s) - 0.01 * true_s - 0.001)
    assert {name: median(values) <= 0 for name, values in beyond.items()} == {"ttft": True, "whole": True}


def test_nobody_comes_back_early(plain: Run) -> None:
    """After a refusal the next attempt is sent when the wait is over, by our clock and by the server's."""
    early = [
        (before, after)
        for turn in plain.turns
        for before, after in pairwise(turn)
        if before["wait_hint_s"]
        and after["sent_s"]
        and float(after["sent_s"]) < float(before["end_s"]) + float(before["wait_hint_s"])
    ]
    told = [entry for entry in plain.truth.values() if entry["status"] == "429"]
    told_early = sum(int(entry["early_client"]) for entry in plain.truth.values())
    assert (early, told_early, len(told) > 0) == ([], 0, True)


def test_refusals_are_rows_with_their_wait(plain: Run) -> None:
    """Each 429 is a throttled row that carries what the server asked for."""
    seen = {
        (row["outcome"], row["wait_source"], float(row["wait_hint_s"]) == float(truth["retry_after_s"]))
        for row, truth in plain.pairs
        if truth["status"] == "429"
    }
    assert seen == {("throttled", "retry-after", True)}


@pytest.mark.parametrize("name", ["plain", "faulty", "processes"])
def test_the_books_balance(plain: Run, together: dict[str, Run], name: str) -> None:
    """Lag, throttled time and service time of each turn add up to what the user felt."""
    off = []
    for turn in {"plain": plain, **together}[name].turns:
        last = turn[-1]
        if not last["end_s"] or not all(row["sent_s"] for row in turn):
            continue
        waited_s = [float(row["waited_s"] or 0) for row in turn]
        lag_s = float(turn[0]["sent_s"]) - float(turn[0]["intended_s"]) - waited_s[0]
        refused_s = sum(float(row["end_s"]) - float(row["sent_s"]) for row in turn[:-1])
        service_s = float(last["end_s"]) - float(last["sent_s"])
        felt_s = float(last["end_s"]) - float(last["intended_s"])
        off.append(abs(lag_s + refused_s + sum(waited_s) + service_s - felt_s) / felt_s)
    assert (median(off) < 0.01, max(off) < 0.25, len(off) > 10) == (True, True, True)


@pytest.mark.parametrize("name", ["plain", "processes", "master", "faulty"])
def test_locust_counts_every_turn(plain: Run, together: dict[str, Run], name: str) -> None:
    """Requests and failures in Locust's tables are the turns that ended, and those without an answer."""
    run = {"plain": plain, **together}[name]
    unended = ("in_flight", "throttled", "overloaded")
    ended = [turn[-1] for turn in run.turns if turn[-1]["outcome"] not in unended]
    expected = {
        endpoint: (count, sum(row["endpoint"] == endpoint and row not in succeeded([row]) for row in ended))
        for endpoint, count in Counter(row["endpoint"] for row in ended).items()
    }
    seen = {
        row["Name"]: (int(row["Request Count"]), int(row["Failure Count"]))
        for row in read_csv(run.results / "stats.csv")
        if row["Type"] == "CHAT"
    }
    assert seen == expected


def test_ttft_in_locusts_table(plain: Run) -> None:
    """Locust's TTFT row has a sample for each answer."""
    expected = Counter(row["endpoint"] for row in succeeded(plain.rows))
    table = read_csv(plain.results / "stats.csv")
    assert {row["Name"]: int(row["Request Count"]) for row in table if row["Type"] == "TTFT"} == expected


def test_locusts_own_files_are_complete(plain: Run) -> None:
    """`--csv` and `--html` have every request too."""
    counts = [
        {(row["Type"], row["Name"]): row["Request Count"] for row in read_csv(path)}
        for path in (plain.folder / "mine_stats.csv", plain.results / "stats.csv")
    ]
    page = (plain.folder / "mine.html").read_text(encoding="utf-8")
    total = counts[1]["", "Aggregated"]
    assert (counts[0], f'"num_requests": {total}' in page) == (counts[1], True)


def test_run_folder_is_complete(plain: Run) -> None:
    """All files of the contract that a run writes are there, none half written."""
    names = {path.name for path in plain.results.iterdir()}
    tables = ("attempts", "attempts-w0", "gaps", "stats", "stats_history", "failures", "exceptions", "truth")
    expected = {"run.json", *(f"{table}.csv" for table in tables)}
    assert (expected - names, [name for name in names if name.endswith(".part") or name.startswith("locust_")]) == (
        set(),
        [],
    )


@pytest.mark.parametrize("name", ["plain", "processes", "master"])
def test_what_the_server_told_is_its_truth(plain: Run, together: dict[str, Run], name: str) -> None:
    """What was told of an answer stands beside its row, to the microsecond and once, with workers too."""
    run = {"plain": plain, **together}[name]
    told = read_csv(run.results / "server_timings.csv")
    seen = {(row["worker"], row["seq"]): float(row["total_s"] or row["headers_s"]) for row in told}
    true = {(row["worker"], row["seq"]): float(truth["told_s"]) for row, truth in run.pairs if truth["told_s"]}
    sources = {"plain": {"groq", "server-timing"}, "processes": {"groq"}, "master": {"server-timing"}}[name]
    assert ({row["source"] for row in told}, len(told), len(true) > 5) == (sources, len(true), True)
    assert seen == pytest.approx(true, abs=2e-6)


def test_gaps_are_counted(plain: Run) -> None:
    """There are as many gaps as there are chunks less one per answer."""
    expected = sum(int(row["chunks"]) - 1 for row in plain.rows if row["chunks"] and int(row["chunks"]) > 0)
    assert sum(int(row["count"]) for row in read_csv(plain.results / "gaps.csv")) == expected


# Workers.


@pytest.mark.parametrize("name", ["processes", "master"])
def test_workers_lose_nothing(together: dict[str, Run], name: str) -> None:
    """With workers too, every request is a row, numbered per worker, and no worker stands idle."""
    run = together[name]
    sent = sorted(request_id(row) for row in run.rows if row["sent_s"])
    workers = Counter(row["worker"] for row in run.rows)
    numbered = {
        worker: sorted(int(row["seq"]) for row in run.rows if row["worker"] == worker) == list(range(1, count + 1))
        for worker, count in workers.items()
    }
    lost = [worker["rows_lost"] for worker in run.document["workers"]]
    assert (run.process.returncode, sent, numbered, lost, run.document["interrupted"]) == (
        0, sorted(run.truth), {"w0": True, "w1": True}, [0, 0], False), run.said  # fmt: skip


def test_workers_keep_their_own_rows(together: dict[str, Run]) -> None:
    """What a worker wrote on its own disk is what the master gathered."""
    run = together["processes"]
    own = [row for worker in ("w0", "w1") for row in read_csv(run.results / f"attempts-{worker}.csv")]
    assert sorted(map(request_id, own)) == sorted(map(request_id, run.rows))


def test_options_of_locust_win(together: dict[str, Run]) -> None:
    """`-u`, `-r`, `-t` and a class by name change the plan: six users, seven seconds, one endpoint."""
    run = together["master"]
    spans = run.document["phases"]
    length_s = max(span["end_s"] for span in spans) - min(span["start_s"] for span in spans)
    users = {row["user_id"] for row in run.rows}
    seen = (
        {row["endpoint"] for row in run.rows},
        {span["endpoint"] for span in spans},
        len(users),
        run.document["users"],
    )
    assert seen == ({"small"}, {"small"}, 6, {"small": 6})
    assert length_s <= 7.5


# Faults.

OUTCOMES = {
    "": ("ok", "ok_length"),
    "no_usage": ("ok", "ok_length"),
    "cut": ("stream_truncated",),
    "missing_done": ("stream_truncated",),
    "stream_error": ("stream_error",),
    "role_only": ("bad_response",),
    "stall": ("timeout",),
    "error_500": ("bad_response",),
    "error_503": ("overloaded", "gave_up"),
}


def test_faults_are_called_what_they_are(together: dict[str, Run]) -> None:
    """Each fault of the server is its own outcome, whole answers are whole, and all is counted."""
    run = together["faulty"]
    wrong = [(row, truth) for row, truth in run.pairs if row["outcome"] not in (*OUTCOMES[truth["fault"]], "in_flight")]
    kinds = {truth["fault"] for _, truth in run.pairs}
    assert (wrong, len(run.pairs), len(kinds) >= 6) == ([], len(run.truth), True)


def test_broken_streams_keep_their_chunks(together: dict[str, Run]) -> None:
    """What came before a cut, a stall or an error is counted, chunk by chunk."""
    broken = [
        (row["chunks"] or "0", truth["chunks"])
        for row, truth in together["faulty"].pairs
        if truth["fault"] in ("cut", "stall", "stream_error") and row["outcome"] != "in_flight"
    ]
    assert ([pair for pair in broken if pair[0] != pair[1]], len(broken) > 3) == ([], True)


def test_missing_usage_is_empty(together: dict[str, Run]) -> None:
    """Tokens that a server does not state are empty, not zero."""
    rows = [row for row, truth in together["faulty"].pairs if truth["fault"] == "no_usage" and row["outcome"] == "ok"]
    assert {(row["usage_source"], row["output_tokens"]) for row in rows} <= {("none", "")}


# Ends before their time.


def wait_for_rows(run: Run, count: int) -> Path:
    """Wait until a running run has flushed some rows; give its folder."""
    end = time.monotonic() + START_S
    while time.monotonic() < end and run.process.poll() is None:
        for path in (run.folder / "results").glob("*/attempts-w0.csv"):
            if len(path.read_text(encoding="utf-8").splitlines()) > count:
                return path.parent
        time.sleep(0.05)
    run.kill()
    pytest.fail(f"no rows came: {run.process.communicate()[0]}")


def mixed(folder: Path) -> Path:
    """Write a scenario whose endpoint is mostly quick and sometimes slow: something is always under way."""
    slow = FAST.replace("p99: 90ms", "p99: 4s")
    return write_scenario(folder, simulated(only=slow), steady="30s", users="12", think="20ms")


def test_interrupt_keeps_everything(launch: Callable[..., Run], tmp_path: Path) -> None:
    """One Ctrl-C: the run ends at once, turns under way are rows, and the run says that it was interrupted."""
    run = launch(mixed(tmp_path))
    wait_for_rows(run, 10)
    time.sleep(1)
    run.process.send_signal(signal.SIGINT)
    run.finish()
    sent = sorted(request_id(row) for row in run.rows if row["sent_s"])
    under_way = [row for row in run.rows if row["outcome"] == "in_flight"]
    steady = next(phase for phase in run.document["phases"] if phase["phase"] == "steady")
    assert (sent, run.document["interrupted"], len(under_way) > 0, {row["end_s"] for row in under_way}) == (
        sorted(run.truth), True, True, {""}), run.said  # fmt: skip
    assert max(float(row["sent_s"]) for row in run.rows if row["sent_s"]) < steady["end_s"]
    assert "Traceback" not in run.said


def test_kill_costs_the_last_flush(launch: Callable[..., Run], tmp_path: Path) -> None:
    """Kill -9: the worker's file has whole rows up to the last flush, and the simulated provider ends too."""
    run = launch(mixed(tmp_path))
    folder = wait_for_rows(run, 10)
    run.process.kill()
    run.process.communicate()
    rows = read_csv(folder / "attempts-w0.csv")
    document = json.loads((folder / "run.json").read_text(encoding="utf-8"))
    port = urllib.parse.urlsplit(document["urls"]["only"]).port
    assert port is not None
    end = time.monotonic() + START_S
    while time.monotonic() < end and listens(port):
        time.sleep(0.05)
    seen = [int(row["seq"]) for row in rows], {len(row) for row in rows}, document["interrupted"], listens(port)
    assert seen == (list(range(1, len(rows) + 1)), {len(rows[0])}, True, False)


def listens(port: int) -> bool:
    """Tell whether something listens on a port of this machine."""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


# The web UI.


def ask(url: str, **form: str) -> str:
    """Get a page, or post a form."""
    data = urllib.parse.urlencode(form).encode() if form else None
    with urllib.request.urlopen(url, data=data, timeout=10) as answer:  # noqa: S310 - a page of this test's own
        text: str = answer.read().decode()
        return text


def until(condition: Callable[[], Any]) -> Any:
    """Wait for something to come true; give it."""
    end = time.monotonic() + START_S
    while time.monotonic() < end:
        try:
            if found := condition():
                return found
        except OSError:
            pass
        time.sleep(0.1)
    pytest.fail("it did not come true")


def chats(site: str) -> int:
    """Count the chat turns that the web UI shows."""
    stats = json.loads(ask(f"{site}/stats/requests"))["stats"]
    return sum(entry["num_requests"] for entry in stats if entry["method"] == "CHAT")


def state(site: str) -> str:
    """Give Locust's state as the web UI shows it."""
    return str(json.loads(ask(f"{site}/stats/requests"))["state"])


def test_web_ui(tmp_path: Path) -> None:
    """The page offers the user classes, starts a run, shows its turns, stops it, and starts another."""
    folder = write_scenario(tmp_path, simulated(large=FAST, small=FAST), steady="60s")
    port = unused_port()
    site = f"http://127.0.0.1:{port}"
    process = locust(folder, "--scenario", "live.yaml", "--web-host", "127.0.0.1", "--web-port", port)
    run = Run(folder, process)
    try:
        page = until(lambda: ask(f"{site}/"))
        for _ in range(2):
            until(lambda: chats(site) == 0)  # the page's figures are a few seconds old
            started = json.loads(ask(f"{site}/swarm", user_count="3", spawn_rate="3", run_time=""))
            until(lambda: chats(site) > 2)
            ask(f"{site}/stop", now="yes")
            until(lambda: state(site) == "stopped")
            ask(f"{site}/stats/reset", now="yes")
        process.send_signal(signal.SIGTERM)
        run.said = process.communicate(timeout=START_S)[0]
    finally:
        run.kill()
    folders = sorted((folder / "results").iterdir())
    users = [len({row["user_id"] for row in read_csv(each / "attempts.csv")}) for each in folders]
    truths = [
        sorted(request_id(row) for row in read_csv(each / "attempts.csv") if row["sent_s"])
        == sorted(entry["request_id"] for entry in read_csv(each / "truth.csv"))
        for each in folders
    ]
    broken_off = [json.loads((each / "run.json").read_text(encoding="utf-8"))["interrupted"] for each in folders]
    assert ([name in page for name in ("LargeUser", "SmallUser")], started["success"], users, truths, broken_off) == (
        [True, True], True, [3, 3], [True, True], [True, True]), run.said  # fmt: skip
    assert "Traceback" not in run.said


# Broken usage.


def said(folder: Path, *arguments: str, **environment: str) -> tuple[int, list[str]]:
    """Run Locust to its end; give exit code and lines, Locust's log lines without their time."""
    process = locust(folder, *arguments, **environment)
    text = process.communicate(timeout=START_S)[0]
    lines = [re.sub(r"^\[[^]]*\] \S+/(?=[A-Z]+/)", "", line) for line in text.splitlines() if line.strip()]
    return process.returncode, [line for line in lines if "Starting Locust" not in line]


def test_without_a_scenario(tmp_path: Path) -> None:
    """Nobody named a scenario: one line, exit code 2."""
    code, lines = said(tmp_path, "--headless")
    assert (code, len(lines), lines[0].startswith("--scenario is missing: name a scenario file")) == (2, 1, True), lines


def test_scenario_that_is_not_there(tmp_path: Path) -> None:
    """A file that does not exist: one line that names it, exit code 2."""
    code, lines = said(tmp_path, "--headless", LOCUST_SCENARIO="nowhere.yaml")
    assert (code, len(lines), "nowhere.yaml" in lines[0]) == (2, 1, True), lines


def test_results_that_cannot_be_written(tmp_path: Path) -> None:
    """A results folder that can't be made: one line, exit code 2, nothing sent."""
    folder = write_scenario(tmp_path, simulated(only=FAST))
    (folder / "taken").write_text("")
    code, lines = said(folder, "--scenario", "live.yaml", "--headless", "--results", "taken")
    assert (code, [line for line in lines if "--results taken" in line] == lines[:1], "Traceback" in str(lines)) == (
        2, True, False), lines  # fmt: skip


@pytest.mark.parametrize("option", ["--users=0", "--users=-5", "--run-time=0s"])
def test_options_that_would_load_nothing(tmp_path: Path, option: str) -> None:
    """Zero and less, at which Locust prints a traceback and waits for ever: one line, exit code 2, no folder."""
    folder = write_scenario(tmp_path, simulated(only=FAST))
    code, lines = said(folder, "--scenario", "live.yaml", "--headless", option)
    assert (code, [option.rpartition("=")[0] in line for line in lines], (folder / "results").exists()) == (
        2, [True], False), lines  # fmt: skip


@pytest.mark.parametrize("option", ["--master", "--processes=2"])
def test_a_port_that_another_master_has(tmp_path: Path, option: str) -> None:
    """Where Locust would print a traceback, and forked workers would wait for a master: one line, exit code 2."""
    folder = write_scenario(tmp_path, simulated(only=FAST))
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = f"--master-bind-port={other.getsockname()[1]}"
        code, lines = said(folder, "--scenario", "live.yaml", "--headless", option, port)
    assert (code, ["nobody can listen on" in line for line in lines]) == (2, [True]), lines


def test_runs_with_forked_workers_do_not_meet(tmp_path: Path) -> None:
    """Two at once on one machine: each has its own workers, and ends well."""
    folders = [write_scenario(tmp_path / name, simulated(only=FAST), users="4", steady="3s") for name in ("one", "two")]
    both = [locust(folder, "--scenario", "live.yaml", "--headless", "--processes", "2") for folder in folders]
    texts = [process.communicate(timeout=START_S)[0] for process in both]
    assert [process.returncode for process in both] == [0, 0], texts


def test_help_needs_no_scenario(tmp_path: Path) -> None:
    """`--help` is Locust's, as ever."""
    code, lines = said(tmp_path, "--help")
    assert (code, lines[0].startswith("Usage: locust")) == (0, True), lines


def test_nobody_there(launch: Callable[..., Run], tmp_path: Path) -> None:
    """An endpoint that refuses connections: each turn is a row that says so, and nothing hangs."""
    port = unused_port()
    folder = write_scenario(tmp_path, f"  only:\n    url: http://127.0.0.1:{port}/v1", users="2", think="300ms")
    run = launch(folder).finish()
    seen = {(row["outcome"], row["error_code"], row["sent_s"], row["http_status"]) for row in run.rows}
    assert (seen, len(run.rows) >= 2) == ({("connect_error", "connection_refused", "", "")}, True), run.said
