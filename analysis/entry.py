"""Entries: what a run knows of one endpoint and arm in its steady phase, and every figure that can be made of it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from analysis.measures import quality, rates
from analysis.measures.unit_costs import UnitCosts
from analysis.measures.variance import bootstrapped, variance_of
from analysis.stats.quantiles import quantile, ratio
from analysis.stats.shares import mark, share
from analysis.stats.terms import Terms, of_graded, of_hits, of_quantile, of_values, of_variance
from analysis.verdicts import slo_eval
from scenarios.slo import METRICS, Slo

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from analysis.measures.gaps import Histogram
    from analysis.measures.part import Part
    from analysis.model import Figure
    from scenarios.pricing import PriceTable

TOKENWISE = "response_time_per_output_token_ms"


@dataclass(frozen=True)
class Entry:
    """A steady part with its gaps, its prices, the run's cases, and the lines that say which turns are good."""

    part: Part
    gaps: Histogram | None
    table: PriceTable | None
    cases: object = None
    lines: Sequence[Slo] = ()
    monthly_turns: int | None = None

    @cached_property
    def unit_costs(self) -> UnitCosts:
        """What costs are made of."""
        part = self.part
        limited = any(slo_eval.is_per_turn(line) and slo_eval.concerns(line, part) for line in self.lines)
        limited = limited or bool(self.qualities)
        good = self.within & quality.not_wrong(part.turns)
        return UnitCosts(part, self.table, self.cases, good if limited else None, self.monthly_turns)

    @cached_property
    def within(self) -> NDArray[np.bool_]:
        """Mark the turns with success that met every limit on a latency."""
        return slo_eval.good_turns(list(self.lines), self.part, self.cases)

    @cached_property
    def served(self) -> Mapping[str, Figure]:
        """Attainment and goodput, over all intended turns."""
        return {
            "attainment": share(self.within, self.part.blocks, self.part.seed),
            "goodput_turns_per_second": rates.per_second(self.part, self.within.astype(np.float64)),
        }

    @cached_property
    def costs(self) -> Mapping[str, Figure]:
        """Cost figures, made once."""
        return self.unit_costs.figures()

    @cached_property
    def qualities(self) -> Mapping[str, Figure]:
        """Figures of graded answers, made once."""
        return quality.figures(self.part.turns, self.part.seed)

    @property
    def given(self) -> Mapping[str, Figure]:
        """Costs, qualities, attainment and goodput by name."""
        return {**self.costs, **self.qualities, **self.served}

    def of_kind(self, kind: str) -> Entry:
        """Give the turns of one kind of conversation alone, and its gaps where they were recorded by kind."""
        rows = slo_eval.of_kind(self.part, kind, self.cases)
        part = replace(self.part, turns=self.part.turns[rows].reset_index(drop=True))
        return replace(self, part=part, gaps=self.gaps and self.gaps.cuts.get(("kind", kind)))

    def figure(self, slo: Slo) -> Figure:
        """Estimate what a line is about, of its kind where it names one."""
        own = self.of_kind(slo.kind) if slo.kind else self
        given = own.given if METRICS[slo.metric].kind in ("scalar", "quality") else {}
        return slo_eval.measure(slo, own.part, own.gaps, given)

    def terms(self, slo: Slo) -> Terms | None:
        """Give what a line's figure is made of, turn by turn, of all kinds; None where it is not made of turns."""
        if METRICS[slo.metric].kind == "share":
            return of_hits(mark(self.part.turns, slo.metric.removesuffix("_share")))
        if METRICS[slo.metric].kind == "quality":
            return self.quality_terms(slo.metric)
        if slo.metric == "attainment":
            return of_hits(self.within)
        if slo.metric in self.unit_costs.names():
            return self.cost_terms(slo.metric)
        return self.latency_terms(slo.metric, slo.quantile) if slo.metric in self.part.turns else None

    def quality_terms(self, name: str) -> Terms | None:
        """Give what a share of the graded answers is made of; None where none is graded."""
        found = quality.marks(self.part.turns).get(name)
        return None if found is None else of_graded(*found)

    def cost_terms(self, name: str) -> Terms | None:
        """Give what a cost is made of; None without a price."""
        return None if self.table is None else self.unit_costs.terms(name)

    def latency_terms(self, metric: str, p: float | None) -> Terms:
        """Give what a quantile of a latency is made of, or its mean."""
        part = self._per_token if metric == TOKENWISE else self.part
        values = part.turns[metric].to_numpy(dtype=np.float64)
        own = part.sample(metric)
        return of_values(values) if p is None or not own.n else of_quantile(values, own.value(p))

    def quantile(self, metric: str, p: float) -> Figure:
        """Estimate a quantile of a latency, of response time per output token too."""
        if metric == TOKENWISE:
            return quantile(self._per_token.sample(TOKENWISE), p)
        return self.figure(Slo(metric, metric, p, "<=", 1.0, "ms", "ratio"))

    @cached_property
    def _per_token(self) -> Part:
        turns = self.part.turns
        tokens = turns["output_tokens"].astype("float64")
        each = (turns["response_time_ms"] / tokens.where(tokens >= 1)).rename(TOKENWISE)
        return replace(self.part, turns=turns.assign(**{TOKENWISE: each}))

    def variance_terms(self, column: str) -> Terms:
        """Give what `variance` is made of."""
        return of_variance(self._answered(column))

    def _answered(self, column: str) -> NDArray[np.float64]:
        """Give a column, NaN where the turn has no answer."""
        values = self.part.turns[column].to_numpy(dtype=np.float64)
        return np.where(self.part.turns["answered"].to_numpy(dtype=bool), values, np.nan)

    def variance(self, column: str) -> Figure:
        """Estimate Var(column) over the turns that have it: E[x^2] - E[x]^2."""
        x = self._answered(column)
        known = ~np.isnan(x)
        columns = [np.ones(int(known.sum())), x[known], x[known] ** 2]
        return bootstrapped(columns, self.part.blocks.codes[known], self.part.seed, variance_of, "variance")

    def share(self, name: str) -> Figure:
        """Estimate the share of turns `throttled`, `failed`, or of an outcome."""
        return share(mark(self.part.turns, name), self.part.blocks, self.part.seed)

    def rate(self, name: str) -> Figure:
        """Estimate `turns_per_second` or `output_tokens_per_second`."""
        return rates.rate(self.part, name)

    @cached_property
    def lost(self) -> Figure:
        """Share of all intended turns that got no answer, those cut by the end left out."""
        return share(self.part.turns["lost"].to_numpy(dtype=bool), self.part.blocks, self.part.seed)

    @cached_property
    def output_tokens(self) -> Figure:
        """Mean output tokens of the answered turns whose usage is known."""
        blocks, terms = self.part.blocks, self.token_terms()
        return ratio(blocks.sums(terms.top), blocks.sums(terms.bottom), int(terms.bottom.sum()), self.part.seed, "mean")

    def token_terms(self) -> Terms:
        """Give what the mean of output tokens is made of."""
        return of_values(self._answered("output_tokens"))
