"""Cost: tokens times dated prices, per attempt, per response and in waste; unknown usage is named, never 0."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from pydantic import ValidationError

from analysis.rows.pieces import pieces
from scenarios.pricing import PriceTable
from scenarios.records import ANSWERED, Outcome

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from numpy.typing import NDArray

    from scenarios.pricing import Rates

MILLION = 1_000_000
ANSWERS = [outcome.value for outcome in ANSWERED]
COUNTED = ("input", "cached_input", "cache_write", "output")
ASKED = ("endpoint", "outcome", "http_status", "usage_source", *(f"{name}_tokens" for name in COUNTED))
"""The columns that costs are made of."""


def prices_of(meta: Mapping[str, Any], notes: list[str]) -> dict[str, PriceTable]:
    """Read run.json's `prices`, else those of its scenario; an endpoint without a readable table is left out."""
    found = {}
    entries = meta.get("prices")
    for endpoint, entry in {**_of_scenario(meta), **(entries if isinstance(entries, dict) else {})}.items():
        if entry is None:
            continue
        try:
            found[endpoint] = PriceTable.model_validate({"source": "run.json", **entry})
        except (ValidationError, TypeError):
            notes.append(f"the price of {endpoint} in run.json cannot be read: its cost is unknown")
    return found


def _of_scenario(meta: Mapping[str, Any]) -> dict[str, Any]:
    scenario = meta.get("scenario")
    endpoints = scenario.get("endpoints") if isinstance(scenario, dict) else None
    named = endpoints.items() if isinstance(endpoints, dict) else ()
    return {name: {**entry["prices"], "source": "scenario"} for name, entry in named if _has_prices(entry)}


def _has_prices(entry: object) -> bool:
    return isinstance(entry, dict) and isinstance(entry.get("prices"), dict)


def tokens(attempts: pd.DataFrame) -> pd.DataFrame:
    """Give the billed tokens of each attempt by kind: cached and cache-writing ones are taken out of `whole_input`.

    NaN where usage is unknown. An attempt that the server refused by an error status, or that never connected, used
    none: no provider is known to bill it.
    """
    columns = {name: attempts[f"{name}_tokens"].to_numpy(dtype=np.float64) for name in COUNTED}
    whole, output = columns["input"], columns["output"]
    cached, written = np.nan_to_num(columns["cached_input"]), np.nan_to_num(columns["cache_write"])
    unknown = np.isnan(whole) | np.isnan(output)
    none = np.where(is_refused(attempts).to_numpy(), 0.0, np.nan)
    found = {
        "input": np.maximum(whole - cached - written, 0.0),
        "cached_input": cached,
        "cache_write": written,
        "output": output,
        "whole_input": whole,
    }
    return pd.DataFrame({name: np.where(unknown, none, values) for name, values in found.items()})


def is_refused(attempts: pd.DataFrame) -> pd.Series[bool]:
    """Tell attempts that ended before the model worked: an error status, or no connection."""
    return (attempts["http_status"] >= 400) | (attempts["outcome"] == Outcome.CONNECT_ERROR.value)


def with_cost(attempts: pd.DataFrame, prices: Mapping[str, PriceTable]) -> pd.DataFrame:
    """Add `cost_usd` to attempts: sum over kinds of tokens x rate / 10^6; NaN without price or usage."""
    cost = np.full(len(attempts), np.nan)
    for first, piece in billed_columns(attempts):
        for name, table in prices.items():
            rows = np.flatnonzero((piece["endpoint"] == name).to_numpy())
            used = tokens(piece.iloc[rows])
            for tier, rates in tiers(used, table):
                each = [used[kind].to_numpy()[tier] * float(rate) for kind, rate in rates.items()]
                cost[first + rows[tier]] = sum(each[1:], each[0]) / MILLION
    return attempts.assign(cost_usd=cost)


def billed_columns(attempts: pd.DataFrame) -> Iterator[tuple[int, pd.DataFrame]]:
    """Give what costs are made of, some rows at a time, with the place of the first."""
    asked = pd.DataFrame({name: attempts[name] for name in ASKED if name in attempts}, copy=False)
    for rows in pieces(len(attempts)):
        yield rows.start, asked.iloc[rows]


def tiers(used: pd.DataFrame, table: PriceTable) -> Iterator[tuple[NDArray[np.bool_], dict[str, Decimal]]]:
    """Give the rows of each price tier, which the size of a request's input decides, with its rates."""
    size = used["whole_input"].to_numpy()
    starts = sorted(tier.above_input_tokens for tier in table.tiers)
    floors, ceilings = [-np.inf, *starts], [*starts, np.inf]
    for floor, ceiling in zip(floors, ceilings, strict=True):
        sized = (size > floor) & (size <= ceiling)
        yield sized, rates_by_kind(table.rates(0 if floor == -np.inf else int(floor) + 1))


def rates_by_kind(rates: Rates) -> dict[str, Decimal]:
    """Give a rate for each kind; one left out is `input`'s."""
    return {
        "input": rates.input,
        "cached_input": rates.input if rates.cached_input is None else rates.cached_input,
        "cache_write": rates.input if rates.cache_write is None else rates.cache_write,
        "output": rates.output,
    }
