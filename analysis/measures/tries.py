"""Tries: how many attempts a turn took, how often it was refused, and how the attempts crowd."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from analysis.rows.pieces import pieces
from analysis.stats.quantiles import ratio
from analysis.stats.shares import share

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from analysis.measures.part import Part
    from analysis.model import Figure

FIRST, LATER = "first try", "after a refusal"
"""Labels of turns that were answered at once, and of those that met a refusal before."""


def tries(part: Part) -> dict[str, Figure]:
    """Give attempts per success, refusals by a limit (429s) per turn, and the share of turns that had one attempt.

    attempts per success = attempts of all turns / successful turns, each summed over blocks.
    """
    turns, blocks = part.turns, part.blocks
    if turns.empty:
        return {}
    attempts = blocks.sums(turns["attempts"].to_numpy(dtype=np.float64))
    refusals = blocks.sums(turns["refusals"].to_numpy(dtype=np.float64))
    successes = blocks.sums(turns["successful"].to_numpy(dtype=np.float64))
    present = blocks.sums(np.ones(len(turns)))
    return {
        "attempts_per_success": ratio(attempts, successes, len(turns), part.seed, "ratio"),
        "refusals_per_turn": ratio(refusals, present, len(turns), part.seed, "ratio"),
        "first_try_share": share(turns["attempts"].to_numpy() == 1, blocks, part.seed),
    }


def peak_per_second(part: Part) -> float:
    """Give the most attempts sent within any second of the part."""
    return float(peak(part.attempts["sent_s"].dropna().to_numpy(dtype=np.float64)))


def peak(moments: NDArray[np.float64], span_s: float = 1.0) -> int:
    """Give the most of `moments` within any half-open stretch of `span_s`."""
    ordered = np.sort(moments)
    most = 0
    for rows in pieces(len(ordered)):
        own = ordered[rows]
        first = np.searchsorted(ordered, own - span_s, side="right")
        most = max(most, int((np.arange(rows.start, rows.start + len(own)) - first + 1).max()))
    return most
