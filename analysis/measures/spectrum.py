"""Spectra: a metric's quantiles from the median far into the tail, for the picture."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from analysis.model import Estimate, Spectrum
from analysis.stats.quantiles import STANDARD, quantiles

if TYPE_CHECKING:
    from analysis.stats.sample import Sample

NINES = np.linspace(0.02, 4.0, 80)
"""Quantiles p = 1 - 10^-x: evenly spaced in nines, so that p90, p99, p99.9 lie equally far apart."""


def spectrum(data: Sample) -> Spectrum:
    """Give quantiles up to p = 1 - 1/n; bounds are None where there are too few turns for an interval."""
    ps = [float(p) for p in 1 - 10.0**-NINES if data.n and p <= 1 - 1 / data.n]
    if not ps:
        return Spectrum(p=[], values=[], low=[], high=[])
    figures = quantiles(data, [*ps, *STANDARD])[: len(ps)]  # those that are asked for next, while the values are sorted
    sides = [(f.low, f.high) if isinstance(f, Estimate) else (None, None) for f in figures]
    return Spectrum(
        p=ps, values=[data.value(p) for p in ps], low=[low for low, _ in sides], high=[high for _, high in sides]
    )
