"""Independence: whether a series of turns shows correlation, in time or within users."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.special import chdtrc

if TYPE_CHECKING:
    from numpy.typing import NDArray

LAGS = 5
LEVEL = 0.05
"""Chance to call independent turns correlated; then the wider interval is given, so the error is on the safe side."""


ENOUGH = 1 << 18
"""Turns beyond which the tests look at stretches that add up to this many: a correlation of 0.01 is seen in those."""

STRETCHES = 16
"""Few, so that each is long enough to hold several turns of most users."""


@dataclass(frozen=True)
class Pairs:
    """Positions of successive turns of the same owner (user or conversation), in turns ordered by time.

    `rows` are the turns that are looked at, and positions are among these; None = all.
    """

    earlier: NDArray[np.intp]
    later: NDArray[np.intp]
    rows: NDArray[np.intp] | None = None


def pairs(owner: NDArray[np.integer[Any]]) -> Pairs:
    """Pair each turn with the next one of its owner; none where every turn is of the same one."""
    rows = stretches(len(owner))
    owner = owner if rows is None else owner[rows]
    order = np.argsort(owner, kind="stable")
    same = owner[order][1:] == owner[order][:-1]
    if len(same) and same.all():
        same = np.zeros(len(same), dtype=bool)
    return Pairs(order[:-1][same], order[1:][same], rows)


def stretches(n: int) -> NDArray[np.intp] | None:
    """Give the rows of evenly spread stretches of neighbours when there are more than `ENOUGH`; None = all rows."""
    if n <= ENOUGH:
        return None
    begin = np.linspace(0, n - ENOUGH // STRETCHES, STRETCHES).astype(np.intp)
    return (begin[:, None] + np.arange(ENOUGH // STRETCHES)).ravel()


def is_independent(rank: NDArray[np.float64], of: Pairs) -> bool:
    """Tell whether neither test finds correlation: of neighbours in time, and of successive turns of a user.

    `rank` is each turn's rank among all values, NaN where it has none: ranks, so that no single slow turn decides.
    """
    known = ~np.isnan(rank)
    own = rank if known.all() else rank[known]
    spread = float(own.std()) if len(own) else 0.0
    if len(own) <= 4 * LAGS or spread == 0:
        return True
    z = (rank - own.mean()) / spread
    return min(_ljung_box(z if own is rank else z[known]), _within(z, of)) > LEVEL / 2


def _ljung_box(z: NDArray[np.float64]) -> float:
    """Q = n (n + 2) sum over lags of r^2 / (n - lag), chi-squared with LAGS degrees of freedom; gives its p-value."""
    n = len(z)
    r = np.array([float(np.einsum("i,i", z[lag:], z[:-lag])) / n for lag in range(1, LAGS + 1)])
    q = n * (n + 2) * float((r**2 / (n - np.arange(1, LAGS + 1))).sum())
    return float(chdtrc(LAGS, q))


def _within(z: NDArray[np.float64], of: Pairs) -> float:
    """Give the p-value of zero correlation between successive turns of the same owner."""
    products = z[of.earlier] * z[of.later]
    products = products[~np.isnan(products)]
    if len(products) <= 4 * LAGS:
        return 1.0
    return math.erfc(abs(float(products.mean())) * math.sqrt(len(products) / 2))
