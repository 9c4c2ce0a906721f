"""What the pictures are drawn from says the same as the tables."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analysis.model import Estimate, NotEstimable, Report
from analysis.render import bars, charts

GOLDEN = Path(__file__).parent / "golden"


@pytest.fixture(scope="module")
def report() -> Report:
    """Give the realistic report."""
    return Report.model_validate_json((GOLDEN / "sample.json").read_text(encoding="utf-8"))


@pytest.mark.parametrize(("p", "expected"), [(0.9, 1), (0.99, 2), (0.999, 3), (0.5, 0.301)])
def test_the_tail_axis_counts_nines(p: float, expected: float) -> None:
    """A place is -log10(1 - p)."""
    assert charts.tail_x(p) == pytest.approx(expected, abs=1e-3)


def test_the_curve_holds_the_figures_of_the_table(report: Report) -> None:
    """At each standard percentile the curve is the table's figure, interval included, or absent."""
    groups = {group.endpoint: group for group in report.groups if group.phase == "steady"}
    for plot in charts.tail_plots(report):
        for curve in plot["curves"]:
            for p, key in zip(charts.STANDARD, ("p50", "p90", "p95", "p99", "p99_9"), strict=True):
                figure = groups[curve["endpoint"]].metrics[plot["metric"]][key]
                index = plot["p"].index(p)
                point = (curve["values"][index], curve["low"][index], curve["high"][index])
                if isinstance(figure, NotEstimable):
                    assert point == (None, None, None)
                else:
                    assert point == pytest.approx((figure.value, figure.low, figure.high), rel=1e-5)


def test_each_limit_is_marked_once(report: Report) -> None:
    """Two endpoints share the line's mark."""
    ttft = charts.tail_plots(report)[0]
    assert [limit["text"] for limit in ttft["limits"]] == ["p95 limit 800 ms", "p99.9 limit 4,000 ms"]


@pytest.mark.parametrize(
    ("name", "expected"), [("p99_9", 0.999), ("p50", 0.5), ("mean", None), ("", None), ("px", None)]
)
def test_quantile_names_are_read(name: str, expected: float | None) -> None:
    """Only p and digits are a quantile."""
    assert charts.quantile_p(name) == expected


@given(
    value=st.floats(0, 1e6),
    spread=st.floats(0, 1e6),
    limit=st.floats(0, 1e6),
    comparator=st.sampled_from(["<", "<=", ">", ">="]),
)
def test_a_bar_stays_in_its_frame(value: float, spread: float, limit: float, comparator: str) -> None:
    """Whatever the figures, everything lies between 0 and 100 in the right order."""
    figure = Estimate(value=value, low=max(0.0, value - spread), high=value + spread, n=1, method="test")
    report = Report.model_validate_json((GOLDEN / "sample.json").read_text(encoding="utf-8"))
    line = report.slo[0].model_copy(update={"figure": figure, "limit": limit, "comparator": comparator})
    bar = bars.bar(line)
    if bar is None:
        assert value == spread == limit == 0
        return
    assert 0 <= bar.low <= bar.value <= bar.high <= 100
    assert 0 <= bar.allowed_from <= bar.limit <= bar.allowed_to <= 100


def test_outcome_pieces_fill_the_bar(report: Report) -> None:
    """Pieces follow one another, answered first, and add up to all turns."""
    group = report.groups[1]
    shares = {
        name: f for name, f in group.shares.items() if isinstance(f, Estimate) and name not in ("throttled", "failed")
    }
    pieces = bars.outcome_parts(shares)
    assert pieces[0].kind == "answered"
    assert sum(piece.width for piece in pieces) == pytest.approx(100, abs=0.01)
    ends = [round(piece.start + piece.width, 2) for piece in pieces]
    assert ends[:-1] == [round(piece.start, 2) for piece in pieces[1:]]
