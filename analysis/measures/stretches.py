"""Stretches of a run's time in which two of its parts were both loaded: arms in turns, or at once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from analysis.stats.blocks import FEWEST_BLOCKS

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from analysis.measures.part import Part


@dataclass(frozen=True)
class Stretches:
    """Stretches of one run's time, between `edges`."""

    edges: NDArray[np.float64]
    word: str = "stretches of time"

    @property
    def count(self) -> int:
        """Number of stretches."""
        return len(self.edges) + 1

    def codes(self, part: Part) -> NDArray[np.intp]:
        """Give the stretch in which the middle of each turn's conversation lies."""
        return np.searchsorted(self.edges, middles(part), side="right")


def middles(part: Part) -> NDArray[np.float64]:
    """Give, of each turn, the mean intended start of its conversation's turns."""
    conversation = part.blocks.conversations
    total = np.bincount(conversation, weights=part.turns["intended_s"].to_numpy(dtype=np.float64))
    return np.asarray((total / np.bincount(conversation))[conversation])


def stretches(base: Part, candidate: Part) -> Stretches | None:
    """Cut the time of both into stretches, so few that neither side has less than half of its even share in any.

    No more than each side's own blocks, which are long enough to hold most of what neighbours in time share. None
    where the sides were loaded one after the other.
    """
    if base.turns.empty or candidate.turns.empty:
        return None
    sides = middles(base), middles(candidate)
    if max(side.min() for side in sides) >= min(side.max() for side in sides):
        return None
    every = np.sort(np.concatenate(sides))
    for count in range(min(base.blocks.count, candidate.blocks.count), FEWEST_BLOCKS - 1, -1):
        found = Stretches(every[(np.arange(1, count) * len(every)) // count])
        counts = (np.bincount(np.searchsorted(found.edges, side, side="right"), minlength=count) for side in sides)
        if all(each.min() * count * 2 >= len(side) for each, side in zip(counts, sides, strict=True)):
            return found
    return None
