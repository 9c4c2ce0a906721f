"""Advice: which candidate to take for one kind of traffic, in one sentence with the reason."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from analysis.model import Estimate
from analysis.selecting.objective import CHEAPEST, FASTEST, Objective
from analysis.selecting.selection import Advice, Candidate
from analysis.words import figures
from analysis.words.figures import unit_of
from scenarios.slo import parse_subject

SURE = 0.95


def advise(kind: str, candidates: Sequence[Candidate], objective: Objective) -> Advice:
    """Recommend the candidate most likely to be best among those that break no limit."""
    lead = f"For {kind}: " if kind else "For all traffic: "
    ranked = sorted((one for one in candidates if one.best is not None), key=lambda one: (-(one.best or 0.0), one.name))
    if not ranked or not ranked[0].best:
        return Advice(kind=kind, candidate=None, confidence=None, sentence=lead + _nobody(candidates))
    chosen = ranked[0]
    sentence = f"{lead}take {chosen.name}, {_reason(chosen, objective)}{_doubt(chosen, ranked[1:])}"
    if not kind:  # limits are held over all traffic, so they are said once
        sentence = "; ".join([sentence, *list(_broken(candidates))[:3]])
    return Advice(kind=kind, candidate=chosen.name, confidence=chosen.best, sentence=f"{sentence}.")


def _nobody(candidates: Sequence[Candidate]) -> str:
    broken = list(_broken(candidates))
    if broken:
        return f"none can be taken: {'; '.join(broken[:3])}."
    invalid = [one.name for one in candidates if not one.valid]
    if invalid:
        return f"none can be taken: {', '.join(invalid)} come from invalid runs."
    return "none can be recommended: the figures that decide are not estimable."


def _reason(chosen: Candidate, objective: Objective) -> str:
    said = [_figure(chosen, name) for name in dict.fromkeys([*objective.weights, FASTEST, "accuracy"])]
    text = f"{_what(objective)} with {', '.join(filter(None, said))}"
    undecided = [line.line for line in chosen.limits if line.verdict == "inconclusive"]
    if undecided:
        text += f" (still open: {', '.join(undecided)})"
    return text


def _broken(candidates: Sequence[Candidate]) -> Iterator[str]:
    """Say what limits each valid candidate breaks."""
    for one in candidates:
        lines = [line.line for line in one.limits if line.verdict == "fail"]
        if one.valid and lines:
            yield f"{one.name} breaks {' and '.join(lines)}"


def _what(objective: Objective) -> str:
    kept = "of those that break no limit" if objective.limits else "of all"
    if list(objective.weights) == [CHEAPEST]:
        return f"the cheapest {kept}"
    if list(objective.weights) == [FASTEST]:
        return f"the fastest {kept}"
    return f"the best by the weights {kept}"


def _figure(candidate: Candidate, name: str) -> str:
    figure = candidate.figures.get(name)
    if not isinstance(figure, Estimate):
        return ""
    metric = parse_subject(name)[0].name
    if name == CHEAPEST:
        return f"{figures.figure_text(figure, 'usd')} per 1,000 responses"
    label = name if "(" not in name else f"{name.partition('(')[0]} {figures.label(metric).lower()}"
    return f"{label} {figures.figure_text(figure, unit_of(metric))}"


def _doubt(chosen: Candidate, others: Sequence[Candidate]) -> str:
    chance = chosen.best or 0.0
    if chance >= SURE or not others:
        return f"; {_percent(chance)} sure among the {len(others) + 1} that may be taken" if others else ""
    second = others[0]
    return f"; only {_percent(chance)} sure, for {second.name} may be as good: measure both longer"


def _percent(chance: float) -> str:
    return "more than 99.9%" if chance > 0.999 else f"{100 * chance:.1f}%"
