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
FEWEST_BLOCKS = 10
"""Below this a variance between blocks says too little; figures that need one are not estimable."""


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

    `hits` and `present` count per block; 1 where nothing varies.
    """
    used = present > 0
    hits, present = hits[used], present[used]
    n, blocks = float(present.sum()), len(present)
    share = float(hits.sum()) / n if n else 0.0
    if share in {0.0, 1.0} or blocks < 2:
        return 1.0
    spread = ratios(hits, present, seed)
    return float(spread.var()) * blocks / (blocks - 1) * n / (share * (1 - share))


def is_noise(effect: float, blocks: int) -> bool:
    """Tell whether a design effect is below the 90th percentile of what independent turns show by chance."""
    return blocks < 2 or effect <= float(chdtri(blocks - 1, 0.10)) / (blocks - 1)
