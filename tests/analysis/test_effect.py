"""Effects: ratios and differences with intervals that cover, and p-values that agree with them."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analysis.model import Estimate, NotEstimable
from analysis.stats.effect import Effect, effect, over_runs


def estimate(value: float, low: float | None, high: float | None, n: int = 1000) -> Estimate:
    """Make a figure."""
    return Estimate(value=value, low=low, high=high, n=n, method="test")


def known(found: Effect | NotEstimable) -> Effect:
    """Give the effect of one that there is."""
    assert isinstance(found, Effect)
    return found


def test_difference_of_two_means_is_the_textbooks() -> None:
    """With symmetric intervals the squared half widths add up."""
    found = known(effect("difference", [estimate(12, 9, 15)], [estimate(10, 6, 14)])).figure()
    assert (found.value, found.low, found.high) == (2, 2 - 5, 2 + 5)


def test_difference_of_two_shares_is_newcombes() -> None:
    """56 of 70 against 48 of 80 by Wilson: Newcombe 1998 gives 0.2 with 0.0524 to 0.3339 (method 10)."""
    found = known(effect("difference", [estimate(0.8, 0.6918, 0.8769)], [estimate(0.6, 0.4905, 0.7003)])).figure()
    assert [round(value or 0, 3) for value in (found.value, found.low, found.high)] == [0.2, 0.052, 0.334]


def test_a_ratio_is_symmetric_in_its_sides() -> None:
    """Exchanging base and candidate gives the reciprocals."""
    a, b = estimate(110, 100, 125), estimate(100, 93, 105)
    one, other = known(effect("ratio", [a], [b])).figure(), known(effect("ratio", [b], [a])).figure()
    assert one.value == pytest.approx(1 / other.value)
    assert one.low == pytest.approx(1 / (other.high or 0))


def test_no_ratio_to_nothing() -> None:
    """A baseline of 0 has no ratio; a candidate of 0 has one, with an upper bound."""
    nothing, some = estimate(0, 0, 0.01), estimate(0.05, 0.03, 0.08)
    assert isinstance(effect("ratio", [some], [nothing]), NotEstimable)
    found = known(effect("ratio", [nothing], [some])).figure()
    assert (found.value, found.low, round(found.high or 0, 3)) == (0, 0, 0.333)


def test_what_one_side_cannot_tell_nobody_can() -> None:
    """A figure that is not estimable makes the effect so, with its reason."""
    missing = NotEstimable(not_estimable="too few", needed_turns=72)
    assert effect("ratio", [estimate(1, 0.9, 1.1)], [missing]) == missing


@given(
    st.floats(1, 1000),
    st.floats(1.01, 2),
    st.floats(1, 1000),
    st.floats(1.01, 2),
    st.sampled_from([0.5, 1.0, 1.1, 2.0]),
)
def test_p_value_and_interval_agree(c: float, c_width: float, b: float, b_width: float, limit: float) -> None:
    """The p-value is below 2.5 % just where the interval lies beyond the limit."""
    found = known(effect("ratio", [estimate(c, c / c_width, c * c_width)], [estimate(b, b / b_width, b * b_width)]))
    if min(abs(found.low - math.log(limit)), abs(found.high - math.log(limit))) > 1e-9:
        assert (found.beyond(limit, above=True) < 0.025) == (found.low > math.log(limit))
        assert (found.beyond(limit, above=False) < 0.025) == (found.high < math.log(limit))


def test_runs_are_the_unit_when_there_are_several() -> None:
    """Welch's t on the logarithms: 3 against 3 with equal spread has 4 degrees of freedom."""
    base = [estimate(value, value * 0.999, value * 1.001) for value in (98.0, 100.0, 102.0)]
    candidate = [estimate(value * 1.2, value * 1.199, value * 1.201) for value in (98.0, 100.0, 102.0)]
    found = known(effect("ratio", candidate, base))
    assert (round(math.exp(found.value), 6), round(found.df, 1), "run is the unit" in found.method) == (1.2, 4.0, True)
    assert found.low < math.log(1.2) < found.high


def test_runs_that_agree_by_chance_are_not_trusted() -> None:
    """Two equal runs do not make an interval of no width: what each cannot tell stays in it."""
    base = [estimate(100, 90, 110), estimate(100, 90, 110)]
    found = known(effect("ratio", [estimate(105, 95, 115)], base))
    assert found.high - found.low > 0.1


def test_figure_over_runs() -> None:
    """One run's figure stays as it is; several give mean and Student's t; a gap in one is named."""
    one = estimate(100, 90, 110)
    assert over_runs([one]) == one
    several = over_runs([estimate(value, None, None) for value in (9.0, 10.0, 11.0)])
    assert isinstance(several, Estimate)
    assert (several.value, several.n, round(several.high or 0, 3)) == (10.0, 3, 12.484)
    broken = over_runs([one, NotEstimable(not_estimable="too few")])
    assert broken == NotEstimable(not_estimable="in 1 of 2 runs: too few")
