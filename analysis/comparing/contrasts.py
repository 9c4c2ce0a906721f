"""Contrasts: each figure of a baseline beside the candidate's."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Literal

from analysis.comparing.comparison import Contrast
from analysis.entry import TOKENWISE, Entry
from analysis.model import Estimate, Figure, NotEstimable
from analysis.stats.effect import Effect, Form, effect, over_runs
from analysis.stats.quantiles import name_of
from analysis.stats.shares import mark, outcomes
from analysis.words.figures import unit_of

LATENCIES = ("response_time_ms", "service_time_ms", "ttft_ms", "tpot_ms", TOKENWISE)
QUANTILES = (0.5, 0.95, 0.99)
SAME_AS = frozenset({"cost_per_response_usd"})
"""Costs that say what another one says, in another unit."""

Maker = Callable[[Entry], Figure]


@dataclass(frozen=True)
class Couple:
    """One endpoint and arm of the base beside one of the candidate, once per run of each side."""

    name: str
    endpoint: str
    arm: str
    base: Sequence[Entry]
    candidate: Sequence[Entry]

    def effect(self, form: Form, make: Maker) -> Effect | NotEstimable:
        """Compare the figure that `make` makes of an entry."""
        return effect(form, [make(entry) for entry in self.candidate], [make(entry) for entry in self.base])


def contrasts(couple: Couple) -> list[Contrast]:
    """Give every figure of both sides: latencies, costs, lengths, rates, variances, shares."""
    found = [_contrast(couple, name, statistic, make) for name, statistic, make in _makers(couple)]
    return [one for one in found if isinstance(one.base, Estimate) or isinstance(one.candidate, Estimate)]


def _makers(couple: Couple) -> Iterator[tuple[str, str, Maker]]:
    for metric in LATENCIES:
        for p in QUANTILES:
            yield metric, name_of(p), partial(_quantile, metric=metric, p=p)
    for name in couple.candidate[0].costs:
        if name not in SAME_AS:
            yield name, "", partial(_cost, name=name)
    yield "output_tokens", "mean", lambda entry: entry.output_tokens
    for name in ("turns_per_second", "output_tokens_per_second"):
        yield name, "", partial(_rate, name=name)
    yield "response_time_variance_ms2", "", lambda entry: entry.variance("response_time_ms")
    yield "cost_per_response_variance_usd2", "", lambda entry: entry.variance("cost_usd")
    for name in _shares(couple):
        yield f"{name}_share", "", partial(_share, name=name)


def _quantile(entry: Entry, metric: str, p: float) -> Figure:
    return entry.quantile(metric, p)


def _cost(entry: Entry, name: str) -> Figure:
    return entry.costs.get(name, NotEstimable(not_estimable="not measured"))


def _rate(entry: Entry, name: str) -> Figure:
    return entry.rate(name)


def _shares(couple: Couple) -> list[str]:
    """Name the shares of turns throttled and failed, and of each outcome without success that occurred."""
    entries = [*couple.base, *couple.candidate]
    names = [name for name in outcomes(entries[0].part.turns) if name not in ("ok", "ok_length")]
    return ["throttled", "failed", *(name for name in names if any(mark(e.part.turns, name).any() for e in entries))]


def _share(entry: Entry, name: str) -> Figure:
    return entry.share(name)


def _contrast(couple: Couple, name: str, statistic: str, make: Maker) -> Contrast:
    base, candidate = [make(entry) for entry in couple.base], [make(entry) for entry in couple.candidate]
    ratio, difference = (_figure(effect(form, candidate, base)) for form in ("ratio", "difference"))
    unit = unit_of(name)
    return Contrast(
        name=name,
        statistic=statistic,
        unit="tokens" if name == "output_tokens" else unit,
        base=over_runs(base),
        candidate=over_runs(candidate),
        ratio=ratio,
        difference=difference,
        seen=_seen(difference, 0.0) if unit == "share" else _seen(ratio, 1.0),
    )


def _figure(found: Effect | NotEstimable) -> Figure:
    return found if isinstance(found, NotEstimable) else found.figure()


def _seen(figure: Figure, same: float) -> Literal["higher", "lower", "no difference shown", "unknown"]:
    if isinstance(figure, NotEstimable):
        return "unknown"
    if figure.low is not None and figure.low > same:
        return "higher"
    return "lower" if figure.high is not None and figure.high < same else "no difference shown"
