"""The rows that the page's own sections show: levels, variation, the load and the instrument."""

from __future__ import annotations

from pathlib import Path

import pytest

from analysis.model import Estimate, Figure, NotEstimable, Report
from analysis.render import grid, levels, spreads, summary, trust
from analysis.render.variation import between, variations

GOLDEN = Path(__file__).parent / "golden"


@pytest.fixture(scope="module")
def report() -> Report:
    """Give the realistic report."""
    return Report.model_validate_json((GOLDEN / "sample.json").read_text(encoding="utf-8"))


def test_a_level_says_how_far_and_how_sure(report: Report) -> None:
    """Broken, undecided and kept lines: distance, sureness, and the reason only where figures do not say it."""
    found = {(one.row.endpoint, one.row.line): one for one in levels.levels(report)}
    broken = found["large", "throttled_share < 1%"]
    assert (broken.distance, broken.sureness, broken.reason) == ("8.3 \u00d7 the limit", ">99.9% sure", "")
    near = found["large", "p99(response_time_ms) < 20000"]
    assert (near.distance, near.sureness) == ("5% over", "only 72.1% sure")
    assert near.reason == "9,600 turns would decide"
    unknown = found["large", "p99.9(ttft_ms) < 4000"]
    assert (unknown.bar, unknown.distance, unknown.reason) == (None, "", "3,188 turns; 3,688 needed")


def test_a_sure_figure_that_is_open_for_another_reason_claims_nothing(report: Report) -> None:
    """Where failures leave a line open, how sure its latency is would mislead."""
    kept = next(line for line in report.slo if line.verdict == "pass")
    line = kept.model_copy(update={"verdict": "inconclusive", "sentence": "x; 2% of all turns failed"})
    (level,) = levels.levels(report.model_copy(update={"slo": [line]}))
    assert (level.sureness, level.reason) == ("", "2% of all turns failed")


def test_folded_lines_are_counted(report: Report) -> None:
    """The title of what is folded says what is in it."""
    assert levels.folded_title(levels.levels(report)) == "10 more lines: 2 fail, 2 inconclusive, 6 pass"


def test_the_split_fills_its_bar(report: Report) -> None:
    """Service, waits and both together are laid end to end; what groupings explain is in whole percents."""
    groups = summary.headline_groups(report)
    response, cost = variations(groups, ["large", "small"])
    row = response.rows[0]
    assert [(piece.name, piece.start, piece.width) for piece in row.pieces] == [
        ("service time", 0.0, 66.0),
        ("throttled time", 66.0, 31.0),
        ("both together", 97.0, 3.0),
    ]
    assert [cell.value for cell, _ in row.explained] == ["42%", "31%", "<1%", "5%"]
    assert (cost.has_split, cost.heads) == (False, ("Length of answer",))


def test_what_lies_between_endpoints_is_a_sentence(report: Report) -> None:
    """Only where there are several endpoints, and only what was estimated."""
    share = Estimate(value=0.32, n=100, method="law of total variance")
    found: dict[str, Figure] = {
        "response_time_between_endpoint_share": share,
        "cost_per_response_between_endpoint_share": NotEstimable(not_estimable="nothing varies"),
    }
    two = report.model_copy(update={"variance": found})
    assert between(two) == ["Response time: 32%"]
    assert between(two.model_copy(update={"groups": report.groups[1:2]})) == []


def test_the_load_adds_up(report: Report) -> None:
    """Offered, sent, answered and dropped are counts of turns and attempts, intended beside service p99."""
    groups = summary.headline_groups(report)
    (_, large), _ = trust.load(groups, ["large", "small"]).rows
    assert [cell.value for cell in large] == ["3,188", "3,793", "3,099", "67", "3.1 ms", "21,000 ms", "9,800 ms"]


def test_the_instrument_is_held_against_its_limits(report: Report) -> None:
    """A worker beyond a limit is marked, and the client's own error stands beside the least tail."""
    late = [{**report.health[0], "loop_lag_p99_s": 0.4}]
    table = trust.instrument(report.model_copy(update={"health": late}))
    cells = dict(zip(table.heads[1:], table.rows[0][1], strict=True))
    lag = cells["Event loop late by (p99)"]
    assert (lag.value, lag.interval, lag.verdict) == ("400 ms", "of 100 ms", "fail")
    assert cells["Rows lost"].verdict == ""
    said = trust.own_error(report, summary.headline_groups(report))
    assert said.startswith("Reads were late by at most 0.43 ms at p99, 0.155% of the least p95 time to first token")


def test_nested_health_has_its_own_table(report: Report) -> None:
    """Lists such as phases do not end up in one cell."""
    health = [{"worker": "w0", "rows": 3, "phases": [{"phase": "steady", "chunks": 5}]}]
    flat, nested = trust.all_fields(report.model_copy(update={"health": health}))
    assert flat.heads == ("Worker", "Rows")
    assert (nested.caption, nested.heads) == ("w0: Phases", ("", "Phase", "Chunks"))


def test_spreads_say_their_figures(report: Report) -> None:
    """Cost has mean, coefficient of variation and n; curves have nothing beyond their own bins."""
    cost = spreads.spread_plots(report)[1]
    assert cost["curves"][0]["said"] == "mean $0.00684 [0.00659, 0.00715], CV 0.520 [0.504, 0.539], n = 3,188"
    assert {len(curve["shares"]) for curve in cost["curves"]} == {len(cost["edges"]) - 1}
    assert any(share is None for share in cost["curves"][0]["shares"])


def test_many_endpoints_are_rows() -> None:
    """Four columns of figures fit; a table of more is turned."""
    figure = Estimate(value=1, n=1, method="x")
    some = grid.Grid("c", ("Figure", "a", "b"), (("x", (summary.cell(figure, ""),) * 2),))
    assert grid.fitted(some) is some
    many = grid.Grid("c", ("Figure", *"abcde"), (("x", (summary.cell(figure, ""),) * 5),))
    assert (grid.fitted(many).heads, [name for name, _ in grid.fitted(many).rows]) == (("Endpoint", "x"), list("abcde"))


def test_a_row_says_once_what_it_rests_on() -> None:
    """N carries the independent turns, the method, and why a figure is missing."""
    known = Estimate(value=5, n=300, n_effective=120, method="order statistics")
    found: list[tuple[str, Figure]] = [("p50", known), ("p99", NotEstimable(not_estimable="p99 needs 368 turns"))]
    count, *cells = grid.counted(None, found, "ms")
    assert (count.value, count.note) == (
        "300",
        "worth independent values: p50 120. order statistics. p99 needs 368 turns",
    )
    assert [cell.value for cell in cells] == ["5 ms", "not estimable"]


def test_a_cut_without_a_metric_has_no_column_of_it(report: Report) -> None:
    """Gaps stand in the tables of cuts that know them, and in no other: a run of old has no empty column."""
    plain = [one.model_copy(update={"by": "tries", "metrics": {"ttft_ms": {}}}) for one in report.slices]
    of_kind, of_tries = grid.slices(report.model_copy(update={"slices": [*report.slices, *plain]}))
    responses = ("Response p50", "Response p95", "Response p99")
    assert of_kind.heads[2:] == ("TTFT p50", "TTFT p95", *responses, "TPOT p50", "Gap p95")
    assert of_tries.heads[2:] == ("TTFT p50", "TTFT p95")
    assert {len(cells) + 1 for _, cells in of_kind.rows} == {len(of_kind.heads)}
