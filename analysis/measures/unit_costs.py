"""Unit costs: what a response, a conversation, a document or a million tokens cost, with all attempts that it took."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from analysis.measures.cost import MILLION
from analysis.measures.slices import kinds
from analysis.model import Figure, NotEstimable
from analysis.stats.quantiles import ratio
from analysis.stats.terms import Terms

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from analysis.measures.part import Part
    from scenarios.pricing import PriceTable

BATCH_KINDS = ("document", "batch")
"""Kinds of conversation of which each one is the work on one document."""

ABSENT = {
    "cost_per_document_usd": f"no conversation is of the kind {' or '.join(BATCH_KINDS)}",
    "cost_per_month_usd": "the scenario does not say cost: {monthly_turns: ...}",
    "cost_per_good_response_usd": "no limit and no grade says which response is good",
}
"""Why a figure that was asked for is not there."""

SCALES = {"cost_per_1k_responses_usd": 1000.0, "wasted_per_1k_responses_usd": 1000.0}
"""Factors that figures are given with; per million tokens it is a million, per month the turns of a month."""


@dataclass(frozen=True)
class UnitCosts:
    """The cost figures of the turns of a part (with `cost_usd` and `wasted_usd`, summed over their attempts).

    cost per response = cost of all attempts / answered turns; per 1k = x 1000; per good response (`good` marks them),
    per conversation, per million tokens likewise; per document = cost of conversations of a batch kind / those of them
    that were answered; per month = cost / intended turns x `monthly_turns`; wasted share = cost of attempts without an
    answer / cost. Turns with an attempt of unknown usage are left out above and below the line, and counted in the
    method.
    """

    part: Part
    table: PriceTable | None
    cases: object = None
    good: NDArray[np.bool_] | None = None
    monthly_turns: int | None = None

    def names(self) -> list[str]:
        """Name the figures, in order."""
        return [
            *("cost_per_1k_responses_usd", "cost_per_response_usd"),
            *(["cost_per_good_response_usd"] if self.good is not None else []),
            "cost_per_conversation_usd",
            *(["cost_per_document_usd"] if self._batch.any() else []),
            *("cost_per_million_input_tokens_usd", "cost_per_million_output_tokens_usd"),
            *("wasted_per_1k_responses_usd", "wasted_share"),
            *(["cost_per_month_usd"] if self.monthly_turns is not None else []),
        ]

    def figures(self) -> dict[str, Figure]:
        """Give every figure."""
        return {name: self.figure(name) for name in self.names()}

    def figure(self, name: str) -> Figure:
        """Estimate one figure, with a 95 % interval by block bootstrap."""
        if self.table is None:
            return NotEstimable(not_estimable=f"no price for {self.part.endpoint}: set its prices in the scenario")
        known = self._known
        if not known.any():
            return NotEstimable(not_estimable="the server reported no token usage")
        left_out = len(known) - int(known.sum())
        method = f"{left_out:,} turns of unknown usage left out; ratio" if left_out else "ratio"
        if name == "cost_per_month_usd":
            method += f" per turn x {self.monthly_turns:,} turns"
        above, below = (self._sums(kind) for kind in self._of(name))
        return ratio(above * self._scale(name), below, int(known.sum()), self.part.seed, method)

    def terms(self, name: str) -> Terms:
        """Give what is added up over turns, above the line and below it."""
        above, below = (self._column(kind) for kind in self._of(name))
        return Terms(above * self._scale(name), below)

    def _of(self, name: str) -> tuple[str, str]:
        """Name what is above a figure's line and what is below it."""
        below = {
            "cost_per_good_response_usd": "good",
            "cost_per_conversation_usd": "conversations",
            "cost_per_document_usd": "documents",
            "cost_per_million_input_tokens_usd": "input_tokens",
            "cost_per_million_output_tokens_usd": "output_tokens",
            "cost_per_month_usd": "turns",
            "wasted_share": "cost_usd",
        }.get(name, "answered")
        above = "document_usd" if name == "cost_per_document_usd" else "cost_usd"
        return ("wasted_usd" if name.startswith("wasted") else above), below

    def _sums(self, kind: str) -> NDArray[np.float64]:
        """Add up a column within each block, once."""
        if kind not in self._summed:
            self._summed[kind] = self.part.blocks.sums(self._column(kind))
        return self._summed[kind]

    @cached_property
    def _summed(self) -> dict[str, NDArray[np.float64]]:
        return {}

    def _scale(self, name: str) -> float:
        if "_per_million_" in name:
            return float(MILLION)
        return float(self.monthly_turns or 0) if name == "cost_per_month_usd" else SCALES.get(name, 1.0)

    def _column(self, kind: str) -> NDArray[np.float64]:
        """Give what a turn adds: dollars or tokens, or 1 where it is counted; 0 where its usage is unknown."""
        rows = self._known & self._batch if kind.startswith("document") else self._known
        name = "cost_usd" if kind == "document_usd" else kind
        if name.endswith(("_usd", "_tokens")):
            values = self.part.turns[name].to_numpy(dtype=np.float64)
            return np.where(rows & ~np.isnan(values), values, 0.0)
        if kind == "turns":
            return rows.astype(np.float64)
        if kind == "conversations":
            return self._firsts(rows)
        if kind == "good" and self.good is not None:
            return np.asarray(rows & self.good, dtype=np.float64)
        answered = rows & self.part.turns["answered"].to_numpy(dtype=bool)
        return self._firsts(answered) if kind == "documents" else answered.astype(np.float64)

    def _firsts(self, rows: NDArray[np.bool_]) -> NDArray[np.float64]:
        """Mark the first of the `rows` of each conversation."""
        conversation = self.part.blocks.conversations
        at = np.flatnonzero(rows)[::-1]
        first = np.full(int(conversation.max(initial=-1)) + 1, -1, dtype=np.intp)
        first[conversation[at]] = at  # the last one written stays: the first in time
        found = np.zeros(len(rows))
        found[first[first >= 0]] = 1.0
        return found

    @cached_property
    def _known(self) -> NDArray[np.bool_]:
        return self.part.turns["cost_usd"].notna().to_numpy()

    @cached_property
    def _batch(self) -> NDArray[np.bool_]:
        if not self.cases:
            return np.zeros(len(self.part.turns), dtype=bool)
        return kinds(self.part.turns, self.cases).isin(BATCH_KINDS).to_numpy()
