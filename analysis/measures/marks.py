"""Marks: single turns that were throttled or lost, for the picture of a run over time."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from analysis.model import Marks

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

MOST = 150
"""Turns shown of each fate: evenly chosen in the order of time, so that the picture stays small."""


def marks(turns: pd.DataFrame) -> list[Marks]:
    """Give the turns that a limit refused or held back and that were answered, and those that were lost."""
    lost = turns["lost"].to_numpy(dtype=bool)
    throttled = turns["throttled"].to_numpy(dtype=bool) & ~lost
    found = [_marks("throttled", turns, throttled), _marks("failed", turns, lost)]
    return [one for one in found if one.of]


def _marks(fate: str, turns: pd.DataFrame, rows: NDArray[np.bool_]) -> Marks:
    places = np.flatnonzero(rows)
    if len(places) > MOST:
        places = places[np.linspace(0, len(places) - 1, MOST).round().astype(np.intp)]
    at_s, response = (turns[name].to_numpy(dtype=np.float64)[places] for name in ("intended_s", "response_time_ms"))
    return Marks(
        fate=fate,
        of=int(rows.sum()),
        t_s=[round(float(at), 2) for at in at_s],
        response_ms=[None if np.isnan(ms) else round(float(ms), 1) for ms in response],
    )
