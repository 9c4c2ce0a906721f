"""Margins held against couples: pass, fail or inconclusive by the interval, Holm's rule for what fails."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Literal

import numpy as np

from analysis.comparing import verdict_text
from analysis.comparing.comparison import MarginLine
from analysis.comparing.contrasts import Couple
from analysis.comparing.planning import LEVEL, found_at, needed_turns, pilot, planned_turns
from analysis.entry import Entry
from analysis.measures.quality import marks
from analysis.model import Figure, NotEstimable
from analysis.stats.effect import Effect, effect
from analysis.stats.terms import Terms
from scenarios.slo import METRICS, Slo

Verdict = Literal["pass", "fail", "inconclusive"]


@dataclass(frozen=True)
class Trial:
    """One line on one couple; `with_lost` counts the candidate's additional lost turns as infinitely late."""

    slo: Slo
    couple: Couple | None
    found: Effect | NotEstimable
    with_lost: Effect | NotEstimable | None = None
    lost: Figure | None = None

    @property
    def p_value(self) -> float | None:
        """Give the one-sided p-value of lying beyond the margin; small = it surely does."""
        if isinstance(self.found, NotEstimable):
            return None
        return self.found.beyond(self.slo.limit, above=self.slo.comparator.startswith("<"))


def hold(lines: Sequence[Slo], couples: Sequence[Couple]) -> list[MarginLine]:
    """Hold each line against each couple that it concerns; one that concerns none is inconclusive."""
    trials = [trial for slo in lines for trial in _trials(slo, couples)]
    adjusted = holm([trial.p_value for trial in trials])
    return [_line(trial, p, len(trials)) for trial, p in zip(trials, adjusted, strict=True)]


def unreadable(text: str, reason: str) -> MarginLine:
    """Give the verdict on a line that cannot be read: it was asked for, so the comparison does not pass."""
    return MarginLine(
        line=text,
        pair="none",
        verdict="inconclusive",
        form="ratio",
        figure=NotEstimable(not_estimable=reason),
        limit=0.0,
        comparator="",
        unit="",
        sentence=f"{text} cannot be read: {reason}",
    )


def holm(p_values: Sequence[float | None]) -> list[float | None]:
    """Adjust p-values so that the chance of any false rejection stays at the level (Holm 1979); None stays None."""
    known = sorted((p, index) for index, p in enumerate(p_values) if p is not None)
    adjusted: list[float | None] = [None] * len(p_values)
    highest = 0.0
    for rank, (p, index) in enumerate(known):
        highest = max(highest, min(1.0, (len(known) - rank) * p))
        adjusted[index] = highest
    return adjusted


def _trials(slo: Slo, couples: Sequence[Couple]) -> Iterator[Trial]:
    concerned = [each for each in couples if slo.endpoint in ("", each.endpoint) and slo.arm in ("", each.arm)]
    if not concerned:
        yield Trial(slo, None, NotEstimable(not_estimable="no endpoint of both sides is meant by it"))
    for couple in concerned:
        form: Any = slo.form
        found = couple.of_kind(slo.kind).effect(form, partial(_figure, slo=slo), partial(_terms, slo=slo))
        lost = couple.effect("difference", lambda entry: entry.lost)
        if _is_latency(slo) and isinstance(lost, Effect) and lost.low > 0:
            yield Trial(slo, couple, found, _late(slo, couple, lost.value), lost.figure())
        else:
            yield Trial(slo, couple, found)


def _figure(entry: Entry, slo: Slo) -> Figure:
    return entry.figure(replace(slo, kind=""))


def _terms(entry: Entry, slo: Slo) -> Terms | None:
    return entry.terms(slo)


def _is_latency(slo: Slo) -> bool:
    return METRICS[slo.metric].kind == "latency" and slo.comparator.startswith("<")


def _late(slo: Slo, couple: Couple, lost: float) -> Effect | NotEstimable:
    """Compare the candidate's quantile with its additional lost turns at the late end: at q / (1 - lost)."""
    if slo.quantile is None or slo.quantile / (1 - lost) >= 1:
        return NotEstimable(not_estimable="too many more turns were lost")
    p = slo.quantile / (1 - lost)
    form: Any = slo.form

    def later(entry: Entry) -> Figure:
        return entry.figure(Slo(slo.text, slo.metric, p, slo.comparator, slo.limit, slo.unit, slo.form, kind=slo.kind))

    return effect(form, [later(entry) for entry in couple.candidate], [entry.figure(slo) for entry in couple.base])


