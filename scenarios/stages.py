"""When each endpoint is loaded, by how many users, for how long: pure functions of the scenario."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from scenarios.scenario import Scenario

Phase = Literal["warm_up", "steady", "drain"]


@dataclass(frozen=True, slots=True)
class Stage:
    """A stretch of time on one endpoint; in a drain the `users` finish what they have begun and start nothing.

    `round`: how many times, from 1, all endpoints and arms are being gone through.
    """

    endpoint: str
    arm: str
    phase: Phase
    users: int
    spawn_rate: float
    duration_s: float
    round: int = 1


@dataclass(frozen=True, slots=True)
class Lengths:
    """How long the parts of one endpoint's turn are, in each round."""

    ramp_s: float
    warm_up_s: float
    steady_s: float
    drain_s: float

    @property
    def total_s(self) -> float:
        """From the first user to the last answer, at most."""
        return self.ramp_s + self.warm_up_s + self.steady_s + self.drain_s

    def fitted(self, total_s: float) -> "Lengths":
        """Fit into `total_s`: `steady` takes what the rest leaves, and no less than half."""
        rest_s = self.total_s - self.steady_s
        scale = min(1.0, total_s / 2 / rest_s) if rest_s else 1.0
        ramp_s, warm_up_s, drain_s = (part * scale for part in (self.ramp_s, self.warm_up_s, self.drain_s))
        return Lengths(ramp_s, warm_up_s, total_s - ramp_s - warm_up_s - drain_s, drain_s)


def phases(
    scenario: Scenario,
    endpoints: Sequence[str],
    users: int | None = None,
    spawn_rate: float | None = None,
    run_time_s: float | None = None,
) -> list[Stage]:
    """Lay out the run, one endpoint and arm after the other: ramp (counted as warm-up), warm-up, steady, drain.

    That `campaign.rounds` times, with an equal part of the steady time in each. `users` and `spawn_rate` (users per
    second) stand for the scenario's users and ramp. `run_time_s` is the whole run's length: each endpoint and arm gets
    an equal part of it. Parts of no length are left out.
    """
    rounds = scenario.campaign.rounds
    pairs = [(endpoint, arm) for wanted in endpoints for endpoint, arm in scenario.pairs if endpoint == wanted]
    part_s = None if run_time_s is None or not pairs else run_time_s / len(pairs) / rounds
    return [
        replace(stage, round=number)
        for number in range(1, rounds + 1)
        for endpoint, arm in pairs
        for stage in _stages(scenario.for_arm(arm), (endpoint, arm), (users, spawn_rate), part_s)
    ]


def _stages(
    scenario: Scenario, pair: tuple[str, str], given: tuple[int | None, float | None], part_s: float | None
) -> Iterator[Stage]:
    users, spawn_rate = given
    count = scenario.traffic.users if users is None else users
    lengths = lengths_of(scenario, count, spawn_rate)
    if part_s is not None:
        lengths = lengths.fitted(part_s)
    rate = count / lengths.ramp_s if lengths.ramp_s else float(count)
    parts: list[tuple[Phase, float]] = [
        ("warm_up", lengths.ramp_s),
        ("warm_up", lengths.warm_up_s),
        ("steady", lengths.steady_s),
        ("drain", lengths.drain_s),
    ]
    for phase, duration_s in parts:
        if duration_s > 0:
            yield Stage(*pair, phase, count, rate, duration_s)


def lengths_of(scenario: Scenario, users: int, spawn_rate: float | None = None) -> Lengths:
    """Give the lengths of a round as the scenario has them, the ramp as `spawn_rate` makes it."""
    traffic = scenario.traffic
    ramp_s = traffic.ramp if spawn_rate is None else users / spawn_rate
    return Lengths(ramp_s, traffic.warm_up, traffic.steady / scenario.campaign.rounds, traffic.drain)


def samples_needed(quantile: float) -> int:
    """Give the fewest independent samples whose extremes bound a quantile: smallest n with q^n <= 0.025.

    Two-sided 95 %: p95 72, p99 368, p99.9 3688. Fewer give no upper bound at any width.
    """
    tail = max(quantile, 1 - quantile)
    return math.ceil(math.log(0.025) / math.log(tail) - 1e-9)
