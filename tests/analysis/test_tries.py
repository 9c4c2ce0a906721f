"""Tries: how arrivals crowd."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from analysis.measures.tries import peak


def test_peak_of_nothing() -> None:
    """No arrival, no peak."""
    assert peak(np.zeros(0)) == 0


def test_a_stretch_is_half_open() -> None:
    """Arrivals a whole second apart are never within one second."""
    assert peak(np.array([0.0, 0.5, 1.0, 1.4])) == 3
    assert peak(np.array([0.0, 1.0, 2.0])) == 1


@given(st.lists(st.integers(0, 50), max_size=40))
def test_peak_is_the_most_in_any_stretch(tenths: list[int]) -> None:
    """It is what looking from each arrival gives."""
    moments = np.array(tenths, dtype=np.float64) / 8
    assert peak(moments) == max((int(((moments >= at) & (moments < at + 1)).sum()) for at in moments), default=0)
