"""Steady state: a warm-up that goes on is found, a steady series left alone."""

from __future__ import annotations

import numpy as np
import pytest

from analysis.steady import mser, settled_s, trend

NOISE = [np.random.default_rng(seed).lognormal(0, 0.5, 2000) for seed in range(40)]


def settled(values: np.ndarray) -> float | None:
    """Give when a series of ten values a second settles."""
    return settled_s(np.arange(len(values)) / 10, values)


def test_mser_cuts_the_start() -> None:
    """Thirty high values before a flat rest are what to cut."""
    values = np.concatenate([np.linspace(9, 2, 30), np.tile([1.0, 1.1], 100)])
    assert 29 <= mser(values) <= 31


@pytest.mark.parametrize("values", [np.ones(100), np.array([]), np.array([3.0])])
def test_mser_leaves_what_never_varies(values: np.ndarray) -> None:
    """A constant, empty or single value needs no cut."""
    assert mser(values) == 0


def test_steady_series_are_left_alone() -> None:
    """At most a few of forty independent series are called unsettled."""
    assert sum(settled(values) != 0.0 for values in NOISE) <= 3


def test_warm_up_is_found() -> None:
    """A start three times as slow that decays over ten seconds is seen in most series."""
    slow = 1 + 3 * np.exp(-np.arange(2000) / 100)
    assert sum(bool(settled(values * slow)) for values in NOISE) >= 25


def test_trend() -> None:
    """A rise has a small p-value, a fall and a constant none."""
    assert (trend(np.arange(20.0)) < 1e-6, trend(-np.arange(20.0)), trend(np.ones(20))) == (True, 1.0, 1.0)
