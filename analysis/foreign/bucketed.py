"""Bucketed figures: what a Locust percentile allows to say, given its bucket and the number of requests."""

from __future__ import annotations

import math

import numpy as np
from scipy.special import betaincinv

from analysis.foreign.locust_csv import Row, bucket
from analysis.model import Estimate, Figure, NotEstimable
from analysis.stats.quantiles import fewest
from analysis.stats.shares import wilson

ASSUMED_EFFECT = 5.0
"""Requests that say as much as one independent one: the CSVs cannot show correlation, so a strong one is assumed
(AR(1) with 0.8 gives 3 to 9). With it an interval may be too wide, seldom too narrow."""


def share(count: int, n: int) -> Figure:
    """Give a share with Wilson's interval at n / `ASSUMED_EFFECT`."""
    low, high = wilson(count / n, n / ASSUMED_EFFECT)
    method = f"Wilson at n / {ASSUMED_EFFECT:g}, for correlation is not known"
    return Estimate(value=count / n, low=low, high=high, n=n, n_effective=round(n / ASSUMED_EFFECT, 1), method=method)


def mean(row: Row) -> Figure:
    """Give the mean, which is exact; how far single requests spread is not in the file."""
    if row.mean_ms is None:
        return NotEstimable(not_estimable="the CSV has no average")
    return Estimate(value=row.mean_ms, n=row.requests, method="Locust's average, exact; no interval")


def quantile(row: Row, p: float, *, fine: bool) -> Figure:
    """Give a percentile as it stands, with its bucket in words and an interval that holds that bucket.

    The interval reaches from the percentile at the lower rank to that at the upper one, which order statistics give at
    n / `ASSUMED_EFFECT`, read off between the reported percentiles (evenly in ln(1 - p)), out to the buckets' edges.
    """
    value = row.percentiles.get(round(p, 9))
    if value is None:
        return NotEstimable(not_estimable=f"the CSV has no column {p * 100:g}%")
    low, high = bucket(value, fine=fine)
    error = max(value - low, high - value) / value if value else 0.0
    method = f"Locust's bucket {low:g} to {high:g} ms (±{error:.1%})"
    n = row.requests / ASSUMED_EFFECT
    if n < fewest(p):
        method += f"; no interval: it needs {requests_for(p):,} requests, as correlation is not known"
        return Estimate(value=value, n=row.requests, method=method)
    ranks = betaincinv(n * p, n * (1 - p) + 1, 0.025), betaincinv(n * p + 1, n * (1 - p), 0.975)
    below, above = (_read_off(row, float(rank)) for rank in ranks)
    return Estimate(
        value=value,
        low=min(bucket(below, fine=fine)[0], low),
        high=max(bucket(above, fine=fine)[1], high),
        n=row.requests,
        n_effective=round(n, 1),
        method=f"{method}; ranks at n / {ASSUMED_EFFECT:g}, read off between the reported percentiles",
    )


def requests_for(p: float) -> int:
    """Give the least number of requests with an interval."""
    return math.ceil(fewest(p) * ASSUMED_EFFECT)


def _read_off(row: Row, p: float) -> float:
    points = {**row.percentiles}
    points.pop(1.0, None)
    if row.min_ms is not None:
        points[0.0] = row.min_ms
    if row.max_ms is not None:
        points[max(1 - 1 / (row.requests + 1), *points)] = row.max_ms
    known = sorted(points)
    scale = [-math.log1p(-at) for at in known]
    return float(np.interp(-math.log1p(-p), scale, [points[at] for at in known]))
