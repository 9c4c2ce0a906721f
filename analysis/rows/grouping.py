"""Grouping: which rows make a turn, and in which order the turns come."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

_SPREAD = np.uint64(0x9E3779B97F4A7C15)
PIECE = 1 << 18
"""Rows looked at together: what lies between stays in the processor's cache."""


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
        return np.asarray(values[self.last] + self.before(values))

    def before(self, values: NDArray[Any]) -> NDArray[np.float64]:
        """Add up a column of rows over each turn's attempts but the last."""
        found = np.bincount(self.turn, weights=values[self.earlier], minlength=len(self.first))
        return np.asarray(found, dtype=np.float64)


def group(columns: Mapping[str, Any]) -> Grouping:
    """Group rows into turns; these come by endpoint, arm and phase, and in these by intended start."""
    key = _keys(columns)
    rows = np.argsort(key).astype(np.int32)
    key = key[rows]
    starts = np.flatnonzero(np.append(True, key[1:] != key[:-1])[: len(key)]).astype(np.int32)
    del key
    size = np.diff(starts, append=np.int32(len(rows)))
    _order_attempts(rows, size, columns)
    order = _order(rows[starts], columns)
    place = np.empty(len(order), dtype=np.int32)
    place[order] = np.arange(len(order), dtype=np.int32)
    is_last = np.zeros(len(rows), dtype=bool)
    is_last[starts + size - 1] = True
    turn = np.repeat(place, size)[~is_last]
    by_turn = np.argsort(turn, kind="stable")
    return Grouping(rows[starts][order], rows[is_last][order], rows[~is_last][by_turn], turn[by_turn])


def _keys(columns: Mapping[str, Any]) -> NDArray[np.uint64]:
    """Give a hash of each row's turn: worker, endpoint, arm, user, conversation and turn_id.

    Who numbers turns anew in each conversation, or conversations anew for each user, is understood too.
    """
    # Spread before the first is mixed in: a turn and its conversation may have the same name.
    key: NDArray[np.uint64] = columns["turn_id"].astype(np.uint64) * _SPREAD
    for first in range(0, len(key), PIECE):
        piece = slice(first, first + PIECE)
        for name in ("conversation_id", "user_id", "worker", "arm", "endpoint"):
            column = columns[name]
            part = (column if isinstance(column, np.ndarray) else column.codes)[piece].astype(np.uint64)
            key[piece] = (key[piece] ^ part) * _SPREAD
            key[piece] ^= key[piece] >> np.uint64(29)
    return key


def _order_attempts(rows: NDArray[np.int32], size: NDArray[np.int32], columns: Mapping[str, Any]) -> None:
    """Put the rows of each turn in the order of their attempts, in place; most turns have but one."""
    several = np.repeat(size > 1, size)
    which = np.repeat(np.flatnonzero(size > 1), size[size > 1])
    found = rows[several]
    rows[several] = found[np.lexsort((columns["seq"][found], columns["attempt_no"][found], which))]


def _order(first: NDArray[np.int32], columns: Mapping[str, Any]) -> NDArray[np.int32]:
    """Order turns, given by their first rows: endpoint, arm, phase, intended start, worker, turn_id."""
    at_s = columns["intended_s"][first]
    order = np.argsort(at_s).astype(np.int32)
    same = at_s[order]
    tied = np.append(False, same[1:] == same[:-1])[: len(same)]
    tied[:-1] |= tied[1:]
    del same
    rows = first[tied_turns := order[tied]]
    exact = np.lexsort((columns["turn_id"][rows], columns["worker"].codes[rows], at_s[tied_turns]))
    order[tied] = tied_turns[exact]
    for name in ("phase", "arm", "endpoint"):
        order = order[np.argsort(columns[name].codes[first[order]], kind="stable")]
    return order
