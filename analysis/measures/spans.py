"""When each phase of a run ran."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import pairwise
from typing import Any

import pandas as pd

from analysis.measures.parts import by_group
from analysis.measures.windows import Window, joined
from analysis.model import PhaseSpan
from analysis.rows.attempts import IMPOSSIBLE

MISPLACED_S = 5.0
"""Time by which turns may be intended outside their phase of run.json before the turns are believed instead."""


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
    for (endpoint, arm, phase), rows in by_group(turns).items():
        at_s = rows["intended_s"].to_numpy()
        few = len(at_s) // 100
        span = PhaseSpan(endpoint=endpoint, arm=arm, phase=phase, start_s=float(at_s[0]), end_s=float(at_s[-1]))
        yield span, (float(at_s[few]), float(at_s[-1 - few]))
