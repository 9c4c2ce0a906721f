"""Quantiles: values, ranks, least sample sizes and the coverage of the intervals."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import betainc, ndtri

from analysis.model import Estimate, NotEstimable
from analysis.stats.blocks import time_blocks
from analysis.stats.independence import pairs
from analysis.stats.quantiles import STANDARD, fewest, figures, name_of, quantile, quantiles, ranks, ratio
from analysis.stats.sample import Sample, sample


def frame(n: int, users: int = 50, turns_per_conversation: int = 3) -> pd.DataFrame:
    """Make the part of a turns frame that blocks look at: one turn a second, users taking turns."""
    i = np.arange(n)
    ids = (i % users) * 1_000_000 + i // users // turns_per_conversation + 1
    return pd.DataFrame({"intended_s": i.astype(float), "conversation_id": ids.astype("uint64")})


def sampled(values: np.ndarray, seed: int = 1, turns_per_conversation: int = 3) -> Sample:
    """Make a sample of values in the order of time."""
    turns = frame(len(values), turns_per_conversation=turns_per_conversation)
    return sample(values, time_blocks(turns), pairs(turns["conversation_id"].to_numpy()), seed)


@pytest.mark.parametrize(("p", "expected"), [(0.5, 6), (0.9, 36), (0.95, 72), (0.99, 368), (0.999, 3688)])
def test_fewest(p: float, expected: int) -> None:
    """The least n is that of a two-sided 95 % order-statistic interval."""
    assert expected == fewest(p)


@pytest.mark.parametrize(
    ("n", "p", "expected"),
    [
        (300, 0.95, (277, 293)),  # whole ranks of the reference table, which cover a little more
        (1000, 0.95, (936, 964)),
        (3000, 0.95, (2826, 2874)),
        (10_000, 0.99, (9880, 9920)),
        (72, 0.95, (64, 72)),
        (368, 0.99, (360, 368)),
    ],
)
def test_ranks(n: int, p: float, expected: tuple[int, int]) -> None:
    """Fractional ranks lie within one of the whole ones by the binomial distribution."""
    low, high = ranks(n, p)
    assert (abs(low - expected[0]) <= 1, abs(high - expected[1]) <= 1) == (True, True)


@given(st.integers(1, 5000), st.sampled_from(STANDARD))
def test_ranks_exist_from_the_least_n_on(n: int, p: float) -> None:
    """With enough values both ranks exist; with fewer the upper one does not."""
    low, high = ranks(n, p)
    assert (n >= fewest(p)) == (low >= 1 and high <= n)
    assert betainc(low, n + 1 - low, p) == pytest.approx(0.975)


@given(st.lists(st.floats(0, 1e6), min_size=6, max_size=200), st.floats(0.5, 0.999))
def test_value_is_numpys_linear(values: list[float], p: float) -> None:
    """The fast way to a quantile gives what numpy gives."""
    data = sampled(np.array(values))
    expected = float(np.quantile(np.array(values), p, method="linear"))
    assert float(data.at(np.array([p * (data.n - 1)]))[0]) == pytest.approx(expected, rel=1e-12, abs=1e-9)


@given(st.lists(st.floats(0, 1e6), min_size=6, max_size=300))
def test_interval_holds_the_value_and_lies_within_the_data(values: list[float]) -> None:
    """Low <= value <= high, all between the extremes; below the least n there is no number."""
    for p, figure in zip(STANDARD, quantiles(sampled(np.array(values)), STANDARD), strict=True):
        if isinstance(figure, NotEstimable):
            continue
        assert len(values) >= fewest(p)
        assert figure.low is not None
        assert figure.high is not None
        assert min(values) - 1e-6 <= figure.low <= figure.value <= figure.high <= max(values) + 1e-6


def test_not_estimable_says_what_is_needed() -> None:
    """Too few turns give no number but the number of turns that would."""
    figure = quantile(sampled(np.random.default_rng(1).lognormal(size=300)), 0.99)
    text = "p99 needs 368 turns, there are 300: run 1.2 times as long"
    assert NotEstimable(not_estimable=text, needed_turns=368) == figure


def test_equal_values() -> None:
    """A metric that never varies has an interval of no width."""
    figure = quantile(sampled(np.full(400, 7.5)), 0.99)
    assert (figure.value, figure.low, figure.high, figure.n) == (7.5, 7.5, 7.5, 400)


def test_no_values() -> None:
    """A metric that no turn has is not estimable anywhere."""
    found = figures(sampled(np.array([np.nan, np.nan])))
    assert {NotEstimable} == {type(figure) for figure in found.values()}


@pytest.mark.parametrize(("p", "expected"), [(0.5, "p50"), (0.95, "p95"), (0.999, "p99_9"), (0.975, "p97_5")])
def test_name_of(p: float, expected: str) -> None:
    """A quantile's key has an underscore for the point."""
    assert expected == name_of(p)


def autoregressive(n: int, phi: float, seed: int) -> np.ndarray:
    """Draw lognormals (median 1, sigma 0.5) whose logarithms follow an AR(1) of correlation phi."""
    noise = np.random.default_rng(seed).standard_normal(n)
    z = np.empty(n)
    z[0] = noise[0]
    for i in range(1, n):
        z[i] = phi * z[i - 1] + np.sqrt(1 - phi**2) * noise[i]
    return np.exp(0.5 * z)


@pytest.mark.parametrize(
    ("n", "phi", "p", "turns_per_conversation"),
    [
        (400, 0.0, 0.5, 3),
        (400, 0.0, 0.95, 3),
        (1000, 0.0, 0.99, 3),
        (2000, 0.8, 0.95, 3),
        (2000, 0.8, 0.95, 2000),  # fifty conversations as long as the run
    ],
)
def test_coverage(n: int, phi: float, p: float, turns_per_conversation: int) -> None:
    """The 95 % interval covers the truth of seeded runs in about 95 of 100, independent or correlated."""
    truth = float(np.exp(0.5 * ndtri(p)))
    found = [quantile(sampled(autoregressive(n, phi, seed), seed, turns_per_conversation), p) for seed in range(200)]
    covered = [figure.low <= truth <= figure.high for figure in found if isinstance(figure, Estimate)]
    least, most = (0.88, 1.0) if phi else (0.92, 0.98)  # 95 of 100, less and plus two standard errors of 200 runs
    assert least * len(covered) <= sum(covered) <= most * len(covered)
    assert len(covered) >= 180


def test_correlated_turns_count_for_fewer() -> None:
    """The effective sample size of an AR(1) with correlation 0.8 is far below n, that of independent turns is n."""
    correlated = quantile(sampled(autoregressive(2000, 0.8, 3)), 0.5)
    independent = quantile(sampled(autoregressive(2000, 0.0, 3)), 0.5)
    assert (correlated.n_effective < 1000, independent.n_effective) == (True, 2000.0)


def test_equal_values_of_users() -> None:
    """What never varies has an interval of no width, for users who outlast their conversations too."""
    turns = frame(1000)
    users = (turns["conversation_id"] // 1_000_000 + 1).astype("uint32")
    blocks = time_blocks(turns.assign(user_id=users))
    found = ratio(blocks.sums(np.full(1000, 0.1)), blocks.sums(np.ones(1000)), 1000, 1, "mean")
    assert (found.low, found.high) == pytest.approx((0.1, 0.1))
