"""Pareto front under uncertainty: who dominates whom with what confidence, from draws of each figure's interval."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from analysis.model import Estimate, Figure
from analysis.stats.effect import Effect, effect
from analysis.stats.quantiles import Z

if TYPE_CHECKING:
    from numpy.typing import NDArray

DRAWS = 4000
ALIKE = math.log(1.05)
"""Ratios within 5 % of one another count as no worse and no better."""

ALIKE_SHARE = 0.01
"""So do shares within a point."""

LEAST = 1e-9


def draws(figures: Sequence[Figure], seed: int) -> NDArray[np.float64]:
    """Draw each figure's truth from its interval: one row per figure, NaN where it is not estimable.

    Normal, with the interval's lower half width below the value and its upper one above.
    """
    rng = np.random.default_rng([abs(seed), len(figures)])
    noise = rng.standard_normal((len(figures), DRAWS))
    return np.array([_drawn(figure, row) for figure, row in zip(figures, noise, strict=True)]).reshape(noise.shape)


def _drawn(figure: Figure, noise: NDArray[np.float64]) -> NDArray[np.float64]:
    if not isinstance(figure, Estimate):
        return np.full(len(noise), np.nan)
    low, high = (figure.value if side is None else side for side in (figure.low, figure.high))
    half = np.where(noise < 0, figure.value - low, high - figure.value) / Z
    return np.asarray(figure.value + noise * half)


def log_draws(figures: Sequence[Figure], seed: int) -> NDArray[np.float64]:
    """Draw ln of each figure's truth."""
    return draws([_logarithm(figure) for figure in figures], seed)


def _logarithm(figure: Figure) -> Figure:
    """Take logarithms of value and bounds; what is 0, such as a free model's cost, is as good as `LEAST`."""
    if not isinstance(figure, Estimate):
        return figure
    value = max(figure.value, LEAST)
    low = value if figure.low is None else max(figure.low, value * 1e-6)
    high = value if figure.high is None else max(figure.high, value)
    return figure.model_copy(update={"value": math.log(value), "low": math.log(low), "high": math.log(high)})


def dominance(columns: Sequence[NDArray[np.float64]], alike: Sequence[float]) -> NDArray[np.float64]:
    """Give P(row a dominates row b): by no column worse by more than alike, by one at least better by more.

    Each column holds draws of one criterion, one row per candidate, where less is better. A criterion that one of the
    two lacks says nothing.
    """
    count = columns[0].shape[0]
    found = np.zeros((count, count))
    for a in range(count):
        for b in range(count):
            if a != b:
                found[a, b] = float(_beats(a, b, columns, alike).mean())
    return found


def _beats(a: int, b: int, columns: Sequence[NDArray[np.float64]], alike: Sequence[float]) -> NDArray[np.bool_]:
    no_worse = np.ones(columns[0].shape[1], dtype=bool)
    better = np.zeros(columns[0].shape[1], dtype=bool)
    for column, tolerance in zip(columns, alike, strict=True):
        gap = column[a] - column[b]
        known = ~np.isnan(gap)
        no_worse &= ~known | (gap <= tolerance)
        better |= known & (gap < -tolerance)
    return no_worse & better


def on_front(columns: Sequence[NDArray[np.float64]], alike: Sequence[float]) -> NDArray[np.float64]:
    """Give each row's chance of being dominated by no other."""
    count = columns[0].shape[0]
    beaten = np.zeros((count, columns[0].shape[1]), dtype=bool)
    for a in range(count):
        for b in range(count):
            if a != b:
                beaten[b] |= _beats(a, b, columns, alike)
    return np.asarray(1.0 - beaten.mean(axis=1))


def best(scores: NDArray[np.float64]) -> NDArray[np.float64]:
    """Give each row's chance of having the least score; a row without a score has none."""
    known = np.asarray(~np.isnan(scores).any(axis=1))
    found = np.zeros(len(scores))
    if known.any():
        winners = np.argmin(np.where(known[:, None], scores, np.inf), axis=0)
        found = np.bincount(winners, minlength=len(scores)) / scores.shape[1]
    return found


def is_alike(a: Figure, b: Figure) -> bool:
    """Tell whether no difference between two figures is shown."""
    found = effect("difference", [a], [b])
    return not isinstance(found, Effect) or found.low <= 0 <= found.high
