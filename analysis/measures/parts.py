"""A run, cut into its parts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from analysis.measures.disturbed import undisturbed
from analysis.measures.part import Part
from analysis.measures.steady import settled
from analysis.measures.windows import Window
from analysis.model import PhaseSpan
from analysis.rows.grouping import LANE, lanes

USED_UP = ("finish_s",)
"""Columns of turns that only cutting into parts needs: they would take room beside the figures."""


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
    of_turns, of_attempts = by_group(turns), by_group(attempts)
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


def by_group(frame: pd.DataFrame) -> dict[tuple[str, str, str], pd.DataFrame]:
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
