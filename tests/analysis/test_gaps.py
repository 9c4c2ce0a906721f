"""Gaps: merged histograms against the values they were made of."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hdrh.histogram import HdrHistogram

from analysis.measures.gaps import histogram, notes
from analysis.model import Estimate
from analysis.rows.read import GAP_COLUMNS
from analysis.stats.quantiles import figures


def row(window: int, gaps_us: np.ndarray, worker: str = "w0") -> dict[str, str]:
    """Make one row of gaps.csv."""
    found = HdrHistogram(1, 3_600_000_000, 3)
    for gap in gaps_us:
        found.record_value(int(gap))
    labels = {"worker": worker, "endpoint": "small", "arm": "", "phase": "steady"}
    encoded = found.encode().decode()
    return {**labels, "window_start_s": str(window * 10), "window_s": "10", "count": "1", "histogram": encoded}


def test_quantiles_are_those_of_the_values() -> None:
    """Merging two workers' windows gives the quantiles of all gaps, off by at most 0.1 %."""
    rng = np.random.default_rng(1)
    drawn = [rng.lognormal(10, 0.5, 300) for _ in range(60)]
    rows = [row(i // 2, gaps, f"w{i % 2}") for i, gaps in enumerate(drawn)]
    merged = histogram(pd.DataFrame(rows), 1)
    every = np.concatenate(drawn).astype(int) / 1000
    found = figures(merged)
    for name, p in (("p50", 0.5), ("p95", 0.95), ("p99", 0.99)):
        figure = found[name]
        assert isinstance(figure, Estimate)
        assert float(np.quantile(every, p)) == pytest.approx(figure.value, rel=2e-3)
        assert figure.low <= figure.value <= figure.high
    assert every.mean() == pytest.approx(found["mean"].value, rel=1e-3)
    assert (len(every), 20) == (merged.n, len(merged.present))


def test_few_windows_are_not_estimable() -> None:
    """Three windows do not say how gaps vary between windows."""
    rng = np.random.default_rng(1)
    merged = histogram(pd.DataFrame([row(i, rng.lognormal(10, 0.5, 300)) for i in range(3)]), 1)
    expected = "values are correlated and fall into 3 blocks, 4 are needed"
    assert expected == figures(merged)["p95"].not_estimable


@pytest.mark.parametrize(
    ("merged", "unknown"),
    [(0, set()), (9, {"p99_9"}), (19, {"p99", "p99_9"}), (901, {"p50", "p90", "p95", "p99", "p99_9"})],
)
def test_merged_gaps_are_not_estimable(merged: int, unknown: set[str]) -> None:
    """Chunks that waited together for a late client leave the ranks near a quantile open; the mean is as it was."""
    rng = np.random.default_rng(1)
    rows = [{**row(i, rng.lognormal(10, 0.5, 300)), "merged": "0"} for i in range(60)]
    rows[7]["merged"] = str(merged)
    found = figures(histogram(pd.DataFrame(rows), 1))
    refused = {name for name, figure in found.items() if not isinstance(figure, Estimate)}
    assert unknown - {"p99_9"} == refused - {"p99_9"}
    assert bool(merged) == ("late client" in getattr(found["p99_9"], "not_estimable", ""))


@pytest.mark.parametrize("text", ["", "garbage", "HISTFAAAA", "é", "HISTFAAAACF4nJNpmSzMwMDA"])
def test_torn_histograms_are_left_out(text: str) -> None:
    """A histogram that cannot be decoded is none, and is counted."""
    good = row(0, np.array([1000, 2000]))
    rows = pd.DataFrame([good, {**good, "histogram": text}])
    assert histogram(rows, 1).n == 2
    said = "small: 1 of {} lines of gaps.csv cannot be read, and are in no gap"
    assert list(notes("small", rows, histogram(rows, 1))) == [said.format(2)]
    assert list(notes("small", rows.iloc[1:], None)) == [said.format(1)]


def test_no_gaps() -> None:
    """Without windows there is no histogram."""
    assert histogram(pd.DataFrame(columns=list(GAP_COLUMNS)), 1) is None
