"""Steady state: found in the data, not assumed from the phase's name."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from analysis.measures.part import Settled
from analysis.words.wording import span, target

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pandas as pd
    from numpy.typing import NDArray

    from analysis.measures.part import Part

BATCH = 5
"""Values averaged before MSER looks for the truncation point: MSER-5 (White, Cobb & Spratt 2000)."""

BINS = 100
FEWEST_BINS = 20
LATEST = 0.48
"""Share of a phase past which an end of the warm-up is refused: the search ends at half, so it may lie later."""

APART = 4
"""Standard errors by which what is cut must differ: the best of many cuts differs by three by chance."""

TREND_LEVEL = 0.01
TREND_BLOCKS = 20
RISE = 0.10
"""A rise from the first to the second half below this is no one's worry, however sure."""


def mser(values: NDArray[np.float64]) -> int:
    """Give how many leading values to cut, at most half, so that the mean of the rest has the least standard error.

    d* = argmin over d <= n / 2 of sum over i >= d of (x_i - mean of the rest)^2 / (n - d)^2. Beyond half the few values
    that are left seem steady by chance.
    """
    n = len(values)
    if n < 2:
        return 0
    tail = np.cumsum(values[::-1])[::-1]
    squares = np.cumsum(values[::-1] ** 2)[::-1]
    left = n - np.arange(n)
    error = (np.maximum(squares - tail**2 / left, 0.0) / left**2)[: n // 2 + 1]
    # The first of the nearly equal ones: rounding must not cut a constant series.
    return int(np.argmax(error <= error.min() * (1 + 1e-9) + 1e-12 * float(squares[0]) / n**2))


def settled_s(at_s: NDArray[np.float64], values: NDArray[np.float64]) -> float | None:
    """Give the seconds after the first value until MSER-5 finds the series steady; None when that is past half of it.

    What it would cut must differ from the rest, for MSER cuts something of most steady series.
    """
    size = BATCH * max(len(values) // (BATCH * BINS), 1)
    count = len(values) // size
    points = values[: count * size].reshape(count, size).mean(axis=1)
    cut = mser(points)
    if count < FEWEST_BINS or not _differs(points[:cut], points[cut:]):
        return 0.0
    return float(at_s[cut * size] - at_s[0]) if cut < LATEST * count else None


def _differs(early: NDArray[np.float64], late: NDArray[np.float64]) -> bool:
    """Tell whether two stretches of batch means are apart by `APART` standard errors of steady ones and by `RISE`.

    Batches that follow their neighbours with correlation r say less: the squared error grows by (1 + r) / (1 - r).
    """
    if not len(early):
        return False
    r = max(_follows(late), 0.0)
    error = math.sqrt(float(late.var(ddof=1)) * (1 / len(early) + 1 / len(late)) * (1 + r) / (1 - r))
    apart = abs(float(early.mean() - late.mean()))
    return apart > APART * error and apart > RISE * abs(float(late.mean()))


def _follows(values: NDArray[np.float64]) -> float:
    """Give the correlation of successive values, at most 0.99."""
    off = values - values.mean()
    squares = float((off**2).sum())
    return min(float((off[1:] * off[:-1]).sum()) / squares, 0.99) if squares else 0.0


def trend(values: NDArray[np.float64]) -> float:
    """Give the p-value of a monotone rise (Mann-Kendall, one-sided, by the normal approximation)."""
    n = len(values)
    if n < 8:
        return 1.0
    s = float(np.sign(values[None, :] - values[:, None])[np.triu_indices(n, 1)].sum())
    _, ties = np.unique(values, return_counts=True)
    spread = (n * (n - 1) * (2 * n + 5) - float((ties * (ties - 1) * (2 * ties + 5)).sum())) / 18
    if spread <= 0 or s <= 0:
        return 1.0
    return 0.5 * math.erfc((s - 1) / math.sqrt(2 * spread))


def settled(turns: pd.DataFrame, start_s: float, end_s: float) -> Settled:
    """Find the end of the warm-up by MSER-5 on TTFT (response time where nothing streams) and on throughput.

    The later end counts. Nothing is cut from a phase that saturates: what is left of it would be no steadier.
    """
    at_s = turns["intended_s"].to_numpy(dtype=np.float64)
    found: dict[str, float | None] = {}
    for name, metric in (("TTFT", "ttft_ms"), ("response time", "response_time_ms")):
        values = turns[metric].to_numpy(dtype=np.float64)
        known = ~np.isnan(values)
        if not found and known.sum() >= FEWEST_BINS * BATCH:
            since_s = float(at_s[known][0]) - start_s
            until = settled_s(at_s[known], values[known])
            found[name] = until if not until else until + since_s
    if not found:
        return Settled()
    if is_saturating(turns, start_s, end_s):
        return Settled(saturating=True)
    found["throughput"] = _throughput(at_s, start_s, end_s)
    ends = {name: until for name, until in found.items() if until}
    refused = tuple(name for name, until in found.items() if until is None)
    name = max(ends, key=lambda one: ends[one], default="")
    return Settled(cut_s=ends.get(name, 0.0), series=name, refused=refused)


def _throughput(at_s: NDArray[np.float64], start_s: float, end_s: float) -> float | None:
    """Find when the turns per second settle; 0 where the phase has a hole, as that of an arm that came twice."""
    bins = BATCH * BINS
    counts = np.histogram(at_s, bins=bins, range=(start_s, end_s))[0].astype(np.float64)
    batches = counts.reshape(-1, BATCH).sum(axis=1)
    if not counts.any() or (batches[batches.nonzero()[0][0] :] == 0).any():
        return 0.0
    return settled_s(start_s + np.arange(bins) * (end_s - start_s) / bins, counts)


def notes(part: Part) -> Iterator[str]:
    """Say what was found in a steady phase that was not steady: a warm-up that goes on, or saturation."""
    name, found = target(part.endpoint, part.arm), part.settled
    if found.saturating:
        yield f"{name} was saturating: turns in flight and TTFT both rose all through the steady phase"
    for series in found.refused:
        yield (
            f"{name} found no steady state: its {series} still moved in the second half of its steady phase, so "
            "nothing was cut for it"
        )
    if found.cut_s:
        yield (
            f"{name} was still warming up for {span(found.cut_s)} of its steady phase, by MSER-5 on {found.series}: "
            f"the {part.cut_turns:,} turns of that time are in no steady figure; set a longer warm_up"
        )


def is_saturating(turns: pd.DataFrame, start_s: float, end_s: float) -> bool:
    """Tell whether turns in flight and median TTFT per block both rise, surely (Mann-Kendall) and by a tenth."""
    start, finish, ttft = (turns[name].to_numpy(dtype=np.float64) for name in ("intended_s", "finish_s", "ttft_ms"))
    edges = np.linspace(start_s, end_s, TREND_BLOCKS + 1)
    middles = (edges[1:] + edges[:-1]) / 2
    flying = np.array([np.count_nonzero(start <= at_s) - np.count_nonzero(finish <= at_s) for at_s in middles])
    cuts = np.searchsorted(start, edges[1:-1])  # turns come in the order of their intended start
    medians = [float(np.median(own)) for block in np.split(ttft, cuts) if len(own := block[~np.isnan(block)])]
    return _rises(flying.astype(np.float64)) and _rises(np.array(medians))


def _rises(values: NDArray[np.float64]) -> bool:
    half = len(values) // 2
    if half == 0 or trend(values) > TREND_LEVEL:
        return False
    return float(values[half:].mean()) > (1 + RISE) * float(values[:half].mean())
