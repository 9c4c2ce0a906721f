"""Variance: ratios of two groups hold the truth, and the splits add up."""

from __future__ import annotations

import numpy as np
import pytest
from entries import entry

from analysis.measures.between import between_endpoints
from analysis.measures.variance import SPLIT, split, variance_ratio
from analysis.model import Estimate, NotEstimable

TURNS, BLOCKS = 2000, 20
CODES = np.arange(TURNS) * BLOCKS // TURNS


def values(seed: int, scale: float = 1.0, rise: float = 0.0) -> np.ndarray:
    """Give lognormal values, whose logarithm may follow a walk from block to block."""
    rng = np.random.default_rng(seed)
    level = rise * rng.normal(size=BLOCKS)[CODES]
    return scale * np.exp(0.5 * rng.normal(size=TURNS) + level)


def test_variance_ratio_is_the_ratio() -> None:
    """The value is the quotient of the two sample variances."""
    a, b = values(1), values(2, 3.0)
    found = variance_ratio(a, CODES, b, CODES, 1)
    assert isinstance(found, Estimate)
    assert pytest.approx(b.var(ddof=1) / a.var(ddof=1)) == found.value


def test_variance_ratio_covers_the_truth() -> None:
    """Of a hundred pairs whose variances truly are one to two, the interval holds one half in nearly all."""
    held = 0
    for seed in range(100):
        found = variance_ratio(values(seed), CODES, values(seed + 1000, 0.5**0.5), CODES, 1)
        assert isinstance(found, Estimate)
        held += found.low <= 0.5 <= found.high
    assert held >= 88


def test_variance_ratio_of_interleaved_arms_is_narrower_together() -> None:
    """Two arms that feel the same weather, block by block, are compared best with their blocks drawn together."""
    a = values(7, rise=0.8)
    b = a * (1 + 0.01 * np.random.default_rng(1).normal(size=TURNS))
    together = variance_ratio(a, CODES, b, CODES, 1, joint=True)
    apart = variance_ratio(a, CODES, b, CODES, 1)
    assert isinstance(together, Estimate)
    assert isinstance(apart, Estimate)
    assert (together.high - together.low) * 3 < apart.high - apart.low


@pytest.mark.parametrize(
    ("base", "codes"),
    [
        (values(1)[:100], CODES[:100]),
        (np.ones(TURNS), CODES),
        (np.full(TURNS, np.nan), CODES),
        (np.zeros(0), np.zeros(0, dtype=np.intp)),
    ],
)
def test_variance_ratio_needs_blocks_and_spread(base: np.ndarray, codes: np.ndarray) -> None:
    """Too few blocks, or nothing that varies, give no number."""
    assert isinstance(variance_ratio(base, codes, values(2), CODES, 1), NotEstimable)


def test_split_adds_up_in_ms2_and_in_shares() -> None:
    """Var(throttled) + Var(service) + 2 Cov is the variance of the sum, and the shares add up to 1."""
    rng = np.random.default_rng(3)
    waited = np.where(rng.random(TURNS) < 0.2, rng.exponential(900.0, TURNS), 0.0)
    served = values(4, 400.0) + 0.3 * waited
    found = split(waited, served, CODES, 1)
    terms, shares = ([found[name].value for name in names] for names in (SPLIT, SPLIT.values()))  # type: ignore[union-attr]
    assert (sum(terms), sum(shares)) == (pytest.approx((waited + served).var()), pytest.approx(1.0))


def test_between_endpoints() -> None:
    """Two endpoints of unlike level hold most of the variance between them; a single one has no between."""
    slow, fast = entry(1, 1000, median_ms=2000, sigma=0.2).part, entry(2, 1000, median_ms=200, sigma=0.2).part
    found = between_endpoints([slow, fast])
    times, cost = found["response_time_between_endpoint_share"], found["cost_per_response_between_endpoint_share"]
    assert isinstance(times, Estimate)
    assert isinstance(cost, Estimate)
    assert (times.value > 0.8, cost.value < 0.05) == (True, True)
    assert all(isinstance(figure, NotEstimable) for figure in between_endpoints([slow]).values())


def test_variance_ratio_leaves_its_inputs_alone() -> None:
    """Neither side is changed, and the same input gives the same figure."""
    a, b = values(1), values(2)
    kept = a.copy(), b.copy(), CODES.copy()
    first = variance_ratio(a, CODES, b, CODES, 1)
    assert first == variance_ratio(a, CODES, b, CODES, 1)
    for before, after in zip(kept, (a, b, CODES), strict=True):
        np.testing.assert_array_equal(before, after)
