"""Rate limits obeyed to the letter: every hint form, crowds, spent quotas, by the log of a server of the tests' own."""

from __future__ import annotations

import csv
import json
import signal
import subprocess
import sys
from bisect import bisect_right
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from hint_server import FORMS, MOMENTS

Tailgate = Callable[..., subprocess.CompletedProcess[str]]
Rows = list[dict[str, str]]
UNDER_WAY_S = 0.5
"""A request may have left before the refusal of another one of its key was read."""


@dataclass
class Server:
    """The running provider: `port`, and its log once it was stopped."""

    port: int
    child: subprocess.Popen[str]
    path: Path

    def url(self, mode: str) -> str:
        """Give the base URL of a mode."""
        return f"http://127.0.0.1:{self.port}/{mode}/v1"

    def stop(self) -> Rows:
        """End it; give its log."""
        self.child.send_signal(signal.SIGTERM)
        self.child.wait()
        return read(self.path)


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    """Start the provider."""
    path = tmp_path / "server.csv"
    command = [sys.executable, str(Path(__file__).with_name("hint_server.py")), str(path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None
        yield Server(int(child.stdout.readline()), child, path)
        child.terminate()


def read(path: Path) -> Rows:
    """Read a CSV file."""
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def load(tailgate: Tailgate, folder: Path, scenario: dict[str, Any]) -> tuple[Rows, dict[str, Any], int]:
    """Run a scenario; give its rows, report.json and the exit code."""
    (folder / "hints.yaml").write_text(json.dumps(scenario), encoding="utf-8")
    done = tailgate("run", "hints.yaml", timeout=200)
    (run,) = folder.glob("results/*/")
    return read(run / "attempts.csv"), json.loads((run / "report.json").read_text()), done.returncode


def request_id(row: dict[str, str]) -> str:
    """Give the id under which the server knows a row."""
    return f"{row['run_id']}/{row['worker']}/{row['turn_id']}/{row['attempt_no']}"


def turn_of(row: dict[str, str]) -> str:
    """Give the turn of a row of the server's log."""
    return row["request_id"].rpartition("/")[0]


def early(log: Rows) -> list[tuple[str, float]]:
    """Give the requests that came before the wait told to their turn was over, with the seconds they were early."""
    until: dict[str, float] = {}
    found = []
    for row in log:
        arrived_s = float(row["arrived_s"])
        if arrived_s < until.get(turn_of(row), 0.0):
            found.append((row["form"], until[turn_of(row)] - arrived_s))
        if row["told_s"]:
            until[turn_of(row)] = float(row["answered_s"]) + float(row["told_s"])
    return found


def peak(moments: list[float]) -> int:
    """Give the most of ascending `moments` within any second."""
    return max(bisect_right(moments, moment + 1.0) - index for index, moment in enumerate(moments))


def is_right(row: dict[str, str], told: dict[str, str], epoch_s: float) -> bool:
    """Tell whether a hint was read to 50 ms; of a point in time, what was left of the wait when it was read."""
    on_the_way_s = epoch_s + float(row["end_s"]) - float(told["answered_s"]) if told["form"] in MOMENTS else 0.0
    off_s = float(row["wait_hint_s"]) - (float(told["told_s"]) - on_the_way_s)
    return -0.05 - float(row["client_lag_s"]) * (told["form"] in MOMENTS) <= off_s <= 0.05


def test_every_form_is_read_and_none_is_cut_short(tailgate: Tailgate, tmp_path: Path, server: Server) -> None:
    """500 users, each waiting on their own: no turn comes back early, and each hint is read to 50 ms."""
    scenario = {
        "endpoints": {"forms": {"url": server.url("forms")}},
        "traffic": {"users": 500, "ramp": "2s", "warm_up": "0s", "steady": "12s", "drain": "20s", "think_time": "0.3s"},
        "throttle": {"scope": "user", "max_attempts": 50},
    }
    rows, _, _ = load(tailgate, tmp_path, scenario)
    log = server.stop()
    told = {row["request_id"]: row for row in log if row["told_s"]}
    read_as = {request_id(row): row for row in rows if row["wait_hint_s"]}
    (path,) = tmp_path.glob("results/*/run.json")
    epoch_s = json.loads(path.read_text())["epoch_monotonic_s"]
    off = {told[name]["form"] for name, row in read_as.items() if not is_right(row, told[name], epoch_s)}
    assert early(log) == []
    assert set(told) == set(read_as)
    assert {row["form"] for row in told.values()} == set(FORMS)
    assert off == set()


def test_a_crowd_that_was_refused_comes_back_paced(tailgate: Tailgate, tmp_path: Path, server: Server) -> None:
    """500 users at once on one key: all are held back by one refusal, and arrivals stay within 1.5 times the pace."""
    scenario = {
        "endpoints": {"crowd": {"url": server.url("crowd")}},
        "traffic": {"users": 500, "ramp": "0s", "warm_up": "0s", "steady": "12s", "drain": "30s", "think_time": "1s"},
        "throttle": {"max_attempts": 50},
    }
    load(tailgate, tmp_path, scenario)
    log = server.stop()
    arrivals = [float(row["arrived_s"]) for row in log]
    told_at = [(float(row["answered_s"]), float(row["told_s"])) for row in log if row["told_s"]]
    assert early(log) == []
    assert len(told_at) > 100
    hasty = [
        moment for moment in arrivals if any(told + UNDER_WAY_S < moment < told + wait_s for told, wait_s in told_at)
    ]
    back = sorted(moment for moment in arrivals if moment > told_at[0][0] + UNDER_WAY_S)
    assert hasty == []
    assert peak(back) <= 1.5 * 66


@pytest.mark.parametrize("pace", ["fixed", "adaptive"])
def test_workers_together_keep_to_the_limit(tailgate: Tailgate, tmp_path: Path, server: Server, pace: str) -> None:
    """300 users on two workers and one key: once each worker was refused, arrivals stay near the limit of both."""
    scenario = {
        "endpoints": {"crowd": {"url": server.url("prompt")}},
        "traffic": {"users": 300, "ramp": "1s", "warm_up": "0s", "steady": "20s", "drain": "30s", "think_time": "1s"},
        "throttle": {"pace": pace, "max_attempts": 50},
    }
    (tmp_path / "hints.yaml").write_text(json.dumps(scenario), encoding="utf-8")
    tailgate("run", "hints.yaml", "--workers", "2", timeout=200)
    log = server.stop()
    first = {row["request_id"].split("/")[1]: row for row in reversed(log) if row["told_s"]}
    settled_s = max(float(row["answered_s"]) + float(row["told_s"]) for row in first.values()) + UNDER_WAY_S
    arrivals = sorted(float(row["arrived_s"]) for row in log)
    assert early(log) == []
    assert set(first) == {"w0", "w1"}
    assert peak([moment for moment in arrivals if moment > settled_s]) <= 1.5 * 66


def test_two_workers_follow_what_is_left_of_a_limit(tailgate: Tailgate, tmp_path: Path) -> None:
    """By the headers of answers alone, users who ask for three times a limit use nine tenths of it, hardly refused."""
    limit = {"kind": "fixed_window", "requests": 300, "per": "10s"}
    model = {"ttft": "100ms", "output_tokens": 5, "tokens_per_second": 100, "limit": limit}
    scenario = {
        "endpoints": {"told": {"simulated": model}},
        "traffic": {"users": 110, "ramp": "5s", "warm_up": "10s", "steady": "20s", "think_time": "1s"},
        "throttle": {"pace": "adaptive"},
    }
    (tmp_path / "hints.yaml").write_text(json.dumps(scenario), encoding="utf-8")
    tailgate("run", "hints.yaml", "--workers", "2", timeout=200)
    (run,) = tmp_path.glob("results/*/")
    outcomes = Counter(row["outcome"] for row in read(run / "attempts.csv") if row["phase"] == "steady")
    truth = read(run / "truth.csv")
    assert outcomes["ok"] >= 0.9 * 20 * 30
    assert outcomes["throttled"] <= 0.02 * outcomes["ok"]
    assert sum(int(row["early_client"]) for row in truth) == 0


def test_a_refusal_at_one_worker_holds_back_all(tailgate: Tailgate, tmp_path: Path) -> None:
    """Four workers on one key: by the server's log hardly anybody comes before the key may be used again."""
    limit = {"kind": "token_bucket", "requests": 60, "per": "1s", "burst": 10}
    model = {"ttft": "100ms", "output_tokens": 5, "tokens_per_second": 100, "limit": limit}
    scenario = {
        "endpoints": {"told": {"simulated": model}},
        "traffic": {"users": 200, "ramp": "2s", "warm_up": "3s", "steady": "25s", "think_time": "1s"},
        "throttle": {"max_attempts": 50},
    }
    (tmp_path / "hints.yaml").write_text(json.dumps(scenario), encoding="utf-8")
    tailgate("run", "hints.yaml", "--workers", "4", timeout=200)
    (run,) = tmp_path.glob("results/*/")
    truth = read(run / "truth.csv")
    refused = [row for row in truth if row["status"] == "429"]
    assert len({row["request_id"].split("/")[1] for row in truth}) == 4
    assert 0 < len(refused) < 100
    assert sum(int(row["early"]) for row in truth) <= 100  # 716 while each heard of its own refusals only


def test_what_waiting_cannot_mend_is_not_waited_for(tailgate: Tailgate, tmp_path: Path, server: Server) -> None:
    """A spent account and a spent day end the endpoint's load, named; what is too large or too long is not retried."""
    modes = ("broke", "daily", "large", "long")
    users = 50
    scenario = {
        "endpoints": {mode: {"url": server.url(mode)} for mode in modes},
        "traffic": {"users": users, "ramp": "1s", "warm_up": "0s", "steady": "4s", "drain": "5s", "think_time": "0.5s"},
        "throttle": {"max_wait": "10s", "max_total_wait": "20s"},
    }
    rows, report, code = load(tailgate, tmp_path, scenario)
    log = server.stop()
    outcomes: dict[str, Counter[str]] = defaultdict(Counter)
    for row in rows:
        outcomes[row["endpoint"]][row["outcome"]] += 1
    tries = Counter(turn_of(row) for row in log)
    (path,) = tmp_path.glob("results/*/run.json")
    stops = json.loads(path.read_text())["endpoint_stops"]
    assert set(stops) == {"broke", "daily"}
    assert outcomes["broke"]["quota_exhausted"] <= users
    assert outcomes["daily"]["quota_exhausted"] <= users
    assert set(outcomes["large"]) == {"request_too_large"}
    assert outcomes["long"]["gave_up"] > 0
    assert max(tries.values()) == 1
    assert (code, report["verdict"]) == (5, "invalid")
    assert {stop in " ".join(report["validity"]["reasons"]) for stop in stops.values()} == {True}
