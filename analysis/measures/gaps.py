"""Gaps between content chunks: mergeable histograms per window, to quantiles with a relative error of 0.1 %."""

from __future__ import annotations

import binascii
import zlib
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING, ClassVar

import numpy as np
import pandas as pd
from hdrh.codec import HdrCookieException, HdrHistogramSettingsException, HdrLengthException
from hdrh.histogram import HdrHistogram

from analysis.stats.blocks import FEWEST
from scenarios.classes import LENGTH_CLASSES
from scenarios.gaps import DIGITS, HIGHEST_US, LOWEST_US

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from numpy.typing import NDArray

    from analysis.measures.part import Part
    from analysis.model import Figure

MERGED_SHARE = 0.1
"""Share of the values beyond a quantile (or below it) whose place may be unknown: its rank is off by as much."""

Cut = tuple[str, str]
"""By what a part is cut, and the label."""

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
    cuts: Mapping[Cut, Histogram] = field(default_factory=dict)
    """The same by `kind` of conversation and by class of `output_tokens`; none where the load side told neither."""
    independent: ClassVar[bool] = False
    how: ClassVar[str] = "histogram of 3 digits"
    unit: ClassVar[str] = "gaps"
    fewest_blocks: ClassVar[int] = 4
    """Windows are ten seconds long or more and hold hundreds of gaps; Student's t widens what so few of them say."""

    @property
    def n(self) -> int:
        """Number of values."""
        return int(self.counts.sum())

    @cached_property
    def known(self) -> dict[float, Figure]:
        """Quantiles that were estimated before."""
        return {}

    def points(self, ps: Sequence[float]) -> NDArray[np.float64]:
        """Give quantiles without an interval."""
        return self.at(np.array(ps) * (self.n - 1))

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


def gaps_of(gaps: pd.DataFrame, part: Part) -> pd.DataFrame:
    """Give the gap histograms of one part, none of them from a time that it leaves out or cuts off its start."""
    own = (gaps["endpoint"] == part.endpoint) & (gaps["arm"] == part.arm) & (gaps["phase"] == part.phase)
    start_s, width_s = (pd.to_numeric(gaps[name], errors="coerce") for name in ("window_start_s", "window_s"))
    cut_s = part.settled.cut_s
    for from_s, to_s in (*part.left_out, *([(part.start_s - cut_s, part.start_s)] if cut_s else [])):
        own &= (start_s >= to_s) | (start_s + width_s <= from_s)
    return gaps[own]


class Table:
    """Counts in bins, one line per block, while they are added up; bins from `size` on hold nothing."""

    def __init__(self, blocks: int) -> None:
        self.counts = np.zeros((blocks, len(_middles_ms())))
        self.size = self.merged = self.windows = 0

    def take(self, rows: pd.DataFrame) -> None:
        """Add recorded histograms that can be read, each to its block."""
        for block, text, merged in zip(rows["block"], _texts(rows), rows["merged"], strict=True):
            if (counts := _decoded(text)) is not None:
                self.counts[block, : len(counts)] += counts
                self.size = max(self.size, len(counts))
                self.merged += int(merged)
                self.windows += 1

    def add(self, other: Table) -> None:
        """Add another table."""
        self.counts[:, : other.size] += other.counts[:, : other.size]
        self.size = max(self.size, other.size)
        self.merged += other.merged
        self.windows += other.windows

    def histogram(self, seed: int, cuts: Mapping[Cut, Histogram] | None = None) -> Histogram | None:
        """Give what was added up; None when there is nothing."""
        used = np.flatnonzero(self.counts[:, : self.size].any(axis=0))
        if not len(used):
            return None
        return Histogram(_middles_ms()[used], self.counts[:, used], seed, self.merged, self.windows, cuts or {})


def histogram(gaps: pd.DataFrame, seed: int) -> Histogram | None:
    """Merge the windows of one part into at most 20 blocks, neighbours in time; None when there is none to read."""
    rows, blocks = _blocked(gaps)
    whole, lengths = Table(blocks), {name: Table(blocks) for name in LENGTH_CLASSES}
    cuts: dict[Cut, Histogram | None] = {}
    for kind, of_kind in rows.groupby("kind"):
        table = Table(blocks)
        for length, of_length in of_kind.groupby("length_class"):
            cell = Table(blocks)
            cell.take(of_length)
            table.add(cell)
            if length in lengths:
                lengths[str(length)].add(cell)
        whole.add(table)
        if kind:
            cuts["kind", str(kind)] = table.histogram(seed)
    cuts |= {("output_tokens", name): table.histogram(seed) for name, table in lengths.items()}
    return whole.histogram(seed, {cut: found for cut, found in cuts.items() if found is not None})


def _blocked(gaps: pd.DataFrame) -> tuple[pd.DataFrame, int]:
    """Give the rows whose window is known, with the number of its block, and how many blocks there are."""
    start_s = pd.to_numeric(gaps["window_start_s"], errors="coerce").to_numpy(dtype=np.float64)
    rows = gaps[np.isfinite(start_s)]
    starts, code = np.unique(start_s[np.isfinite(start_s)], return_inverse=True)
    blocks = min(FEWEST, len(starts))
    merged = pd.to_numeric(rows["merged"], errors="coerce").fillna(0) if "merged" in rows else 0
    cells = {name: rows[name].fillna("") if name in rows else "" for name in ("kind", "length_class")}
    return rows.assign(block=code * blocks // max(len(starts), 1), merged=merged, **cells), blocks


def _decoded(text: str) -> NDArray[np.int64] | None:
    """Give the counts of a recorded histogram as far as there are any; None when it cannot be read."""
    try:
        found = HdrHistogram.decode(text.encode("ascii", errors="replace"))
    except UNREADABLE:
        return None
    counts = np.frombuffer(found.counts, dtype=np.int64)
    if len(counts) != len(_middles_ms()) or found.unit_magnitude != 0:
        return None
    return counts[: found.get_counts_array_index(found.max_value) + 1]


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


def lost(name: str, gaps: pd.DataFrame, turns: pd.DataFrame) -> Iterator[str]:
    """Say which workers streamed answers and have no gap in the whole file, where others do: these died with them."""
    told = set(gaps["worker"]) if "worker" in gaps else set()
    streamed = turns["worker"][turns["tpot_ms"].to_numpy() > 0]
    silent = sorted(set(streamed.unique()) - told)
    if told and silent:
        share = float(streamed.isin(silent).mean())
        yield f"{name}: gaps.csv has none of {', '.join(silent)}, who had {share:.1%} of the answers: they are lost"


def _texts(gaps: pd.DataFrame) -> Sequence[str]:
    return [str(text) for text in gaps["histogram"]]
