"""Distributions: how often a value came, on one logarithmic grid for all, so that pictures can be laid over another."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from analysis.model import Distribution

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
    return _binned(values, np.ones(len(values)))


def of_histogram(found: Histogram) -> Distribution | None:
    """Count the gaps of a histogram per bin."""
    return _binned(found.middles, found.counts.sum(axis=0))


def of_costs(part: Part) -> Distribution | None:
    """Count the answered turns of a part by what they cost, in USD, all attempts included."""
    if "cost_usd" not in part.turns:
        return None
    answered = part.turns["answered"].to_numpy(dtype=bool)
    return of_values(part.turns["cost_usd"].to_numpy(dtype=np.float64)[answered])


def _binned(values: NDArray[np.float64], weights: NDArray[np.float64]) -> Distribution | None:
    values, weights = values[values > 0], weights[values > 0]
    total = float(weights.sum())
    if not total:
        return None
    place = np.floor(np.log10(values) * PER_DECADE + 1e-9).astype(np.int64)
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
