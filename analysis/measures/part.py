"""Parts of a run: the turns of one endpoint, arm and phase, with their blocks."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from analysis.measures.disturbed import Window, joined, undisturbed
from analysis.measures.steady import Settled, settled
from analysis.model import PhaseSpan
from analysis.rows.attempts import IMPOSSIBLE
from analysis.rows.fixed import column, same
from analysis.rows.grouping import LANE, lanes
from analysis.stats.blocks import Blocks, owners_of, time_blocks
from analysis.stats.independence import Pairs, pairs
from analysis.stats.sample import Sample, sample

UNCUT = Settled()

KEPT = 1 << 22
"""Ascending values that a part keeps: 32 MB, so that all of a short run's stay."""

MISPLACED_S = 5.0
"""Time by which turns may be intended outside their phase of run.json before the turns are believed instead."""

USED_UP = ("finish_s",)
"""Columns of turns that only cutting into parts needs: they would take room beside the figures."""

PHASES = ("warm_up", "steady", "drain")


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


def parts(
    turns: pd.DataFrame,
    attempts: pd.DataFrame,
    spans: list[PhaseSpan],
    seed: int,
    disturbed: Sequence[Window] = (),
) -> list[Part]:
    """Cut a run into its parts, in the order in which they began; phases without a turn are parts too.

    Steady parts are without `disturbed` stretches, and without what is warm-up still.
    """
    of_turns, of_attempts = _by_group(turns), _by_group(attempts)
    nothing = turns.iloc[:0], attempts.iloc[:0]
    every = [
        Part(
            span.endpoint,
            span.arm,
            span.phase,
            span.start_s,
            span.end_s,
            of_turns.get((span.endpoint, span.arm, span.phase), nothing[0]),
            of_attempts.get((span.endpoint, span.arm, span.phase), nothing[1]),
            seed,
            pauses=tuple(span.pauses),
        )
        for span in spans
    ]
    every = [settle(undisturbed(part, disturbed)) if part.phase == "steady" else part for part in every]
    return [replace(part, turns=part.turns.drop(columns=list(USED_UP))) for part in every]


def settle(part: Part) -> Part:
    """Leave out the start of a steady phase that the data show to be warm-up still; not of one that came in turns."""
    if part.pauses:
        return part
    found = settled(part.turns, part.start_s, part.end_s)
    if not found.cut_s:
        return replace(part, settled=found)
    start_s = part.start_s + found.cut_s
    first = int(np.searchsorted(part.turns["intended_s"].to_numpy(), start_s))
    early = (part.attempts["sent_s"] < start_s).to_numpy()
    return replace(
        part,
        start_s=start_s,
        turns=part.turns.iloc[first:].reset_index(drop=True),
        attempts=part.attempts[~early].reset_index(drop=True),
        settled=found,
        cut_turns=first,
    )


def _by_group(frame: pd.DataFrame) -> dict[tuple[str, str, str], pd.DataFrame]:
    """Give the rows of each endpoint, arm and phase, as views of rows that lie together."""
    frame = grouped(frame)
    edges = np.flatnonzero(np.diff(_codes(frame), prepend=-1, append=-1))
    found: dict[tuple[str, str, str], pd.DataFrame] = {}
    for low, high in pairwise(edges.tolist()):
        rows = frame.iloc[low:high]
        endpoint, arm, phase = (str(rows[name].iloc[0]) for name in LANE)
        found[endpoint, arm, phase] = rows.reset_index(drop=True)
    return found


def grouped(frame: pd.DataFrame) -> pd.DataFrame:
    """Order rows by endpoint, arm and phase, and in these as they come; the frame itself where it already is so."""
    codes = _codes(frame)
    if (codes[1:] >= codes[:-1]).all():
        return frame
    order = np.argsort(codes, kind="stable")
    return pd.DataFrame({name: frame[name].array[order] for name in frame}, copy=False)


def _codes(frame: pd.DataFrame) -> NDArray[np.signedinteger[Any]]:
    return lanes({name: frame[name].array for name in LANE})


def spans(meta: Mapping[str, Any], turns: pd.DataFrame) -> list[PhaseSpan]:
    """Give when each phase ran: from run.json, and from the rows for phases that it does not know or misplaces."""
    known = {(span.endpoint, span.arm, span.phase): span for span in _planned(meta)}
    for span, bulk in _seen(turns):
        planned = known.setdefault((span.endpoint, span.arm, span.phase), span)
        if bulk[0] < planned.start_s - MISPLACED_S or bulk[1] > planned.end_s + MISPLACED_S:
            known[span.endpoint, span.arm, span.phase] = span
    return sorted(known.values(), key=lambda span: (span.start_s, span.end_s, span.endpoint, span.arm))


def _planned(meta: Mapping[str, Any]) -> Iterator[PhaseSpan]:
    """Read the phases; one that came twice (arms interleaved) spans from its first start to its last end."""
    found: dict[tuple[str, str, str], list[Window]] = {}
    listed = meta.get("phases")
    for entry in listed if isinstance(listed, list) else []:
        try:
            key = (str(entry["endpoint"]), str(entry.get("arm") or ""), str(entry["phase"]))
            start_s, end_s = float(entry["start_s"]), float(entry["end_s"])
        except (KeyError, TypeError, ValueError):
            continue  # a phase that never ended: the rows say when it ran
        if not -IMPOSSIBLE < start_s <= end_s < IMPOSSIBLE:
            continue
        found.setdefault(key, []).append((start_s, end_s))
    for (endpoint, arm, phase), times in found.items():
        ran = joined(times)
        pauses = [(before[1], after[0]) for before, after in pairwise(ran)]
        start_s, end_s = ran[0][0], ran[-1][1]
        yield PhaseSpan(endpoint=endpoint, arm=arm, phase=phase, start_s=start_s, end_s=end_s, pauses=pauses)


def _seen(turns: pd.DataFrame) -> Iterator[tuple[PhaseSpan, Window]]:
    """Give each phase as its turns show it, and when all but 1 % of them at each end were intended."""
    for (endpoint, arm, phase), rows in _by_group(turns).items():
        at_s = rows["intended_s"].to_numpy()
        few = len(at_s) // 100
        span = PhaseSpan(endpoint=endpoint, arm=arm, phase=phase, start_s=float(at_s[0]), end_s=float(at_s[-1]))
        yield span, (float(at_s[few]), float(at_s[-1 - few]))
