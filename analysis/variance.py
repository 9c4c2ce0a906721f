"""Variance: how unsteady cost and latency are, and which part of it comes from where."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from analysis.bootstrap import FEWEST_BLOCKS, ROUNDS, interval, weights
from analysis.model import Estimate, Figure, NotEstimable
from analysis.slices import LENGTHS

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from analysis.part import Part

Moments = Callable[["NDArray[np.float64]"], "NDArray[np.float64]"]


def variance(part: Part) -> dict[str, Figure]:
    """Give coefficients of variation (sd / mean) of response time and cost per response, and the splits of variance.

    Var(throttled + service) = Var(throttled) + Var(service) + 2 Cov, each as a share of the whole; and by the law of
    total variance Var(Y) = E[Var(Y|X)] + Var(E[Y|X]), the second term's share, for X = whether throttled, number of
    attempts, output length class, worker, time block.
    """
    response = part.turns["response_time_ms"].to_numpy(dtype=np.float64)
    known = ~np.isnan(response)
    if not known.any():
        return {}
    codes, response = part.blocks.codes[known], response[known]
    found = _spreads("response_time", response, codes, part.seed)
    if "cost_usd" in part.turns:
        found.update(_spreads("cost_per_response", part.turns["cost_usd"].to_numpy()[known], codes, part.seed))
    throttled, service = (part.turns[f"{name}_time_ms"].to_numpy()[known] for name in ("throttled", "service"))
    found.update(split(throttled, service, codes, part.seed))
    del throttled, service
    tokens = part.turns["output_tokens"].to_numpy()[known]
    classes = {
        "throttled": part.turns["throttled"].to_numpy(dtype=np.int8)[known],
        "attempts": part.turns["attempts"].to_numpy()[known],
        "length_class": np.searchsorted(LENGTHS, np.nan_to_num(tokens), side="right").astype(np.int8),
        "worker": part.turns["worker"].cat.codes.to_numpy()[known],
        "time_block": codes,
    }
    for name, which in classes.items():
        found[f"response_time_between_{name}_share"] = between(response, which, name)
    return found


def _spreads(name: str, values: NDArray[np.float64], codes: NDArray[np.integer[Any]], seed: int) -> dict[str, Figure]:
    known = ~np.isnan(values)
    x, block = values[known], codes[known]
    return {
        f"{name}_cv": bootstrapped(_moments_of(x), block, seed, _cv_of, "sd / mean"),
        f"{name}_block_cv": _block_cv(x, block),
    }


def _moments_of(x: NDArray[np.float64]) -> Iterator[NDArray[np.float64]]:
    yield np.ones(len(x))
    yield x
    yield x * x


def _cv_of(sums: NDArray[np.float64]) -> NDArray[np.float64]:
    mean = sums[:, 1] / sums[:, 0]
    return np.asarray(np.sqrt(np.maximum(sums[:, 2] / sums[:, 0] - mean**2, 0.0)) / mean)


def _block_cv(x: NDArray[np.float64], codes: NDArray[np.integer[Any]]) -> Figure:
    """Give sd / mean of the means of the blocks; no interval: the blocks are the sample."""
    sums = block_sums((np.ones(len(x)), x), codes)
    means = sums[:, 1] / sums[:, 0] if len(sums) else np.zeros(0)
    if len(means) < FEWEST_BLOCKS or not means.mean() > 0:
        return NotEstimable(
            not_estimable=f"needs {FEWEST_BLOCKS} blocks of whole conversations, there are {len(means)}"
        )
    value = float(means.std(ddof=1) / means.mean())
    return Estimate(value=value, n=len(means), method=f"sd / mean of {len(means)} block means")


def split(
    w: NDArray[np.float64], s: NDArray[np.float64], codes: NDArray[np.integer[Any]], seed: int
) -> dict[str, Figure]:
    """Give the shares of Var(throttled + service) due to throttled time, service time and twice their covariance."""
    sums = block_sums(_powers(w, s), codes)
    names = ("throttled_time_variance_share", "service_time_variance_share", "covariance_share")
    return {
        name: from_sums(sums, len(codes), seed, _share_of(which), "share of variance")
        for which, name in enumerate(names)
    }


def _powers(w: NDArray[np.float64], s: NDArray[np.float64]) -> Iterator[NDArray[np.float64]]:
    """Give 1, w, s, w^2, s^2, w s, one after the other: of ten million turns, all at once would not fit."""
    yield np.ones(len(w))
    yield w
    yield s
    yield w * w
    yield s * s
    yield w * s


def _share_of(which: int) -> Moments:
    def share(sums: NDArray[np.float64]) -> NDArray[np.float64]:
        n, w, s, ww, ss, ws = (sums[:, i] for i in range(6))
        parts = (ww / n - (w / n) ** 2, ss / n - (s / n) ** 2, 2 * (ws / n - w * s / n**2))
        return np.asarray(parts[which] / (parts[0] + parts[1] + parts[2]))

    return share


def bootstrapped(
    columns: Iterable[NDArray[np.floating[Any]]],
    codes: NDArray[np.integer[Any]],
    seed: int,
    formula: Moments,
    name: str,
) -> Figure:
    """Estimate a function of sums over turns, with a 95 % interval by block bootstrap of the sums."""
    return from_sums(block_sums(columns, codes), len(codes), seed, formula, name)


def block_sums(columns: Iterable[NDArray[np.floating[Any]]], codes: NDArray[np.integer[Any]]) -> NDArray[np.float64]:
    """Add up each column within each block that has a turn: one row per block."""
    present = np.flatnonzero(np.bincount(codes)) if len(codes) else np.zeros(0, dtype=np.intp)
    return np.array([np.bincount(codes, weights=column)[present] for column in columns]).T


def from_sums(sums: NDArray[np.float64], n: int, seed: int, formula: Moments, name: str) -> Figure:
    """Estimate a function of sums over turns, given per block, with a 95 % interval by block bootstrap."""
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
    return Estimate(value=value, low=min(low, value), high=max(high, value), n=n, method=label)


def between(values: NDArray[np.float64], classes: NDArray[np.integer[Any]], name: str) -> Figure:
    """Give Var(E[Y|X]) / Var(Y), freed of what classes without meaning would show: epsilon^2 (Kelley 1935).

    1 - (within sum of squares / (n - k)) / (whole sum of squares / (n - 1)), not below 0.
    """
    n = len(values)
    size = np.bincount(classes) if n else np.zeros(0)
    groups = int((size > 0).sum())
    whole = float(((values - values.mean()) ** 2).sum()) if n else 0.0
    if groups < 2:
        return NotEstimable(not_estimable=f"all turns are of one class of {name}")
    if n <= groups or whole == 0:
        return NotEstimable(not_estimable="nothing varies")
    means = np.bincount(classes, weights=values) / np.maximum(size, 1)
    within = float(((values - means[classes]) ** 2).sum())
    value = max(1 - (within / (n - groups)) / (whole / (n - 1)), 0.0)
    return Estimate(value=value, n=n, method=f"between {groups} classes, law of total variance, unbiased")


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
