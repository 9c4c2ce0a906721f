"""The choice between candidates: held against limits, weighed, and advised on per kind of traffic."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from analysis.entry import Entry
from analysis.measures.slices import kinds
from analysis.model import Figure, NotEstimable
from analysis.selecting import pareto
from analysis.selecting.advice import advise
from analysis.selecting.objective import Objective, is_gain, of_scenario, score
from analysis.selecting.selection import Candidate, Dominance, LimitKept, Matrix
from analysis.verdicts.held import hold
from scenarios.slo import METRICS, Slo, parse_subject

if TYPE_CHECKING:
    from numpy.typing import NDArray

CRITERIA = ("p95(ttft_ms)", "p95(response_time_ms)", "cost_per_1k_responses_usd", "failed_share")
ACCURACY = "accuracy"
"""A criterion where answers were graded."""
COLUMNS = (*CRITERIA[:3], "cost_per_good_response_usd", ACCURACY, "throttled_share", "failed_share")
SURE = 0.95
"""Confidence from which a dominance is named."""


@dataclass(frozen=True)
class Row:
    """One candidate with the entry that its figures are made of."""

    name: str
    run: str
    valid: bool
    entry: Entry

    def figure(self, subject: str, kind: str = "") -> Figure:
        """Estimate `p95(ttft_ms)`, a cost, a share or a quality; of one kind of conversation where it is named."""
        own = self.entry.of_kind(kind) if kind else self.entry
        return own.figure(line_of(subject))


def line_of(subject: str) -> Slo:
    """Give a line that is about `subject`."""
    metric, quantile = parse_subject(subject)
    return Slo(subject, metric.name, quantile, "<=", 1.0, metric.unit)


def section(entries: Sequence[Entry], scenario: object, *, valid: bool) -> Matrix | None:
    """Give the matrix of one run's endpoints and arms, of all its traffic; None where there is only one."""
    rows = [Row("/".join(filter(None, (entry.part.endpoint, entry.part.arm))), "", valid, entry) for entry in entries]
    return choose(rows, scenario if isinstance(scenario, dict) else {}) if len(rows) > 1 else None


def choose(rows: Sequence[Row], scenario: Mapping[str, Any], asked: Sequence[str] = ()) -> Matrix:
    """Put candidates into one matrix, by the limits and weights of a scenario; `asked` are kinds of traffic."""
    objective = of_scenario(scenario, [row.figure("cost_per_1k_responses_usd") for row in rows])
    known = {name for name in COLUMNS if any(name in row.entry.given for row in rows)}
    optional = {"cost_per_good_response_usd", ACCURACY} - known
    columns = [name for name in dict.fromkeys([*COLUMNS, *objective.weights]) if name not in optional]
    candidates = [_candidate(row, columns, objective) for row in rows]
    return _judged(rows, candidates, columns, objective, asked)


def _candidate(row: Row, columns: Sequence[str], objective: Objective) -> Candidate:
    kept = [
        LimitKept(line=line.line, verdict=line.verdict, sentence=line.sentence)
        for line in hold(objective.limits, row.entry)
    ]
    return Candidate(
        name=row.name,
        run=row.run,
        endpoint=row.entry.part.endpoint,
        arm=row.entry.part.arm,
        valid=row.valid,
        turns=len(row.entry.part.turns),
        figures={name: row.figure(name) for name in columns},
        limits=kept,
        eligible=row.valid and all(line.verdict != "fail" for line in kept),
    )


