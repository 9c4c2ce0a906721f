"""Answers under load, graded: the rubric's verdicts against what the simulated provider meant to say."""

from __future__ import annotations

import json
import signal
import subprocess
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest
from test_load_run import Run, locust, read_csv

from analysis.report import build
from analysis.rows.grades import grades

SCENARIO = """
name: live
seed: 5
endpoints:
  careful: {simulated: {ttft: 20ms, tokens_per_second: 400, output_tokens: 15, quality: {wrong: 0.05}}}
  sloppy:
    simulated:
      ttft: 20ms
      tokens_per_second: 400
      output_tokens: 15
      quality: {wrong: 0.2, hallucinated: 0.1, unsafe: 0.3, over_refused: 0.05, terse: 0.1, fallback: 0.05}
      faults: {cut: 0.05}
traffic: {users: 12, ramp: 0s, warm_up: 1s, steady: 6s, drain: 4s, think_time: 50ms}
conversation: {prompts: prompts/quality.jsonl, max_output_tokens: 128}
slo: [accuracy >= 0.7]
"""


def graded(folder: Path) -> Counter[tuple[str, str]]:
    """Count the answers of a run by what the provider meant and what the rubric says."""
    meta = json.loads((folder / "run.json").read_text(encoding="utf-8"))
    meant = {row["request_id"]: row["quality"] for row in read_csv(folder / "truth.csv")}
    verdicts: Counter[tuple[str, str]] = Counter()
    found = grades(folder, meta, [])
    assert found is not None
    by_turn = {(one.answer.endpoint, one.answer.prompt, one.answer.answer): one for one in found.judged.values()}
    for line in (folder / "answers.jsonl").read_text(encoding="utf-8").splitlines():
        answer = json.loads(line)
        request = "/".join([meta["run_id"], answer["worker"], answer["turn_id"], "1"])
        one = by_turn[answer["endpoint"], answer["prompt"], answer["answer"]]
        verdicts[meant[request] if answer["outcome"] == "ok" else "cut", one.grade.verdict] += 1
    return verdicts


@pytest.mark.parametrize("processes", [1, 2], ids=["alone", "two workers"])
def test_verdicts_are_what_was_meant(tmp_path: Path, processes: int) -> None:
    """Every answer is graded as the kind that the provider played, and all graded ones are kept."""
    (tmp_path / "live.yaml").write_text(SCENARIO, encoding="utf-8")
    arguments = ["--processes", str(processes)] if processes > 1 else []
    run = Run(tmp_path, locust(tmp_path, "--scenario", "live.yaml", "--headless", *arguments)).finish()
    verdicts = graded(run.results)
    apart = {pair: count for pair, count in verdicts.items() if pair[0] not in {pair[1], "cut"}}
    assert (apart, verdicts.total() > 200, run.said.count("Traceback")) == ({}, True, 0)
    quality = build(run.results).quality
    assert quality is not None
    for row in quality.endpoints:
        assert row.intended >= row.answered == row.graded > 50
    assert list(run.results.glob("answers-*.jsonl")) == []


def test_a_killed_run_keeps_its_graded_answers(tmp_path: Path) -> None:
    """What was answered until the process was killed is graded."""
    (tmp_path / "live.yaml").write_text(SCENARIO, encoding="utf-8")
    run = Run(tmp_path, locust(tmp_path, "--scenario", "live.yaml", "--headless"))
    try:
        end = time.monotonic() + 60
        while time.monotonic() < end and not list(tmp_path.glob("results/*/answers-w0.jsonl")):
            time.sleep(0.1)
        time.sleep(3)
        run.process.send_signal(signal.SIGKILL)
        run.process.communicate()
    finally:
        run.kill()
    quality = build(run.results).quality
    assert quality is not None
    row = quality.endpoints[0]
    assert (row.endpoint, row.graded > 20, row.answered - row.graded <= 12) == ("careful", True, True)


def test_the_command_grades_a_finished_run(
    tmp_path: Path, tailgate: Callable[..., subprocess.CompletedProcess[str]]
) -> None:
    """`tailgate run` ends with the verdict on accuracy, and `tailgate eval` comes to the same."""
    (tmp_path / "live.yaml").write_text(SCENARIO, encoding="utf-8")
    ran = tailgate("run", "live.yaml", timeout=120)
    (folder,) = tmp_path.glob("results/*")
    done = tailgate("eval", str(folder))
    assert "accuracy >= 0.7" in ran.stdout
    assert "fail: sloppy breaks accuracy >= 0.7" in done.stdout
    assert done.returncode == 3
