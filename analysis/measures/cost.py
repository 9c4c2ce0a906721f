"""Cost: tokens times dated prices, per attempt, per response and in waste; unknown usage is named, never 0."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from pydantic import ValidationError

from analysis.model import Figure, NotEstimable
from analysis.stats.quantiles import ratio
from scenarios.pricing import PriceTable
from scenarios.records import ANSWERED, Outcome

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from numpy.typing import NDArray

    from analysis.stats.blocks import Blocks
    from scenarios.pricing import Rates

MILLION = 1_000_000
ANSWERS = [outcome.value for outcome in ANSWERED]
COUNTED = ("input", "cached_input", "cache_write", "output")
PIECE = 1 << 18
"""Attempts whose tokens are looked at together: of ten million at once they would not fit."""
KINDS = ("input", "cached_input", "cache_write", "output")


def prices_of(meta: Mapping[str, Any], notes: list[str]) -> dict[str, PriceTable]:
    """Read run.json's `prices`; an endpoint without a readable table is left out."""
    found = {}
    entries = meta.get("prices")
    for endpoint, entry in (entries if isinstance(entries, dict) else {}).items():
        if entry is None:
            continue
        try:
            found[endpoint] = PriceTable.model_validate({"source": "run.json", **entry})
        except (ValidationError, TypeError):
            notes.append(f"the price of {endpoint} in run.json cannot be read: its cost is unknown")
    return found


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
    for first, piece in pieces(attempts):
        for name, table in prices.items():
            rows = np.flatnonzero((piece["endpoint"] == name).to_numpy())
            used = tokens(piece.iloc[rows])
            for tier, rates in tiers(used, table):
                each = [used[kind].to_numpy()[tier] * float(rate) for kind, rate in rates.items()]
                cost[first + rows[tier]] = sum(each[1:], each[0]) / MILLION
    return attempts.assign(cost_usd=cost)


def pieces(attempts: pd.DataFrame) -> Iterator[tuple[int, pd.DataFrame]]:
    """Give some rows at a time, with the place of the first."""
    for first in range(0, len(attempts), PIECE):
        yield first, attempts.iloc[first : first + PIECE]


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


def exact_usd(attempts: pd.DataFrame, table: PriceTable) -> Decimal:
    """Add up the cost of attempts of one endpoint in Decimal; those of unknown usage are not in it."""
    total = Decimal(0)
    for _, piece in pieces(attempts):
        used = tokens(piece)
        for tier, rates in tiers(used, table):
            total += sum((int(used[kind].to_numpy()[tier].sum()) * rate for kind, rate in rates.items()), Decimal(0))
    return total / MILLION


def unknown(attempts: pd.DataFrame) -> int:
    """Count the attempts whose usage is unknown."""
    return sum(int(tokens(piece)["output"].isna().sum()) for _, piece in pieces(attempts))


def figures(  # noqa: PLR0913 - what a cost is divided by, and where it comes from
    turns: pd.DataFrame,
    blocks: Blocks,
    table: PriceTable | None,
    endpoint: str,
    seed: int,
    *,
    good: NDArray[np.bool_] | None = None,
    monthly_turns: int | None = None,
) -> dict[str, Figure]:
    """Give the cost figures of one group of turns (with `cost_usd` and `wasted_usd`, summed over their attempts).

    cost per response = cost of all attempts / answered turns; per 1k = x 1000; per good response (`good` marks the
    turns that met every limit), per conversation, per million output tokens likewise; per month = cost / intended turns
    x `monthly_turns`; wasted share = cost of attempts without an answer / cost. Turns with an attempt of unknown usage
    are left out above and below the line, and counted in the method.
    """
    names = names_of(good=good is not None, monthly=monthly_turns is not None)
    if table is None:
        return dict.fromkeys(
            names, NotEstimable(not_estimable=f"no price for {endpoint}: set its prices in the scenario")
        )
    known = turns["cost_usd"].notna().to_numpy()
    if not known.any():
        return dict.fromkeys(names, NotEstimable(not_estimable="the server reported no token usage"))
    n, left_out = int(known.sum()), int((~known).sum())
    cost = blocks.sums(np.where(known, turns["cost_usd"].to_numpy(), 0.0))
    wasted = blocks.sums(np.where(known, turns["wasted_usd"].to_numpy(), 0.0))
    below = _denominators(turns, blocks, known, good)
    method = f"{left_out:,} turns of unknown usage left out; ratio" if left_out else "ratio"
    found = {name: ratio(cost * scale, below[name], n, seed, method) for name, scale in NAMES.items() if name in names}
    found["wasted_per_1k_responses_usd"] = ratio(wasted * 1000, below["cost_per_response_usd"], n, seed, method)
    found["wasted_share"] = ratio(wasted, cost, n, seed, method)
    if monthly_turns is not None:
        per_turn = f"{method} per turn x {monthly_turns:,} turns"
        found["cost_per_month_usd"] = ratio(cost * monthly_turns, blocks.sums(known.astype(float)), n, seed, per_turn)
    return found


NAMES: dict[str, float] = {
    "cost_per_1k_responses_usd": 1000.0,
    "cost_per_response_usd": 1.0,
    "cost_per_good_response_usd": 1.0,
    "cost_per_conversation_usd": 1.0,
    "cost_per_million_output_tokens_usd": float(MILLION),
}
"""Figures that are the cost of all attempts over something, and the factor they are given with."""


def names_of(*, good: bool, monthly: bool) -> list[str]:
    """Give the names of the figures, in order."""
    ratios = [name for name in NAMES if good or name != "cost_per_good_response_usd"]
    return [*ratios, "wasted_per_1k_responses_usd", "wasted_share", *(["cost_per_month_usd"] if monthly else [])]


def _denominators(
    turns: pd.DataFrame, blocks: Blocks, known: NDArray[np.bool_], good: NDArray[np.bool_] | None
) -> dict[str, NDArray[np.float64]]:
    """Count per block, over the turns of known cost, what a cost is divided by."""
    answered = blocks.sums((turns["answered"].to_numpy(dtype=bool) & known).astype(np.float64))
    tokens = np.nan_to_num(turns["output_tokens"].to_numpy(dtype=np.float64))
    found = {
        "cost_per_1k_responses_usd": answered,
        "cost_per_response_usd": answered,
        "cost_per_conversation_usd": blocks.begun(known),
        "cost_per_million_output_tokens_usd": blocks.sums(np.where(known, tokens, 0.0)),
    }
    return found if good is None else {**found, "cost_per_good_response_usd": blocks.sums((good & known).astype(float))}
