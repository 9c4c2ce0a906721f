"""Independence: whether a series of turns shows correlation, in time or within conversations."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
from scipy.special import chdtrc

if TYPE_CHECKING:
    from numpy.typing import NDArray

LAGS = 5
LEVEL = 0.05
"""Chance to call independent turns correlated; then the wider interval is given, so the error is on the safe side."""


def is_independent(values: NDArray[np.float64], conversation: NDArray[np.uint64]) -> bool:
    """Tell whether neither test finds correlation: of neighbours in time, and of successive turns of a conversation.

    Both work on ranks, so that no single slow turn decides.
    """
    n = len(values)
    if n <= 4 * LAGS or values.min() == values.max():
        return True
    rank = _ranks(values)
    return _ljung_box(rank) > LEVEL and _within(rank, conversation) > LEVEL


def _ranks(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Centre ranks at 0 with variance 1; ties share the rank of their first, which only weakens the test."""
    _, code = np.unique(values, return_inverse=True)
    rank = code.astype(np.float64)
    spread = rank.std()
    return np.asarray((rank - rank.mean()) / (spread if spread > 0 else 1.0))


def _ljung_box(z: NDArray[np.float64]) -> float:
    """Q = n (n + 2) sum over lags of r^2 / (n - lag), chi-squared with LAGS degrees of freedom; gives its p-value."""
    n = len(z)
    r = np.array([float(z[lag:] @ z[:-lag]) / n for lag in range(1, LAGS + 1)])
    q = n * (n + 2) * float((r**2 / (n - np.arange(1, LAGS + 1))).sum())
    return float(chdtrc(LAGS, q))


def _within(z: NDArray[np.float64], conversation: NDArray[np.uint64]) -> float:
    """Give the p-value of zero correlation between successive turns of the same conversation."""
    order = np.argsort(conversation, kind="stable")
    same = conversation[order][1:] == conversation[order][:-1]
    pairs = int(same.sum())
    if pairs <= 4 * LAGS or pairs == len(z) - 1:
        return 1.0
    r = float((z[order][1:] * z[order][:-1])[same].mean())
    return math.erfc(abs(r) * math.sqrt(pairs / 2))
