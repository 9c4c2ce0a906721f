"""Shares: Wilson's interval, and every turn in one class."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from test_quantiles import frame

from analysis.stats.blocks import time_blocks
from analysis.stats.shares import share, wilson


@pytest.mark.parametrize(
    ("hits", "n", "expected"),
    [
        (0, 100, (0.0, 0.0370)),  # the reference's table
        (0, 300, (0.0, 0.0126)),
        (3, 300, (0.0034, 0.0290)),
        (90, 100, (0.8256, 0.9448)),
        (900, 1000, (0.87985, 0.91706)),
    ],
)
def test_wilson(hits: int, n: int, expected: tuple[float, float]) -> None:
    """Wilson's interval agrees with published values."""
    assert pytest.approx(expected, abs=5e-5) == wilson(hits / n, n)


@given(st.integers(1, 10_000), st.data())
def test_wilson_holds_the_share(n: int, data: st.DataObject) -> None:
    """The interval holds the share and stays within 0 and 1."""
    value = data.draw(st.integers(0, n)) / n
    low, high = wilson(value, n)
    assert 0 <= low <= value + 1e-12
    assert value - 1e-12 <= high <= 1


def test_bursts_widen_the_interval() -> None:
    """Turns throttled in one stretch say less about the share than as many spread evenly."""
    turns = frame(2000)
    blocks = time_blocks(turns)
    burst = share(np.arange(2000) < 100, blocks, 1)
    spread = share(np.arange(2000) % 20 == 0, blocks, 1)
    assert (burst.value, spread.value) == (0.05, 0.05)
    assert burst.high - burst.low > 2 * (spread.high - spread.low)
