"""Quantiles: exact from the values, with an interval that allows for correlated turns, or the reason for none."""

from __future__ import annotations

import math
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple, Protocol

import numpy as np
from scipy.special import betainc, betaincinv, stdtrit

from analysis.model import Estimate, Figure, NotEstimable
from analysis.stats.blocks import FEWEST_BLOCKS
from analysis.stats.bootstrap import ROUNDS, design_effects, interval, is_noise, ratios, sides, spread, two_way, units

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

STANDARD = (0.5, 0.9, 0.95, 0.99, 0.999)
Z = 1.959963984540054
"""The standard normal's 97.5th percentile."""

FEWEST_BEYOND = 2
"""Values beyond a quantile per block: where there are fewer, they say too little of how they crowd."""

NO_VALUES = NotEstimable(not_estimable="no successful turn has it")


def name_of(p: float) -> str:
    """Give a quantile's key: 0.999 is `p99_9`."""
    return "p" + f"{p * 100:.6g}".replace(".", "_")


def fewest(p: float) -> int:
    """Give the least n with a two-sided 95 % order-statistic interval: both p^n and (1 - p)^n at most 2.5 %."""
    return math.ceil(round(math.log(0.025) / math.log(max(p, 1 - p)), 9))


@lru_cache(maxsize=4096)
def ranks(n: int, p: float) -> tuple[float, float]:
    """Give the fractional ranks, counted from 1, between which the p-quantile lies with 95 %, 2.5 % on each side.

    The value at rank r = (n + 1) u, between its neighbours, is distributed like the u-quantile of Beta(r, n + 1 - r):
    whole ranks alone would cover up to 98 % (Hutson 1999, fractional order statistics).
    """
    return _rank(n, p, 0.975), _rank(n, p, 0.025)


def _rank(n: int, p: float, chance: float) -> float:
    """Find the rank whose value lies at or below the p-quantile with this chance, by bisection."""
    low, high = 0.0, n + 1.0
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if betainc(middle, n + 1 - middle, p) > chance else (low, middle)
    return (low + high) / 2


class Ordered(Protocol):
    """Values in ascending order, in blocks of time."""

    @property
    def n(self) -> int:
        """Number of values."""

    @property
    def independent(self) -> bool:
        """Whether no correlation was found."""

    @property
    def seed(self) -> int:
        """Seed of the bootstrap."""

    @property
    def how(self) -> str:
        """How a quantile is read off."""

    @property
    def unit(self) -> str:
        """What each value is of, in the plural."""

    @property
    def fewest_blocks(self) -> int:
        """Number of blocks below which correlated values have no interval."""

    @property
    def present(self) -> NDArray[np.float64]:
        """Number of values in each block (a line each) and group (a column each)."""

    @property
    def known(self) -> dict[float, Figure]:
        """Quantiles that were estimated before."""

    def doubt(self, p: float) -> str:
        """Say why a quantile is not known, however many values there are; empty if it is."""

    def points(self, ps: Sequence[float]) -> NDArray[np.float64]:
        """Give quantiles without an interval."""

    def total(self) -> NDArray[np.float64]:
        """Add up the values in each block and group."""

    def at(self, rank: NDArray[np.float64]) -> NDArray[np.float64]:
        """Give the values at ranks counted from 0."""

    def at_most(self, cuts: NDArray[np.float64]) -> NDArray[np.float64]:
        """Count the values at or below each cut, in each block and group: one table per cut."""


def figures(data: Ordered) -> dict[str, Figure]:
    """Give the standard quantiles and the mean of a sample."""
    found = dict(zip(map(name_of, STANDARD), quantiles(data, STANDARD), strict=True))
    return {**found, "mean": mean(data)}


def quantiles(data: Ordered, ps: Sequence[float]) -> list[Figure]:
    """Estimate ascending quantiles (numpy `linear`), each with a 95 % interval or with what would be needed.

    Independent values: order statistics x_(j), x_(k) by the binomial distribution. Else the same interval at the
    effective n = n / design effect of the share of values at or below the quantile (block bootstrap), with Student's t
    in place of the normal: Korn & Graubard 1998, as used for shares in surveys, carried to ranks.
    """
    if data.n == 0:
        return [NO_VALUES for _ in ps]
    if new := {p for p in ps if p not in data.known}:
        data.known.update(_estimated(data, new))
    return [data.known[p] for p in ps]


def _estimated(data: Ordered, ps: set[float]) -> dict[float, Figure]:
    common = max(1 - FEWEST_BEYOND * len(data.present) / data.n, 0.5)
    every = sorted(ps | {common})
    hits = data.at_most(data.points(every))
    effects = _effects(data, every, hits)
    if not data.independent:
        effects = {p: max(effect, effects[min(p, common)]) for p, effect in effects.items()}
    asked = sorted(ps)
    bounds = [_bounds(data, p, effects[p]) for p in asked]
    # All at once: of very many values each look costs a pass over them.
    ends = data.at(np.array([each.ranks for each in bounds if isinstance(each, Bounds)]).ravel()).reshape(-1, 2)
    pairs = iter(ends.tolist())
    return {
        p: _figure(data, value, each, next(pairs)) if isinstance(each, Bounds) else each
        for p, value, each in zip(asked, data.points(asked).tolist(), bounds, strict=True)
    }


