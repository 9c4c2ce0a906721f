"""history.csv: one row per run, the same row when written again, readable by anything that reads CSV."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest
from graded import write_graded
from synthetic import BASE, LARGE, Plan, write_run

from analysis.model import Report
from analysis.report import build
from analysis.trends.history import NAME, read, record
from scenarios.errors import TailgateError

Tailgate = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def report(tmp_path: Path) -> Report:
    """Make the report of a small run of two endpoints."""
    write_run(tmp_path / "run", Plan(models=(LARGE, BASE), turns=400))
    return build(tmp_path / "run")


def test_one_row_per_run(tmp_path: Path, report: Report) -> None:
    """Writing a run twice changes nothing; another run adds a row, in the order of start."""
    record(report, tmp_path / NAME)
    first = (tmp_path / NAME).read_bytes()
    record(report, tmp_path / NAME)
    assert (tmp_path / NAME).read_bytes() == first
    record(report.model_copy(update={"run_id": "earlier", "started_at": "2026-01-01T00:00:00Z"}), tmp_path / NAME)
    assert [row["run_id"] for row in read(tmp_path / NAME)] == ["earlier", report.run_id]


def test_numbers_are_numbers(tmp_path: Path, report: Report) -> None:
    """The columns end in their unit, and hold value and interval; what is not estimable is empty."""
    record(report, tmp_path / NAME)
    row = pd.read_csv(tmp_path / NAME).iloc[0]
    p95 = next(group for group in report.groups if (group.endpoint, group.phase) == ("small", "steady")).metrics[
        "ttft_ms"
    ]["p95"]
    found = [row[f"small.ttft_p95{side}_ms"] for side in ("", "_low", "_high")]
    assert found == pytest.approx([p95.value, p95.low, p95.high])  # type: ignore[union-attr]
    assert {"large.cost_per_1k_responses_usd", "large.throttled_share", "verdict"} <= set(row.index)


def test_graded_runs_have_their_accuracy(tmp_path: Path) -> None:
    """Value and interval of accuracy and of what harms most; a run without grades has no such columns."""
    write_graded(tmp_path, Plan(turns=400), {"right": 0.9, "hallucinated": 0.1})
    record(build(tmp_path), tmp_path / NAME)
    row = pd.read_csv(tmp_path / NAME).iloc[0]
    accuracy, invented, safe = (row[f"small.{name}_share"] for name in ("accuracy", "hallucination", "policy_safe"))
    assert (accuracy + invented, safe) == (pytest.approx(1), 1)
    assert row["small.accuracy_low_share"] < accuracy < row["small.accuracy_high_share"]


def test_runs_of_other_endpoints_share_the_file(tmp_path: Path, report: Report) -> None:
    """Columns of both are there; each run leaves the other's empty."""
    record(report, tmp_path / NAME)
    write_run(tmp_path / "other", Plan(seed=9, models=(BASE,), turns=400))
    record(build(tmp_path / "other"), tmp_path / NAME)
    table = pd.read_csv(tmp_path / NAME).set_index("run_id")
    assert table["large.ttft_p95_ms"].isna().to_dict() == {report.run_id: False, "run-9": True}


def test_a_name_is_no_formula(tmp_path: Path, report: Report) -> None:
    """A spreadsheet shows it as text."""
    record(report.model_copy(update={"name": "=1+1"}), tmp_path / NAME)
    assert read(tmp_path / NAME)[0]["name"] == "'=1+1"


def test_another_files_rows_are_not_overwritten(tmp_path: Path, report: Report) -> None:
    """A history.csv of someone else stays, and is named."""
    (tmp_path / NAME).write_text("date,note\n2026,mine\n")
    with pytest.raises(TailgateError, match="no column run_id"):
        record(report, tmp_path / NAME)
    assert (tmp_path / NAME).read_text() == "date,note\n2026,mine\n"


def test_reports_leave_their_row_and_gather_them(tailgate: Tailgate, tmp_path: Path) -> None:
    """`report` writes each run's row into its own folder, and all of them into the file asked for."""
    for seed in (1, 2):
        write_run(tmp_path / f"r{seed}", Plan(seed=seed, models=(BASE,), turns=200))
    done = tailgate("report", "r1", "r2", "--history", "all.csv")
    rows = [[row["run_id"] for row in read(path)] for path in (tmp_path / "r1" / NAME, tmp_path / "all.csv")]
    assert (done.returncode, rows) == (0, [["run-1"], ["run-1", "run-2"]])
