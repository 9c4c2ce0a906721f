"""Samples: the values of one metric as its turns came, and ascending, for quantiles to be read off exactly."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from analysis.rows.fixed import MISSING, Fixed, known
from analysis.stats.blocks import FEWEST_BLOCKS
from analysis.stats.independence import is_independent
from analysis.stats.order import order

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from analysis.model import Figure
    from analysis.rows.fixed import Column
    from analysis.stats.blocks import Blocks
    from analysis.stats.independence import Pairs
    from analysis.stats.order import Order


@dataclass(frozen=True)
class Sample:
    """Values of one metric, `as_came` in the order of time, with NaN where a turn has none.

    `blocks` are those of the turns, and `present` counts the values in each. `independent` when no correlation was
    found in time. `finite` is a sample of all that are not infinite, where there is one: sorting takes longest.
    `looked_at` = in how many turns correlation was looked for, where not in all.
    """

    as_came: Column
    blocks: Blocks
    present: NDArray[np.float64]
    independent: bool
    seed: int
    finite: Sample | None = None
    looked_at: int | None = None
    unit: ClassVar[str] = "turns"
    fewest_blocks: ClassVar[int] = FEWEST_BLOCKS

    @property
    def how(self) -> str:
        """How quantiles are read off, and whether only some turns were asked if they are correlated."""
        return "linear" if self.looked_at is None else f"linear; correlation looked for in {self.looked_at:,} turns"

    @property
    def n(self) -> int:
        """Number of values."""
        return int(self.present.sum())

    @cached_property
    def _order(self) -> Order:
        """The order of the values that are finite for sure."""
        return order(self.as_came)

    def _picked(self, places: NDArray[np.intp]) -> NDArray[np.float64]:
        """Give the values at these places of the ascending order."""
        finite = self.finite or self
        found = np.full(len(places), np.inf)
        few = places < finite.n
        found[few] = finite._order.at(places[few])  # noqa: SLF001 - of its own kind
        return found

    def forget(self) -> None:
        """Give up the ascending values until they are asked for again."""
        self.__dict__.pop("_order", None)

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
        low, high = np.split(self._picked(np.append(below, above)), 2)
        share = rank - below
        # Infinite values (failures counted as never) would give inf - inf and 0 x inf.
        with np.errstate(invalid="ignore"):
            return np.where((share == 0) | (low == high), low, low + (high - low) * share)

    def points(self, ps: Sequence[float]) -> NDArray[np.float64]:
        """Give quantiles (numpy `linear`) without an interval."""
        if new := [p for p in ps if p not in self._points]:
            found = self.at(np.array(new) * (self.n - 1))
            self._points.update(zip(new, found.tolist(), strict=True))
        return np.array([self._points[p] for p in ps])

    def value(self, p: float) -> float:
        """Give one quantile without an interval."""
        return float(self.points((p,))[0])

    def at_most(self, cuts: NDArray[np.float64]) -> NDArray[np.float64]:
        """Count the values at or below each cut (ascending), in each block and group: one table per cut."""
        # Values above all cuts, and missing ones, are of the last kind.
        if not isinstance(self.as_came, Fixed):
            came = self.as_came
            kinds = self.blocks.counts(lambda rows: np.searchsorted(cuts, came[rows]), len(cuts) + 1)
            return np.cumsum(kinds, axis=0)[:-1]
        steps, whole = self.as_came.steps, self.as_came.floor(cuts)
        # Missing ones are below all cuts: they make a kind of their own, the first.
        kinds = self.blocks.counts(lambda rows: _beyond(steps[rows], whole), len(cuts) + 2)
        return np.cumsum(kinds[1:], axis=0)[:-1]


def _beyond(steps: NDArray[np.int32], cuts: NDArray[np.int32]) -> NDArray[np.signedinteger[Any]]:
    """Count the cuts that each number of steps is beyond, and one more unless it is missing."""
    found: NDArray[np.signedinteger[Any]] = (steps != MISSING).astype(np.min_scalar_type(-2 - len(cuts)))
    for cut in cuts:
        found += steps > cut
    return found


def sample(values: Column, blocks: Blocks, of: Pairs, seed: int, finite: Sample | None = None) -> Sample:
    """Take the turns that have the metric, given in the order of time; NaN is "has none"."""
    independent = is_independent(ranked(values if of.rows is None else values[of.rows]), of)
    some = None if of.rows is None else len(of.rows)
    return Sample(values, blocks, blocks.sums(known(values)), independent, seed, finite, some)


def ranked(values: Column) -> NDArray[np.float64]:
    """Give each value's rank among all, NaN where there is none.

    Equal values share a rank, or a metric that is mostly 0 would look like a trend.
    """
    there = known(values)
    raw = values.steps if isinstance(values, Fixed) else values
    own = raw if there.all() else raw[there]
    ascending = _ascending(own)
    ordered = own[ascending]
    rank = np.empty(len(own))
    rank[ascending] = np.cumsum(np.append(False, ordered[1:] != ordered[:-1])[: len(own)])
    if own is raw:
        return rank
    found = np.full(len(values), np.nan)
    found[there] = rank
    return found


def _ascending(values: NDArray[np.float64] | NDArray[np.int32]) -> NDArray[np.intp]:
    """Give the places of values in ascending order; of whole numbers by their low halves, then by their high ones.

    numpy sorts 16 bits by radix, in a third of the time.
    """
    if values.dtype != np.int32:
        return np.argsort(values)
    above = values.view(np.uint32) ^ np.uint32(1 << 31)  # in the order of signed numbers
    by_low = np.argsort(above.astype(np.uint16), kind="stable")
    return by_low[np.argsort((above >> np.uint32(16)).astype(np.uint16)[by_low], kind="stable")]
