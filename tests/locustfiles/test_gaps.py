"""Gaps between chunks, as histograms that can be merged."""

from __future__ import annotations

import csv
from itertools import accumulate
from pathlib import Path

from hdrh.histogram import HdrHistogram
from hypothesis import given, settings
from hypothesis import strategies as st

from locustfiles._gaps import COLUMNS, DIGITS, HIGHEST_US, LOWEST_US, WINDOW_S, Gaps, write

GAPS = st.lists(st.floats(1e-6, 100), min_size=1, max_size=60)


def merged(rows: list[list[str]]) -> HdrHistogram:
    """Add up the histograms of rows."""
    total = HdrHistogram(LOWEST_US, HIGHEST_US, DIGITS)
    for row in rows:
        total.decode_and_add(row[-1].encode())
    return total


def arrivals(gaps: list[float]) -> list[float]:
    """Give the moments that have these gaps between them."""
    return list(accumulate([0.0, *gaps]))


@settings(max_examples=40)
@given(GAPS)
def test_error(gaps: list[float]) -> None:
    """The largest and smallest gap come out within 0.1 % and the microsecond that gaps are counted in."""
    recorder = Gaps("run", "w0")
    largest = recorder.record("it", "", "steady", 1.0, arrivals(gaps))
    histogram = merged(recorder.rows())
    for value_us, gap in ((histogram.get_max_value(), max(gaps)), (histogram.get_min_value(), min(gaps))):
        assert abs(value_us - gap * 1e6) <= 0.001 * gap * 1e6 + 1
    assert (histogram.get_total_count(), abs((largest or 0) - max(gaps)) < 1e-9) == (len(gaps), True)


@settings(max_examples=20)
@given(GAPS, GAPS)
def test_merging_is_recording_together(first: list[float], second: list[float]) -> None:
    """Two workers' histograms added up are one worker's of all."""
    apart, together = [Gaps("run", "w0"), Gaps("run", "w1")], Gaps("run", "w0")
    for recorder, gaps in zip(apart, (first, second), strict=True):
        recorder.record("it", "", "steady", 1.0, arrivals(gaps))
        together.record("it", "", "steady", 1.0, arrivals(gaps))
    one, other = merged([row for recorder in apart for row in recorder.rows()]), merged(together.rows())
    quantiles = (0, 25, 50, 75, 90, 99, 100)
    assert [one.get_value_at_percentile(q) for q in quantiles] == [other.get_value_at_percentile(q) for q in quantiles]


def test_windows_and_labels_are_apart() -> None:
    """A row per endpoint, arm, phase and window, in order; a second reading is empty."""
    recorder = Gaps("run", "w0")
    for endpoint, phase, end_s in (
        ("b", "steady", 1.0),
        ("a", "steady", WINDOW_S),
        ("a", "steady", 1.0),
        ("a", "drain", 1),
    ):
        recorder.record(endpoint, "", phase, end_s, [0.0, 0.5])
    rows = [row[:-1] for row in recorder.rows()]
    assert (rows, recorder.rows()) == (
        [
            ["run", "w0", "a", "", "drain", "0", "10", "1", "0"],
            ["run", "w0", "a", "", "steady", "0", "10", "1", "0"],
            ["run", "w0", "a", "", "steady", "10", "10", "1", "0"],
            ["run", "w0", "b", "", "steady", "0", "10", "1", "0"],
        ],
        [],
    )


def test_one_chunk_has_no_gap() -> None:
    """None, not zero."""
    recorder = Gaps("run", "w0")
    assert ([recorder.record("a", "", "steady", 1, moments) for moments in ([], [1.0])], recorder.rows()) == (
        [None] * 2,
        [],
    )


def test_chunks_of_one_segment_have_a_gap_of_zero() -> None:
    """Chunks that came together are counted, at the lowest value there is."""
    recorder = Gaps("run", "w0")
    recorder.record("a", "", "steady", 1, [1.0, 1.0, 1.0])
    histogram = merged(recorder.rows())
    assert (histogram.get_total_count(), histogram.get_max_value()) == (2, LOWEST_US)


def test_file(tmp_path: Path) -> None:
    """The file has a header, and a row for each histogram."""
    recorder = Gaps("run", "w0")
    recorder.record("a", "", "steady", 1, [1.0, 1.1])
    write(tmp_path / "gaps.csv", recorder.rows())
    with (tmp_path / "gaps.csv").open(encoding="utf-8", newline="") as file:
        header, *rows = csv.reader(file)
    assert (tuple(header), len(rows), merged(rows).get_total_count()) == (COLUMNS, 1, 1)


def test_merged() -> None:
    """Gaps that are not known are counted beside the others, in their window."""
    recorder = Gaps("run", "w0")
    for end_s, unknown in ((1.0, 2), (2.0, 3), (WINDOW_S, 4), (2 * WINDOW_S, 0)):
        recorder.record("a", "", "steady", end_s, [0.0, 0.5], unknown)
    column = COLUMNS.index("merged")
    assert [row[column] for row in recorder.rows()] == ["5", "4", "0"]
