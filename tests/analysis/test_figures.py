"""Numbers are written with the digits and unit that a reader can use."""

from __future__ import annotations

import math

import pytest

from analysis.model import Estimate, NotEstimable
from analysis.words import figures


def estimate(value: float, low: float | None = None, high: float | None = None) -> Estimate:
    """Give a figure."""
    return Estimate(value=value, low=low, high=high, n=10, method="test")


@pytest.mark.parametrize(
    ("figure", "unit", "expected"),
    [
        (estimate(210.4, 198.2, 224.3), "ms", "210 ms [198, 224]"),
        (estimate(12824.1, 11910, 13921), "ms", "12,824 ms [11,910, 13,921]"),
        (estimate(0.083, 0.0734, 0.0926), "share", "8.3% [7.3, 9.3]"),
        (estimate(0.72, 0.7008, 0.743), "usd", "$0.720 [0.701, 0.743]"),
        (estimate(0.0, 0.0, 0.0008), "share", "0% [0, 0.080]"),
        (estimate(118.0), "ms", "118 ms"),
        (estimate(5.0, low=4.0), "ms", "5 ms ≥ 4.00"),
        (estimate(5.0, high=7.0), "ms", "5 ms ≤ 7.00"),
        (estimate(5.0, 5.0, 5.0), "ms", "5 ms [5.00, 5.00]"),
        (estimate(26.281204), "usd", "$26.28"),
        (estimate(-3.5, -4.0, -3.0), "ms", "-3.5 ms [-4.0, -3.0]"),
        (NotEstimable(not_estimable="too few"), "ms", "not estimable"),
    ],
)
def test_a_figure_has_the_digits_its_interval_supports(figure: Estimate, unit: figures.Unit, expected: str) -> None:
    """Two digits of the interval's width, or three of the value without one."""
    assert figures.figure_text(figure, unit) == expected


@pytest.mark.parametrize("value", [math.inf, -math.inf, math.nan])
def test_a_number_that_is_none_is_no_digits(value: float) -> None:
    """Infinity and NaN never raise and never look like a number."""
    assert not any(char.isdigit() for char in figures.number(value, "ms"))


@pytest.mark.parametrize(
    ("value", "limit", "comparator", "expected"),
    [
        (1623, 800, "<", f"2 {figures.TIMES} the limit"),
        (880, 800, "<", "10% over the limit"),
        (210, 300, "<", "30% under the limit"),
        (300, 300, "<=", "at the limit"),
        (40, 50, ">=", "20% under the floor"),
        (5, 0, "<", ""),
        (799.9, 800, "<", "0.01% under the limit"),
    ],
)
def test_margin_says_by_how_much(value: float, limit: float, comparator: str, expected: str) -> None:
    """A reader sees how far the figure lies from the limit."""
    assert figures.margin_text(value, limit, comparator) == expected


@pytest.mark.parametrize(
    ("limit", "unit", "expected"),
    [(0.01, "share", "1%"), (7.5, "usd", "$7.50"), (20000, "ms", "20,000 ms"), (0.0005, "usd", "$0.0005")],
)
def test_a_limit_is_not_rounded(limit: float, unit: figures.Unit, expected: str) -> None:
    """The limit reads as it was written."""
    assert figures.limit_text(limit, unit) == expected


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("ttft_ms", "Time to first token"),
        ("client_lag_p99_s", "Client lag p99"),
        ("turns_offered_per_second", "Turns offered per second"),
        ("cpu_max", "CPU max"),
        ("_s", "S"),
        ("", ""),
    ],
)
def test_labels_are_words(name: str, expected: str) -> None:
    """Names become words and lose the unit that the figure shows."""
    assert figures.label(name) == expected
