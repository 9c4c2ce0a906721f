"""The bill: what a run cost in Decimal, exact to the last digit, and which part of it bought no answer."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from decimal import Decimal
from typing import TYPE_CHECKING

import numpy as np

from analysis.measures.cost import MILLION, billed_columns, is_refused, rates_by_kind, tiers, tokens
from analysis.rows.turns import ANSWERS, columns_of, is_any
from scenarios.records import Outcome

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    import pandas as pd
    from numpy.typing import NDArray

    from scenarios.pricing import PriceTable

FATES = ("answered", "rejected", "retried", "broken", "abandoned")
"""What became of an attempt: rejected = refused by an error status, or never connected; of the others without an
answer retried = the turn went on, abandoned = the client stopped waiting or the run ended, broken = all others."""

ABANDONED = [outcome.value for outcome in (Outcome.TIMEOUT, Outcome.GAVE_UP, Outcome.IN_FLIGHT)]


@dataclass
class Bill:
    """One endpoint: dollars by fate, and the number of attempts whose usage, and so whose cost, is unknown."""

    usd: dict[str, Decimal] = field(default_factory=lambda: dict.fromkeys(FATES, Decimal(0)))
    unknown: Counter[str] = field(default_factory=Counter)
    estimated: int = 0
    """Attempts whose usage the server did not state, but somebody estimated: their cost is in the dollars."""

    @property
    def total(self) -> Decimal:
        """Dollars of all attempts of known usage."""
        return sum(self.usd.values(), Decimal(0))


def bills(
    attempts: pd.DataFrame, prices: Mapping[str, PriceTable], last: NDArray[np.integer] | None = None
) -> dict[str, Bill]:
    """Add up each endpoint's attempts; `last` are the rows of the turns' last attempts, where they are known."""
    if last is None:
        from analysis.rows.grouping import group  # noqa: PLC0415

        last = group(columns_of(attempts)).last
    ended = np.zeros(len(attempts), dtype=bool)
    ended[last] = True
    found: dict[str, Bill] = {}
    for first, piece in billed_columns(attempts):
        of = fates(piece, ended[first : first + len(piece)])
        for name, rows in _by_endpoint(piece):
            own = found.setdefault(name, Bill())
            _add(own, tokens(piece.iloc[rows]), of[rows], prices.get(name))
            own.estimated += int((piece["usage_source"].iloc[rows] == "estimated").sum())
    return found


def _by_endpoint(piece: pd.DataFrame) -> Iterator[tuple[str, NDArray[np.intp]]]:
    for name in piece["endpoint"].unique():
        yield str(name), np.flatnonzero((piece["endpoint"] == name).to_numpy())


def fates(attempts: pd.DataFrame, ended: NDArray[np.bool_]) -> NDArray[np.int8]:
    """Give the place in `FATES` of each attempt; `ended` marks the last ones of their turns."""
    outcome = attempts["outcome"].astype("category").array
    choices = [is_any(outcome, ANSWERS), is_refused(attempts).to_numpy(), ~ended, ~is_any(outcome, ABANDONED)]
    return np.select(choices, [np.int8(i) for i in range(len(choices))], np.int8(4))


def _add(bill: Bill, used: pd.DataFrame, of: NDArray[np.int8], table: PriceTable | None) -> None:
    """Sum whole tokens before prices come in: sums below 2^53 are exact."""
    missing = np.bincount(of[used["output"].isna().to_numpy()], minlength=len(FATES))
    bill.unknown.update({name: int(count) for name, count in zip(FATES, missing, strict=True) if count})
    for tier, rates in tiers(used, table) if table is not None else ():
        for kind, rate in rates.items():
            sums = np.bincount(of[tier], weights=used[kind].to_numpy()[tier], minlength=len(FATES))
            for name, count in zip(FATES, sums, strict=True):
                bill.usd[name] += int(count) * rate / MILLION


def summary(
    found: Mapping[str, Bill], prices: Mapping[str, PriceTable], endpoints: Sequence[str], day: str
) -> dict[str, object]:
    """Give the run's cost block: exact totals as decimal text, waste by fate, prices with source, what is unknown.

    `day` is the run's, which prices without a date of their own are of.
    """
    each = {name: _endpoint(found.get(name, Bill()), prices.get(name), day) for name in endpoints}
    complete = bool(endpoints) and all(name in prices for name in endpoints)
    total = sum((found[name].total for name in endpoints if name in found), Decimal(0))
    return {
        "total_usd": text(total) if complete else None,
        "endpoints": each,
        "assumption": "attempts refused by an error status, or never connected, are taken as not billed unless their "
        "usage was stated",
    }


def _endpoint(bill: Bill, table: PriceTable | None, day: str) -> dict[str, object]:
    missing = sum(bill.unknown.values())
    if table is None:
        return {"total_usd": None, "not_estimable": "no price", "attempts_of_unknown_usage": missing}
    return {
        "total_usd": text(bill.total),
        "wasted_usd": text(bill.total - bill.usd["answered"]),
        **{f"{fate}_usd": text(bill.usd[fate]) for fate in FATES[1:]},
        "attempts_of_unknown_usage": missing,
        **({"attempts_of_estimated_usage": bill.estimated} if bill.estimated else {}),
        **{f"{fate}_of_unknown_usage": bill.unknown[fate] for fate in FATES if bill.unknown[fate]},
        "prices_usd_per_million_tokens": {kind: str(rate) for kind, rate in rates_by_kind(table).items()},
        "source": table.source,
        "prices_as_of": table.as_of or day,
    }


def text(amount: Decimal) -> str:
    """Write an amount in full, without an exponent or trailing zeros."""
    return f"{amount.normalize():f}"
