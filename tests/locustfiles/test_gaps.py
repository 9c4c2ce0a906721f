"""Gaps between chunks, as histograms that can be merged."""

from __future__ import annotations

import csv
from itertools import accumulate
from pathlib import Path

import pytest
from hdrh.histogram import HdrHistogram
from hypothesis import given, settings
from hypothesis import strategies as st

from locustfiles._bins import Bins
from locustfiles._gaps import Gaps, own_path, write
from scenarios.gaps import COLUMNS, DIGITS, HIGHEST_US, LOWEST_US, WINDOW_S, window_s
from scenarios.records import Attempt

GAPS = st.lists(st.floats(1e-6, 100), min_size=1, max_size=60)
TOLD = st.tuples(st.sampled_from(["", "chat", "code"]), st.none() | st.integers(0, 3000), GAPS)
HISTOGRAM = COLUMNS.index("histogram")


def attempt(endpoint: str = "it", phase: str = "steady", output_tokens: int | None = None) -> Attempt:
    """Give an attempt as it stands when its response has ended."""
    names = "run", "w0", 1, "u", "c", "t", "case"
    return Attempt(*names, endpoint, "", phase, 1, 0.0, output_tokens=output_tokens)


def merged(rows: list[list[str]]) -> HdrHistogram:
    """Add up the histograms of rows."""
    total = HdrHistogram(LOWEST_US, HIGHEST_US, DIGITS)
    for row in rows:
        total.decode_and_add(row[HISTOGRAM].encode())
    return total


def counts(found: HdrHistogram) -> list[int]:
    """Give the count in each bin."""
    return list(found.counts)


def arrivals(gaps: list[float]) -> list[float]:
    """Give the moments that have these gaps between them."""
    return list(accumulate([0.0, *gaps]))


@settings(max_examples=40)
@given(GAPS)
def test_error(gaps: list[float]) -> None:
    """The largest and smallest gap come out within 0.1 % and the microsecond that gaps are counted in."""
    recorder = Gaps("run", "w0")
    largest = recorder.record(attempt(), "", 1.0, arrivals(gaps))
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
        recorder.record(attempt(), "", 1.0, arrivals(gaps))
        together.record(attempt(), "", 1.0, arrivals(gaps))
    one, other = merged([row for recorder in apart for row in recorder.rows()]), merged(together.rows())
    assert counts(one) == counts(other)


@settings(max_examples=20)
@given(st.lists(TOLD, min_size=1, max_size=20))
def test_parts_add_up(told: list[tuple[str, int | None, list[float]]]) -> None:
    """The histograms by kind and length class added up are the one of all; each is of what it says."""
    apart, together = Gaps("run", "w0"), Gaps("run", "w0")
    for kind, tokens, gaps in told:
        apart.record(attempt(output_tokens=tokens), kind, 1.0, arrivals(gaps), 1)
        together.record(attempt(), "", 1.0, arrivals(gaps), 1)
    rows, (whole,) = apart.rows(), together.rows()
    assert counts(merged(rows)) == counts(merged([whole]))
    assert sum(int(row[COLUMNS.index("merged")]) for row in rows) == len(told)
    for wanted in {kind for kind, _, _ in told}:
        expected = sum(len(gaps) for kind, _, gaps in told if kind == wanted)
        assert expected == sum(int(row[COLUMNS.index("count")]) for row in rows if row[-2] == wanted)


def test_windows_and_labels_are_apart() -> None:
    """A row per endpoint, arm, phase, window, kind and length class, in order; a second reading is empty."""
    recorder = Gaps("run", "w0")
    for endpoint, phase, kind, tokens, end_s in (
        ("b", "steady", "", None, 1.0),
        ("a", "steady", "code", 31, WINDOW_S),
        ("a", "steady", "code", 32, WINDOW_S),
        ("a", "steady", "chat", 31, WINDOW_S),
        ("a", "steady", "chat", 2048, 1.0),
        ("a", "drain", "chat", 0, 1.0),
    ):
        recorder.record(attempt(endpoint, phase, tokens), kind, end_s, [0.0, 0.5])
    rows = [row[:HISTOGRAM] + row[HISTOGRAM + 1 :] for row in recorder.rows()]
    assert (rows, recorder.rows()) == (
        [
            ["run", "w0", "a", "", "drain", "0", "10", "1", "0", "chat", "0-31"],
            ["run", "w0", "a", "", "steady", "0", "10", "1", "0", "chat", "2048+"],
            ["run", "w0", "a", "", "steady", "10", "10", "1", "0", "chat", "0-31"],
            ["run", "w0", "a", "", "steady", "10", "10", "1", "0", "code", "0-31"],
            ["run", "w0", "a", "", "steady", "10", "10", "1", "0", "code", "32-127"],
            ["run", "w0", "b", "", "steady", "0", "10", "1", "0", "", ""],
        ],
        [],
    )


