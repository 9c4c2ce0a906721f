"""Contrasts: each figure of a baseline beside the candidate's."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, partial
from typing import Literal

import numpy as np

from analysis.comparing.comparison import Contrast, Discordant
from analysis.comparing.like_length import LIKE_LENGTH, of_like_length
from analysis.comparing.shared import Cases, Marked, Shared, Side, discordant, joint, shared
from analysis.entry import TOKENWISE, Entry
from analysis.measures.part import Part
from analysis.measures.quality import marks
from analysis.model import Estimate, Figure, NotEstimable
from analysis.stats.effect import Effect, Form, Joint, effect, over_runs
from analysis.stats.quantiles import name_of
from analysis.stats.shares import OUTCOMES, mark
from analysis.stats.terms import Terms, of_hits
from analysis.words.figures import unit_of

LATENCIES = ("response_time_ms", "service_time_ms", "ttft_ms", "tpot_ms", TOKENWISE)
QUANTILES = (0.5, 0.95, 0.99)
SAME_AS = frozenset({"cost_per_response_usd"})
"""Costs that say what another one says, in another unit."""

LENGTHWISE = ("response_time_ms", "service_time_ms")
"""Latencies that grow with the length of the answer."""

Maker = Callable[[Entry], Figure]
Taker = Callable[[Entry], Terms | None]


@dataclass(frozen=True)
class Subject:
    """A figure to compare: how to make it of an entry, and the terms that it is made of, where it is made of turns."""

    name: str
    statistic: str
    make: Maker
    take: Taker = lambda _: None


@dataclass(frozen=True)
class Couple:
    """One endpoint and arm of the base beside one of the candidate, once per run of each side.

    `one_run`: both are of the same run.
    """

    name: str
    endpoint: str
    arm: str
    base: Sequence[Entry]
    candidate: Sequence[Entry]
    one_run: bool = False

    @cached_property
    def shared(self) -> Shared | None:
        """What both sides share, where a single run stands for each."""
        if len(self.base) > 1 or len(self.candidate) > 1:
            return None
        return shared(self.base[0].part, self.candidate[0].part, one_run=self.one_run)

    def of_kind(self, kind: str) -> Couple:
        """Give the turns of one kind of conversation alone; all of them where it is ""."""
        if not kind:
            return self
        base, candidate = ([entry.of_kind(kind) for entry in side] for side in (self.base, self.candidate))
        return replace(self, base=base, candidate=candidate)

    def like_length(self) -> Couple | None:
        """Give the turns that have a counterpart of like length on the other side, of one run per side."""
        if len(self.base) > 1 or len(self.candidate) > 1:
            return None
        found = of_like_length(self.base[0].part, self.candidate[0].part)
        if found is None:
            return None
        base, candidate = replace(self.base[0], part=found[0]), replace(self.candidate[0], part=found[1])
        return replace(self, base=[base], candidate=[candidate])

    def effect(self, form: Form, make: Maker, take: Taker | None = None) -> Effect | NotEstimable:
        """Compare the figure that `make` makes of an entry, jointly over what both sides share."""
        base, candidate = [make(entry) for entry in self.base], [make(entry) for entry in self.candidate]
        return effect(form, candidate, base, take and self.joint(candidate, base, take))

    def joint(self, candidate: Sequence[Figure], base: Sequence[Figure], take: Taker) -> Joint | None:
        """Give how the figures of both sides vary together; None where that is not shown."""
        if self.shared is None or not all(isinstance(figure, Estimate) for figure in (*candidate, *base)):
            return None
        sides = []
        for entry, figure in ((self.candidate[0], candidate[0]), (self.base[0], base[0])):
            terms = take(entry)
            if terms is None or not isinstance(figure, Estimate):
                return None
            sides.append(Side(entry.part, figure, terms))
        return joint(sides[0], sides[1], self.shared)

    def discordant(self, name: str) -> Discordant | None:
        """Count, over turns of the same case, those that have a mark on one side alone."""
        if not isinstance(self.shared, Cases):
            return None
        base, candidate = (_marked(side[0].part, name) for side in (self.base, self.candidate))
        return None if base is None or candidate is None else discordant(base, candidate, self.shared)


def contrasts(couple: Couple) -> list[Contrast]:
    """Give every figure of both sides: latencies, costs, lengths, rates, variances, shares."""
    found = [_contrast(couple, subject) for subject in _subjects(couple)]
    found += [_shares_contrast(couple, f"{name}_share", _share, _share_terms) for name in _shares(couple)]
    graded = dict.fromkeys(name for entry in (*couple.base, *couple.candidate) for name in entry.qualities)
    found += [_shares_contrast(couple, name, _quality, _quality_terms) for name in graded]
    tokens = next(one for one in found if one.name == "output_tokens")
    alike = couple.like_length() if tokens.seen in ("higher", "lower") else None
    if alike is not None:
        of_length = (_contrast(alike, subject) for subject in _latencies(LENGTHWISE))
        found += [one.model_copy(update={"name": f"{LIKE_LENGTH}{one.name}"}) for one in of_length]
    return [one for one in found if isinstance(one.base, Estimate) or isinstance(one.candidate, Estimate)]


def _subjects(couple: Couple) -> Iterator[Subject]:
    yield from _latencies(LATENCIES)
    for name in couple.candidate[0].costs:
        if name not in SAME_AS:
            yield Subject(name, "", partial(_cost, name=name), partial(_cost_terms, name=name))
    yield Subject("output_tokens", "mean", lambda entry: entry.output_tokens, lambda entry: entry.token_terms())
    for name in ("turns_per_second", "output_tokens_per_second"):
        yield Subject(name, "", partial(_rate, name=name))
    for name, column in (
        ("response_time_variance_ms2", "response_time_ms"),
        ("cost_per_response_variance_usd2", "cost_usd"),
    ):
        yield Subject(name, "", partial(_variance, column=column), partial(_variance_terms, column=column))


def _latencies(names: Sequence[str]) -> Iterator[Subject]:
    for metric in names:
        for p in QUANTILES:
            make, take = partial(_quantile, metric=metric, p=p), partial(_quantile_terms, metric=metric, p=p)
            yield Subject(metric, name_of(p), make, take)


def _quantile(entry: Entry, metric: str, p: float) -> Figure:
    return entry.quantile(metric, p)


def _quantile_terms(entry: Entry, metric: str, p: float) -> Terms:
    return entry.latency_terms(metric, p)


def _cost(entry: Entry, name: str) -> Figure:
    return entry.costs.get(name, NotEstimable(not_estimable="not measured"))


def _cost_terms(entry: Entry, name: str) -> Terms | None:
    return entry.cost_terms(name)


def _rate(entry: Entry, name: str) -> Figure:
    return entry.rate(name)


def _variance(entry: Entry, column: str) -> Figure:
    return entry.variance(column)


def _variance_terms(entry: Entry, column: str) -> Terms:
    return entry.variance_terms(column)


def _shares(couple: Couple) -> list[str]:
    """Name the shares of turns throttled and failed, and of each outcome without success that occurred."""
    entries = [*couple.base, *couple.candidate]
    names = [name for name in OUTCOMES if name not in ("ok", "ok_length")]
    return ["throttled", "failed", *(name for name in names if any(mark(e.part.turns, name).any() for e in entries))]


def _share(entry: Entry, name: str) -> Figure:
    return entry.share(name.removesuffix("_share"))


def _share_terms(entry: Entry, name: str) -> Terms:
    return of_hits(mark(entry.part.turns, name.removesuffix("_share")))


def _quality(entry: Entry, name: str) -> Figure:
    return entry.qualities.get(name, NotEstimable(not_estimable="no graded answers"))


def _quality_terms(entry: Entry, name: str) -> Terms | None:
    return entry.quality_terms(name)


def _marked(part: Part, name: str) -> Marked | None:
    """Mark the turns of a share: of graded answers where it is one of these, else of all turns."""
    graded = marks(part.turns)
    if name in graded:
        return part, *graded[name]
    stem = name.removesuffix("_share")
    if stem == name or stem not in (*OUTCOMES, "throttled", "failed"):
        return None
    return part, mark(part.turns, stem), np.ones(len(part.turns), dtype=bool)


def _shares_contrast(
    couple: Couple, name: str, make: Callable[[Entry, str], Figure], take: Callable[[Entry, str], Terms | None]
) -> Contrast:
    found = _contrast(couple, Subject(name, "", lambda entry: make(entry, name), lambda entry: take(entry, name)))
    return found.model_copy(update={"discordant": couple.discordant(name)})


def _contrast(couple: Couple, subject: Subject) -> Contrast:
    base, candidate = ([subject.make(entry) for entry in side] for side in (couple.base, couple.candidate))
    both = couple.joint(candidate, base, subject.take)
    ratio, difference = (_figure(effect(form, candidate, base, both)) for form in FORMS)
    unit = unit_of(subject.name)
    return Contrast(
        name=subject.name,
        statistic=subject.statistic,
        unit="tokens" if subject.name == "output_tokens" else unit,
        base=over_runs(base),
        candidate=over_runs(candidate),
        ratio=ratio,
        difference=difference,
        seen=_seen(difference, 0.0) if unit == "share" else _seen(ratio, 1.0),
    )


FORMS: tuple[Form, Form] = ("ratio", "difference")


def _figure(found: Effect | NotEstimable) -> Figure:
    return found if isinstance(found, NotEstimable) else found.figure()


def _seen(figure: Figure, same: float) -> Literal["higher", "lower", "no difference shown", "unknown"]:
    if isinstance(figure, NotEstimable):
        return "unknown"
    if figure.low is not None and figure.low > same:
        return "higher"
    return "lower" if figure.high is not None and figure.high < same else "no difference shown"
