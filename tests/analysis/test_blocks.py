"""Blocks: whole conversations, neighbours in time, about equally large."""

from __future__ import annotations

import numpy as np
import pandas as pd
from hypothesis import given
from hypothesis import strategies as st
from test_quantiles import frame

from analysis.stats.blocks import FEWEST, MOST, time_blocks


@given(st.lists(st.integers(1, 5), min_size=1, max_size=60))
def test_no_conversation_in_two_blocks(sizes: list[int]) -> None:
    """Conversations that follow each other lie in one block each, and blocks are numbered without a hole."""
    ids = np.repeat(np.arange(1, len(sizes) + 1), sizes)
    blocks = time_blocks(pd.DataFrame({"intended_s": np.arange(len(ids), dtype=float), "conversation_id": ids}))
    per_conversation = pd.Series(blocks.codes).groupby(ids).nunique()
    assert (1, [1] * len(per_conversation)) == (blocks.group_count, list(per_conversation))
    assert list(range(blocks.count)) == sorted(set(blocks.codes))


@given(st.lists(st.tuples(st.floats(0, 1e4), st.integers(0, 40)), min_size=1, max_size=200))
def test_groups_keep_conversations_whole(rows: list[tuple[float, int]]) -> None:
    """Whatever the turns, every turn is in one cell, and no conversation in two groups."""
    turns = pd.DataFrame(sorted(rows), columns=["intended_s", "conversation_id"])
    blocks = time_blocks(turns)
    assert len(turns) == blocks.sums(np.ones(len(turns))).sum()
    if blocks.groups is not None:
        named = turns["conversation_id"] > 0
        assert {1} == set(pd.Series(blocks.groups)[named].groupby(turns["conversation_id"][named]).nunique())
        assert list(range(blocks.group_count)) == sorted(set(blocks.groups))


def test_conversations_as_long_as_the_run() -> None:
    """Fifty conversations side by side: blocks are of time alone, and the conversations are grouped apart."""
    blocks = time_blocks(frame(1000, users=50, turns_per_conversation=1000))
    assert (blocks.count, blocks.group_count) == (33, 33)
    assert len(np.unique(blocks.codes[blocks.groups == 0])) >= 20


def test_users_outlast_their_conversations() -> None:
    """Short conversations stay whole in their blocks; their users are grouped apart where these are known."""
    turns = frame(2400, users=12, turns_per_conversation=2)
    users = turns["conversation_id"].to_numpy() // 1_000_000 + 1
    blocks = time_blocks(turns.assign(user_id=users.astype("uint32")))
    assert {1} == set(pd.Series(blocks.groups).groupby(users).nunique())
    assert {1} == set(pd.Series(blocks.codes).groupby(turns["conversation_id"]).nunique())


def test_few_users_side_by_side() -> None:
    """Three users say nothing of others: their turns are cut by time alone."""
    assert time_blocks(frame(600, users=3, turns_per_conversation=600)).group_count == 1


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
