"""Turns: all attempts of one user message as one row, with the durations that the glossary names."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from analysis.rows.fixed import filled, floats
from analysis.rows.grouping import group
from scenarios.records import ANSWERED, SUCCESSFUL, Outcome

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, MutableMapping

    from numpy.typing import NDArray

    from analysis.rows.fixed import Column
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

    Then latencies are in fixed point where that loses nothing. Where nobody else holds the columns, ten million rows
    and their turns need not be in memory together.
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
    _add_waits(found, columns, of, fixed=keep is not None)
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


def _add_waits(found: dict[str, Any], columns: MutableMapping[str, Any], of: Grouping, *, fixed: bool) -> None:
    """Add what happened before the last attempt: how late the first one left, refused attempts and waits."""
    waited, sent, end = columns.pop("waited_s"), columns["sent_s"], columns["end_s"]
    found["throttled"] = (found["refusals"] > 0) | (waited[of.first] > 0)

    def lag(rows: slice) -> NDArray[np.float64]:
        first = of.first[rows]
        late_s = sent[first] - found["intended_s"][rows] - np.nan_to_num(waited[first])
        return _ms(late_s, np.ones(len(first), dtype=bool))  # turns that failed were late too

    found["schedule_lag_ms"] = _in_pieces(lag, of, fixed=fixed)
    refused = of.before(np.nan_to_num(end[of.earlier] - sent[of.earlier], copy=False))
    obeyed = of.before(np.nan_to_num(waited[of.earlier]))
    found["throttled_time_ms"] = _in_pieces(
        lambda rows: _ms(
            refused[rows] + (np.nan_to_num(waited[of.last[rows]]) + obeyed[rows]), found["successful"][rows]
        ),
        of,
        fixed=fixed,
    )


def _add_durations(
    found: dict[str, Any], columns: MutableMapping[str, Any], of: Grouping, keep: Collection[str] | None
) -> None:
    """Add the metrics of the last attempt; each stamp is given up when nothing more is made of it, unless kept."""
    good, tokens, intended = found["successful"], found["output_tokens"], found["intended_s"]

    def add(name: str, made: Callable[[slice], NDArray[np.float64]], *done: str) -> None:
        found[name] = _in_pieces(made, of, fixed=name in LATENCIES and keep is not None)
        for stamp in done:
            column = columns.pop(stamp)
            if keep is None or stamp in keep:
                found[stamp] = column[of.last]

    def at(stamp: str, rows: slice) -> NDArray[np.float64]:
        return np.asarray(columns[stamp][of.last[rows]])

    def since_sent(stamp: str, rows: slice) -> NDArray[np.float64]:
        return _ms(at(stamp, rows) - at("sent_s", rows), good[rows])

    def each(rows: slice) -> NDArray[np.float64]:
        return _tpot(at("last_token_s", rows) - at("first_token_s", rows), tokens[rows], good[rows])

    def finish(rows: slice) -> NDArray[np.float64]:
        last = at("last_token_s", rows)
        return np.where(np.isnan(last), at("end_s", rows), last)

    add("ttfo_ms", lambda rows: since_sent("first_output_s", rows), "first_output_s")
    add("ttft_ms", lambda rows: since_sent("first_token_s", rows))
    add("tpot_ms", each, "first_token_s")
    add("finish_s", finish, "last_token_s")
    finished = found["finish_s"]
    add("service_time_ms", lambda rows: since_sent("end_s", rows), "end_s")
    add(
        "output_tokens_per_second",
        lambda rows: _speed(finished[rows] - at("sent_s", rows), tokens[rows], good[rows]),
        "sent_s",
    )
    add("response_time_ms", lambda rows: _ms(finished[rows] - intended[rows], good[rows]))


def _in_pieces(made: Callable[[slice], NDArray[np.float64]], of: Grouping, *, fixed: bool) -> Column:
    """Make a column of turns, some turns at a time; `fixed` = in fixed point where that loses nothing."""
    return filled(made, len(of.first)) if fixed else floats(made, len(of.first))


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
