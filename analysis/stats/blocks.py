"""Blocks: runs of whole conversations, neighbours in time, that stand for one independent observation each."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

if TYPE_CHECKING:
    from numpy.typing import NDArray

FEWEST = 20
"""Blocks of a short phase. Fewer, longer blocks keep more of the correlation; 20 leave 19 degrees of freedom."""

MOST = 60
LONGEST_S = 30.0
"""Phases beyond FEWEST x LONGEST_S get more blocks instead of longer ones, up to MOST."""


PIECE = 1 << 18
"""Rows counted at a time: what lies between stays in the processor's cache."""


def binned(codes: NDArray[np.integer[Any]], values: NDArray[Any], count: int) -> NDArray[np.float64]:
    """Add up `values` by code, 0..count-1; NaN counts for nothing."""
    found = np.zeros(count)
    for first in range(0, len(codes), PIECE):
        piece = np.nan_to_num(values[first : first + PIECE].astype(np.float64), posinf=np.inf, neginf=-np.inf)
        found += np.bincount(codes[first : first + PIECE], weights=piece, minlength=count)
    return found


@dataclass(frozen=True)
class Blocks:
    """`codes[i]` is the block of row i, 0..count-1, in the order of time, `conversations[i]` its conversation."""

    codes: NDArray[np.integer[Any]]
    count: int
    conversations: NDArray[np.int32]

    def sums(self, values: NDArray[Any]) -> NDArray[np.float64]:
        """Add up `values` (one per row) within each block; NaN counts for nothing."""
        return binned(self.codes, values, self.count)

    def only(self, rows: NDArray[np.bool_]) -> Blocks:
        """Give the same blocks over some of the rows."""
        return Blocks(self.codes[rows], self.count, self.conversations[rows])

    def begun(self, rows: NDArray[np.bool_]) -> NDArray[np.float64]:
        """Count the conversations within each block that have at least one of `rows`."""
        number = int(self.conversations.max(initial=-1)) + 1
        block = np.zeros(number, dtype=np.intp)
        block[self.conversations] = self.codes
        any_row = np.zeros(number, dtype=bool)
        any_row[self.conversations[rows]] = True
        return np.bincount(block[any_row], minlength=self.count).astype(np.float64)


def time_blocks(turns: pd.DataFrame, count: int | None = None) -> Blocks:
    """Cut turns into about `count` blocks of about equally many turns, no conversation in two blocks.

    Conversations are ordered by the middle of their turns, so that one that spans a border falls where most of it lies.
    """
    if turns.empty:
        return Blocks(np.zeros(0, dtype=np.intp), 0, np.zeros(0, dtype=np.int32))
    conversation, names = numbered(_conversation(turns))
    size = np.bincount(conversation, minlength=names)
    middle = np.bincount(conversation, weights=turns["intended_s"].to_numpy(), minlength=names) / size
    order = np.argsort(middle, kind="stable")
    size = size[order]
    wanted = min(count or _wanted(turns["intended_s"]), names)
    # The block of a conversation is decided by the turn in its middle, so that blocks hold equally many turns.
    centre = np.cumsum(size) - (size + 1) / 2
    block = np.floor(centre * wanted / len(turns)).astype(np.intp)
    block = np.cumsum(np.diff(block, prepend=block[0]) > 0)  # never falling: numbered anew, without gaps
    number = int(block.max()) + 1
    of_conversation: NDArray[np.integer[Any]] = np.empty(names, dtype=np.int16 if number < 2**15 else np.intp)
    of_conversation[order] = block
    return Blocks(of_conversation[conversation], number, conversation)


def _conversation(turns: pd.DataFrame) -> Any:
    """Give each turn's conversation; a turn without one is a conversation of its own."""
    ids = turns["conversation_id"].to_numpy()
    return ids if len(ids) and ids.any() else np.arange(len(turns))


def numbered(ids: NDArray[Any]) -> tuple[NDArray[np.int32], int]:
    """Give each row the number of its id, by first appearance, and how many there are."""
    order, starts = ordered(ids)
    first = order[starts]
    number = np.empty(len(starts), dtype=np.int32)
    number[np.argsort(first)] = np.arange(len(starts), dtype=np.int32)
    codes = np.empty(len(ids), dtype=np.int32)
    codes[order] = np.repeat(number, np.diff(starts, append=len(ids)))
    return codes, len(starts)


def ordered(ids: NDArray[Any]) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Give the rows ordered by id and then as they come, and where each id begins in them.

    Sorts that need not be stable are far the fastest: the rows of each id are sorted once more, by place.
    """
    order = np.argsort(ids)
    found = ids[order]
    new = np.append(True, found[1:] != found[:-1])[: len(ids)]
    starts = np.flatnonzero(new)
    low = np.uint64(32)
    keys = (np.cumsum(new).astype(np.uint64) << low) | order.astype(np.uint64)
    keys.sort()
    return (keys & np.uint64(0xFFFFFFFF)).astype(np.intp), starts


def _wanted(at_s: pd.Series[float]) -> int:
    span_s = float(at_s.max() - at_s.min())
    return int(min(max(span_s / LONGEST_S, FEWEST), MOST))
