"""Gaps between successive content chunks, as mergeable histograms.

HdrHistogram with three significant digits: a recorded value is off by at most 0.1 %. Gaps are counted by microsecond
first and enter the histogram when their window is over: one dictionary update costs a tenth of one histogram update.
They are counted many at a time: what a table of counts needs has left the processor's cache when the next answer ends.
"""

from __future__ import annotations

import csv
from collections import Counter, defaultdict
from collections.abc import Sequence
from operator import sub
from pathlib import Path

from hdrh.histogram import HdrHistogram

WINDOW_S = 10.0
LOWEST_US, HIGHEST_US, DIGITS = 1, 3_600_000_000, 3
COLUMNS = (
    *("run_id", "worker", "endpoint", "arm", "phase", "window_start_s", "window_s", "count"),
    *("merged", "histogram"),
)
"""`merged` of the counted gaps read 0 because their chunks waited together for a late loop; each lengthens another."""

A_SECOND_US = 1e6
COUNTED_AT_ONCE = 2000

Key = tuple[str, str, str, int]


class Gaps:
    """Counts gaps per endpoint, arm, phase and window of `WINDOW_S`; a window is the one its response ended in."""

    def __init__(self, run_id: str, worker: str) -> None:
        self._labels = run_id, worker
        self._counts: dict[Key, Counter[int]] = defaultdict(Counter)
        self._uncounted: dict[Key, list[float]] = defaultdict(list)
        self._merged: Counter[Key] = Counter()
        self._window = 0
        self._rows: list[list[str]] = []

    def record(  # noqa: PLR0913, PLR0917 - a response's labels, and what was seen of it
        self, endpoint: str, arm: str, phase: str, end_s: float, arrivals: Sequence[float], merged: int = 0
    ) -> float | None:
        """Count the gaps of one response; give the largest in seconds, None when there is none."""
        if len(arrivals) < 2:
            return None
        window = int(end_s // WINDOW_S)
        if window != self._window:
            self._close_window()
            self._window = window
        gaps: list[float] = list(map(sub, arrivals[1:], arrivals))
        key = endpoint, arm, phase, window
        uncounted = self._uncounted[key]
        uncounted += gaps
        if merged:
            self._merged[key] += merged
        if len(uncounted) > COUNTED_AT_ONCE:
            self._count(key)
        return max(gaps)

    def rows(self) -> list[list[str]]:
        """Give one row for each histogram, and forget them."""
        self._close_window()
        rows, self._rows = self._rows, []
        return sorted(rows, key=lambda row: (row[2:5], float(row[5])))

    def _count(self, key: Key) -> None:
        self._counts[key].update(map(int, map(A_SECOND_US.__mul__, self._uncounted.pop(key))))

    def _close_window(self) -> None:
        """Replace counters, which grow with each new value, by their histograms."""
        for key in list(self._uncounted):
            self._count(key)
        counts, self._counts = self._counts, defaultdict(Counter)
        self._rows += [self._row(key, counter) for key, counter in counts.items()]

    def _row(self, key: Key, counter: Counter[int]) -> list[str]:
        endpoint, arm, phase, window = key
        encoded = _encode(counter)
        start_s = f"{window * WINDOW_S:g}"
        counts = str(counter.total()), str(self._merged.pop(key, 0))
        return [*self._labels, endpoint, arm, phase, start_s, f"{WINDOW_S:g}", *counts, encoded]


def _encode(counter: Counter[int]) -> str:
    histogram = HdrHistogram(LOWEST_US, HIGHEST_US, DIGITS)
    for gap_us, count in counter.items():
        histogram.record_value(max(gap_us, LOWEST_US), count)
    encoded: bytes = histogram.encode()
    return encoded.decode("ascii")


def write(path: Path, rows: Sequence[Sequence[str]]) -> None:
    """Write `gaps.csv`."""
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(COLUMNS)
        writer.writerows(rows)
