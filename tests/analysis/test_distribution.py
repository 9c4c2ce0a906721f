"""Distributions and marks: every value counts once, and what is drawn is few."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from analysis.measures.distribution import of_values
from analysis.measures.marks import MOST, marks


@given(st.lists(st.floats(1e-6, 1e6), min_size=1, max_size=200))
def test_every_value_is_in_one_bin(values: list[float]) -> None:
    """Shares add up to 1 over one bin fewer than there are edges, and edges rise."""
    found = of_values(np.array(values))
    assert found is not None
    assert (len(found.shares), found.n) == (len(found.edges) - 1, len(values))
    assert sum(found.shares) == pytest.approx(1, abs=1e-4)
    assert sorted(set(found.edges)) == found.edges


def test_all_lie_on_one_grid() -> None:
    """Two distributions share the edges where they overlap, so that their pictures can be laid over another."""
    low, high = of_values(np.linspace(1, 5, 500)), of_values(np.linspace(3, 9, 500))
    assert low is not None
    assert high is not None
    assert [edge for edge in low.edges if edge >= high.edges[0]] == high.edges[
        : len(low.edges) - low.edges.index(high.edges[0])
    ]


def test_an_outlier_does_not_stretch_the_picture() -> None:
    """One value in ten thousand counts in the last bin; what is 0 or unknown has no place on a logarithmic axis."""
    found = of_values(np.array([*np.full(9999, 2.0), 1e9, 0.0, np.nan]))
    assert found is not None
    assert (found.n, found.shares) == (10_000, [1.0])
    assert of_values(np.array([0.0, np.nan])) is None


def turns(count: int, *, lost: int) -> pd.DataFrame:
    """Give throttled turns, the first of them lost."""
    gone = np.arange(count) < lost
    response = np.where(gone, np.nan, 1000.0 + np.arange(count))
    columns = {"intended_s": np.arange(count) * 0.1, "response_time_ms": response, "lost": gone, "throttled": True}
    return pd.DataFrame(columns)


def test_few_turns_are_all_marked() -> None:
    """A lost turn is a failure, not also a throttled one, and has no response time."""
    throttled, failed = marks(turns(10, lost=2))
    assert (throttled.fate, throttled.of, throttled.t_s[0], throttled.response_ms[0]) == ("throttled", 8, 0.2, 1002.0)
    assert (failed.fate, failed.of, failed.response_ms) == ("failed", 2, [None, None])


def test_of_many_turns_some_are_marked() -> None:
    """As many as fit, from the first to the last, and how many there were."""
    (throttled,) = marks(turns(5000, lost=0))
    assert (throttled.of, len(throttled.t_s)) == (5000, MOST)
    assert (throttled.t_s[0], throttled.t_s[-1]) == (0.0, 499.9)


def test_a_run_without_trouble_has_no_marks() -> None:
    """Nothing throttled, nothing lost."""
    assert marks(turns(0, lost=0)) == []
