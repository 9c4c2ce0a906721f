"""Variance: how unsteady cost and latency are, and which part of it comes from where."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from analysis.measures.between import between
from analysis.measures.slices import length_classes
from analysis.model import Estimate, Figure, NotEstimable
from analysis.rows.fixed import column
from analysis.rows.pieces import pieces
from analysis.stats.blocks import FEWEST_BLOCKS, binned
from analysis.stats.bootstrap import ROUNDS, interval, weights

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from analysis.measures.part import Part
    from analysis.rows.fixed import Column

Moments = Callable[["NDArray[np.float64]"], "NDArray[np.float64]"]


def variance(part: Part) -> dict[str, Figure]:
    """Give how unsteady response time and cost per response are, and where that comes from.

    Each one's variance, sd / mean, and sd / mean of block means. Var(throttled + service) = Var(throttled) +
    Var(service) + 2 Cov, in ms^2 and as shares of the whole. By the law of total variance Var(Y) = E[Var(Y|X)] +
    Var(E[Y|X]): the second term's share, between classes, for X = whether throttled, number of attempts, output length
    class, worker, time block; the first's, within them, is the rest.
    """
    if not part.turns["response_time_ms"].notna().any():
        return {}
    found: dict[str, Figure] = {}
    shares: dict[tuple[str, str], Figure] = {}
    for name, (unit, metric) in MEASURED.items():
        if metric in part.turns:
            x = _answered(part, metric)
            found |= _spreads(name, unit, x, part)
            found |= _split(part) if not shares else {}
            shares |= {(by, name): between(x, _classes(part, by), by) for by in CLASSES}
    ordered = sorted(shares.items(), key=lambda each: CLASSES.index(each[0][0]))
    return found | {f"{name}_between_{by}_share": figure for (by, name), figure in ordered}


MEASURED = {"response_time": ("ms2", "response_time_ms"), "cost_per_response": ("usd2", "cost_usd")}
"""What is looked at, the unit of its variance, and its column: one after the other, for each may be large."""

CLASSES = ("throttled", "attempts", "length_class", "worker", "time_block")


def _classes(part: Part, name: str) -> NDArray[np.integer[Any]]:
    """Give each turn's class: whether throttled, number of attempts, output tokens, worker, or block of time."""
    if name == "time_block":
        return part.blocks.codes
    if name == "worker":
        return part.turns["worker"].cat.codes.to_numpy()
    if name == "length_class":
        return length_classes(part.turns).cat.codes.to_numpy() + np.int8(1)
    return part.turns[name].to_numpy().astype(np.int16)


def _answered(part: Part, column: str) -> NDArray[np.float64]:
    """Give a column, NaN where the turn has no answer."""
    values = part.turns[column].to_numpy(dtype=np.float64)
    return np.where(part.turns["answered"].to_numpy(dtype=bool), values, np.nan)


def _spreads(name: str, unit: str, x: NDArray[np.float64], part: Part) -> dict[str, Figure]:
    sums = power_sums([x], part.blocks.codes)
    return {
        f"{name}_variance_{unit}": from_sums(sums, part.seed, variance_of, "variance"),
        f"{name}_cv": from_sums(sums, part.seed, _cv_of, "sd / mean"),
        f"{name}_block_cv": _block_cv(sums),
    }


def variance_of(sums: NDArray[np.float64]) -> NDArray[np.float64]:
    """Give E[x^2] - E[x]^2 from n and the sums of x and x^2."""
    mean = sums[:, 1] / sums[:, 0]
    return np.asarray(np.maximum(sums[:, 2] / sums[:, 0] - mean**2, 0.0))


