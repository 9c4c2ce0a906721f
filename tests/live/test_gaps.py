"""Gaps of two kinds of conversation on one endpoint, held against the provider's truth log."""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pandas as pd
import pytest
from test_load_run import Row, Run, locust, read_csv, request_id

from analysis.measures.gaps import Histogram, histogram
from analysis.rows.read import read_gaps
from scenarios.classes import length_class

SCENARIO = """
name: live
endpoints:
  one: {endpoint}
traffic: {{users: 10, ramp: 0s, warm_up: 0s, steady: 4s, drain: 4s, think_time: 50ms}}
conversation:
  prompts:
    - {{id: quick, kind: chat, turns: [What is a queue?]}}
    - {{id: slow, kind: code, turns: [Write a sort.], expect: {{min_words: 1}}}}
  turns: 1
"""
MODEL = "{simulated: {ttft: 20ms, tokens_per_second: 400, output_tokens: {median: 30, p99: 70}}}"


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """Load a provider that speaks of one kind four times as slowly, from two workers."""
    folder = tmp_path_factory.mktemp("gaps")
    (folder / "provider.yaml").write_text(SCENARIO.format(endpoint=MODEL), encoding="utf-8")
    script = str(Path(__file__).with_name("two_speeds.py"))
    command = [sys.executable, script, "provider.yaml", "--truth", "truth.csv"]
    with subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None
        port = json.loads(child.stdout.readline())["port"]
        endpoint = f"{{url: 'http://127.0.0.1:{port}/one/v1', model: one}}"
        (folder / "live.yaml").write_text(SCENARIO.format(endpoint=endpoint), encoding="utf-8")
        made = Run(folder, locust(folder, "--scenario", "live.yaml", "--headless", "--processes", "2")).finish()
        child.terminate()
    return made


@pytest.fixture(scope="module")
def pairs(run: Run) -> list[tuple[Row, Row]]:
    """Give each answer's row with its truth."""
    truth = {row["request_id"]: row for row in read_csv(run.folder / "truth.csv")}
    return [(row, truth[request_id(row)]) for row in run.rows if row["outcome"] == "ok"]


def recorded(run: Run) -> pd.DataFrame:
    """Read gaps.csv."""
    return read_gaps(run.results, [])


def cuts(run: Run) -> dict[str, Histogram]:
    """Give the gaps of each kind."""
    found = histogram(recorded(run), 1)
    assert found is not None
    return {label: one for (by, label), one in found.cuts.items() if by == "kind"}


def test_counts_are_the_truths(run: Run, pairs: list[tuple[Row, Row]]) -> None:
    """Each kind and length class has as many gaps as its answers have chunks, less one each."""
    expected: Counter[tuple[str, str]] = Counter()
    for row, truth in pairs:
        kind = run.document["cases"][row["case_id"]]["kind"]
        expected[kind, length_class(int(truth["output_tokens"]))] += int(truth["chunks"]) - 1
    found: Counter[tuple[str, str]] = Counter()
    for row in recorded(run).to_dict("records"):
        found[row["kind"], row["length_class"]] += int(row["count"])
    assert len(run.rows) == len(pairs)
    assert +expected == found
    assert {kind for kind, _ in found} == {"chat", "code"}
    assert len(found) >= 4


def test_kinds_are_told_apart(run: Run, pairs: list[tuple[Row, Row]]) -> None:
    """The gaps of each kind take as long in all as its answers did on the server, and are that kind's in the middle."""
    whole_s: Counter[str] = Counter()
    for row, truth in pairs:
        kind = run.document["cases"][row["case_id"]]["kind"]
        whole_s[kind] += float(truth["last_content_s"]) - float(truth["first_content_s"])
    found = cuts(run)
    totals_s = {kind: float(one.total().sum()) / 1000 for kind, one in found.items()}
    assert totals_s == pytest.approx(dict(whole_s), rel=0.01)
    medians_ms = {kind: float(one.points([0.5])[0]) for kind, one in found.items()}
    assert medians_ms == pytest.approx({"chat": 2.5, "code": 10.0}, rel=0.05)
