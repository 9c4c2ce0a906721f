"""Objectives: the hard limits of a selection, and the weights of its score."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from analysis.model import Estimate, Figure, NotEstimable
from analysis.selecting import pareto
from scenarios.slo import METRICS, Slo, parse_slo, parse_subject

if TYPE_CHECKING:
    from numpy.typing import NDArray

CHEAPEST = "cost_per_1k_responses_usd"
FASTEST = "p95(response_time_ms)"


GAINS = frozenset({"accuracy", "accuracy_of_intended", "policy_safe_share", "ok_share", "attainment"})
"""Shares of which more is better."""


@dataclass(frozen=True)
class Objective:
    """`weights` by subject; the score is the sum of weight x ln(figure), less is better."""

    limits: tuple[Slo, ...]
    weights: Mapping[str, float]
    words: str


def of_scenario(scenario: Mapping[str, Any], costs: Sequence[Figure]) -> Objective:
    """Read `selection` of a resolved scenario; without limits the absolute SLO lines, without weights the cheapest.

    The fastest where not every candidate has a price.
    """
    selection = scenario.get("selection")
    selection = selection if isinstance(selection, Mapping) else {}
    limits = _lines(selection.get("limits")) or _lines(scenario.get("slo"))
    weights = _weights(selection.get("weights"))
    kept = "that keeps every limit" if limits else "of all"
    if weights:
        terms = " x ".join(f"{name}^{weight:g}" for name, weight in weights.items())
        return Objective(limits, weights, f"the least {terms} {kept}")
    if costs and all(isinstance(cost, Estimate) for cost in costs):
        return Objective(limits, {CHEAPEST: 1.0}, f"the cheapest {kept}")
    return Objective(limits, {FASTEST: 1.0}, f"the fastest (p95 response time) {kept}, for not all have prices")


def _lines(texts: object) -> tuple[Slo, ...]:
    found = []
    for text in texts if isinstance(texts, list | tuple) else ():
        try:
            found.append(parse_slo(str(text)))
        except ValueError:
            continue  # the report of the run says so
    return tuple(line for line in found if line.form == "limit")


def _weights(weights: object) -> dict[str, float]:
    found = {}
    for name, weight in weights.items() if isinstance(weights, Mapping) else ():
        try:
            parse_subject(str(name))
            found[str(name)] = float(weight)
        except (ValueError, TypeError):
            continue
    return found


def score(figures: Sequence[Mapping[str, Figure]], objective: Objective) -> NDArray[np.float64]:
    """Draw each candidate's score: sum of weight x ln(figure), with the sign turned where more is better."""
    total = np.zeros((len(figures), pareto.DRAWS))
    for seed, (name, weight) in enumerate(objective.weights.items()):
        of = [found.get(name, NotEstimable(not_estimable="not measured")) for found in figures]
        total += (-weight if is_gain(name) else weight) * pareto.log_draws(of, 1000 + seed)
    return total


def is_gain(subject: str) -> bool:
    """Tell whether more of a figure is better."""
    name = parse_subject(subject)[0].name
    return METRICS[name].unit == "per_second" or name in GAINS
