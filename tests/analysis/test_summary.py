"""The rows that every renderer shows."""

from __future__ import annotations

from pathlib import Path

import pytest

from analysis.model import Report, SloLine
from analysis.render import summary
from analysis.render.sides import sides

GOLDEN = Path(__file__).parent / "golden"


@pytest.fixture(scope="module")
def report() -> Report:
    """Give the realistic report."""
    return Report.model_validate_json((GOLDEN / "sample.json").read_text(encoding="utf-8"))


def test_the_worst_lines_come_first(report: Report) -> None:
    """Breached, then undecided, then passed; each in the order of the report."""
    rows = summary.slo_rows(report)
    assert sorted((row.verdict for row in rows), key=["fail", "inconclusive", "pass"].index) == [
        r.verdict for r in rows
    ]
    passed = [line.line for line in report.slo if line.verdict == "pass"]
    assert passed == [row.line for row in rows if row.verdict == "pass"]


def test_what_is_not_estimable_says_what_it_needs(report: Report) -> None:
    """A line without a figure shows the turns that would decide it, and no number."""
    row = next(row for row in summary.slo_rows(report) if row.value == "not estimable")
    assert (row.interval, row.n, row.margin) == ("", "\u2013", "needs 3,688 turns")
    assert row.sentence.endswith("(3,188 turns; 3,688 needed)")


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("p95(ttft_ms) < 800", ("p95", "ttft_ms")),
        ("p99.9( response_time_ms ) < 6s", ("p99_9", "response_time_ms")),
        ("mean(tpot_ms) < 30", ("mean", "tpot_ms")),
        ("throttled_share < 1%", ("", "throttled_share")),
        ("?", ("", "")),
    ],
)
def test_a_line_names_its_quantile_and_metric(report: Report, line: str, expected: tuple[str, str]) -> None:
    """The target links a line to its cell and to its mark in the plot."""
    assert summary.slo_target(report.slo[0].model_copy(update={"line": line})) == expected


def test_every_endpoint_has_a_cell_in_every_row(report: Report) -> None:
    """Side by side: as many cells as columns, and a breached figure is marked."""
    rows = sides(report)
    columns = len(summary.headline_groups(report))
    assert {len(row.cells) for row in rows} == {columns}
    broken = {(row.label, cell.value) for row in rows for cell in row.cells if cell.verdict == "fail"}
    assert broken == {("p95", "1,623 ms"), ("Throttled turns", "8.3%")}


def test_an_invalid_run_marks_no_figure(report: Report) -> None:
    """What an invalid run breached says nothing about the target."""
    rows = sides(report.model_copy(update={"verdict": "invalid"}))
    assert {cell.verdict for row in rows for cell in row.cells} == {""}


def test_arms_are_told_apart_only_where_there_are_several(report: Report) -> None:
    """An endpoint's name stands alone until it has two arms."""
    one = summary.headline_groups(report)
    two = [group.model_copy(update={"endpoint": "large", "arm": arm}) for group, arm in zip(one, "ab", strict=True)]
    assert [summary.group_name(group, one) for group in one] == ["large", "small"]
    assert [summary.group_name(group, two) for group in two] == ["large · a", "large · b"]


@pytest.mark.parametrize(
    ("started_at", "expected"),
    [
        ("2026-08-01T10:15:00Z", "2026-08-01 10:15 UTC"),
        ("2026-08-01T10:15:42.5+02:00", "2026-08-01 08:15 UTC"),
        ("2026-08-01T10:15:00", "2026-08-01 10:15"),
        ("yesterday\x1b", "yesterday\\x1b"),
    ],
)
def test_the_start_is_shown_in_utc(report: Report, started_at: str, expected: str) -> None:
    """Times with a zone are converted, others are not guessed at."""
    assert summary.started(report.model_copy(update={"started_at": started_at})) == expected


def test_the_headline_does_not_repeat_the_verdict(report: Report) -> None:
    """The word stands before the headline already."""
    assert summary.headline(report).startswith("large fails")


def test_an_unknown_unit_falls_back_to_the_name(report: Report) -> None:
    """A line about a share is shown in percent even when its unit word is foreign."""
    line: SloLine = report.slo[3].model_copy(update={"unit": "?"})
    assert summary.slo_unit(line) == "share"
