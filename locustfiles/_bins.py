"""Counts of durations by the bins of an HdrHistogram of three significant digits: off by at most 0.1 %.

Its bins are 1024 to each power of two, and so are floats of which ten bits of the mantissa are kept: durations are
counted by the upper bits of their float, which costs a tenth of recording each. They are counted many at a time: what a
table of counts needs has left the processor's cache when the next one comes.
"""

from __future__ import annotations

import struct
from collections import Counter
from collections.abc import Sequence
from functools import cache

from hdrh.histogram import HdrHistogram

from scenarios.gaps import DIGITS, HIGHEST_US, LOWEST_US

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


class Bins:
    """Durations in seconds, by the upper bits of their microseconds."""

    __slots__ = ("_counts", "_uncounted")

    def __init__(self) -> None:
        self._counts: Counter[int] = Counter()
        self._uncounted: list[float] = []

    def note(self, duration_s: float | None) -> None:
        """Take one; None is none."""
        if duration_s is not None:
            self.add((duration_s,))

    def add(self, durations_s: Sequence[float]) -> None:
        """Take some."""
        self._uncounted += durations_s
        if len(self._uncounted) > COUNTED_AT_ONCE:
            self._count()

    def merge(self, other: Bins) -> None:
        """Take all that another holds."""
        other._count()
        self._counts.update(other._counts)

    def total(self) -> int:
        """Give how many were taken."""
        self._count()
        return self._counts.total()

    def histogram(self) -> HdrHistogram:
        """Give them as a histogram, in microseconds; what no bin is for is in the nearest."""
        self._count()
        histogram = HdrHistogram(LOWEST_US, HIGHEST_US, DIGITS)
        indexes = list(map(_index, self._counts))
        for index, count in zip(indexes, self._counts.values(), strict=True):
            histogram.counts[index] += count
        if indexes:
            histogram.set_internal_tacking_values(min(indexes), max(indexes), self._counts.total())
        return histogram

    def quantile_s(self, p: float) -> float | None:
        """Give the duration below which the share `p` lies, None when nothing was taken."""
        return float(self.histogram().get_value_at_percentile(p * 100)) / A_SECOND_US if self.total() else None

    def _count(self) -> None:
        self._counts.update(_upper_bits([duration_s * A_SECOND_US for duration_s in self._uncounted]))
        self._uncounted.clear()
