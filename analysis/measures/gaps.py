"""Gaps between content chunks: mergeable histograms per window, to quantiles with a relative error of 0.1 %."""

from __future__ import annotations

import binascii
import zlib
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING, ClassVar

import numpy as np
import pandas as pd
from hdrh.codec import HdrCookieException, HdrHistogramSettingsException, HdrLengthException
from hdrh.histogram import HdrHistogram

from analysis.stats.blocks import FEWEST

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from analysis.model import Figure

LOWEST_US, HIGHEST_US, DIGITS = 1, 3_600_000_000, 3
MERGED_SHARE = 0.1
"""Share of the values beyond a quantile (or below it) whose place may be unknown: its rank is off by as much."""

UNREADABLE = (
    HdrCookieException,
    HdrHistogramSettingsException,
    HdrLengthException,
    binascii.Error,
    zlib.error,
    ValueError,
    IndexError,
    TypeError,
)
"""What decoding a torn or foreign histogram raises."""


@dataclass(frozen=True)
class Histogram:
    """Counts of values in bins, ascending, one row per block: reads like a sample, never independent.

    `merged` of the values read 0 because two chunks waited together for a late client; each lengthens another value.
    """

    middles: NDArray[np.float64]
    counts: NDArray[np.float64]
    seed: int
    merged: int = 0
    windows: int = 0
    """Number of recorded histograms that could be read."""
    independent: ClassVar[bool] = False
    how: ClassVar[str] = "histogram of 3 digits"
    fewest_blocks: ClassVar[int] = 4
    """Windows are ten seconds long and hold hundreds of gaps; Student's t widens what so few of them say."""

    @property
    def n(self) -> int:
        """Number of values."""
        return int(self.counts.sum())

    @cached_property
    def known(self) -> dict[float, Figure]:
        """Quantiles that were estimated before."""
        return {}

    def value(self, p: float) -> float:
        """Give one quantile without an interval."""
        return float(self.at(np.array([p * (self.n - 1)]))[0])

    def doubt(self, p: float) -> str:
        """Say why a quantile is not known; empty if it is."""
        if self.merged <= MERGED_SHARE * min(p, 1 - p) * self.n:
            return ""
        return (
            f"{self.merged / self.n:.2%} of the chunks waited with another for a late client, so their gaps are not "
            "known: free the machine or add workers"
        )

    @property
    def present(self) -> NDArray[np.float64]:
        """Number of values in each block, of one group."""
        return np.asarray(self.counts.sum(axis=1, keepdims=True))

    def total(self) -> NDArray[np.float64]:
        """Add up the values in each block."""
        return np.asarray(self.counts @ self.middles[:, None])

    def at(self, rank: NDArray[np.float64]) -> NDArray[np.float64]:
        """Give the middles of the bins that hold the ranks, counted from 0."""
        below = np.cumsum(self.counts.sum(axis=0))
        return self.middles[np.minimum(np.searchsorted(below, rank, side="right"), len(self.middles) - 1)]

    def at_most(self, cuts: NDArray[np.float64]) -> NDArray[np.float64]:
        """Count the values at or below each cut in each block: one table per cut."""
        return np.array([self.counts[:, self.middles <= cut].sum(axis=1, keepdims=True) for cut in cuts])


def histogram(gaps: pd.DataFrame, seed: int) -> Histogram | None:
    """Merge the windows of one part into at most 20 blocks, neighbours in time; None when there is none to read."""
    windows = [
        (float(start), text)
        for start, text in zip(map(str, gaps["window_start_s"]), _texts(gaps), strict=True)
        if _is_number(start)
    ]
    starts, code = np.unique([start for start, _ in windows], return_inverse=True)
    blocks = min(FEWEST, len(starts))
    table = np.zeros((blocks, len(_middles_ms())))
    read = 0
    for number, (_, text) in zip(code, windows, strict=True):
        if (counts := _decoded(text)) is not None:
            table[int(number) * blocks // len(starts)] += counts
            read += 1
    used = np.flatnonzero(table.sum(axis=0))
    merged = int(pd.to_numeric(gaps["merged"], errors="coerce").sum()) if "merged" in gaps else 0
    return Histogram(_middles_ms()[used], table[:, used], seed, merged, read) if len(used) else None


def _is_number(text: str) -> bool:
    try:
        return bool(np.isfinite(float(text)))
    except ValueError:
        return False


def _decoded(text: str) -> NDArray[np.int64] | None:
    try:
        found = HdrHistogram.decode(text.encode("ascii", errors="replace"))
    except UNREADABLE:
        return None
    counts = np.frombuffer(found.counts, dtype=np.int64)
    return counts.copy() if len(counts) == len(_middles_ms()) and found.unit_magnitude == 0 else None


@lru_cache(maxsize=1)
def _middles_ms() -> NDArray[np.float64]:
    """Give the middle of each bin of the histogram that the load wing writes (1 us to 1 h, 3 digits)."""
    model = HdrHistogram(LOWEST_US, HIGHEST_US, DIGITS)
    lows = np.array([model.get_value_from_index(i) for i in range(model.counts_len)], dtype=np.float64)
    widths = np.append(np.diff(lows), 0.0)
    return np.asarray((lows + np.maximum(widths - 1, 0.0) / 2) / 1000)


def notes(name: str, gaps: pd.DataFrame, found: Histogram | None) -> Iterator[str]:
    """Say how many recorded histograms of a part cannot be read."""
    lost = len(gaps) - found.windows if found else sum(_decoded(text) is None for text in _texts(gaps))
    if lost:
        yield f"{name}: {lost:,} of {len(gaps):,} lines of gaps.csv cannot be read, and are in no gap"


def _texts(gaps: pd.DataFrame) -> Sequence[str]:
    return [str(text) for text in gaps["histogram"]]
