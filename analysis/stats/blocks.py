"""Blocks: stretches of time and groups of conversations, whose turns say less together than independent ones."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from analysis.rows.pieces import pieces

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from analysis.rows.fixed import Fixed

FEWEST = 20
"""Blocks of a short phase. Fewer, longer blocks keep more of the correlation; 20 leave 19 degrees of freedom."""

MOST = 60
LONGEST_S = 30.0
"""Phases beyond FEWEST x LONGEST_S get more blocks instead of longer ones, up to MOST."""

FEWEST_BLOCKS = 10
"""Below this a variance between blocks says too little; figures that need one are not estimable."""

STRAYS = 0.2
"""Share of turns that may fall into another block than that of their time, for their conversation's sake."""


def binned(codes: NDArray[np.integer[Any]], values: NDArray[Any] | Fixed, count: int) -> NDArray[np.float64]:
    """Add up `values` by code, 0..count-1; NaN counts for nothing."""
    found = np.zeros(count)
    for piece in pieces(len(codes)):
        weights = values[piece].astype(np.float64)
        weights[np.isnan(weights)] = 0.0
        found += np.bincount(codes[piece], weights=weights, minlength=count)
    return found


@dataclass(frozen=True)
class Blocks:
    """`codes[i]` is the block of row i, 0..count-1, in the order of time, `conversations[i]` its conversation.

    Where conversations or users last longer than blocks, `groups[i]` is the group of whole ones of row i,
    0..group_count-1: a second way in which turns belong together. Else there is one group.
    """

    codes: NDArray[np.integer[Any]]
    count: int
    conversations: NDArray[np.int32]
    groups: NDArray[np.integer[Any]] | None = None
    group_count: int = 1

    @cached_property
    def cells(self) -> NDArray[np.integer[Any]]:
        """The pair of a block and a group that each row is of, as one number."""
        if self.groups is None:
            return self.codes
        cells = self.codes.astype(np.int32) * np.int32(self.group_count) + self.groups
        return cells.astype(np.int16) if self.count * self.group_count < 2**15 else cells

    @cached_property
    def present(self) -> NDArray[np.float64]:
        """Number of rows within each block and group: a line per block, a column per group."""
        return np.asarray(self.counts(lambda rows: np.zeros_like(self.codes[rows]), 1)[0])

    def counts(self, kinds: Callable[[slice], NDArray[np.integer[Any]]], width: int) -> NDArray[np.float64]:
        """Count the rows of each kind, 0..width-1, within each block and group; `kinds` tells those of some rows."""
        found = np.zeros(self.count * self.group_count * width, dtype=np.intp)
        for rows in pieces(len(self.codes)):
            found += np.bincount(self.cells[rows].astype(np.intp) * width + kinds(rows), minlength=len(found))
        return np.moveaxis(found.reshape(self.count, self.group_count, width), -1, 0).astype(np.float64)

    def sums(self, values: NDArray[Any] | Fixed) -> NDArray[np.float64]:
        """Add up `values` (one per row) within each block and group: a line per block, a column per group.

        NaN counts for nothing.
        """
        if values.dtype == np.bool_:
            return np.asarray(self.counts(lambda rows: values[rows], 2)[1])
        return binned(self.cells, values, self.count * self.group_count).reshape(self.count, self.group_count)

    def only(self, rows: NDArray[np.bool_] | NDArray[np.integer[Any]]) -> Blocks:
        """Give the same blocks over some of the rows."""
        groups = None if self.groups is None else self.groups[rows]
        return Blocks(self.codes[rows], self.count, self.conversations[rows], groups, self.group_count)


