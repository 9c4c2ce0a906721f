"""What the pictures are drawn from: spectra and distributions per endpoint and arm, the course per endpoint."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from analysis.measures.distribution import of_costs, of_histogram
from analysis.measures.part import Part
from analysis.measures.spectrum import spectrum
from analysis.measures.timeline import timeline
from analysis.model import Plots, Spectrum
from analysis.words.wording import target

if TYPE_CHECKING:
    import pandas as pd

    from analysis.entry import Entry

SPECTRA = ("ttft_ms", "response_time_ms")


def spectra(part: Part) -> dict[str, Spectrum]:
    """Give the tail plots of a part."""
    return {metric: spectrum(part.sample(metric)) for metric in SPECTRA}


def plots(
    found: Sequence[Part],
    entries: Sequence[Entry],
    tails: Mapping[str, dict[str, Spectrum]],
    every: pd.DataFrame,
    attempts: pd.DataFrame,
) -> Plots:
    """Give the numbers behind all pictures; `entries` are the steady parts with their gaps, `tails` their spectra."""
    steady = {target(one.part.endpoint, one.part.arm): one for one in entries if len(one.part.turns)}
    gaps = {name: of_histogram(one.gaps) for name, one in steady.items() if one.gaps is not None}
    costs = {name: of_costs(one.part) for name, one in steady.items()}
    timelines = {}
    for endpoint in dict.fromkeys(part.endpoint for part in found):
        own = [part for part in found if part.endpoint == endpoint]
        start_s, end_s = min(part.start_s for part in own), max(part.end_s for part in own)
        mine, sent = (_of_endpoint(frame, endpoint) for frame in (every, attempts))
        timelines[endpoint] = timeline(mine, sent, start_s, end_s)
    return Plots(
        spectra={name: tails[name] for name in steady},
        timelines=timelines,
        gaps={name: one for name, one in gaps.items() if one is not None},
        costs={name: one for name, one in costs.items() if one is not None},
    )


def _of_endpoint(frame: pd.DataFrame, endpoint: str) -> pd.DataFrame:
    """Give the rows of one endpoint, a view: they lie together."""
    rows = np.flatnonzero((frame["endpoint"] == endpoint).to_numpy())
    return frame.iloc[rows[0] : rows[-1] + 1] if len(rows) else frame.iloc[:0]
