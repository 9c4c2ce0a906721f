"""Positive random quantities, given as a constant or as a lognormal by its median and 99th percentile."""

from __future__ import annotations

import math
import random
from dataclasses import dataclass, field
from statistics import NormalDist

Z99 = 2.3263478740408408
"""The standard normal's 99th percentile."""


@dataclass(frozen=True, slots=True)
class Distribution:
    """A constant (`sigma` 0) or a lognormal: ln X ~ Normal(ln median, sigma), sigma = ln(p99 / median) / 2.3263.

    `p99` is kept as it was given, so that writing a scenario down and reading it again changes no digit.
    """

    median: float
    sigma: float = 0.0
    p99: float | None = field(default=None, compare=False)

    @classmethod
    def of(cls, median: float, p99: float | None = None) -> Distribution:
        """Fit to a median and, unless constant, a 99th percentile. Raises ValueError when p99 < median."""
        if p99 is None or median == 0:
            return cls(median)
        if p99 < median:
            raise ValueError(f"p99 ({p99:g}) cannot be below median ({median:g})")
        return cls(median, math.log(p99 / median) / Z99, p99)

    @property
    def mean(self) -> float:
        """E[X] = median * exp(sigma^2 / 2)."""
        return self.median * math.exp(self.sigma**2 / 2)

    def mean_below(self, cap: float) -> float:
        """E[min(X, cap)] = mean * Phi(d - sigma) + cap * (1 - Phi(d)), d = ln(cap / median) / sigma."""
        if self.sigma == 0 or cap <= 0:
            return min(self.median, cap)
        d = math.log(cap / self.median) / self.sigma
        phi = NormalDist().cdf
        return self.mean * phi(d - self.sigma) + cap * (1 - phi(d))

    def sample(self, rng: random.Random) -> float:
        """Draw one value."""
        if self.sigma == 0:
            return self.median
        return self.median * math.exp(self.sigma * rng.gauss(0.0, 1.0))

    def quantile(self, p: float) -> float:
        """Give the value below which a share `p` of draws lies, 0 < p < 1."""
        return self.median * math.exp(self.sigma * NormalDist().inv_cdf(p))