def _line(trial: Trial, adjusted: float | None, tests: int) -> MarginLine:
    slo, found = trial.slo, trial.found
    verdict = _verdict(trial, adjusted)
    planned = planned_turns(_expected(trial), slo, tests)
    needed = needed_turns(found, slo, tests) if verdict == "inconclusive" else None
    if needed and planned and isinstance(found, NotEstimable):
        needed = max(needed, planned)
    form: Any = slo.form
    line = MarginLine(
        line=slo.text,
        pair=trial.couple.name if trial.couple else slo.endpoint or "none",
        verdict=verdict,
        form=form,
        figure=found if isinstance(found, NotEstimable) else found.figure(),
        limit=slo.limit,
        comparator=slo.comparator,
        unit=slo.unit,
        p_value=trial.p_value,
        p_adjusted=adjusted,
        found_at=None if isinstance(found, NotEstimable) else found_at(found, slo, tests),
        needed_turns=None if (cases := _cases(trial, needed)) else _turns(trial, needed),
        needed_cases=cases,
        planned_turns=_turns(trial, planned),
        sentence="",
    )
    return line.model_copy(update={"sentence": _sentence(trial, line)})


def _expected(trial: Trial) -> Effect | NotEstimable:
    """Give the effect, or of latencies without one what their spread lets expect."""
    slo, couple = trial.slo, trial.couple
    if not isinstance(trial.found, NotEstimable) or couple is None or METRICS[slo.metric].kind != "latency":
        return trial.found
    own = couple.of_kind(slo.kind)
    base, candidate = own.base[0].part.turns, own.candidate[0].part.turns
    if slo.metric not in base or slo.metric not in candidate:
        return trial.found
    values = (turns[slo.metric].to_numpy(dtype=np.float64) for turns in (base, candidate))
    return pilot(next(values), next(values), slo) or trial.found


def _turns(trial: Trial, needed: int | None) -> int | None:
    """Give the turns that hold as many of what the figure is made of, such as graded answers."""
    if needed is None or trial.couple is None or isinstance(trial.found, NotEstimable):
        return needed
    turns = min(len(entry.part.turns) for side in (trial.couple.base, trial.couple.candidate) for entry in side)
    return math.ceil(needed * max(turns / max(trial.found.n, 1), 1.0))


def _cases(trial: Trial, needed: int | None) -> int | None:
    """Give the cases that a line on quality needs, each answered as often as now; None where none repeats.

    Answers to one case are alike, so that more of them would soon add nothing.
    """
    slo, couple, found = trial.slo, trial.couple, trial.found
    if needed is None or couple is None or isinstance(found, NotEstimable) or METRICS[slo.metric].kind != "quality":
        return None
    graded = [entry.part.turns["case_id"][marks(entry.part.turns)[slo.metric][1]] for entry in couple.candidate]
    answers, cases = min(map(len, graded)), min(each.nunique() for each in graded)
    return math.ceil(needed / found.n * cases) if cases < answers else None


def _sentence(trial: Trial, line: MarginLine) -> str:
    upper = trial.slo.comparator.startswith("<")
    return verdict_text.line_sentence(
        line,
        alone=line.verdict == "inconclusive" and line.p_value is not None and line.p_value <= LEVEL,
        lost=trial.lost,
        kept=None if isinstance(trial.found, NotEstimable) else trial.found.beyond(trial.slo.limit, above=not upper),
    )


def _verdict(trial: Trial, adjusted: float | None) -> Verdict:
    found, slo = trial.found, trial.slo
    if isinstance(found, NotEstimable):
        return "inconclusive"
    if adjusted is not None and adjusted <= LEVEL:
        return "fail"
    if not _within(found, slo) or (trial.with_lost is not None and not _within(trial.with_lost, slo)):
        return "inconclusive"
    return "pass"


def _within(found: Effect | NotEstimable, slo: Slo) -> bool:
    """Tell whether the whole interval keeps the margin."""
    if isinstance(found, NotEstimable):
        return False
    figure = found.figure()
    bound = figure.high if slo.comparator.startswith("<") else figure.low
    return bound is not None and slo.met_by(bound)
