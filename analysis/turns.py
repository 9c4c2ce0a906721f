"""Turns: all attempts of one user message as one row, with the durations that the glossary names."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from scenarios.records import ANSWERED, SUCCESSFUL, Outcome

ANSWERS = [outcome.value for outcome in ANSWERED]
CUT = [outcome.value for outcome in (Outcome.IN_FLIGHT, Outcome.THROTTLED, Outcome.OVERLOADED)]
"""Last outcomes of turns that were cut while they might still get an answer; `lost` are those that got none."""

LATENCIES = (
    "ttft_ms",
    "ttfo_ms",
    "tpot_ms",
    "response_time_ms",
    "service_time_ms",
    "throttled_time_ms",
    "schedule_lag_ms",
    "output_tokens_per_second",
)
"""Per-turn metrics, each a column of the turns frame; NaN where the turn has none."""


def turns(attempts: pd.DataFrame) -> pd.DataFrame:
    """Give one row per (worker, turn_id), in the order of intended start.

    response_time = (last token, or end) of the last attempt - intended; service_time = end - sent of the last attempt;
    throttled_time = sum over earlier attempts of (end - sent) + sum of waits; schedule_lag = first sent - intended less
    the wait obeyed before it (a turn may be held back by what another user of the key was told);
    hence schedule_lag + throttled_time + service_time = end - intended. Latencies only where the outcome is successful.
    """
    rows = attempts.sort_values(["worker", "turn_id", "attempt_no", "seq"], kind="stable", ignore_index=True)
    first = _starts(rows)
    last = np.append(first[1:], len(rows)) - 1 if len(rows) else first
    frame = rows.iloc[last].reset_index(drop=True)
    frame["attempts"] = last - first + 1
    frame["first_sent_s"] = rows["sent_s"].to_numpy()[first]
    frame["intended_s"] = rows["intended_s"].to_numpy()[first]
    frame["held_back_s"] = np.nan_to_num(rows["waited_s"].to_numpy()[first])
    frame["phase"] = rows["phase"].iloc[first].reset_index(drop=True)
    _add_sums(frame, rows, first, last)
    _add_fates(frame)
    _add_durations(frame)
    return frame.sort_values(["intended_s", "worker", "turn_id"], kind="stable", ignore_index=True)


def _starts(rows: pd.DataFrame) -> np.ndarray[Any, np.dtype[np.intp]]:
    """Give the positions at which a new turn begins in rows sorted by turn."""
    worker = rows["worker"].cat.codes.to_numpy()
    turn = rows["turn_id"].to_numpy()
    new = np.ones(len(rows), dtype=bool)
    new[1:] = (turn[1:] != turn[:-1]) | (worker[1:] != worker[:-1])
    return np.flatnonzero(new)


def _add_sums(
    frame: pd.DataFrame,
    rows: pd.DataFrame,
    first: np.ndarray[Any, Any],
    last: np.ndarray[Any, Any],
) -> None:
    """Sum what precedes the final attempt: time in refused attempts, waits, whether any was throttled."""
    if not len(rows):
        for name in ("refused_s", "waited_sum_s", "cost_usd", "wasted_usd"):
            frame[name] = np.zeros(0)
        frame["throttled"] = np.zeros(0, dtype=bool)
        return
    spent = np.nan_to_num((rows["end_s"] - rows["sent_s"]).to_numpy())
    spent[last] = 0.0
    frame["refused_s"] = np.add.reduceat(spent, first)
    frame["waited_sum_s"] = np.add.reduceat(np.nan_to_num(rows["waited_s"].to_numpy()), first)
    refused = is_throttled(rows).to_numpy()
    frame["throttled"] = np.logical_or.reduceat(refused, first) | (frame["held_back_s"] > 0).to_numpy()
    if "cost_usd" in rows:
        cost = rows["cost_usd"].to_numpy()
        frame["cost_usd"] = np.add.reduceat(cost, first)
        lost = ~rows["outcome"].isin(ANSWERS).to_numpy()
        frame["wasted_usd"] = np.add.reduceat(np.where(lost, cost, 0.0), first)


def is_throttled(rows: pd.DataFrame) -> pd.Series[bool]:
    """Tell attempts that met a limit: outcome `throttled`, or `overloaded` by status 429."""
    overloaded = (rows["outcome"] == Outcome.OVERLOADED.value) & (rows["http_status"] == 429)
    return (rows["outcome"] == Outcome.THROTTLED.value) | overloaded


def _add_fates(frame: pd.DataFrame) -> None:
    frame["successful"] = frame["outcome"].isin([o.value for o in SUCCESSFUL])
    frame["answered"] = frame["outcome"].isin(ANSWERS)
    frame["lost"] = ~frame["outcome"].isin([*ANSWERS, *CUT])


def _add_durations(frame: pd.DataFrame) -> None:
    frame["finish_s"] = frame["last_token_s"].fillna(frame["end_s"])
    good = frame["successful"]
    durations = {
        "ttft_ms": frame["first_token_s"] - frame["sent_s"],
        "ttfo_ms": frame["first_output_s"] - frame["sent_s"],
        "response_time_ms": frame["finish_s"] - frame["intended_s"],
        "service_time_ms": frame["end_s"] - frame["sent_s"],
        "throttled_time_ms": frame["refused_s"] + frame["waited_sum_s"],
        "schedule_lag_ms": frame["first_sent_s"] - frame["intended_s"] - frame["held_back_s"],
    }
    for name, seconds in durations.items():
        elapsed = _ms(seconds)
        frame[name] = elapsed.where(good & (elapsed >= 0))
    lag = _ms(durations["schedule_lag_ms"])
    frame["schedule_lag_ms"] = lag.where(lag >= 0)  # turns that failed were late too
    _add_speeds(frame)


def _ms(seconds: pd.Series[float]) -> pd.Series[float]:
    """Convert to milliseconds, to the nanosecond: differences of stamps carry float noise below it."""
    return (seconds * 1000).round(6)


def _add_speeds(frame: pd.DataFrame) -> None:
    """Add tpot = (last - first token) / (tokens - 1), none below 2 tokens; tokens/s = tokens / (last - sent)."""
    tokens = frame["output_tokens"].astype("float64")
    decode_s = frame["last_token_s"] - frame["first_token_s"]
    known = frame["successful"] & (tokens >= 2) & (decode_s >= 0)
    frame["tpot_ms"] = _ms(decode_s / (tokens - 1).where(tokens >= 2)).where(known)
    whole_s = frame["finish_s"] - frame["sent_s"]
    frame["output_tokens_per_second"] = (tokens / whole_s.where(whole_s > 0)).round(6).where(frame["successful"])
