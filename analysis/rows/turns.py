"""Turns: all attempts of one user message as one row, with the durations that the glossary names."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from analysis.rows.grouping import group
from scenarios.records import ANSWERED, SUCCESSFUL, Outcome

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, MutableMapping

    from numpy.typing import NDArray

    from analysis.rows.grouping import Grouping

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

LEAN = frozenset(
    {
        *("endpoint", "arm", "phase", "worker", "case_id", "outcome", "user_id", "conversation_id", "intended_s"),
        *("finish_s", "attempts", "refusals", "throttled", "successful", "answered", "lost"),
        *("input_tokens", "output_tokens", "cost_usd", "wasted_usd", *LATENCIES),
    },
)
"""The columns that figures are made of. The others of a turn are its last attempt's stamps and facts."""


INGREDIENTS = frozenset(
    {
        *("sent_s", "first_token_s", "first_output_s", "last_token_s", "end_s", "waited_s"),
        *("intended_s", "phase", "outcome", "http_status", "output_tokens", "cost_usd"),
    },
)
"""The columns of rows that these are made of."""


def turns(attempts: pd.DataFrame) -> pd.DataFrame:
    """Give one row per (worker, turn_id), by endpoint, arm and phase, and in these in the order of intended start.

    response_time = (last token, or end) of the last attempt - intended; service_time = end - sent of the last attempt;
    throttled_time = sum over earlier attempts of (end - sent) + sum of waits; schedule_lag = first sent - intended less
    the wait obeyed before it (a turn may be held back by what another user of the key was told);
    hence schedule_lag + throttled_time + service_time = end - intended. Latencies only where the outcome is successful.
    """
    return turns_of(columns_of(attempts))


def columns_of(attempts: pd.DataFrame) -> dict[str, Any]:
    """Give the columns of a frame, not copied."""
    return {
        str(name): column.array if isinstance(column.dtype, pd.CategoricalDtype) else column.to_numpy()
        for name, column in attempts.items()
    }


def turns_of(
    columns: MutableMapping[str, Any], keep: frozenset[str] | None = None, of: Grouping | None = None
) -> pd.DataFrame:
    """Give the same from columns, which it takes out of `columns` one by one; `keep` = only these of the result.

    Where nobody else holds them, ten million rows and their turns need not be in memory together.
    """
    of = of or group(columns)
    for name in [name for name in columns if keep is not None and name not in keep | INGREDIENTS]:
        del columns[name]
    found: dict[str, Any] = {"attempts": _small(of.attempts)}
    _add_fates(found, columns["outcome"][of.last])
    for name in ("intended_s", "phase"):
        found[name] = columns.pop(name)[of.first]
    _add_sums(found, columns, of)
    found["output_tokens"] = columns.pop("output_tokens")[of.last]
    _add_waits(found, columns, of)
    _add_durations(found, columns, of, keep)
    for name in sorted(columns):
        column = columns.pop(name)
        if keep is None or name in keep:
            found[name] = column[of.last]
    return pd.DataFrame({name: found[name] for name in found if keep is None or name in keep}, copy=False)


def _add_sums(found: dict[str, Any], columns: MutableMapping[str, Any], of: Grouping) -> None:
    """Sum refusals and cost over the attempts."""
    found["refusals"] = _small(of.total(_throttled(columns["outcome"], columns.pop("http_status"))))
    cost = columns.pop("cost_usd", None)
    if cost is not None:
        found["cost_usd"] = of.total(cost)
        found["wasted_usd"] = of.total(np.where(is_any(columns["outcome"], ANSWERS), 0.0, cost))


def _small(counts: NDArray[Any]) -> NDArray[Any]:
    return counts.astype(np.int16 if counts.max(initial=0) < 2**15 else np.int64)


