"""Change points: where a series of runs went from one level to another."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

FEWEST = 3
"""Runs of a level."""

LEVEL = 0.01
ROUNDS = 999
LONGEST = 300
"""Runs that are searched, the newest ones: the work grows with their square."""


def change_points(values: NDArray[np.float64], seed: int = 0) -> list[int]:
    """Give the positions at which a new level begins, ascending.

    Circular binary segmentation (Olshen, Venkatraman et al. 2004): the stretch that differs most from the rest by a
    pooled t is a level of its own when at most 1 % of seeded permutations of the series hold one as different; then
    the pieces are searched likewise. About ten runs are needed before anything can be found.
    """
    skipped = max(len(values) - LONGEST, 0)
    found: set[int] = set()
    waiting = [(skipped, len(values))]
    while waiting:
        start, end = waiting.pop()
        edges = _stretch(values[start:end], seed)
        if edges:
            found |= {start + edge for edge in edges}
            waiting += list(pairwise([start, *(start + edge for edge in edges), end]))
    return sorted(found)


def _stretch(values: NDArray[np.float64], seed: int) -> list[int]:
    """Give the edges, within the series, of the stretch that differs surely from the rest; none when none does."""
    if len(values) < 2 * FEWEST:
        return []
    score, low, high = _most(values[None, :])
    shuffled = np.random.default_rng([seed, len(values)]).permuted(np.tile(values, (ROUNDS, 1)), axis=1)
    beaten = int((_most(shuffled)[0] >= score[0] * (1 - 1e-9)).sum())
    if (1 + beaten) / (1 + ROUNDS) > LEVEL:
        return []
    return [edge for edge in (int(low[0]), int(high[0])) if 0 < edge < len(values)]


def _most(series: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.intp], NDArray[np.intp]]:
    """Give each row's greatest |t| of a stretch against the rest, and where the stretch begins and ends."""
    count, n = series.shape
    centred = series - series.mean(axis=1, keepdims=True)
    total = np.concatenate([np.zeros((count, 1)), np.cumsum(centred, axis=1)], axis=1)
    whole = (centred**2).sum(axis=1, keepdims=True)
    best = np.full(count, -1.0)
    low, high = np.zeros(count, dtype=np.intp), np.zeros(count, dtype=np.intp)
    for length in range(FEWEST, n - FEWEST + 1):
        starts = _starts(n, length)
        inside = total[:, starts + length] - total[:, starts]
        explained = inside**2 * n / (length * (n - length))
        t = np.sqrt(explained * (n - 2) / np.maximum(whole - explained, 1e-12 * whole + 1e-300))
        at = t.argmax(axis=1)
        top = t[np.arange(count), at]
        better = top > best
        best = np.where(better, top, best)
        low, high = np.where(better, starts[at], low), np.where(better, starts[at] + length, high)
    return best, low, high


def _starts(n: int, length: int) -> NDArray[np.intp]:
    """Give where a stretch may begin: a rest of one or two runs at an edge is no level."""
    before = np.arange(n - length + 1)
    after = n - length - before
    return np.flatnonzero(((before == 0) | (before >= FEWEST)) & ((after == 0) | (after >= FEWEST)))
