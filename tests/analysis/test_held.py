"""Lines with filters: each is held against what it is about, and against nothing is never a pass."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from synthetic import BASE, LARGE, Plan, write_run

from analysis.model import Report
from analysis.report import build


def report_of(folder: Path, *lines: str) -> Report:
    """Make the report of a run of two endpoints with these SLO lines."""
    write_run(folder, Plan(models=(LARGE, BASE), turns=800, slo=lines))
    return build(folder)


def test_a_line_of_one_endpoint_is_held_against_it_alone(tmp_path: Path) -> None:
    """The other endpoint, which would break it, is not asked."""
    report = report_of(tmp_path, "p95(ttft_ms) < 600 where endpoint=small")
    assert [(line.endpoint, line.verdict) for line in report.slo] == [("small", "pass")]


def test_a_line_of_one_kind_counts_its_turns(tmp_path: Path) -> None:
    """Kinds alternate over five cases: three of five turns are `support`."""
    report = report_of(
        tmp_path, "p95(ttft_ms) < 600 where kind=support and endpoint=small", "p95(ttft_ms) < 1 where kind=long"
    )
    counts = [getattr(line.figure, "n", None) for line in report.slo if "support" in line.line]
    assert (counts, report.verdict) == ([480], "fail")


@pytest.mark.parametrize("condition", ["endpoint=huge", "arm=none", "kind=unheard"])
def test_a_line_about_nothing_is_inconclusive(tmp_path: Path, condition: str) -> None:
    """Nothing was measured of it, so the run does not pass."""
    report = report_of(tmp_path, f"p95(ttft_ms) < 60000 where {condition}")
    assert ({line.verdict for line in report.slo}, report.verdict) == ({"inconclusive"}, "inconclusive")


def test_a_relative_line_needs_a_baseline(tmp_path: Path) -> None:
    """Alone it is inconclusive, and says how to decide it."""
    report = report_of(tmp_path, "p95(ttft_ms) <= 1.10 x baseline where endpoint=small")
    line = report.slo[0]
    assert (line.verdict, "--baseline" in line.sentence, report.verdict) == ("inconclusive", True, "inconclusive")


def test_lines_of_a_run_without_steady_phase_stay(tmp_path: Path) -> None:
    """What was to be loaded and never came to its steady phase has no data, line by line, also one that is no line."""
    write_run(tmp_path, Plan(models=(BASE,), turns=50, slo=("p95(ttft_ms) < 800", "nonsense")))
    path = tmp_path / "run.json"
    document = json.loads(path.read_text())
    document |= {"phases": document["phases"][:1], "users": {"small": 5, "large.burst": 5}}
    path.write_text(json.dumps(document))
    attempts = (tmp_path / "attempts.csv").read_text().splitlines(keepends=True)
    (tmp_path / "attempts.csv").write_text(attempts[0] + "".join(row for row in attempts[1:] if ",warm_up," in row))
    report = build(tmp_path)
    assert [(line.line, line.endpoint, line.arm) for line in report.slo] == [
        ("nonsense", "", ""),
        ("p95(ttft_ms) < 800", "small", ""),
        ("p95(ttft_ms) < 800", "large", "burst"),
    ]
    assert {line.verdict for line in report.slo} == {"inconclusive"}


def test_lines_of_an_endpoint_that_was_never_reached_stay(tmp_path: Path) -> None:
    """One endpoint passes, the other has no data: the run does not pass."""
    write_run(tmp_path, Plan(models=(BASE,), turns=800, slo=("p95(ttft_ms) < 800",)))
    path = tmp_path / "run.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"users": {"small": 5, "large": 5}}))
    report = build(tmp_path)
    assert [(line.endpoint, line.verdict) for line in report.slo] == [("small", "pass"), ("large", "inconclusive")]
    assert report.verdict == "inconclusive"
