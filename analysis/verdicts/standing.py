"""Standings: where each endpoint and arm stands, in one sentence: does it pass, by how much, how sure, at what cost."""

from __future__ import annotations

from typing import TYPE_CHECKING

from analysis.model import Estimate, Group, NotEstimable, SloLine, Standing
from analysis.words import figures, wording
from scenarios.slo import METRICS, Slo, parse_slo

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from analysis.verdicts.slo_eval import Verdict

ORDER: dict[Verdict, int] = {"fail": 0, "inconclusive": 1, "pass": 2}
VERBS: dict[Verdict, str] = {"fail": "fails", "inconclusive": "is undecided", "pass": "passes"}
MOST = 2
"""Lines that a sentence tells of; the others are counted."""

ACCURACY = "accuracy"
COST = "cost_per_1k_responses_usd"
SHORT = {ACCURACY: "accuracy", "ttft_ms": "TTFT", "ttfo_ms": "TTFO", "tpot_ms": "TPOT", "gap_ms": "gap", COST: "cost"}
TAIL = ("ttft_ms", "response_time_ms", "service_time_ms")
"""Metrics whose p95 is told where no line decides, the first that was measured."""


def standings(lines: Sequence[SloLine], groups: Sequence[Group]) -> list[Standing]:
    """Give each steady endpoint and arm its standing, and each that lines name and no steady phase has; worst first."""
    steady = {(group.endpoint, group.arm): group for group in groups if group.phase == "steady"}
    named = dict.fromkeys([*steady, *((line.endpoint, line.arm) for line in lines if line.endpoint)])
    found = [
        _standing(key, [line for line in lines if (line.endpoint, line.arm) == key], steady.get(key)) for key in named
    ]
    return sorted(found, key=lambda one: ORDER[one.verdict])


def _standing(key: tuple[str, str], lines: Sequence[SloLine], group: Group | None) -> Standing:
    verdict = _verdict(lines, group)
    if group is not None and _is_silent(group):
        verb = VERBS[verdict]
        said = f"not one of its {group.turns:,} turns was answered" if group.turns else "no turn was intended"
    else:
        verb = VERBS[verdict] if lines else "has no limit to keep"
        said = "; ".join(_clauses(verdict, lines, group))
    return Standing(endpoint=key[0], arm=key[1], verdict=verdict, sentence=f"{wording.target(*key)} {verb}: {said}")


def _verdict(lines: Sequence[SloLine], group: Group | None) -> Verdict:
    found: set[Verdict] = {line.verdict for line in lines}
    found.add("inconclusive" if group is None or _is_silent(group) else "pass")
    return min(found, key=lambda verdict: ORDER[verdict])


def _is_silent(group: Group) -> bool:
    failed = group.shares.get("failed")
    return not group.turns or (isinstance(failed, Estimate) and failed.value == 1)


def _clauses(verdict: Verdict, lines: Sequence[SloLine], group: Group | None) -> Iterator[str]:
    """Tell the lines that decided, then tail, accuracy where a line is about it, and cost where they did not."""
    decisive = [line for line in lines if line.verdict == verdict]
    if verdict == "pass" and lines:
        decisive = [closest([line for line in lines if _is_latency(line)] or lines)]
    shown = decisive[:MOST]
    yield from (clause(line) for line in shown)
    if len(decisive) > len(shown):
        yield f"and {len(decisive) - len(shown)} more"
    if group is None:
        return
    if not any(_is_latency(line) for line in shown):
        yield from _tail(lines, group)
    yield from (clause(line) for line in lines if _metric(line) == ACCURACY and line not in shown)
    if not any(_metric(line) == COST for line in shown):
        yield from _cost(lines, group)


def _tail(lines: Sequence[SloLine], group: Group) -> Iterator[str]:
    limited = [line for line in lines if _is_latency(line) and isinstance(line.figure, Estimate)]
    if limited:
        yield clause(closest(limited))
        return
    for metric in TAIL:
        figure = group.metrics.get(metric, {}).get("p95")
        if isinstance(figure, Estimate):
            yield f"p95 {_short(metric)} {figures.figure_text(figure, 'ms')}"
            return


def _cost(lines: Sequence[SloLine], group: Group) -> Iterator[str]:
    limit = next((f" of {_limit(line)}" for line in lines if _metric(line) == COST and line.comparator), "")
    figure = group.cost.get(COST)
    if isinstance(figure, Estimate):
        yield f"cost USD {figures.number(figure.value, 'usd')} per 1k{limit}"


def clause(line: SloLine) -> str:
    """Tell a line's figure, interval and limit: `p95 TTFT 210 ms [198, 224] of 300 allowed`."""
    slo = parsed(line)
    if slo is None or not line.comparator:
        reason = line.figure.not_estimable if isinstance(line.figure, NotEstimable) else ""
        return f"{line.line} cannot be judged{f': {reason}' if reason else ''}"
    quantile = "mean " if slo.quantile is None else f"p{slo.quantile * 100:g} "
    name = f"{quantile if METRICS[slo.metric].kind == 'latency' else ''}{_short(slo.metric)}"
    kind = f" of {slo.kind}" if slo.kind else ""
    if isinstance(line.figure, NotEstimable) and line.verdict == "fail":
        return f"{name}{kind} {figures.INFINITE}, for too many turns failed"  # nothing else breaks it without a figure
    if isinstance(line.figure, NotEstimable):
        return f"{name}{kind} {figures.NOT_ESTIMABLE} ({line.figure.not_estimable})"
    if slo.metric == COST:
        text = figures.figure_text(line.figure, "usd").lstrip("$")
        return f"{name}{kind} USD {text} per 1k of {_limit(line)}"
    return f"{name}{kind} {figures.figure_text(line.figure, figures.unit_word(line.unit))} of {_limit(line)}"


def closest(lines: Sequence[SloLine]) -> SloLine:
    """Give the line whose figure is nearest to its limit, in proportion."""
    return min(lines, key=_room)


def _room(line: SloLine) -> float:
    if isinstance(line.figure, NotEstimable) or not line.limit:
        return float("inf")
    return abs(line.limit - line.figure.value) / abs(line.limit)


def _limit(line: SloLine) -> str:
    unit = figures.unit_word(line.unit)
    text = figures.limit_text(line.limit, unit)
    bare = text.lstrip("$").removesuffix(" ms")
    return f"{bare} allowed" if line.comparator.startswith("<") else f"at least {bare} asked for"


def _short(metric: str) -> str:
    if metric in SHORT:
        return SHORT[metric]
    label = figures.label(metric)
    return f"{label[0].lower()}{label[1:]}"


def parsed(line: SloLine) -> Slo | None:
    """Read a line of a report; None for one that cannot be read."""
    try:
        return parse_slo(line.line)
    except ValueError:
        return None


def _metric(line: SloLine) -> str:
    slo = parsed(line)
    return slo.metric if slo else ""


def _is_latency(line: SloLine) -> bool:
    metric = _metric(line)
    return bool(metric) and METRICS[metric].kind == "latency"
