"""Slices: a part cut by kind of conversation and by length of answer, for a tail is often a mixture."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd

from analysis.model import Slice
from analysis.part import Part
from analysis.quantiles import figures

METRICS = ("ttft_ms", "tpot_ms", "response_time_ms")
LENGTHS = (0, 32, 128, 512, 2048)
"""Output tokens at which a length class begins."""


def slices(part: Part, cases: object) -> list[Slice]:
    """Cut one part by the `kind` of its cases (run.json) and by output tokens; a cut of one slice says nothing."""
    found = []
    for by, labels in (("kind", kinds(part.turns, cases)), ("output_tokens", length_classes(part.turns))):
        cut = list(_cut(part, by, labels))
        found += cut if len(cut) > 1 else []
    return found


def kinds(turns: pd.DataFrame, cases: object) -> pd.Series[Any]:
    """Give each turn's kind, None where run.json does not know its case."""
    known = cases if isinstance(cases, Mapping) else {}
    table = {case: entry.get("kind") for case, entry in known.items() if isinstance(entry, Mapping)}
    return turns["case_id"].astype("object").map(table)


def length_classes(turns: pd.DataFrame) -> pd.Series[Any]:
    """Give each turn's length class, such as `32-127`; None where its output tokens are unknown."""
    tokens = turns["output_tokens"].to_numpy(dtype=np.float64)
    names = [f"{low}-{high - 1}" for low, high in pairwise(LENGTHS)] + [f"{LENGTHS[-1]}+"]
    which = np.searchsorted(LENGTHS, np.nan_to_num(tokens), side="right") - 1
    return pd.Series(np.array(names, dtype=object)[which], index=turns.index).where(~np.isnan(tokens))


def _cut(part: Part, by: str, labels: pd.Series[Any]) -> Iterator[Slice]:
    needed = part.turns[["intended_s", "conversation_id", *METRICS]]
    for label in sorted(map(str, labels.dropna().unique()), key=_order):
        turns = needed[(labels == label).to_numpy()].reset_index(drop=True)
        own = replace(part, turns=turns)
        yield Slice(
            endpoint=part.endpoint,
            arm=part.arm,
            by=by,
            label=label,
            turns=len(turns),
            metrics={name: figures(own.sample(name)) for name in METRICS},
        )


def _order(label: str) -> tuple[int, str]:
    start = label.rstrip("+").split("-")[0]
    return (int(start), "") if start.isdigit() else (0, label)
