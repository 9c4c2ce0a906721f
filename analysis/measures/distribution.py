"""Distributions: how often a value came, on one logarithmic grid for all, so that pictures can be laid over another."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import numpy as np

from analysis.model import Distribution
from analysis.rows.pieces import pieces

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from analysis.measures.gaps import Histogram
    from analysis.measures.part import Part

PER_DECADE = 32
"""Bins from one power of ten to the next: each is 7.5 % wide."""

TRIMMED = 0.0005
"""Share of the values on each side that may lie beyond the first and the last bin; they count as in it."""


def of_values(values: NDArray[np.float64]) -> Distribution | None:
    """Count the values above 0 per bin, as shares of them all; None when there is none."""
    counts: Counter[int] = Counter()
    for rows in pieces(len(values)):
        places, number = np.unique(_places(values[rows]), return_counts=True)
        counts.update(dict(zip(places.tolist(), number.tolist(), strict=True)))
    ordered = sorted(counts)
    return _shown(np.array(ordered, dtype=np.int64), np.array([counts[place] for place in ordered], dtype=np.float64))


def of_histogram(found: Histogram) -> Distribution | None:
    """Count the gaps of a histogram per bin."""
    weights = found.counts.sum(axis=0)
    return _shown(_places(found.middles), weights[found.middles > 0])


def of_costs(part: Part) -> Distribution | None:
    """Count the answered turns of a part by what they cost, in USD, all attempts included."""
    if "cost_usd" not in part.turns:
        return None
    answered = part.turns["answered"].to_numpy(dtype=bool)
    return of_values(part.turns["cost_usd"].to_numpy(dtype=np.float64)[answered])


def _places(values: NDArray[np.float64]) -> NDArray[np.int64]:
    """Give the bin of each value above 0."""
    return np.floor(np.log10(values[values > 0]) * PER_DECADE + 1e-9).astype(np.int64)


def _shown(place: NDArray[np.int64], weights: NDArray[np.float64]) -> Distribution | None:
    total = float(weights.sum())
    if not total:
        return None
    first = int(place.min())
    counts = np.bincount(place - first, weights=weights)
    below = np.cumsum(counts) / total
    low = int(np.searchsorted(below, TRIMMED, side="right"))
    high = int(np.searchsorted(below, 1 - TRIMMED)) + 1
    kept = counts[low:high].copy()
    kept[0] += counts[:low].sum()
    kept[-1] += counts[high:].sum()
    edges = 10.0 ** (np.arange(first + low, first + high + 1) / PER_DECADE)
    return Distribution(
        edges=[float(f"{edge:.6g}") for edge in edges],
        shares=[round(float(share), 6) for share in kept / total],
        n=round(total),
    )
