"""One part of a run: the turns of an endpoint, arm and phase, with their blocks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from analysis.measures.windows import Window, joined
from analysis.rows.fixed import column, same
from analysis.stats.blocks import Blocks, owners_of, time_blocks
from analysis.stats.independence import Pairs, pairs
from analysis.stats.sample import Sample, sample

KEPT = 1 << 22
"""Ascending values that a part keeps: 32 MB, so that all of a short run's stay."""


@dataclass(frozen=True)
class Settled:
    """What was found in a steady phase: how much of its start is warm-up still, by which series.

    `refused` names the series that find no steady state before half of the phase: for these nothing is cut.
    """

    cut_s: float = 0.0
    series: str = ""
    refused: tuple[str, ...] = ()
    saturating: bool = False


UNCUT = Settled()


@dataclass(frozen=True)
class Part:
    """Turns and attempts of one endpoint, arm and phase, in the order of intended start."""

    endpoint: str
    arm: str
    phase: str
    start_s: float
    end_s: float
    turns: pd.DataFrame
    attempts: pd.DataFrame
    seed: int
    settled: Settled = UNCUT
    cut_turns: int = 0
    """Turns of the start of a steady phase that are left out, as warm-up."""
    left_out: tuple[Window, ...] = ()
    """Stretches that a lost worker disturbed; their turns are left out too."""
    left_out_turns: int = 0
    pauses: tuple[Window, ...] = ()
    """Stretches in between in which the phase did not run, where it came several times."""

    @property
    def span_s(self) -> float:
        """Length of the phase, without pauses and what was left out."""
        return self.end_s - self.start_s - self._length_s(joined([*self.left_out, *self.pauses]))

    @property
    def left_out_s(self) -> float:
        """How much of it was left out."""
        return self._length_s(self.left_out)

    @property
    def paused_s(self) -> float:
        """How long it did not run in between."""
        return self._length_s(self.pauses)

    def _length_s(self, windows: Sequence[Window]) -> float:
        return float(sum(max(min(to_s, self.end_s) - max(from_s, self.start_s), 0.0) for from_s, to_s in windows))

    def elapsed_s(self, at_s: NDArray[np.float64]) -> NDArray[np.float64]:
        """Give how much of the phase had passed at each time, without pauses and what was left out."""
        found = at_s - self.start_s
        for from_s, to_s in joined([*self.left_out, *self.pauses]):
            found = found - np.clip(at_s - max(from_s, self.start_s), 0.0, max(to_s - max(from_s, self.start_s), 0.0))
        return found

    @cached_property
    def blocks(self) -> Blocks:
        """The turns' blocks, the same for every figure of the part."""
        return time_blocks(self.turns)

    @cached_property
    def pairs(self) -> Pairs:
        """Successive turns of the same user, or of the same conversation where users are unknown."""
        users = owners_of(self.turns)
        return pairs(self.blocks.conversations if users is None else users)

    @cached_property
    def _samples(self) -> dict[str, Sample]:
        return {}

    @cached_property
    def all_visible(self) -> bool:
        """Whether the first content of each turn was visible output, as where no model reasons."""
        return same(*(column(self.turns[metric]) for metric in ("ttft_ms", "ttfo_ms")))

    def sample(self, metric: str) -> Sample:
        """Give a per-turn metric as a sample; of the latest ones asked for the ascending values are kept."""
        if metric == "ttfo_ms" and self.all_visible:
            return self.sample("ttft_ms")
        found = self._samples.pop(metric, None)
        if found is None:
            found = sample(column(self.turns[metric]), self.blocks, self.pairs, self.seed)
        self._samples[metric] = found
        kept = max(KEPT // max(len(self.turns), 1), 1)
        for earlier in list(self._samples.values())[:-kept]:
            earlier.forget()
        return found

    def forget(self) -> None:
        """Give up all ascending values until they are asked for again."""
        for found in self._samples.values():
            found.forget()
