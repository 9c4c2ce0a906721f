"""Gaps between successive content chunks, as mergeable histograms.

HdrHistogram with three significant digits: a recorded value is off by at most 0.1 %. Its bins are 1024 to each power of
two, and so are floats of which ten bits of the mantissa are kept: gaps are counted by the upper bits of their float,
which costs a tenth of recording each. They are counted many at a time: what a table of counts needs has left the
processor's cache when the next answer ends.
"""

from __future__ import annotations

import csv
import struct
from collections import Counter, defaultdict, deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache
from operator import sub
from pathlib import Path
from typing import TYPE_CHECKING

from hdrh.histogram import HdrHistogram

from scenarios.classes import length_class
from scenarios.gaps import COLUMNS, DIGITS, HIGHEST_US, LOWEST_US, WINDOW_S

if TYPE_CHECKING:
    from scenarios.records import Attempt

A_SECOND_US = 1e6
COUNTED_AT_ONCE = 2000

LOWER_BITS = 13
"""Bits of a 32-bit float below its sign, its exponent and ten bits of its mantissa."""

EVERY_US = 1024
"""Values up to twice this have a bin each, whose index is the value."""

NEGATIVE = 1 << 31 - LOWER_BITS
"""Upper bits from which a float is below 0."""


def _upper_bits(values: Sequence[float]) -> list[int]:
    """Give the upper bits of 32-bit floats: for those above 0 they rise with the value."""
    return [bits >> LOWER_BITS for bits in memoryview(struct.pack(f"{len(values)}f", *values)).cast("I")]


(EVERY_BITS,) = _upper_bits([EVERY_US])
LAST: int = HdrHistogram(LOWEST_US, HIGHEST_US, DIGITS).counts_len - 1


@cache
def _index(bits: int) -> int:
    """Give the index of the bin that holds the microseconds with these upper bits."""
    if bits >= NEGATIVE:
        return LOWEST_US
    if bits >= EVERY_BITS:
        return min(bits - EVERY_BITS + EVERY_US, LAST)
    value_us: float = struct.unpack("f", struct.pack("I", bits << LOWER_BITS))[0]
    return max(int(value_us), LOWEST_US)


@dataclass(slots=True)
class Bins:
    """Gaps by the upper bits of their microseconds; `merged` of them are not known."""

    counts: Counter[int] = field(default_factory=Counter)
    uncounted: list[float] = field(default_factory=list)
    merged: int = 0

    def add(self, gaps: Sequence[float]) -> None:
        """Take the gaps of one response."""
        self.uncounted += gaps
        if len(self.uncounted) > COUNTED_AT_ONCE:
            self.count()

    def count(self) -> None:
        """Count what was taken."""
        self.counts.update(_upper_bits([gap * A_SECOND_US for gap in self.uncounted]))
        self.uncounted.clear()

    def encode(self) -> str:
        """Give them as a histogram."""
        histogram = HdrHistogram(LOWEST_US, HIGHEST_US, DIGITS)
        indexes, counts = list(map(_index, self.counts)), histogram.counts
        for index, count in zip(indexes, self.counts.values(), strict=True):
            counts[index] += count
        histogram.set_internal_tacking_values(min(indexes), max(indexes), self.counts.total())
        encoded: bytes = histogram.encode()
        return encoded.decode("ascii")


Key = tuple[str, str, str, str, str, int]
"""Endpoint, arm, phase, kind of conversation, length class, and the window that the response ended in."""


class Gaps:
    """Counts gaps per `Key`. Of a window that is over, one histogram is made with each response that follows.

    All at once would keep the loop from reading for too long.
    """

    def __init__(self, run_id: str, worker: str, window_s: float = WINDOW_S) -> None:
        self._labels = run_id, worker
        self._window_s = window_s
        self._window = 0
        self._open: defaultdict[Key, Bins] = defaultdict(Bins)
        self._over: deque[tuple[Key, Bins]] = deque()
        self._rows: list[list[str]] = []

    def record(
        self, attempt: Attempt, kind: str, end_s: float, arrivals: Sequence[float], merged: int = 0
    ) -> float | None:
        """Count the gaps of one response; give the largest in seconds, None when there is none."""
        if len(arrivals) < 2:
            return None
        window = int(end_s // self._window_s)
        if window != self._window:
            self._close_window()
            self._window = window
        if self._over:
            self._rows.append(self._row(*self._over.popleft()))
        gaps: list[float] = list(map(sub, arrivals[1:], arrivals))
        length = length_class(attempt.output_tokens)
        bins = self._open[attempt.endpoint, attempt.arm, attempt.phase, kind, length, window]
        bins.add(gaps)
        bins.merged += merged
        return max(gaps)

    def rows(self) -> list[list[str]]:
        """Give one row for each histogram, and forget them."""
        self._close_window()
        rows = [*self._rows, *(self._row(*over) for over in self._over)]
        self._over.clear()
        self._rows = []
        return sorted(rows, key=lambda row: (row[2:5], float(row[5]), row[-2:]))

    def _close_window(self) -> None:
        self._over += self._open.items()
        self._open = defaultdict(Bins)

    def _row(self, key: Key, bins: Bins) -> list[str]:
        *where, kind, length, window = key
        bins.count()
        window_s = f"{window * self._window_s:g}", f"{self._window_s:g}"
        counts = str(bins.counts.total()), str(bins.merged)
        return [*self._labels, *map(str, where), *window_s, *counts, bins.encode(), kind, length]


def write(path: Path, rows: Sequence[Sequence[str]]) -> None:
    """Write `gaps.csv`."""
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(COLUMNS)
        writer.writerows(rows)
