"""Turns: durations that add up on every row, and nothing lost from the denominators."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from synthetic import TWO_ENDPOINTS, Truth, write_run

from analysis.rows.read import Run, read_run
from analysis.rows.turns import LATENCIES, turns


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Run, Truth]:
    """Give a run of two endpoints with its truth."""
    folder: Path = tmp_path_factory.mktemp("turns") / "run"
    truth = write_run(folder, TWO_ENDPOINTS)
    return read_run(folder), truth


def test_one_row_per_turn(made: tuple[Run, Truth]) -> None:
    """Turns, their last outcomes and throttled ones are those of the truth."""
    run, truth = made
    frame = turns(run.attempts)
    counts = frame.groupby(["endpoint", "phase", "outcome"], observed=True).size()
    assert dict(truth.outcomes) == {key: int(count) for key, count in counts.items() if count}
    throttled = frame[frame["throttled"]].groupby(["endpoint", "phase"], observed=True).size()
    assert {key: n for key, n in truth.throttled.items() if n} == {key: int(n) for key, n in throttled.items() if n}


def test_durations_add_up(made: tuple[Run, Truth]) -> None:
    """schedule_lag + throttled_time + service_time = end - intended, within the stamps' microsecond."""
    frame = turns(made[0].attempts)
    good = frame[frame["successful"]]
    parts = good["schedule_lag_ms"] + good["throttled_time_ms"] + good["service_time_ms"]
    whole = (good["end_s"] - good["intended_s"]) * 1000
    assert float((parts - whole).abs().max()) < 0.01
    response = good["response_time_ms"] + (good["end_s"] - good["last_token_s"]) * 1000
    assert float((response - whole).abs().max()) < 0.001


def test_failures_have_no_latency(made: tuple[Run, Truth]) -> None:
    """A turn without success has no latency, and is never 0."""
    frame = turns(made[0].attempts)
    failed = frame[~frame["successful"]]
    names = [name for name in LATENCIES if name != "schedule_lag_ms"]
    assert (len(failed) > 0, bool(failed[names].isna().all(axis=None))) == (True, True)


def test_tpot(made: tuple[Run, Truth]) -> None:
    """Tpot is (last - first token) / (tokens - 1): 25 ms at 40 tokens/s, none for one token."""
    frame = turns(made[0].attempts)
    large = frame[(frame["endpoint"] == "large") & frame["successful"] & (frame["output_tokens"] >= 2)]
    assert np.allclose(large["tpot_ms"], 25.0, atol=0.001)
    assert bool(frame.loc[frame["output_tokens"] < 2, "tpot_ms"].isna().all())


def test_order_of_rows_does_not_matter(made: tuple[Run, Truth]) -> None:
    """Rows in any order give the same turns."""
    attempts = made[0].attempts
    mixed = attempts.sample(frac=1, random_state=3).reset_index(drop=True)
    expected = turns(attempts)
    assert expected.equals(turns(mixed))


def test_no_attempts(made: tuple[Run, Truth]) -> None:
    """No rows, no turns, the same columns."""
    empty = turns(made[0].attempts.iloc[:0])
    assert (len(empty), set(LATENCIES) <= set(empty.columns)) == (0, True)


def test_a_turn_may_be_named_like_its_conversation(made: tuple[Run, Truth]) -> None:
    """Where each turn is a conversation of its own and both have one name, they stay as many as they are."""
    attempts = made[0].attempts
    same = attempts.assign(conversation_id=attempts["turn_id"])
    assert len(turns(same)) == len(turns(attempts))
