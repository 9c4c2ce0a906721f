"""Fixed-point columns: what goes in comes out, to the last bit, or stays floats."""

from __future__ import annotations

from unittest import mock

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from analysis.rows.fixed import Fixed, column, filled, known
from analysis.stats.blocks import Blocks
from analysis.stats.independence import pairs
from analysis.stats.order import Counted
from analysis.stats.sample import sample

MICROSECONDS = st.lists(st.none() | st.integers(-(2**31) + 1, 2**31 - 1), min_size=1, max_size=50)


def of(values: list[float | None]) -> NDArray[np.float64]:
    """Give numbers, None as NaN."""
    return np.array([np.nan if value is None else value for value in values], dtype=np.float64)


def fixed(values: NDArray[np.float64]) -> Fixed:
    """Give a column that must be in fixed point."""
    found = filled(values.__getitem__, len(values))
    assert isinstance(found, Fixed)
    return found


@given(MICROSECONDS)
def test_whole_microseconds_come_out_as_they_went_in(steps: list[int | None]) -> None:
    """Milliseconds with three decimals are the same floats before and after."""
    values = of([None if step is None else step / 1000 for step in steps])
    np.testing.assert_array_equal(np.asarray(fixed(values)), values)


@given(st.lists(st.floats(allow_infinity=False) | st.none(), min_size=1, max_size=50))
def test_whatever_numbers_there_are_nothing_is_lost(numbers: list[float | None]) -> None:
    """A column is in fixed point only where that changes no number."""
    values = of(numbers)
    np.testing.assert_array_equal(np.asarray(filled(values.__getitem__, len(values))), values)


@pytest.mark.parametrize("odd", [0.0000001, 2147483.648, 1e300])
def test_numbers_that_do_not_fit_stay_floats(odd: float) -> None:
    """Finer than six decimals, or beyond 32 bits: the whole column is one of floats."""
    values = np.array([1.0, 2.0, odd])
    found = filled(values.__getitem__, len(values))
    assert isinstance(found, np.ndarray)
    np.testing.assert_array_equal(found, values)


@given(MICROSECONDS, st.lists(st.floats(-3e6, 3e6) | st.just(np.inf), min_size=1, max_size=9))
def test_a_sample_in_fixed_point_is_one_of_floats(steps: list[int | None], cuts: list[float]) -> None:
    """Values at ranks and counts at or below cuts are the same, also where a cut is a value."""
    values = of([None if step is None else step / 1000 for step in steps])
    codes = np.arange(len(values)) % 3
    blocks = Blocks(codes, 3, np.arange(len(values), dtype=np.int32))
    both = [sample(each, blocks, pairs(codes), 1) for each in (values, fixed(values))]
    edges = np.sort(np.append(cuts, values[known(values)]))
    np.testing.assert_array_equal(*(each.at_most(edges) for each in both))
    np.testing.assert_array_equal(*(each.total() for each in both))
    if both[0].n:
        ranks = np.linspace(0, both[0].n - 1, 7)
        np.testing.assert_array_equal(*(each.at(ranks) for each in both))


@given(MICROSECONDS, st.integers(0, 20), st.data())
def test_counted_values_are_the_sorted_ones(steps: list[int | None], bins_log2: int, data: st.DataObject) -> None:
    """Values at any places are the same whether all are sorted or bins counted, however wide these are."""
    column = fixed(of([None if step is None else step / 1000 for step in steps]))
    ordered = np.sort(np.asarray(column)[known(column)])
    with mock.patch("analysis.stats.order.BINS_LOG2", bins_log2):
        counted = Counted(column.steps, column.scale)
    if len(ordered):
        places = np.array(data.draw(st.lists(st.integers(0, len(ordered) - 1))), dtype=np.intp)
        np.testing.assert_array_equal(counted.at(places), ordered[places])


def test_a_frame_cuts_and_joins_such_columns() -> None:
    """Rows by mask, by place and in a slice, a copy and two frames put together hold the right numbers."""
    values = np.array([1.5, np.nan, 3.25, 4.0])
    frame = pd.DataFrame({"ms": fixed(values)}, copy=False)
    assert frame["ms"].notna().tolist() == [True, False, True, True]
    assert frame[values > 2].reset_index(drop=True)["ms"].tolist() == [3.25, 4.0]
    np.testing.assert_array_equal(column(frame["ms"].iloc[1:3])[:], fixed(values)[1:3])
    both = pd.concat([frame, frame.assign(ms=fixed(np.array([0.000001, 2.0, 3.0, 4.0])))])
    np.testing.assert_array_equal(both["ms"].to_numpy(), [*values, 0.000001, 2.0, 3.0, 4.0])
    assert repr(frame["ms"].iloc[0]) == "1.5"