def quantile(data: Ordered, p: float) -> Figure:
    """Estimate one quantile, see `quantiles`."""
    return quantiles(data, (p,))[0]


def _effects(data: Ordered, ps: Sequence[float], hits: NDArray[np.float64]) -> dict[float, float]:
    """Give the design effect of each quantile's hits, at least 1; of independent values 1 unless it is no noise."""
    found = design_effects(hits, data.present, data.seed).tolist()
    blocks = units(data.present)
    return {
        p: 1.0 if data.independent and is_noise(effect, blocks) else max(effect, 1.0)
        for p, effect in zip(ps, found, strict=True)
    }


class Bounds(NamedTuple):
    """The ranks, counted from 0, between which a quantile lies, and how they were found."""

    ranks: tuple[float, float]
    effective: float
    method: str


def _bounds(data: Ordered, p: float, effect: float) -> Bounds | NotEstimable:
    if doubt := data.doubt(p):
        return NotEstimable(not_estimable=doubt)
    effective = data.n / effect
    blocks = units(data.present)
    if effective < fewest(p):
        return _too_few(p, data, effective)
    if effect == 1.0 and data.independent:
        low, high = ranks(data.n, p)
        return Bounds((low - 1.0, high - 1.0), effective, f"{data.how}; order statistics")
    if blocks < data.fewest_blocks:
        return NotEstimable(
            not_estimable=f"values are correlated and fall into {blocks} blocks, {data.fewest_blocks} are needed",
        )
    low, high = _tails(effective, p, blocks)
    method = f"{data.how}; order statistics at effective n by block bootstrap, {blocks} blocks"
    return Bounds((low * (data.n - 1), high * (data.n - 1)), effective, method)


def _figure(data: Ordered, value: float, of: Bounds, ends: Sequence[float]) -> Figure:
    return Estimate(
        value=value,
        low=min(ends[0], value),
        high=max(ends[1], value),
        n=data.n,
        n_effective=round(of.effective, 1),
        method=of.method,
    )


def _tails(effective: float, p: float, blocks: int) -> tuple[float, float]:
    """Give the ranks, as shares of n, between which the quantile lies: Clopper-Pearson at the effective n."""
    n = effective * (Z / float(stdtrit(blocks - 1, 0.975))) ** 2
    low = float(betaincinv(n * p, n * (1 - p) + 1, 0.025))
    high = float(betaincinv(n * p + 1, n * (1 - p), 0.975))
    return low, high


def _too_few(p: float, data: Ordered, effective: float) -> NotEstimable:
    n, need = data.n, fewest(p)
    have = f"{n:,}" if effective == n else f"{n:,}, worth {effective:,.0f} independent ones"
    times = f": run {need / effective:.1f} times as long" if effective >= 1 else ""
    text = f"{name_of(p).replace('_', '.')} needs {need:,} {data.unit}, there are {have}{times}"
    if data.unit != "turns":
        return NotEstimable(not_estimable=text)
    return NotEstimable(not_estimable=text, needed_turns=math.ceil(need * n / effective) if effective >= 1 else need)


def mean(data: Ordered) -> Figure:
    """Estimate the mean with a 95 % interval by block bootstrap of sum / count."""
    if data.n == 0:
        return NO_VALUES
    return ratio(data.total(), data.present, data.n, data.seed, "mean", least=data.fewest_blocks)


def ratio(  # noqa: PLR0913 - two sums, and what a figure says of itself
    top: NDArray[np.float64],
    bottom: NDArray[np.float64],
    n: int,
    seed: int,
    method: str,
    *,
    least: int = FEWEST_BLOCKS,
) -> Figure:
    """Estimate sum(top) / sum(bottom), both given per block and group, with a 95 % interval by block bootstrap."""
    if not bottom.sum() > 0:
        return NotEstimable(not_estimable="nothing to divide by")
    each = sides(top, bottom)
    blocks = min(len(above) for above, _ in each)
    if blocks < least:
        return NotEstimable(not_estimable=f"needs {least} blocks of turns, there are {blocks}")
    value = float(top.sum() / bottom.sum())
    rounds = [ratios(above, below, seed) for above, below in each]
    spreads = [spread(drawn, len(above)) for drawn, (above, _) in zip(rounds, each, strict=True)]
    low, high = interval(rounds[0], len(each[0][0]))
    wider = math.sqrt(two_way(top, bottom, spreads) / spreads[0]) if spreads[0] else 1.0
    return Estimate(
        value=value,
        low=value - wider * max(value - low, 0.0),
        high=value + wider * max(high - value, 0.0),
        n=n,
        method=f"{method}; block bootstrap, {blocks} blocks, {ROUNDS} rounds",
    )
