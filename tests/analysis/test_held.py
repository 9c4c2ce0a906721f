"""Lines with filters: each is held against what it is about, and against nothing is never a pass."""

from __future__ import annotations

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
