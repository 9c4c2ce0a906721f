"""Endpoints loaded in turns, several times: `campaign.rounds`."""

from __future__ import annotations

import json
from pathlib import Path

from test_load_run import Run, locust, read_csv

from analysis.report import build

SCENARIO = """
name: live
endpoints:
  one: {simulated: {ttft: 20ms, tokens_per_second: 400, output_tokens: 15}}
  two: {simulated: {ttft: 20ms, tokens_per_second: 400, output_tokens: 15}}
campaign: {rounds: 2}
traffic: {users: 6, ramp: 0s, warm_up: 1s, steady: 6s, drain: 4s, think_time: 50ms}
"""


def test_two_workers_go_through_all_endpoints_twice(tmp_path: Path) -> None:
    """Every turn counts in the round that it was due in, and none starts between two rounds."""
    (tmp_path / "live.yaml").write_text(SCENARIO, encoding="utf-8")
    run = Run(tmp_path, locust(tmp_path, "--scenario", "live.yaml", "--headless", "--processes", "2")).finish()
    rows = read_csv(run.results / "attempts.csv")
    document = json.loads((run.results / "run.json").read_text(encoding="utf-8"))
    steady = [(each["endpoint"], each["start_s"], each["end_s"]) for each in document["phases"]
              if each["phase"] == "steady"]  # fmt: skip
    assert [endpoint for endpoint, _, _ in steady] == ["one", "two", "one", "two"]
    for row in rows:
        due_s = float(row["intended_s"])
        within = any(row["endpoint"] == name and start_s <= due_s < end_s for name, start_s, end_s in steady)
        assert within == (row["phase"] == "steady"), row
    for name, start_s, end_s in steady:
        inside = [row for row in rows if row["endpoint"] == name and start_s <= float(row["intended_s"]) < end_s]
        assert {row["worker"] for row in inside} == {"w0", "w1"}
    assert len(rows) == len(read_csv(run.results / "truth.csv"))
    for group in build(run.results).groups:
        if group.phase == "steady":
            assert 5.9 < group.end_s - group.start_s - group.paused_s < 6.1
