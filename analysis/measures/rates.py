"""Rates: what a part was offered, sent and given per second of its phase."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy.special import stdtrit

from analysis.model import Estimate, Figure, NotEstimable

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

    from analysis.measures.part import Part

BINS = 20


def rates(part: Part) -> dict[str, float]:
    """Give counts per second of the phase: turns offered (intended), attempts sent, turns with success, tokens."""
    if part.span_s <= 0:
        return {}
    counts = {
        "turns_offered_per_second": len(part.turns),
        "attempts_sent_per_second": int(part.attempts["sent_s"].notna().sum()),
        "turns_per_second": float(_weights(part.turns, "turns_per_second").sum()),
        "output_tokens_per_second": float(_weights(part.turns, "output_tokens_per_second").sum()),
    }
    return {name: count / part.span_s for name, count in counts.items()}


def rate(part: Part, name: str) -> Figure:
    """Estimate `turns_per_second` or `output_tokens_per_second` of successful turns."""
    return per_second(part, _weights(part.turns, name))


def per_second(part: Part, weights: NDArray[np.float64]) -> Figure:
    """Estimate the sum of `weights` (one per turn) per second of the phase, by Student's t over 20 equal bins.

    A turn counts where it was intended: what the phase asked for is what it is credited with.
    """
    if part.span_s <= 0 or part.turns.empty:
        return NotEstimable(not_estimable="no turn was intended")
    elapsed_s = part.elapsed_s(part.turns["intended_s"].to_numpy(dtype=np.float64))
    bins = np.clip(elapsed_s * BINS / part.span_s, 0, BINS - 1).astype(np.intp)
    each = np.bincount(bins, weights=weights, minlength=BINS) * BINS / part.span_s
    half = float(stdtrit(BINS - 1, 0.975)) * float(each.std(ddof=1)) / BINS**0.5
    value = float(each.mean())
    method = f"mean of {BINS} time bins, Student's t"
    return Estimate(value=value, low=max(value - half, 0.0), high=value + half, n=len(part.turns), method=method)


def _weights(turns: pd.DataFrame, name: str) -> NDArray[np.float64]:
    successful = turns["successful"].to_numpy(dtype=np.float64)
    if name == "turns_per_second":
        return successful
    return np.asarray(successful * turns["output_tokens"].fillna(0.0).to_numpy(dtype=np.float64))