def _add_waits(found: dict[str, Any], columns: MutableMapping[str, Any], of: Grouping) -> None:
    """Add what happened before the last attempt: how late the first one left, refused attempts and waits."""
    waited = np.nan_to_num(columns.pop("waited_s"))
    held_back_s = waited[of.first]
    found["throttled"] = (found["refusals"] > 0) | (held_back_s > 0)
    lag_s = columns["sent_s"][of.first] - found["intended_s"] - held_back_s
    found["schedule_lag_ms"] = _ms(lag_s, np.ones(len(lag_s), dtype=bool))  # turns that failed were late too
    del held_back_s, lag_s
    refused_s = of.before(np.nan_to_num(columns["end_s"] - columns["sent_s"], copy=False))
    found["throttled_time_ms"] = _ms(refused_s + of.total(waited), found["successful"])


def _add_durations(
    found: dict[str, Any], columns: MutableMapping[str, Any], of: Grouping, keep: Collection[str] | None
) -> None:
    """Add the metrics of the last attempt, each as soon as the stamps for it are there, and the stamps if kept."""
    good = found["successful"]

    def stamp(name: str) -> NDArray[np.float64]:
        values: NDArray[np.float64] = columns.pop(name)[of.last]
        if keep is None or name in keep:
            found[name] = values
        return values

    sent = stamp("sent_s")
    found["ttfo_ms"] = _ms(stamp("first_output_s") - sent, good)
    first = stamp("first_token_s")
    found["ttft_ms"] = _ms(first - sent, good)
    last = stamp("last_token_s")
    found["tpot_ms"] = _tpot(last - first, found["output_tokens"], good)
    del first
    end = stamp("end_s")
    found["service_time_ms"] = _ms(end - sent, good)
    finish = found["finish_s"] = np.where(np.isnan(last), end, last)
    del last, end
    found["output_tokens_per_second"] = _speed(finish - sent, found["output_tokens"], good)
    del sent
    found["response_time_ms"] = _ms(finish - found["intended_s"], good)


def is_any(labels: pd.Categorical, names: Iterable[str]) -> NDArray[np.bool_]:
    """Mark the rows whose label is one of `names`."""
    known = np.append(np.isin(labels.categories.to_numpy(dtype=object), list(names)), False)
    return np.asarray(known[labels.codes])


def is_throttled(rows: pd.DataFrame) -> pd.Series[bool]:
    """Tell attempts that met a limit: outcome `throttled`, or `overloaded` by status 429."""
    return pd.Series(_throttled(rows["outcome"].array, rows["http_status"].to_numpy()), index=rows.index)


def _throttled(outcome: pd.Categorical, status: NDArray[Any]) -> NDArray[np.bool_]:
    overloaded = is_any(outcome, [Outcome.OVERLOADED.value]) & (status == 429)
    return np.asarray(is_any(outcome, [Outcome.THROTTLED.value]) | overloaded)


def _add_fates(found: dict[str, Any], outcome: pd.Categorical) -> None:
    found["successful"] = is_any(outcome, [o.value for o in SUCCESSFUL])
    found["answered"] = is_any(outcome, ANSWERS)
    found["lost"] = ~is_any(outcome, [*ANSWERS, *CUT])


def _ms(seconds: NDArray[np.float64], known: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Convert to milliseconds, to the nanosecond: differences of stamps carry float noise below it."""
    elapsed = seconds * 1000
    elapsed.round(6, out=elapsed)
    elapsed[~(known & (elapsed >= 0))] = np.nan
    return elapsed


def _tpot(decode_s: NDArray[np.float64], tokens: NDArray[Any], good: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Give (last - first token) / (tokens - 1); none below 2 tokens."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return _ms(decode_s / (tokens.astype(np.float64) - 1), good & (tokens >= 2) & (decode_s >= 0))


def _speed(whole_s: NDArray[np.float64], tokens: NDArray[Any], good: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Give tokens / (last token - sent)."""
    with np.errstate(divide="ignore", invalid="ignore"):
        speed = tokens.astype(np.float64) / whole_s
    speed.round(6, out=speed)
    speed[~(good & (whole_s > 0))] = np.nan
    return np.asarray(speed)
