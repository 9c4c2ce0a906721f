"""The experiment: ways to load the same endpoint held against each other, and against an endpoint without a limit."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from analysis.measures.stretches import stretches
from analysis.measures.tries import peak_per_second, tries
from analysis.measures.variance import bootstrapped, variance_ratio
from analysis.model import ArmRow, Contrast, Estimate, Experiment, Figure, NotEstimable
from analysis.stats.blocks import time_blocks
from analysis.stats.quantiles import quantile, ratio
from analysis.words import wording
from scenarios.errors import ScenarioError
from scenarios.scenario import Scenario

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from numpy.typing import NDArray

    from analysis.measures.part import Part
    from analysis.model import Group

COST_SQUARED = "(USD per 1,000 responses)^2"

BLOCK_TURNS = 15
"""Turns in a block of the variance between blocks: equal in all arms, for larger blocks vary less."""

TAIL_TURNS = 100
"""Turns in a block whose tail is taken: five lie beyond its p95, one beyond its p99."""

TAILS = {"p95": 0.95, "p99": 0.99}

HALVED = 0.5


@dataclass(frozen=True)
class Load:
    """One endpoint as one arm loads it: its steady part and figures, and the scenario as the arm changes it."""

    part: Part
    group: Group
    scenario: Scenario

    @property
    def name(self) -> str:
        """Endpoint and arm."""
        return f"{self.part.endpoint} · {self.part.arm}"


def experiment(found: list[Part], groups: list[Group], meta: Mapping[str, Any]) -> Experiment | None:
    """Compare the arms of a run; None when it has none.

    The base of each endpoint is its first arm that ignores waits, else its first arm.
    """
    loads = _loads(found, groups, meta)
    if not loads:
        return None
    contrasts = [contrast for endpoint in _endpoints(loads) for contrast in _contrasts(endpoint)]
    return Experiment(
        arms=[_row(load) for load in loads],
        contrasts=contrasts + [_with_twin(load, twin) for load in loads for twin in _twins(load, loads)],
    )


def _loads(found: list[Part], groups: list[Group], meta: Mapping[str, Any]) -> list[Load]:
    try:
        scenario = Scenario.from_document(meta.get("scenario") or {})
    except ScenarioError:
        return []
    of = {(group.endpoint, group.arm): group for group in groups if group.phase == "steady"}
    return [
        Load(part, of[part.endpoint, part.arm], scenario.for_arm(part.arm))
        for part in found
        if part.phase == "steady" and part.arm in scenario.arms and (part.endpoint, part.arm) in of
    ]


def _endpoints(loads: list[Load]) -> list[list[Load]]:
    """Give the arms of each endpoint, its base first."""
    by_name: dict[str, list[Load]] = {}
    for load in loads:
        by_name.setdefault(load.part.endpoint, []).append(load)
    return [sorted(own, key=lambda load: load.scenario.throttle.policy != "naive") for own in by_name.values()]


def _row(load: Load) -> ArmRow:
    metrics, cost = load.group.metrics, load.group.cost
    return ArmRow(
        endpoint=load.part.endpoint,
        arm=load.part.arm,
        policy=load.scenario.throttle.policy,
        figures={
            "response_time_p95_ms": metrics["response_time_ms"]["p95"],
            "service_time_p95_ms": metrics["service_time_ms"]["p95"],
            "service_time_p99_ms": metrics["service_time_ms"]["p99"],
            "throttling_variance_share": throttling_share(load.part),
            "throttled_share": load.group.shares["throttled"],
            "failed_share": load.group.shares["failed"],
            **tries(load.part),
            "peak_arrivals_per_second": Estimate(
                value=peak_per_second(load.part),
                n=len(load.part.attempts),
                method="most attempts sent within any second",
            ),
            "cost_per_1k_responses_usd": cost["cost_per_1k_responses_usd"],
            "wasted_per_1k_responses_usd": wasted(load.part),
            "cost_variance": _variance_of(costs(load.part)[0], f"variance over turns, {COST_SQUARED}"),
            "cost_between_blocks_variance": _variance_of(
                block_costs(load.part), f"variance over blocks of {BLOCK_TURNS} turns, {COST_SQUARED}"
            ),
            **{
                f"service_time_{name}_between_blocks_variance_ms2": _variance_of(
                    block_tails(load.part, p), f"variance over blocks of {TAIL_TURNS} turns"
                )
                for name, p in TAILS.items()
            },
        },
    )


def throttling_share(part: Part) -> Figure:
    """Give the share of Var(R) that throttling caused: (Var(T) + 2 Cov(T, S)) / Var(R) = 1 - Var(S) / Var(R).

    R = T + S, T is throttled time, S service time, over successful turns. Below 0 when those who waited were served
    faster.
    """
    known = part.turns["response_time_ms"].notna().to_numpy()
    waited = part.turns["throttled_time_ms"].to_numpy(dtype=np.float64)[known]
    served = part.turns["service_time_ms"].to_numpy(dtype=np.float64)[known]
    whole = waited + served
    columns = [np.ones(len(whole)), whole, whole**2, served, served**2]
    return bootstrapped(columns, part.blocks.codes[known], part.seed, _caused, "1 - Var(service) / Var(whole)")


def _caused(sums: NDArray[np.float64]) -> NDArray[np.float64]:
    n, whole, whole2, served, served2 = (sums[:, column] for column in range(5))
    return np.asarray(1 - (served2 / n - (served / n) ** 2) / (whole2 / n - (whole / n) ** 2))


def costs(part: Part, codes: NDArray[np.integer[Any]] | None = None) -> tuple[NDArray[np.float64], NDArray[Any]]:
    """Give what each answered turn cost with all its attempts, in USD per 1,000 responses, and its block.

    `codes` stand for the part's own blocks.
    """
    if "cost_usd" not in part.turns:
        return np.zeros(0), np.zeros(0, dtype=np.intp)
    cost = part.turns["cost_usd"].to_numpy(dtype=np.float64) * 1000
    known = part.turns["answered"].to_numpy(dtype=bool) & ~np.isnan(cost)
    return cost[known], (part.blocks.codes if codes is None else codes)[known]


def block_costs(part: Part) -> NDArray[np.float64]:
    """Give cost of all attempts / answered turns of each block of `BLOCK_TURNS` turns, in USD per 1,000 responses."""
    if "cost_usd" not in part.turns:
        return np.zeros(0)
    turns = part.turns[part.turns["cost_usd"].notna()].reset_index(drop=True)
    blocks = time_blocks(turns, max(len(turns) // BLOCK_TURNS, 1))
    cost = blocks.sums(turns["cost_usd"].to_numpy(dtype=np.float64)).sum(axis=1) * 1000
    answered = blocks.sums(turns["answered"].to_numpy(dtype=np.float64)).sum(axis=1)
    return np.asarray(cost[answered > 0] / answered[answered > 0], dtype=np.float64)


def block_tails(part: Part, p: float) -> NDArray[np.float64]:
    """Give the p-quantile of service time of each block of `TAIL_TURNS` successful turns, in milliseconds."""
    turns = part.turns[part.turns["service_time_ms"].notna()].reset_index(drop=True)
    codes = time_blocks(turns, max(len(turns) // TAIL_TURNS, 1)).codes
    values = turns["service_time_ms"].to_numpy(dtype=np.float64)
    return np.array([np.quantile(values[codes == code], p) for code in np.unique(codes)], dtype=np.float64)


def wasted(part: Part) -> Figure:
    """Give the cost of attempts that were billed and not answered, in USD per 1,000 responses."""
    if "cost_usd" not in part.turns:
        return NotEstimable(not_estimable="no price")
    known = part.turns["cost_usd"].notna().to_numpy()
    turns, blocks = part.turns[known], part.blocks.only(known)
    lost = blocks.sums(turns["wasted_usd"].to_numpy(dtype=np.float64)) * 1000
    return ratio(lost, blocks.sums(turns["answered"].to_numpy(dtype=np.float64)), len(turns), part.seed, "ratio")


def _variance_of(values: NDArray[np.float64], method: str) -> Figure:
    if len(values) < 2:
        return NotEstimable(not_estimable="fewer than two are known")
    return Estimate(value=float(values.var(ddof=1)), n=len(values), method=method)


def _contrasts(loads: list[Load]) -> Iterator[Contrast]:
    """Hold each arm of an endpoint against its base."""
    base, *others = loads
    for other in others:
        figures = {
            "cost_variance_ratio": cost_variance_ratio(base.part, other.part),
            "cost_between_blocks_variance_ratio": _between(block_costs, base.part, other.part),
            **{
                f"service_time_{name}_between_blocks_variance_ratio": _between(
                    partial(block_tails, p=p), base.part, other.part
                )
                for name, p in TAILS.items()
            },
        }
        yield Contrast(base=base.name, candidate=other.name, figures=figures, sentence=_halved(base, other, figures))


def cost_variance_ratio(base: Part, other: Part) -> Figure:
    """Give Var(other) / Var(base) of cost per response; arms that took turns draw the same stretches of time."""
    together = stretches(base, other)
    if together is None:
        return variance_ratio(*costs(base), *costs(other), base.seed)
    sides = (costs(part, together.codes(part)) for part in (base, other))
    return variance_ratio(*next(sides), *next(sides), base.seed, joint=True)


def _between(of_blocks: Callable[[Part], NDArray[np.float64]], base: Part, other: Part) -> Figure:
    below, above = of_blocks(base), of_blocks(other)
    return variance_ratio(below, np.arange(len(below)), above, np.arange(len(above)), base.seed)


def _halved(base: Load, other: Load, figures: Mapping[str, Figure]) -> str:
    found = figures["cost_variance_ratio"]
    said = f"{other.name} has {wording.figure(found, 'times')} times the variance of cost per response of {base.name}"
    if isinstance(found, NotEstimable):
        return f"{other.name} against {base.name}: {wording.figure(found, '')}"
    if found.high is not None and found.high <= HALVED:
        return f"{said}: at least halved"
    return f"{said}: lower" if found.high is not None and found.high < 1 else f"{said}: no reduction shown"


def _twins(load: Load, loads: list[Load]) -> Iterator[Load]:
    """Give the same model without a limit, under the same traffic."""
    own = load.scenario.endpoints[load.part.endpoint]
    if own.simulated is None or own.simulated.limit is None:
        return
    unlimited = own.simulated.model_copy(update={"limit": None})
    for other in loads:
        endpoint = other.scenario.endpoints[other.part.endpoint]
        if endpoint.simulated == unlimited and other.scenario.traffic == load.scenario.traffic:
            yield other


def _with_twin(load: Load, twin: Load) -> Contrast:
    """Hold it against its twin at p95, and at the median, which fewer turns can tell."""
    figures = {
        f"{metric}_{name}_ratio": quotient(*(quantile(each.part.sample(f"{metric}_ms"), p) for each in (load, twin)))
        for name, p in (("p95", 0.95), ("p50", 0.5))
        for metric in ("response_time", "service_time")
    }
    at = "p50" if isinstance(figures["response_time_p95_ratio"], NotEstimable) else "p95"
    sentence = (
        f"against {twin.name}, the same model without a limit, {load.name} "
        f"{_slower(figures[f'response_time_{at}_ratio'])} by response time ({at}) "
        f"and {_slower(figures[f'service_time_{at}_ratio'])} by service time"
    )
    return Contrast(base=twin.name, candidate=load.name, figures=figures, sentence=sentence)


def quotient(top: Figure, bottom: Figure) -> Figure:
    """Give top / bottom with the interval [low / high, high / low] of the two: wider than 95 %, never narrower."""
    for figure in (top, bottom):
        if isinstance(figure, NotEstimable):
            return figure
    if not (isinstance(top, Estimate) and isinstance(bottom, Estimate)) or None in (top.low, top.high, bottom.low):
        return NotEstimable(not_estimable="an interval is open")
    if not bottom.low or not bottom.high or top.low is None or top.high is None:
        return NotEstimable(not_estimable="nothing to divide by")
    return Estimate(
        value=top.value / bottom.value,
        low=top.low / bottom.high,
        high=top.high / bottom.low,
        n=top.n + bottom.n,
        method="quotient, from the ends of both intervals",
    )


def _slower(found: Figure) -> str:
    if isinstance(found, NotEstimable) or found.low is None or found.high is None:
        return "cannot be judged"
    if found.low > 1:
        return f"looks {wording.number(found.value, '')} times as slow"
    return "looks faster" if found.high < 1 else "shows no difference"
