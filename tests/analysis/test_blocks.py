"""Blocks: whole conversations, neighbours in time, about equally large."""

from __future__ import annotations

import numpy as np
import pandas as pd
from hypothesis import given
from hypothesis import strategies as st
from test_quantiles import frame

from analysis.stats.blocks import FEWEST, MOST, time_blocks


@given(st.lists(st.tuples(st.floats(0, 1e4), st.integers(1, 40)), min_size=1, max_size=200))
def test_no_conversation_in_two_blocks(rows: list[tuple[float, int]]) -> None:
    """Whatever the turns, each conversation lies in one block and blocks are numbered without a hole."""
    turns = pd.DataFrame(sorted(rows), columns=["intended_s", "conversation_id"])
    blocks = time_blocks(turns)
    per_conversation = pd.Series(blocks.codes).groupby(turns["conversation_id"]).nunique()
    assert [1] * len(per_conversation) == list(per_conversation)
    assert list(range(blocks.count)) == sorted(set(blocks.codes))


def test_blocks_are_about_equally_large_and_in_time() -> None:
    """A run of twenty minutes has about forty blocks of about as many turns, later ones later."""
    turns = frame(1200)
    blocks = time_blocks(turns)
    sizes = np.bincount(blocks.codes)
    middles = turns["intended_s"].groupby(blocks.codes).mean()
    assert (38 <= len(sizes) <= 40, sizes.max() <= 1.2 * sizes.min()) == (True, True)
    assert middles.is_monotonic_increasing
    assert FEWEST <= time_blocks(frame(1200, users=1)).count <= MOST


def test_turns_without_a_conversation() -> None:
    """Where no conversation is named each turn stands alone."""
    turns = pd.DataFrame({"intended_s": np.arange(100.0), "conversation_id": np.zeros(100, dtype="uint64")})
    assert time_blocks(turns).count == FEWEST


def test_no_turns() -> None:
    """No turns, no blocks."""
    assert time_blocks(frame(0)).count == 0
