"""Between: which share of a variance lies between classes, by the law of total variance."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from analysis.model import Estimate, Figure, NotEstimable
from analysis.rows.pieces import pieces
from analysis.stats.blocks import binned

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from analysis.measures.part import Part


def between(values: NDArray[np.float64], classes: NDArray[np.integer[Any]], name: str) -> Figure:
    """Give Var(E[Y|X]) / Var(Y), freed of what classes without meaning would show: epsilon^2 (Kelley 1935).

    1 - (within sum of squares / (n - k)) / (whole sum of squares / (n - 1)), not below 0.
    """
    count = int(classes.max(initial=-1)) + 1
    size = binned(classes, ~np.isnan(values), count)
    centred = values - float(np.nansum(values)) / max(float(size.sum()), 1.0)  # squares of small numbers lose least
    sums = binned(classes, centred, count)
    centred *= centred
    return _share_between(size, sums, float(binned(classes, centred, count).sum()), name)


def _share_between(size: NDArray[np.float64], sums: NDArray[np.float64], squares: float, name: str) -> Figure:
    """Give the share from each class's number and sum of values, and the sum of all squares, about the common mean."""
    n, groups = int(size.sum()), int((size > 0).sum())
    if groups < 2:
        return NotEstimable(not_estimable=f"all turns are of one class of {name}")
    whole = squares - float(sums.sum()) ** 2 / n
    if n <= groups or not whole > 0:
        return NotEstimable(not_estimable="nothing varies")
    within = max(squares - float((sums**2 / np.maximum(size, 1)).sum()), 0.0)
    value = max(1 - (within / (n - groups)) / (whole / (n - 1)), 0.0)
    return Estimate(value=value, n=n, method=f"between {groups} classes, law of total variance, unbiased")


def between_endpoints(parts: Sequence[Part]) -> dict[str, Figure]:
    """Give the shares of the variance of all turns together that lie between endpoints (and arms), see `between`."""
    return {
        f"{name}_between_endpoint_share": _between_parts(parts, metric)
        for name, metric in (("response_time", "response_time_ms"), ("cost_per_response", "cost_usd"))
        if all(metric in part.turns for part in parts)
    }


def _between_parts(parts: Sequence[Part], metric: str) -> Figure:
    size, sums = np.zeros(len(parts)), np.zeros(len(parts))
    for number, part in enumerate(parts):
        for values in _known(part, metric):
            size[number] += len(values)
            sums[number] += values.sum()
    centre = float(sums.sum() / max(size.sum(), 1))
    squares = sum(float(((values - centre) ** 2).sum()) for part in parts for values in _known(part, metric))
    return _share_between(size, sums - size * centre, squares, "endpoint")


def _known(part: Part, column: str) -> Iterator[NDArray[np.float64]]:
    """Give the known values of answered turns, some at a time."""
    for rows in pieces(len(part.turns)):
        piece = part.turns.iloc[rows]
        values = piece[column].to_numpy(dtype=np.float64)
        yield values[piece["answered"].to_numpy(dtype=bool) & ~np.isnan(values)]
