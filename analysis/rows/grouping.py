"""Grouping: which rows make a turn, and in which order the turns come."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from analysis.rows.pieces import pieces

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

_SPREAD = np.uint64(0x9E3779B97F4A7C15)


@dataclass(frozen=True)
class Grouping:
    """The rows of turn i: `first[i]` and `last[i]` are those of its first and last attempt.

    `earlier` are all rows before the last, in the order of turns and attempts; `turn` says of which turn each is.
    """

    first: NDArray[np.int32]
    last: NDArray[np.int32]
    earlier: NDArray[np.int32]
    turn: NDArray[np.int32]

    @property
    def attempts(self) -> NDArray[np.int32]:
        """Number of attempts of each turn."""
        return (1 + np.bincount(self.turn, minlength=len(self.first))).astype(np.int32)

    def total(self, values: NDArray[Any]) -> NDArray[np.float64]:
        """Add up a column of rows over each turn's attempts."""
        found = self.before(values[self.earlier])
        found += values[self.last]
        return found

    def before(self, values: NDArray[Any]) -> NDArray[np.float64]:
        """Add up a value of each of the `earlier` rows over each turn."""
        return np.bincount(self.turn, weights=values, minlength=len(self.first)).astype(np.float64, copy=False)


def group(columns: Mapping[str, Any]) -> Grouping:
    """Group rows into turns; these come by endpoint, arm and phase, and in these by intended start."""
    key = _keys(columns)
    rows = _of_several(key)  # the others are turns by themselves
    rows = rows[np.lexsort((columns["seq"][rows], columns["attempt_no"][rows], key[rows]))]
    starts = np.flatnonzero(np.append(True, np.diff(key[rows]) != 0)[: len(rows)])
    del key
    size = np.diff(starts, append=len(rows))
    is_first = np.ones(len(columns["seq"]), dtype=bool)
    is_first[rows] = False
    is_first[rows[starts]] = True
    first = np.flatnonzero(is_first).astype(np.int32)
    order = _order(first, columns)
    place = np.empty(len(order), dtype=np.int32)
    place[order] = np.arange(len(order), dtype=np.int32)
    several = place[np.searchsorted(first, rows[starts])]
    last = first = first[order]
    if len(rows):
        last = first.copy()
        last[several] = rows[starts + size - 1]
    is_last = np.zeros(len(rows), dtype=bool)
    is_last[starts + size - 1] = True
    turn = np.repeat(several, size - 1)
    by_turn = np.argsort(turn, kind="stable")
    return Grouping(first, last, rows[~is_last][by_turn], turn[by_turn])


def _keys(columns: Mapping[str, Any]) -> NDArray[np.uint64]:
    """Give a hash of each row's turn: worker, endpoint, arm, user, conversation and turn_id.

    Who numbers turns anew in each conversation, or conversations anew for each user, is understood too.
    """
    # Spread before the first is mixed in: a turn and its conversation may have the same name.
    key: NDArray[np.uint64] = columns["turn_id"].astype(np.uint64) * _SPREAD
    for rows in pieces(len(key)):
        for name in ("conversation_id", "user_id", "worker", "arm", "endpoint"):
            column = columns[name]
            part = (column if isinstance(column, np.ndarray) else column.codes)[rows].astype(np.uint64)
            key[rows] = (key[rows] ^ part) * _SPREAD
            key[rows] ^= key[rows] >> np.uint64(29)
    return key


def _of_several(key: NDArray[np.uint64]) -> NDArray[np.int32]:
    """Give the rows whose key others have too."""
    ordered = np.sort(key)
    repeated = ordered[1:][ordered[1:] == ordered[:-1]]
    del ordered
    return np.flatnonzero(pd.Series(key, copy=False).isin(repeated)).astype(np.int32)


def _order(first: NDArray[np.int32], columns: Mapping[str, Any]) -> NDArray[np.int32]:
    """Order turns, given by their first rows: endpoint, arm, phase, intended start, worker, turn_id."""
    at_s = columns["intended_s"][first]
    order = np.argsort(at_s, kind="stable").astype(np.int32)  # rows come by their end, and so nearly in order
    same = at_s[order]
    tied = np.append(False, same[1:] == same[:-1])[: len(same)]
    tied[:-1] |= tied[1:]
    del same
    rows = first[tied_turns := order[tied]]
    exact = np.lexsort((columns["turn_id"][rows], columns["worker"].codes[rows], at_s[tied_turns]))
    order[tied] = tied_turns[exact]
    codes = lanes(columns)[first[order]]
    return order if (codes[1:] >= codes[:-1]).all() else order[np.argsort(codes, kind="stable")]


LANE = ("endpoint", "arm", "phase")


def lanes(columns: Mapping[str, Any]) -> NDArray[np.signedinteger[Any]]:
    """Give the number of each row's endpoint, arm and phase, in the order of the alphabet."""
    found = np.zeros(len(columns["endpoint"]), dtype=np.int32)
    for name in LANE:
        found *= len(columns[name].categories)
        found += columns[name].codes
    return found.astype(np.min_scalar_type(-1 - int(found.max(initial=0))))
