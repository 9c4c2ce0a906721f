"""Terms: a figure as a ratio of two sums over turns, and what each turn moves it by."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray


@dataclass(frozen=True)
class Terms:
    """sum(top) / sum(bottom), one of each per turn.

    A mean is values over ones, a share hits over ones, a quantile the values at or below it over ones, where it stands
    for the share that they are.
    """

    top: NDArray[np.float64]
    bottom: NDArray[np.float64]
    by_case: bool = False
    """Whether the figure's own interval allows for repeated cases, and not for neighbours in time."""

    def influence(self) -> NDArray[np.float64]:
        """Give (top - ratio bottom) / sum(bottom) of each turn: their squares add up to the ratio's variance.

        All zero where there is nothing to divide by.
        """
        whole = float(self.bottom.sum())
        if not whole > 0:
            return np.zeros(len(self.top))
        return np.asarray((self.top - float(self.top.sum()) / whole * self.bottom) / whole)


def of_hits(hits: NDArray[np.bool_]) -> Terms:
    """Give the terms of a share of all turns."""
    return Terms(hits.astype(np.float64), np.ones(len(hits)))


def of_graded(hits: NDArray[np.bool_], among: NDArray[np.bool_]) -> Terms:
    """Give the terms of a share of the graded turns."""
    return Terms((hits & among).astype(np.float64), among.astype(np.float64), by_case=True)


def of_values(values: NDArray[np.float64]) -> Terms:
    """Give the terms of a mean over the turns that have a value; NaN is "has none"."""
    return Terms(np.nan_to_num(values), (~np.isnan(values)).astype(np.float64))


def of_quantile(values: NDArray[np.float64], quantile: float) -> Terms:
    """Give the terms of the share of values at or below a quantile."""
    return Terms((values <= quantile).astype(np.float64), (~np.isnan(values)).astype(np.float64))


def of_variance(values: NDArray[np.float64]) -> Terms:
    """Give the terms of the mean squared distance from the mean."""
    known = values[~np.isnan(values)]
    return of_values((values - (float(known.mean()) if len(known) else 0.0)) ** 2)
