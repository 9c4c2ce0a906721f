"""Turns of like length: where two models' answers differ in length, those that have a counterpart on the other side."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from analysis.measures.part import Part

LIKE_LENGTH = "like_length_"
"""Begins the names of figures of those turns alone that have a counterpart of like length on the other side."""

WIDTH = 1.1
"""Output tokens of one class differ by a factor of this at most."""


def of_like_length(base: Part, candidate: Part) -> tuple[Part, Part] | None:
    """Give both parts with equally many successful turns of each class of output tokens; None where no class is shared.

    Of the side that has more of a class, turns evenly spread over time are taken.
    """
    sides = [_classes(part) for part in (base, candidate)]
    rows: tuple[list[NDArray[np.intp]], list[NDArray[np.intp]]] = ([], [])
    for which in np.intersect1d(np.unique(sides[0]), np.unique(sides[1])):
        if which < 0:
            continue
        places = [np.flatnonzero(side == which) for side in sides]
        count = min(map(len, places))
        for kept, own in zip(rows, places, strict=True):
            kept.append(own[(np.arange(count) * len(own)) // count])
    if not rows[0]:
        return None
    return _only(base, np.concatenate(rows[0])), _only(candidate, np.concatenate(rows[1]))


def _classes(part: Part) -> NDArray[np.int32]:
    """Give floor(ln(output tokens) / ln(WIDTH)) of each turn; -1 without success, or where they are unknown."""
    tokens = part.turns["output_tokens"].to_numpy(dtype=np.float64)
    known = part.turns["successful"].to_numpy(dtype=bool) & (tokens >= 1)
    return np.where(known, np.floor(np.log(np.where(known, tokens, 1.0)) / math.log(WIDTH)), -1).astype(np.int32)


def _only(part: Part, rows: NDArray[np.intp]) -> Part:
    return replace(part, turns=part.turns.iloc[np.sort(rows)].reset_index(drop=True))
