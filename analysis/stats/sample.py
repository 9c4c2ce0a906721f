"""Samples: the values of one metric as its turns came, and ascending, for quantiles to be read off exactly."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from analysis.stats.blocks import FEWEST_BLOCKS
from analysis.stats.independence import is_independent

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from analysis.model import Figure
    from analysis.stats.blocks import Blocks
    from analysis.stats.independence import Pairs


@dataclass(frozen=True)
class Sample:
    """Values of one metric, `as_came` in the order of time, with NaN where a turn has none.

    `blocks` are those of the turns, and `present` counts the values in each. `independent` when no correlation was
    found in time. `finite` is a sample of all that are not infinite, where there is one: sorting takes longest.
    """

    as_came: NDArray[np.float64]
    blocks: Blocks
    present: NDArray[np.float64]
    independent: bool
    seed: int
    finite: Sample | None = None
    how: ClassVar[str] = "linear"
    unit: ClassVar[str] = "turns"
    fewest_blocks: ClassVar[int] = FEWEST_BLOCKS

    @property
    def n(self) -> int:
        """Number of values."""
        return int(self.present.sum())

    @cached_property
    def values(self) -> NDArray[np.float64]:
        """The values, ascending."""
        if self.finite is not None:
            return np.append(self.finite.values, np.full(self.n - self.finite.n, np.inf))
        ordered = self.as_came[~np.isnan(self.as_came)]
        ordered.sort()
        return ordered

    def forget(self) -> None:
        """Give up the ascending values until they are asked for again."""
        self.__dict__.pop("values", None)

    @cached_property
    def known(self) -> dict[float, Figure]:
        """Quantiles that were estimated before."""
        return {}

    @cached_property
    def _points(self) -> dict[float, float]:
        return {}

    def doubt(self, p: float) -> str:  # noqa: ARG002
        """Give nothing: each value is known."""
        return ""

    def total(self) -> NDArray[np.float64]:
        """Add up the values in each block and group."""
        return self.blocks.sums(self.as_came)

    def at(self, rank: NDArray[np.float64]) -> NDArray[np.float64]:
        """Give the values at ranks counted from 0, interpolated between neighbours."""
        below = np.minimum(rank.astype(np.intp), self.n - 1)
        above = np.minimum(below + 1, self.n - 1)
        low, high = self.values[below], self.values[above]
        share = rank - below
        # Infinite values (failures counted as never) would give inf - inf and 0 x inf.
        with np.errstate(invalid="ignore"):
            return np.where((share == 0) | (low == high), low, low + (high - low) * share)

    def value(self, p: float) -> float:
        """Give one quantile (numpy `linear`) without an interval."""
        if p not in self._points:
            self._points[p] = float(self.at(np.array([p * (self.n - 1)]))[0])
        return self._points[p]

    def at_most(self, cuts: NDArray[np.float64]) -> NDArray[np.float64]:
        """Count the values at or below each cut (ascending), in each block and group: one table per cut."""
        # Values above all cuts, and NaN, are of the last kind.
        kinds = self.blocks.counts(lambda rows: np.searchsorted(cuts, self.as_came[rows]), len(cuts) + 1)
        return np.cumsum(kinds, axis=0)[:-1]


def sample(values: NDArray[np.float64], blocks: Blocks, of: Pairs, seed: int, finite: Sample | None = None) -> Sample:
    """Take the turns that have the metric, given in the order of time; NaN is "has none"."""
    independent = is_independent(ranked(values if of.rows is None else values[of.rows]), of)
    return Sample(values, blocks, blocks.sums(~np.isnan(values)), independent, seed, finite)


def ranked(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Give each value's rank among all, NaN where there is none.

    Equal values share a rank, or a metric that is mostly 0 would look like a trend.
    """
    known = np.flatnonzero(~np.isnan(values))
    order = known[np.argsort(values[known])]
    ordered = values[order]
    rank = np.full(len(values), np.nan)
    rank[order] = np.cumsum(np.append(False, ordered[1:] != ordered[:-1])) if len(order) else 0.0
    return rank
