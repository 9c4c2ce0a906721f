"""Block bootstrap: what the same run would have said had its blocks come in other numbers."""

from __future__ import annotations

import math
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np
from scipy.special import chdtri, ndtr, stdtrit

if TYPE_CHECKING:
    from numpy.typing import NDArray

ROUNDS = 2000


@lru_cache(maxsize=256)
def weights(blocks: int, seed: int, rounds: int = ROUNDS) -> NDArray[np.float64]:
    """Draw how often each block is taken in each round: rows are rounds, each adds up to `blocks`."""
    drawn = np.random.default_rng([seed, blocks]).multinomial(blocks, np.full(blocks, 1 / blocks), size=rounds)
    table = drawn.astype(np.float64)
    table.flags.writeable = False
    return table


def ratios(top: NDArray[np.float64], bottom: NDArray[np.float64], seed: int) -> NDArray[np.float64]:
    """Give sum(top) / sum(bottom) of each round, from the sums of each block.

    Rounds with an empty bottom are left out.
    """
    table = weights(len(top), seed)
    below = table @ bottom
    return (table @ top)[below > 0] / below[below > 0]


def interval(rounds: NDArray[np.float64], blocks: int) -> tuple[float, float]:
    """Give the expanded percentile interval at 95 %.

    The tail is Phi(sqrt(b / (b - 1)) t(b - 1; 2.5 %)) instead of 2.5 %, which mends the bootstrap's too narrow spread
    with few blocks (Hesterberg 2015, What teachers should know about the bootstrap, section 4.4).
    """
    tail = float(ndtr(math.sqrt(blocks / (blocks - 1)) * stdtrit(blocks - 1, 0.025)))
    low, high = np.quantile(rounds, [tail, 1 - tail])
    return float(low), float(high)


def design_effect(hits: NDArray[np.float64], present: NDArray[np.float64], seed: int) -> float:
    """Give Var(share of hits, blocks resampled) / (p (1 - p) / n): how much less a turn says than an independent one.

    `hits` and `present` count per block and group; 1 where nothing varies.
    """
    return float(design_effects(hits[None], present, seed)[0])


def design_effects(hits: NDArray[np.float64], present: NDArray[np.float64], seed: int) -> NDArray[np.float64]:
    """Give the design effect of each of several tables of hits among the same turns, see `design_effect`."""
    n = float(present.sum())
    share = hits.sum(axis=(1, 2)) / n if n else np.zeros(len(hits))
    found = np.ones(len(hits))
    vary = (share > 0) & (share < 1)
    if len(present) >= 2 and vary.any():
        p = share[vary]
        found[vary] = _variances(hits[vary], present, p, seed) / (p * (1 - p) / n)
    return found


def _variances(
    hits: NDArray[np.float64], present: NDArray[np.float64], share: NDArray[np.float64], seed: int
) -> NDArray[np.float64]:
    """Give the variance of each share, in two ways where there are groups: see `two_way`."""
    by_block = _spreads(hits.sum(axis=2), present.sum(axis=1), seed)
    if present.shape[1] == 1:
        return by_block
    by_group = _spreads(hits.sum(axis=1), present.sum(axis=0), seed)
    used = present > 0
    # In memory row by row, so that each adds up as it would alone, to the last bit.
    rest = np.ascontiguousarray(hits[:, used]) - share[:, None] * present[used]
    count = rest.shape[1]
    of_cells = (rest**2).sum(axis=1) / float(present.sum()) ** 2 * count / max(count - 1, 1)
    return np.array([_together(*each, present.shape[1]) for each in zip(by_block, by_group, of_cells, strict=True)])


def _spreads(hits: NDArray[np.float64], present: NDArray[np.float64], seed: int) -> NDArray[np.float64]:
    """Give the variance over rounds of each share, blocks (or groups) resampled; counts add up exactly."""
    used = present > 0
    table = weights(int(used.sum()), seed)
    below = table @ present[used]
    drawn = np.ascontiguousarray((hits[:, used] @ table.T)[:, below > 0]) / below[below > 0]
    return np.asarray(drawn.var(axis=1) * len(table.T) / max(len(table.T) - 1, 1))


def sides(
    top: NDArray[np.float64], bottom: NDArray[np.float64]
) -> list[tuple[NDArray[np.float64], NDArray[np.float64]]]:
    """Give the sums of each block, and those of each group where there are several; without empty ones."""
    found = []
    for axis in (1, 0)[: 1 + (bottom.shape[1] > 1)]:
        above, below = top.sum(axis=axis), bottom.sum(axis=axis)
        used = (below > 0) | (above > 0)
        found.append((above[used], below[used]))
    return found


def units(present: NDArray[np.float64]) -> int:
    """Count the blocks that hold something, or the groups where these are fewer."""
    return min(int(present.any(axis=axis).sum()) for axis in (1, 0)[: 1 + (present.shape[1] > 1)])


def spread(rounds: NDArray[np.float64], blocks: int) -> float:
    """Give the variance over rounds, freed of the bootstrap's bias."""
    return float(rounds.var()) * blocks / max(blocks - 1, 1)


def two_way(top: NDArray[np.float64], bottom: NDArray[np.float64], spreads: list[float]) -> float:
    """Give the variance of sum(top) / sum(bottom), from that over blocks and, where there are groups, that over these.

    Var = Var over blocks + Var over groups - Var over their cells, by which both hold the same noise (Cameron, Gelbach
    & Miller 2011). Groups that vary no more than noise does add nothing.
    """
    by_block = spreads[0]
    if len(spreads) == 1:
        return by_block
    by_group = spreads[1]
    used = (bottom > 0) | (top > 0)
    rest = (top - top.sum() / bottom.sum() * bottom)[used]
    of_cells = float((rest**2).sum()) / float(bottom.sum()) ** 2 * len(rest) / max(len(rest) - 1, 1)
    return _together(by_block, by_group, of_cells, bottom.shape[1])


def _together(by_block: float, by_group: float, of_cells: float, groups: int) -> float:
    if not of_cells > 0 or is_noise(by_group / of_cells, groups):
        return by_block
    return max(by_group, by_block + by_group - of_cells)


def is_noise(effect: float, blocks: int) -> bool:
    """Tell whether a design effect is below the 95th percentile of what independent turns show by chance."""
    return blocks < 2 or effect <= float(chdtri(blocks - 1, 0.05)) / (blocks - 1)
