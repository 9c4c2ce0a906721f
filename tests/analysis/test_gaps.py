"""Gaps: merged histograms against the values they were made of."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hdrh.histogram import HdrHistogram
from hypothesis import given, settings
from hypothesis import strategies as st
from synthetic import BASE, Plan, write_run

from analysis.measures.gaps import Histogram, histogram, notes
from analysis.model import Estimate, Slice
from analysis.report import build
from analysis.rows.read import GAP_COLUMNS, read_gaps
from analysis.stats.quantiles import figures
from scenarios.classes import LENGTH_CLASSES


def row(window: int, gaps_us: np.ndarray, worker: str = "w0", **cut: str) -> dict[str, str]:
    """Make one row of gaps.csv."""
    found = HdrHistogram(1, 3_600_000_000, 3)
    for gap in gaps_us:
        found.record_value(int(gap))
    labels = {"worker": worker, "endpoint": "small", "arm": "", "phase": "steady"}
    encoded = found.encode().decode()
    return {**labels, "window_start_s": str(window * 10), "window_s": "10", "count": "1", "histogram": encoded, **cut}


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


def counted(parts: list[Histogram]) -> dict[float, float]:
    """Add up the counts of several histograms by the middle of their bins."""
    every = pd.concat([pd.Series(part.counts.sum(axis=0), index=part.middles) for part in parts])
    return dict(every.groupby(level=0).sum())


CUT = st.tuples(st.integers(0, 30), st.sampled_from(["support", "long", ""]), st.sampled_from([*LENGTH_CLASSES, ""]))


@settings(max_examples=25, deadline=None)
@given(st.lists(st.tuples(CUT, st.lists(st.integers(1, 10**7), min_size=1, max_size=5)), min_size=1, max_size=30))
def test_parts_add_up(recorded: list[tuple[tuple[int, str, str], list[int]]]) -> None:
    """Kinds and length classes each add up to the gaps that have one; the whole is what it is without them."""
    rows = pd.DataFrame(
        [row(w, np.array(gaps), kind=kind, length_class=length, merged="1") for (w, kind, length), gaps in recorded]
    )
    whole, plain = histogram(rows, 1), histogram(rows.drop(columns=["kind", "length_class"]), 1)
    assert counted([whole]) == counted([plain])
    assert (whole.counts.tolist(), whole.merged, whole.windows) == (plain.counts.tolist(), plain.merged, plain.windows)
    assert plain.cuts == {}
    for by, column in (("kind", "kind"), ("output_tokens", "length_class")):
        named = rows[rows[column] != ""]
        parts = [one for (cut, _), one in whole.cuts.items() if cut == by]
        assert {label for cut, label in whole.cuts if cut == by} == set(named[column])
        assert sum(one.merged for one in parts) == len(named)
        assert (counted(parts) if parts else {}) == (counted([histogram(named, 1)]) if parts else {})


def with_gaps(folder: Path, *slo: str, cut: bool = True) -> Path:
    """Write a run whose answers of kind `long` have gaps of 40 ms, all others 10 ms; gaps grow with length by 1 %."""
    write_run(folder, Plan(models=(BASE,), turns=600, slo=slo))
    rng = np.random.default_rng(3)
    rows = [
        row(3 + window, middle * rng.lognormal(0, 0.1, 300), kind=kind, length_class=length)
        for window in range(12)
        for kind, middle in (("support", 10_000), ("long", 40_000))
        for length in ("32-127", "128-511")
    ]
    frame = pd.DataFrame(rows)
    (frame if cut else frame.drop(columns=["kind", "length_class"])).to_csv(folder / "gaps.csv", index=False)
    return folder


def gap_slices(slices: list[Slice], by: str) -> dict[str, float]:
    """Give the median gap of each label that has one."""
    found = {one.label: one.metrics["gap_ms"]["p50"] for one in slices if one.by == by and "gap_ms" in one.metrics}
    return {label: figure.value for label, figure in found.items() if isinstance(figure, Estimate)}


def test_slices_have_gaps(tmp_path: Path) -> None:
    """Kinds are told apart by their gaps, which are in both length classes alike; an old run has the whole alone."""
    new, old = (build(with_gaps(tmp_path / str(cut), cut=cut)) for cut in (True, False))
    assert gap_slices(new.slices, "kind") == pytest.approx({"support": 10, "long": 40}, rel=0.01)
    assert set(gap_slices(new.slices, "output_tokens")) == {"32-127", "128-511"}
    assert gap_slices(old.slices, "kind") == gap_slices(old.slices, "output_tokens") == {}
    (one, other) = (next(group for group in report.groups if group.phase == "steady") for report in (new, old))
    assert one == other
    assert {name: figure for name, figure in one.metrics["gap_ms"].items() if not isinstance(figure, Estimate)} == {}


def test_gaps_that_died_with_their_worker_are_named(tmp_path: Path) -> None:
    """The synthetic run has two workers, the file the gaps of one; what is nowhere in the file was not recorded."""
    said = "small: gaps.csv has none of w1, who had {:.1%} of the answers: they are lost"
    assert said.format(0.5) in build(with_gaps(tmp_path / "one")).notes
    folder = with_gaps(tmp_path / "both")
    frame = pd.read_csv(folder / "gaps.csv")
    pd.concat([frame, frame.tail(1).assign(worker="w1")]).to_csv(folder / "gaps.csv", index=False)
    assert [note for note in build(folder).notes if "has none of" in note] == []
    frame.assign(worker="w1").to_csv(folder / "gaps-w1.csv", index=False)  # of a worker that was killed
    frame.to_csv(folder / "gaps.csv", index=False)
    assert [note for note in build(folder).notes if "has none of" in note] == []
    assert len(read_gaps(folder, [])) == 2 * len(frame)
    frame.to_csv(folder / "gaps-w1.csv", index=False)  # it is told of already
    assert len(read_gaps(folder, [])) == len(frame)
    (folder / "gaps.csv").unlink()  # the master was killed, too
    assert len(read_gaps(folder, [])) == len(frame)
    for path in folder.glob("gaps*.csv"):
        path.unlink()
    assert [note for note in build(folder).notes if "has none of" in note] == []


def test_lines_on_gaps_of_a_kind(tmp_path: Path) -> None:
    """A line may ask for one kind's gaps; where they were not recorded by kind it is not passed."""
    lines = [f"p95(gap_ms) < 20 where kind={kind}" for kind in ("support", "long")]
    new, old = (build(with_gaps(tmp_path / str(cut), *lines, cut=cut)) for cut in (True, False))
    assert [line.verdict for line in new.slo] == ["pass", "fail"]
    assert [(line.verdict, line.figure.not_estimable) for line in old.slo] == [
        ("inconclusive", "no gaps were recorded of this kind")
    ] * 2


def test_too_few_gaps_are_said_in_gaps() -> None:
    """What is missing are gaps, not turns; how many turns these would take is not known."""
    figure = figures(histogram(pd.DataFrame([row(i, np.array([9, 9, 8])) for i in range(9)]), 1))["p99"]
    assert (figure.not_estimable, figure.needed_turns) == (
        "p99 needs 368 gaps, there are 27: run 13.6 times as long",
        None,
    )


def test_turns_that_would_decide_a_line_on_gaps(tmp_path: Path) -> None:
    """Many gaps are one turn's: what would tell is said in turns."""
    (found,) = build(with_gaps(tmp_path / "first", "p95(gap_ms) < 1000")).slo
    limit = found.figure.high  # a little beyond the value: twice as many would do, or a few more
    (line,) = build(with_gaps(tmp_path / "second", f"p95(gap_ms) < {limit:.6f}")).slo
    assert line.verdict == "inconclusive"
    assert line.figure.n // 600 == 24
    assert 600 < line.needed_turns <= 1200