def time_blocks(turns: pd.DataFrame, count: int | None = None) -> Blocks:
    """Cut turns into about `count` blocks of about equally many turns, no conversation in two blocks.

    Conversations are ordered by the middle of their turns, so that one that spans a border falls where most of it lies.
    Where more than `STRAYS` of the turns would then lie in another block than that of their time, conversations are too
    long to be kept whole: blocks are of time alone. What lasts longer, conversations or users, is grouped apart.
    """
    if turns.empty:
        return Blocks(np.zeros(0, dtype=np.intp), 0, np.zeros(0, dtype=np.int32))
    at_s = turns["intended_s"].to_numpy(dtype=np.float64)
    conversation, names = numbered(_own(turns["conversation_id"].to_numpy()))
    wanted = min(count or _wanted(at_s), len(turns))
    whole = _whole(at_s, conversation, names, min(wanted, names))
    if _is_in_time(whole):
        codes, number = _numbered_anew(whole)
    else:
        codes, number = _even(len(turns), wanted), wanted
    owners = owners_of(turns)
    if owners is not None:
        owner, names = numbered(_own(owners))
        whole = _whole(at_s, owner, names, min(wanted, names))
    if _is_in_time(whole):
        return Blocks(codes, number, conversation)
    groups, group_count = _numbered_anew(whole)
    if group_count < FEWEST_BLOCKS:  # the few there are: nothing is said of others
        return Blocks(codes, number, conversation)
    return Blocks(codes, number, conversation, groups, group_count)


def owners_of(turns: pd.DataFrame) -> NDArray[np.integer[Any]] | None:
    """Give each turn's user, None where users are unknown."""
    users = turns["user_id"].to_numpy() if "user_id" in turns else np.zeros(0, dtype=np.uint32)
    return users if users.any() else None


def _is_in_time(codes: NDArray[np.integer[Any]]) -> bool:
    """Tell whether few turns lie in another block than that of their time."""
    in_order = np.repeat(np.arange(int(codes.max()) + 1, dtype=codes.dtype), np.bincount(codes))
    return bool(np.count_nonzero(codes != in_order) <= STRAYS * len(codes))


def _even(n: int, count: int) -> NDArray[np.integer[Any]]:
    """Give the block of each turn by its place in time alone."""
    return (np.arange(n) * count // n).astype(np.int16 if count < 2**15 else np.intp)


def _whole(
    at_s: NDArray[np.float64], conversation: NDArray[np.int32], names: int, wanted: int
) -> NDArray[np.integer[Any]]:
    """Give the block of each turn's conversation: that of the turn in its middle, so that all hold equally many."""
    size = np.bincount(conversation, minlength=names)
    middle = np.bincount(conversation, weights=at_s, minlength=names) / size
    order = np.argsort(middle, kind="stable")
    centre = np.cumsum(size[order]) - (size[order] + 1) / 2
    found: NDArray[np.integer[Any]] = np.empty(names, dtype=np.int16 if wanted < 2**15 else np.intp)
    found[order] = np.floor(centre * wanted / len(conversation))
    return found[conversation]


def _numbered_anew(codes: NDArray[np.integer[Any]]) -> tuple[NDArray[np.integer[Any]], int]:
    """Give codes without gaps, in their order, and how many there are."""
    used = np.bincount(codes) > 0
    return (np.cumsum(used) - 1).astype(codes.dtype)[codes], int(used.sum())


def _own(ids: NDArray[Any]) -> NDArray[Any]:
    """Give each turn's id; a turn without one gets its own."""
    unknown = ids == 0
    if not unknown.any():
        return ids
    return np.where(unknown, np.arange(len(ids), dtype=np.uint64), ids.astype(np.uint64) | np.uint64(1 << 63))


def numbered(ids: NDArray[Any]) -> tuple[NDArray[np.int32], int]:
    """Give each row the number of its id, by first appearance, and how many there are."""
    codes, names = pd.factorize(ids)
    return codes.astype(np.int32), len(names)


def _wanted(at_s: NDArray[np.float64]) -> int:
    span_s = float(at_s.max() - at_s.min())
    return int(min(max(span_s / LONGEST_S, FEWEST), MOST))
