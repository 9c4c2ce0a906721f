"""Slices: a part cut by kind of conversation and by length of answer, for a tail is often a mixture."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from analysis.measures.gaps import Cut, Histogram
from analysis.measures.part import Part
from analysis.model import Figure, Slice
from analysis.rows.fixed import column
from analysis.rows.turns import LATENCIES
from analysis.stats.blocks import Blocks, owners_of, time_blocks
from analysis.stats.independence import Pairs, pairs
from analysis.stats.quantiles import figures
from analysis.stats.sample import sample
from scenarios.classes import LENGTH_CLASSES, LENGTHS, kinds_of

MANY = 1 << 18
"""Turns beyond which a slice keeps the blocks of its part, which are as good for so many and need no cutting."""


def slices(part: Part, cases: object, gaps: Histogram | None = None) -> list[Slice]:
    """Cut one part by the `kind` of its cases (run.json), by output tokens, and into first tries and later ones.

    A cut of one slice says nothing. Gaps are known by kind and by output tokens.
    """
    found = []
    turns = part.turns
    cuts = {"kind": kinds(turns, cases), "output_tokens": length_classes(turns), "tries": first_tries(turns)}
    for by, labels in cuts.items():
        cut = list(_cut(part, by, labels, gaps.cuts if gaps else {}))
        found += cut if len(cut) > 1 else []
    return found


def kinds(turns: pd.DataFrame, cases: object) -> pd.Series[Any]:
    """Give each turn's kind, None where run.json does not know its case."""
    table = kinds_of(cases)
    case = turns["case_id"].astype("category")
    return _labelled([table.get(name) for name in case.cat.categories], case.cat.codes.to_numpy(), turns.index)


def length_classes(turns: pd.DataFrame) -> pd.Series[Any]:
    """Give each turn's length class, such as `32-127`; None where its output tokens are unknown."""
    tokens = turns["output_tokens"].to_numpy()
    which = np.searchsorted(np.array(LENGTHS, dtype=tokens.dtype), tokens, side="right").astype(np.int8) - 1
    which[np.isnan(tokens)] = -1
    return _labelled(LENGTH_CLASSES, which, turns.index)


def first_tries(turns: pd.DataFrame) -> pd.Series[Any]:
    """Tell turns that took one attempt from those that were refused before."""
    return _labelled(["first try", "after a refusal"], (turns["attempts"] > 1).to_numpy(dtype=np.int8), turns.index)


def _labelled(names: Sequence[object], codes: NDArray[Any], index: pd.Index[Any]) -> pd.Series[Any]:
    """Give `names[code]` for each row as categories; None, and -1, are missing."""
    labels = sorted({str(name) for name in names if name is not None}, key=_order)
    table: NDArray[np.int8 | np.int16] = np.array(
        [-1 if name is None else labels.index(str(name)) for name in (*names, None)], dtype=np.int16
    )
    return pd.Series(pd.Categorical.from_codes(table[codes], pd.Index(labels, dtype="str")), index=index)


def _cut(part: Part, by: str, labels: pd.Series[Any], gaps: Mapping[Cut, Histogram]) -> Iterator[Slice]:
    codes = labels.cat.codes.to_numpy()
    for code, label in enumerate(labels.cat.categories):
        rows = np.flatnonzero(codes == code).astype(np.int32)
        if not len(rows):
            continue
        blocks = _blocks(part, rows)
        users = owners_of(part.turns)
        successive = pairs(blocks.conversations if users is None else users[rows])
        yield Slice(
            endpoint=part.endpoint,
            arm=part.arm,
            by=by,
            label=label,
            turns=len(rows),
            metrics=_metrics(part, rows, blocks, successive)
            | ({"gap_ms": figures(gaps[by, label])} if (by, label) in gaps else {}),
        )


def _metrics(part: Part, rows: NDArray[np.int32], blocks: Blocks, successive: Pairs) -> dict[str, dict[str, Figure]]:
    found: dict[str, dict[str, Figure]] = {}
    for name in LATENCIES:
        if name == "ttfo_ms" and part.all_visible:
            found[name] = found["ttft_ms"]
        else:
            found[name] = figures(sample(column(part.turns[name])[rows], blocks, successive, part.seed))
    return found


def _blocks(part: Part, rows: NDArray[np.int32]) -> Blocks:
    """Cut the turns of a slice into blocks of their own; a slice of very many keeps the part's."""
    if len(rows) > MANY:
        return part.blocks.only(rows)
    columns = {name: part.turns[name].to_numpy()[rows] for name in ("intended_s", "conversation_id", "user_id")}
    return time_blocks(pd.DataFrame(columns, copy=False))


def _order(label: str) -> tuple[int, str]:
    start = label.rstrip("+").split("-")[0]
    return (int(start), "") if start.isdigit() else (0, label)