def test_histograms_are_made_one_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a window that is over, each response that follows makes one, so that none keeps the loop for long."""
    made: list[int] = []
    histogram = Bins.histogram
    monkeypatch.setattr(Bins, "histogram", lambda bins: (made.append(number), histogram(bins))[1])
    recorder = Gaps("run", "w0")
    for number in range(12):
        recorder.record(attempt(), ("chat", "code", "prose")[number % 3], WINDOW_S * (number // 6), [0.0, 0.5])
    assert made == [6, 7, 8]
    assert (len(recorder.rows()), len(made)) == (6, 6)


def test_windows_of_a_long_run_are_longer() -> None:
    """A steady phase has a hundred of them at the most."""
    assert [window_s(steady_s) for steady_s in (0.5, 60.0, 1000.0, 3600.0, 86400.0)] == [10, 10, 10, 36, 864]
    recorder = Gaps("run", "w0", 36.0)
    for end_s in (35.9, 36.0, 71.9):
        recorder.record(attempt(), "", end_s, [0.0, 0.5])
    assert [row[5:8] for row in recorder.rows()] == [["0", "36", "1"], ["36", "36", "2"]]


def test_one_chunk_has_no_gap() -> None:
    """None, not zero."""
    recorder = Gaps("run", "w0")
    assert ([recorder.record(attempt(), "", 1, moments) for moments in ([], [1.0])], recorder.rows()) == (
        [None] * 2,
        [],
    )


def test_chunks_of_one_segment_have_a_gap_of_zero() -> None:
    """Chunks that came together are counted, at the lowest value there is."""
    recorder = Gaps("run", "w0")
    recorder.record(attempt(), "", 1, [1.0, 1.0, 1.0])
    histogram = merged(recorder.rows())
    assert (histogram.get_total_count(), histogram.get_max_value()) == (2, LOWEST_US)


def read(path: Path) -> list[list[str]]:
    """Read a file's rows, which stand below the columns."""
    with path.open(encoding="utf-8", newline="") as file:
        header, *rows = csv.reader(file)
    assert tuple(header) == COLUMNS
    return rows


def test_file(tmp_path: Path) -> None:
    """The file has a header, and a row for each histogram of all workers."""
    told = {}
    for worker in ("w0", "w1"):
        recorder = Gaps("run", worker)
        recorder.record(attempt(), "", 1, [1.0, 1.1])
        told[worker] = recorder.rows()
    write(tmp_path, told)
    rows = read(tmp_path / "gaps.csv")
    assert ([row[1] for row in rows], merged(rows).get_total_count()) == (["w0", "w1"], 2)


def test_what_a_killed_process_had_is_on_its_disk(tmp_path: Path) -> None:
    """Windows that are over stand in a file of its own; it goes when the process has summed itself up."""
    own = own_path(tmp_path, "w0")
    recorder = Gaps("run", "w0", path=own)
    for number in range(5):
        recorder.record(attempt(), "chat", WINDOW_S * number, [1.0, 1.1])
    killed = read(own)
    rows = recorder.rows()
    assert (killed, len(rows)) == (rows[:4], 5)
    write(tmp_path, {"w0": rows, "w1": []})
    assert (read(tmp_path / "gaps.csv"), own.exists()) == (rows, False)


def test_a_full_disk_costs_no_gap(tmp_path: Path) -> None:
    """Where its own file cannot be written, the process still has them."""
    recorder = Gaps("run", "w0", path=tmp_path / "no such folder" / "gaps-w0.csv")
    for number in range(3):
        recorder.record(attempt(), "chat", WINDOW_S * number, [1.0, 1.1])
    assert len(recorder.rows()) == 3


def test_merged() -> None:
    """Gaps that are not known are counted beside the others, in their window."""
    recorder = Gaps("run", "w0")
    for end_s, unknown in ((1.0, 2), (2.0, 3), (WINDOW_S, 4), (2 * WINDOW_S, 0)):
        recorder.record(attempt(), "", end_s, [0.0, 0.5], unknown)
    column = COLUMNS.index("merged")
    assert [row[column] for row in recorder.rows()] == ["5", "4", "0"]
