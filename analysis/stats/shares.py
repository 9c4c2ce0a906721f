"""Shares: how many of all intended turns met a fate, with Wilson's interval at the effective n."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
from scipy.special import stdtrit

from analysis.model import Estimate, Figure, NotEstimable
from analysis.stats.bootstrap import design_effect, is_noise, units
from analysis.stats.quantiles import Z
from scenarios.records import Outcome

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

    from analysis.stats.blocks import Blocks


def wilson(share: float, n: float, z: float = Z) -> tuple[float, float]:
    """Give Wilson's score interval: (s + z^2/2n +- z sqrt(s (1 - s) / n + z^2 / 4 n^2)) / (1 + z^2 / n)."""
    centre = share + z * z / (2 * n)
    half = z * math.sqrt(share * (1 - share) / n + z * z / (4 * n * n))
    low, high = (centre - half) / (1 + z * z / n), (centre + half) / (1 + z * z / n)
    return (0.0 if share == 0 else max(low, 0.0)), (1.0 if share == 1 else min(high, 1.0))


def share(hits: NDArray[np.bool_], blocks: Blocks, seed: int) -> Figure:
    """Estimate the share of hits; correlated turns count for n / design effect, with Student's t for few blocks."""
    return _share(blocks.sums(hits), blocks.present, seed)


def _share(hits: NDArray[np.float64], present: NDArray[np.float64], seed: int) -> Figure:
    """Estimate the share of hits from the number of hits and of turns in each block and group."""
    n = int(present.sum())
    if n == 0:
        return NotEstimable(not_estimable="no turn was intended")
    effect, count = design_effect(hits, present, seed), units(present)
    z, method = Z, "Wilson"
    if is_noise(effect, count):
        effect = 1.0
    else:
        z = float(stdtrit(count - 1, 0.975))
        method = f"Wilson at effective n by block bootstrap, {count} blocks"
    value = float(hits.sum()) / n
    low, high = wilson(value, n / effect, z)
    return Estimate(value=value, low=low, high=high, n=n, n_effective=round(n / effect, 1), method=method)


def shares(turns: pd.DataFrame, blocks: Blocks, seed: int) -> dict[str, Figure]:
    """Give the share of each outcome among all intended turns, and those of turns throttled and turns failed."""
    last = turns["outcome"].astype("category").array
    codes, names = last.codes, [str(name) for name in last.categories]
    counted = dict(zip(names, blocks.counts(lambda rows: codes[rows], len(names)), strict=True))
    none = np.zeros_like(blocks.present)
    found = {name: _share(counted.get(value, none), blocks.present, seed) for name, value in OUTCOMES.items()}
    return found | {name: share(mark(turns, name), blocks, seed) for name in ("throttled", "failed")}


OUTCOMES = {"waiting_at_end" if o is Outcome.THROTTLED else o.value: o.value for o in Outcome}
"""Last outcomes of turns by the name of their share.

A turn whose last attempt was `throttled` still waited when the run ended: its class is `waiting_at_end`, because
`throttled` names the turns that met a limit at least once.
"""


def mark(turns: pd.DataFrame, name: str) -> NDArray[np.bool_]:
    """Mark turns by the name of a share: `throttled` (a limit refused at least one attempt), `failed`, or an outcome.

    `failed` is every turn that is not successful: those in flight or waiting at the end included.
    """
    if name == "throttled":
        return turns["throttled"].to_numpy(dtype=bool)
    if name == "failed":
        return ~turns["successful"].to_numpy(dtype=bool)
    return np.asarray(turns["outcome"] == OUTCOMES[name], dtype=bool)