def _judged(
    rows: Sequence[Row], candidates: list[Candidate], columns: list[str], objective: Objective, asked: Sequence[str]
) -> Matrix:
    """Add who dominates whom, who is on the front, who is best, and the advice."""
    usable = [index for index, one in enumerate(candidates) if one.valid]
    names = [candidates[index].name for index in usable]
    criteria = [*CRITERIA, *([ACCURACY] if ACCURACY in columns else [])]
    drawn, alike = _criteria(criteria, [candidates[index].figures for index in usable])
    front = pareto.on_front(drawn, alike) if usable else np.zeros(0)
    beats = pareto.dominance(drawn, alike) if usable else np.zeros((0, 0))
    eligible = [index for index, one in enumerate(candidates) if one.eligible]
    chances = dict(zip(eligible, pareto.best(score([candidates[i].figures for i in eligible], objective)), strict=True))
    placed = dict(zip(usable, front, strict=True))
    candidates = [
        one.model_copy(update={"on_front": _chance(placed.get(index)), "best": _chance(chances.get(index))})
        for index, one in enumerate(candidates)
    ]
    kinds_of = [("", candidates), *(_of_kind(kind, rows, candidates, objective) for kind in asked)]
    return Matrix(
        columns=columns,
        criteria=criteria,
        objective=objective.words,
        candidates=candidates,
        dominances=[
            Dominance(winner=names[a], loser=names[b], confidence=round(float(beats[a, b]), 4))
            for a in range(len(names))
            for b in range(len(names))
            if beats[a, b] >= SURE
        ],
        indistinguishable=list(_indistinguishable(criteria, [candidates[index] for index in usable])),
        advice=[advise(kind, of_kind, objective) for kind, of_kind in kinds_of],
        notes=list(_notes(rows, criteria)),
    )


def _chance(value: object) -> float | None:
    return None if value is None else round(float(value), 4)  # type: ignore[arg-type]


def _criteria(
    criteria: Sequence[str], figures: Sequence[Mapping[str, Figure]]
) -> tuple[list[NDArray[np.float64]], list[float]]:
    """Give draws of each criterion, less is better, and what counts as alike on its scale.

    Shares as they are, others as logarithms.
    """
    drawn, alike = [], []
    for seed, name in enumerate(criteria):
        of = [found.get(name, NotEstimable(not_estimable="not measured")) for found in figures]
        is_share = METRICS[parse_subject(name)[0].name].unit == "share"
        found = pareto.draws(of, seed) if is_share else pareto.log_draws(of, seed)
        drawn.append(-found if is_gain(name) else found)
        alike.append(pareto.ALIKE_SHARE if is_share else pareto.ALIKE)
    return drawn, alike


def _indistinguishable(criteria: Sequence[str], candidates: Sequence[Candidate]) -> Iterator[tuple[str, str]]:
    for index, one in enumerate(candidates):
        for other in candidates[index + 1 :]:
            if all(pareto.is_alike(one.figures[name], other.figures[name]) for name in criteria):
                yield one.name, other.name


def shared_kinds(rows: Sequence[Row]) -> list[str]:
    """Name the kinds of conversation that every candidate had, where there are several."""
    each = [set(kinds(row.entry.part.turns, row.entry.cases).dropna().unique()) for row in rows]
    shared = sorted(map(str, set.intersection(*each)))
    return shared if len(shared) > 1 else []


def _of_kind(
    kind: str, rows: Sequence[Row], candidates: Sequence[Candidate], objective: Objective
) -> tuple[str, list[Candidate]]:
    """Give the candidates with the figures of one kind, and their chance of being best at it."""
    names = list(dict.fromkeys([*objective.weights, *CRITERIA, ACCURACY]))
    own = [
        one.model_copy(update={"figures": {name: row.figure(name, kind) for name in names}, "best": None})
        for row, one in zip(rows, candidates, strict=True)
    ]
    eligible = [index for index, one in enumerate(own) if one.eligible]
    chances = pareto.best(score([own[index].figures for index in eligible], objective))
    for index, chance in zip(eligible, chances, strict=True):
        own[index] = own[index].model_copy(update={"best": _chance(chance)})
    return kind, own


def _notes(rows: Sequence[Row], criteria: Sequence[str]) -> Iterator[str]:
    ungraded = [row.name for row in rows if ACCURACY not in row.entry.given]
    if ACCURACY not in criteria:
        yield "no answer was graded, so there is no column of accuracy: the choice is by speed, cost and failures alone"
    elif ungraded:
        yield f"no answer of {', '.join(ungraded)} was graded: accuracy says nothing of it"
    loads = {round(len(row.entry.part.turns) / row.entry.part.span_s, 3) for row in rows if row.entry.part.span_s > 0}
    if loads and max(loads) > 1.1 * min(loads):
        yield (
            f"the candidates were loaded unlike, with {min(loads):.3g} to {max(loads):.3g} turns per second: "
            "in a closed loop a slower one is asked less"
        )
    yield (
        "a dominates b: by no criterion worse by more than 5% (one point of a share), by one at least better by more; "
        f"confidence from {pareto.DRAWS:,} seeded draws of each figure's interval"
    )