def power_sums(columns: Sequence[Column], codes: NDArray[np.integer[Any]]) -> NDArray[np.float64]:
    """Add up, within each block, 1, each column, and each product of two, over turns that have all of them.

    One row per block that has any.
    """
    count = int(codes.max(initial=-1)) + 1
    found = np.zeros(((len(columns) + 1) * (len(columns) + 2) // 2, count))
    for rows in pieces(len(codes)):
        values = [np.asarray(column[rows]) for column in columns]
        there = ~np.isnan(np.sum(values, axis=0))
        ones = [np.ones(len(there)), *values]
        terms = [x * y for i, x in enumerate(ones) for y in ones[i:]]
        for which, term in enumerate(terms):
            found[which] += np.bincount(codes[rows], weights=np.where(there, term, 0.0), minlength=count)
    return np.asarray(found.T[found[0] != 0])


def _cv_of(sums: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(np.sqrt(variance_of(sums)) * sums[:, 0] / sums[:, 1])


def _block_cv(sums: NDArray[np.float64]) -> Figure:
    """Give sd / mean of the means of the blocks; no interval: the blocks are the sample."""
    means = sums[:, 1] / sums[:, 0] if len(sums) else np.zeros(0)
    if len(means) < FEWEST_BLOCKS or not means.mean() > 0:
        return NotEstimable(
            not_estimable=f"needs {FEWEST_BLOCKS} blocks of whole conversations, there are {len(means)}"
        )
    value = float(means.std(ddof=1) / means.mean())
    return Estimate(value=value, n=len(means), method=f"sd / mean of {len(means)} block means")


SPLIT = {
    "throttled_time_variance_ms2": "throttled_time_variance_share",
    "service_time_variance_ms2": "service_time_variance_share",
    "twice_covariance_ms2": "covariance_share",
}
"""The terms of the split, and their shares of the whole."""


def _split(part: Part) -> dict[str, Figure]:
    w, s = (column(part.turns[f"{name}_time_ms"]) for name in ("throttled", "service"))
    return split(w, s, part.blocks.codes, part.seed)


def split(w: Column, s: Column, codes: NDArray[np.integer[Any]], seed: int) -> dict[str, Figure]:
    """Split Var(throttled + service) into that of throttled time, of service time, and twice their covariance."""
    sums = power_sums([w, s], codes)
    found = {}
    for which, (term, share) in enumerate(SPLIT.items()):
        found[term] = from_sums(sums, seed, _term(which), "variance")
        found[share] = from_sums(sums, seed, _share_of(which), "share of variance")
    return found


def _term(which: int) -> Moments:
    return lambda sums: _terms(sums)[which]


def _share_of(which: int) -> Moments:
    def share(sums: NDArray[np.float64]) -> NDArray[np.float64]:
        terms = _terms(sums)
        return np.asarray(terms[which] / terms.sum(axis=0))

    return share


def _terms(sums: NDArray[np.float64]) -> NDArray[np.float64]:
    n, w, s, ww, ws, ss = (sums[:, i] for i in range(6))
    return np.array([ww / n - (w / n) ** 2, ss / n - (s / n) ** 2, 2 * (ws / n - w * s / n**2)])


def bootstrapped(
    columns: Iterable[NDArray[np.floating[Any]]],
    codes: NDArray[np.integer[Any]],
    seed: int,
    formula: Moments,
    name: str,
) -> Figure:
    """Estimate a function of sums over turns (the first is their number), with a 95 % interval by block bootstrap."""
    return from_sums(block_sums(columns, codes), seed, formula, name)


def block_sums(columns: Iterable[NDArray[Any]], codes: NDArray[np.integer[Any]]) -> NDArray[np.float64]:
    """Add up each column within each block: one row per block that has something of the first column."""
    count = int(codes.max(initial=-1)) + 1
    sums = np.array([binned(codes, column, count) for column in columns]).T
    return np.asarray(sums[sums[:, 0] != 0])


def from_sums(sums: NDArray[np.float64], seed: int, formula: Moments, name: str) -> Figure:
    """Estimate a function of sums over turns (the first is their number), one row of them per block."""
    count = len(sums)
    if count < FEWEST_BLOCKS:
        return NotEstimable(not_estimable=f"needs {FEWEST_BLOCKS} blocks of whole conversations, there are {count}")
    with np.errstate(invalid="ignore", divide="ignore"):
        value = float(formula(sums.sum(axis=0, keepdims=True))[0])
        rounds = formula(weights(count, seed) @ sums)
    if not np.isfinite(value) or not np.isfinite(rounds).all():
        return NotEstimable(not_estimable="nothing varies")
    low, high = interval(rounds, count)
    label = f"{name}; block bootstrap, {count} blocks, {ROUNDS} rounds"
    return Estimate(
        value=value, low=min(low, value), high=max(high, value), n=round(float(sums[:, 0].sum())), method=label
    )


def variance_ratio(  # noqa: PLR0913 - two groups of values with their blocks, and how they are drawn
    base: NDArray[np.floating[Any]],
    base_blocks: NDArray[np.intp],
    candidate: NDArray[np.floating[Any]],
    candidate_blocks: NDArray[np.intp],
    seed: int,
    *,
    joint: bool = False,
) -> Figure:
    """Estimate Var(candidate) / Var(base), each divided by n - 1, with a 95 % interval by block bootstrap.

    One value and one block number per turn (`Part.blocks.codes`); NaN is left out. Values that are means of blocks,
    numbered 0, 1, 2 ..., give the ratio between blocks. With `joint` a block number means the same stretch of time in
    both groups (arms that were interleaved) and both draw the same blocks; otherwise each draws its own.
    """
    (below_in, below), (above_in, above) = _moments(base, base_blocks), _moments(candidate, candidate_blocks)
    if joint:
        shared = np.union1d(below_in, above_in)
        below, above = _over(shared, below_in, below), _over(shared, above_in, above)
    counts = len(below), len(above)
    if min(counts) < FEWEST_BLOCKS:
        return NotEstimable(
            not_estimable=f"needs {FEWEST_BLOCKS} blocks of whole conversations, there are {min(counts)}"
        )
    with np.errstate(invalid="ignore", divide="ignore"):
        value = float(_unbiased(above.sum(axis=0)) / _unbiased(below.sum(axis=0)))
        drawn = weights(counts[1], seed if joint else seed + OTHER_DRAW) @ above
        rounds = _unbiased(drawn) / _unbiased(weights(counts[0], seed) @ below)
    if not np.isfinite(value) or not np.isfinite(rounds).all():
        return NotEstimable(not_estimable="nothing varies")
    low, high = interval(rounds, min(counts))
    how = f"{counts[0]} blocks drawn together" if joint else f"{counts[0]} and {counts[1]} blocks drawn apart"
    return Estimate(
        value=value,
        low=min(low, value),
        high=max(high, value),
        n=int(above[:, 0].sum() + below[:, 0].sum()),
        method=f"ratio of variances; block bootstrap, {how}, {ROUNDS} rounds",
    )


OTHER_DRAW = 1_000_003
"""Added to the seed for the second of two groups, or both would draw the same blocks."""


def _moments(
    values: NDArray[np.floating[Any]], codes: NDArray[np.intp]
) -> tuple[NDArray[np.intp], NDArray[np.float64]]:
    """Give the blocks that hold a value and, per block, n, sum and sum of squares about the mean of all."""
    known = ~np.isnan(values)
    x = np.asarray(values, dtype=np.float64)[known]
    x = x - x.mean() if len(x) else x
    names, block = np.unique(codes[known], return_inverse=True)
    columns = [np.bincount(block, weights=column, minlength=len(names)) for column in (np.ones(len(x)), x, x * x)]
    return names.astype(np.intp), np.array(columns, dtype=np.float64).T.reshape(len(names), 3)


def _over(blocks: NDArray[np.intp], names: NDArray[np.intp], sums: NDArray[np.float64]) -> NDArray[np.float64]:
    table = np.zeros((len(blocks), 3))
    table[np.searchsorted(blocks, names)] = sums
    return table


def _unbiased(sums: NDArray[np.float64]) -> NDArray[np.float64]:
    n, x, xx = sums[..., 0], sums[..., 1], sums[..., 2]
    return np.asarray(np.maximum(xx - x * x / n, 0.0) / (n - 1))
