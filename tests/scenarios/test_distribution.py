"""Random quantities against their formulas and against draws."""

import random
import statistics

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scenarios.distribution import Distribution

SPREADS = [(0.2, 0.8), (120.0, 400.0), (4.0, 20.0)]


@given(st.floats(min_value=1e-3, max_value=1e4), st.floats(min_value=1, max_value=50))
def test_the_quantiles_are_the_ones_given(median: float, ratio: float) -> None:
    """Median and p99 come back out."""
    distribution = Distribution.of(median, median * ratio)
    assert distribution.quantile(0.5) == pytest.approx(median)
    assert distribution.quantile(0.99) == pytest.approx(median * ratio)


@pytest.mark.parametrize(("median", "p99"), SPREADS)
def test_draws_have_the_moments_that_are_stated(median: float, p99: float) -> None:
    """Mean, capped mean and p99 of many draws agree with the formulas."""
    distribution, rng = Distribution.of(median, p99), random.Random(1)
    draws = [distribution.sample(rng) for _ in range(50_000)]
    assert statistics.fmean(draws) == pytest.approx(distribution.mean, rel=0.02)
    assert statistics.quantiles(draws, n=100)[98] == pytest.approx(p99, rel=0.05)
    cap = median * 1.5
    assert statistics.fmean(min(draw, cap) for draw in draws) == pytest.approx(distribution.mean_below(cap), rel=0.02)


def test_a_constant_draws_nothing() -> None:
    """A constant leaves the generator untouched, so that adding one changes no other draw."""
    rng = random.Random(3)
    before = rng.getstate()
    assert Distribution.of(5).sample(rng) == 5
    assert rng.getstate() == before
    assert Distribution.of(5).mean_below(3) == 3


def test_the_same_seed_draws_the_same() -> None:
    """Draws depend on the seed alone."""
    first, second = (random.Random(9) for _ in range(2))
    distribution = Distribution.of(1, 3)
    assert [distribution.sample(first) for _ in range(5)] == [distribution.sample(second) for _ in range(5)]


def test_a_p99_below_the_median_is_refused() -> None:
    """The message carries both values."""
    with pytest.raises(ValueError, match=r"p99 \(1\) cannot be below median \(2\)"):
        Distribution.of(2, 1)
